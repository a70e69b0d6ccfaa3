import io
from datetime import timedelta

import jwt
import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client

from audit.models import AuditRecord
from db.sealing import SealBroken, seal, unseal
from rbac.actors import ANONYMOUS, SYSTEM
from tests.people import CONTEXT
from tokens import issue, keys
from tokens.models import SigningKey
from tokens.verify import InvalidToken, verify

pytestmark = pytest.mark.django_db


def sign():
    return issue.sign(ANONYMOUS, []).text


def kid_of(text):
    return jwt.get_unverified_header(text)["kid"]


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def let_pass(interval):
    for row in SigningKey.objects.exclude(retired_at=None):
        SigningKey.objects.filter(pk=row.pk).update(retired_at=row.retired_at - interval)


def test_the_first_token_makes_the_key():
    assert not SigningKey.objects.exists()

    assert kid_of(sign()) == SigningKey.objects.get().kid


def test_processes_share_the_key():
    first = sign()
    keys.forget()

    assert kid_of(sign()) == kid_of(first)
    assert verify(first)


def test_a_rotation_signs_anew_and_the_old_key_still_verifies(django_capture_on_commit_callbacks):
    old = sign()

    with django_capture_on_commit_callbacks(execute=True):
        run("rotatekey")
    new = sign()

    assert kid_of(new) != kid_of(old)
    assert verify(old)
    assert verify(new)


def test_pruning_waits_for_the_last_tokens(django_capture_on_commit_callbacks):
    old = sign()
    with django_capture_on_commit_callbacks(execute=True):
        run("rotatekey")

    assert run("rotatekey", "--prune").startswith("0 ")
    assert verify(old)

    let_pass(timedelta(days=2))
    assert run("rotatekey", "--prune").startswith("1 ")
    assert SigningKey.objects.get().kid == kid_of(sign())


def test_a_key_that_is_gone_takes_its_tokens_with_it_even_verified_ones(django_capture_on_commit_callbacks):
    old = sign()
    with django_capture_on_commit_callbacks(execute=True):
        keys.rotate(actor=SYSTEM, context=CONTEXT)
    verify(old)
    let_pass(timedelta(days=2))

    keys.prune()

    with pytest.raises(InvalidToken):
        verify(old)


def test_another_process_learns_of_a_new_key_by_its_name():
    sign()
    foreign = SigningKey.objects.get()
    keys.forget()
    row = keys.ensure()
    SigningKey.objects.all().delete()
    keys.current()
    ours = sign()
    SigningKey.objects.create(kid=row.kid, private_key=row.private_key, public_jwk=row.public_jwk)

    keys._keys.loaded_at -= 2

    assert keys.verification_key(foreign.kid) is not None
    assert verify(ours)


def test_an_unknown_key_asks_the_database_once_a_second(django_assert_num_queries, monkeypatch):
    sign()
    with django_assert_num_queries(1):
        monkeypatch.setattr(keys._keys, "age", lambda: 1.5)
        keys.verification_key("unknown")
    monkeypatch.setattr(keys._keys, "age", lambda: 0.5)

    with django_assert_num_queries(0):
        for n in range(50):
            assert keys.verification_key(f"unknown{n}") is None


def test_the_private_key_is_sealed():
    sign()
    row = SigningKey.objects.get()

    assert "PRIVATE" not in row.private_key
    assert b"PRIVATE" not in row.private_key.encode()
    with pytest.raises(SealBroken):
        unseal(row.private_key, purpose="something else")
    assert unseal(row.private_key, purpose="signing key")
    assert "d" not in row.public_jwk


def test_another_secret_key_opens_nothing(settings):
    sign()
    settings.SECRET_KEY = "another-secret-key-of-another-installation"
    keys.forget()

    with pytest.raises(SealBroken):
        sign()


def test_a_seal_is_different_each_time_and_breaks_when_touched():
    sealed = seal(b"secret", purpose="test")

    assert sealed != seal(b"secret", purpose="test")
    assert unseal(sealed, purpose="test") == b"secret"
    for broken in ("", "!", sealed[:-4], "AAAA" + sealed[4:]):
        with pytest.raises(SealBroken):
            unseal(broken, purpose="test")


def test_known_keys_go_on_verifying_without_the_database(monkeypatch):
    text = sign()
    other = sign()
    verify(text)
    keys._keys.loaded_at -= 120

    def away(*_, **__):
        raise OperationalError("connection refused")

    monkeypatch.setattr(SigningKey.objects, "order_by", away)

    assert verify(other)
    assert sign()


def test_the_key_set_verifies_tokens_and_holds_nothing_private():
    text = sign()

    response = Client().get("/service/jwks.json")

    assert response.status_code == 200
    (jwk,) = response.json()["keys"]
    assert jwk.keys() == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    key = jwt.PyJWK(jwk)
    assert jwk["kid"] == kid_of(text)
    assert jwt.decode(text, key, algorithms=["ES256"], audience="harbor-registry")["sub"] == ""


def test_the_key_set_holds_retired_keys_too():
    sign()
    keys.rotate(actor=SYSTEM, context=CONTEXT)

    assert len(Client().get("/service/jwks.json").json()["keys"]) == 2


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_key_set_is_read_only(method):
    assert getattr(Client(), method)("/service/jwks.json").status_code == 405


@pytest.mark.django_db
def test_a_rotation_is_in_the_audit_trail():
    row = keys.rotate(actor=SYSTEM, context=CONTEXT)

    [record] = AuditRecord.objects.all()

    assert (record.operation, record.resource_type, record.detail) == ("update", "configuration", {"kid": row.kid})
