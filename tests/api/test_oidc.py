"""People of the OpenID provider at the API: ID tokens as bearers, CLI secrets, what is shown of them, the ping."""

import json
import time
from typing import Any

import pytest
from django.test import Client

from audit import spool
from audit.models import AuditRecord
from projects.models import PersonalToken
from rbac import actions, onboarding
from rbac.actors import SYSTEM
from rbac.models import Identity, User
from rbac.oidc import Person
from tests.api.caller import BASE, Caller, error_of
from tests.forger import Forger, by_public_key, dripping, key, running_forger, unsigned
from tests.people import CONTEXT, forget_everything, make_user
from tests.provider import CLIENT_ID, items_for
from tests.roundtrips import counted
from tests.tokens.service import access_in
from tests.tokens.service import get as token_for

pytestmark = pytest.mark.django_db
BY: Any = {"actor": SYSTEM, "context": CONTEXT}
SECRET = "rspat_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA_-bC3dE5fG7"


@pytest.fixture
def forger(configure):
    with running_forger() as found:
        configure(**items_for(found.url))
        yield found


@pytest.fixture
def petra(forger) -> User:
    account = onboarding.onboard(Person(forger.url, "petra"), "petra", context=CONTEXT)
    return User.objects.get(pk=account.id)


def with_bearer(token: str) -> Client:
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {token}"})


def id_token(forger: Forger, sub: str = "petra", **more: Any) -> str:
    return forger.signed(forger.standard(sub=sub, **more))


def me(client: Client) -> Any:
    return client.get(f"{BASE}users/current")


# --- ID tokens as bearers


def test_an_id_token_is_whoever_it_was_issued_to(forger, petra):
    client = with_bearer(id_token(forger))
    assert me(client).json()["username"] == "petra"
    made = client.post(f"{BASE}projects", json.dumps({"project_name": "mine"}), content_type="application/json")
    assert made.status_code == 201
    assert "X-Harbor-CSRF-Token" not in me(client)


def test_it_costs_one_statement_and_writes_nothing(forger, petra):
    client = with_bearer(id_token(forger))
    client.get(f"{BASE}users/current/permissions")
    asked = len(forger.asked)
    with counted() as trips:
        assert client.get(f"{BASE}users/current/permissions").status_code == 200
    assert trips() == 1
    assert len(forger.asked) == asked
    spool.drain()
    assert not AuditRecord.objects.filter(operation="login").exists()


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        by_public_key,
        lambda claims: Forger("").signed(claims, by="two"),
        lambda claims: Forger("").signed({**claims, "exp": int(time.time()) - 100}),
        lambda claims: Forger("").signed({**claims, "aud": "another"}),
        lambda claims: Forger("").signed({**claims, "aud": [CLIENT_ID, "another"]}),
        lambda claims: Forger("").signed({**claims, "iss": "https://evil.example"}),
        lambda claims: Forger("").signed({**claims, "sub": "nobody"}),
        lambda claims: Forger("").signed({**claims, "sub": "\ud800"}),
        lambda _: "",
        lambda _: "a.b.c",
        lambda _: "x" * 10_000,
    ],
)
def test_any_other_bearer_is_nobody(forger, petra, forge):
    good = id_token(forger)
    assert me(with_bearer(good)).status_code == 200
    assert error_of(me(with_bearer(forge(forger.standard(sub="petra"))))) == (401, "UNAUTHORIZED")
    assert me(with_bearer(good)).status_code == 200


def test_a_wrong_bearer_is_recorded_and_no_words_of_the_provider_are_told(forger, petra):
    answer = me(with_bearer(id_token(forger, exp=1)))
    assert "exp" not in answer.json()["errors"][0]["message"]
    spool.drain()
    record = AuditRecord.objects.get(operation="login")
    assert (record.actor, record.result) == ("anonymous", "failure")


def test_nobody_is_on_boarded_by_a_bearer(forger, configure):
    configure(oidc_auto_onboard=True)
    assert me(with_bearer(id_token(forger, "newcomer"))).status_code == 401
    assert not Identity.objects.exists()


def test_a_locked_user_is_nobody(forger, petra):
    client = with_bearer(id_token(forger))
    assert me(client).status_code == 200
    actions.lock_user(petra, **BY)
    assert me(client).status_code == 401


def test_a_right_that_was_taken_is_missed_at_once(forger, petra):
    actions.set_admin(petra, True, **BY)
    client = with_bearer(id_token(forger))
    assert client.get(f"{BASE}users").status_code == 200
    actions.set_admin(petra, False, **BY)
    assert client.get(f"{BASE}users").status_code == 403


def test_in_another_mode_it_is_nothing(forger, petra, configure):
    token = id_token(forger)
    configure(auth_mode="db_auth")
    assert error_of(me(with_bearer(token))) == (401, "UNAUTHORIZED")


def test_by_known_keys_it_needs_no_provider_and_without_them_it_is_503(forger, petra):
    token = id_token(forger)
    assert me(with_bearer(token)).status_code == 200
    forger.routes["/jwks"] = lambda: (500, {}, b"")
    assert me(with_bearer(token)).status_code == 200
    forget_everything()
    answer = me(with_bearer(token))
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert answer["Retry-After"]
    assert forger.url not in answer.content.decode()
    make_user("local")
    assert Caller("local").get("users/current").status_code == 200


def test_a_rotated_key_is_found_and_the_old_one_forgotten(forger, petra, monkeypatch):
    old = id_token(forger)
    assert me(with_bearer(old)).status_code == 200
    forger.keys = [dict(key("two").as_dict(private=False))]
    new = forger.signed(forger.standard(sub="petra"), by="two")
    assert me(with_bearer(new)).status_code == 401  # not asked again so soon
    monkeypatch.setattr("rbac.oidc.flow.REST", -1.0)
    assert me(with_bearer(new)).status_code == 200
    assert me(with_bearer(old)).status_code == 401


# --- what is shown


def test_an_identity_is_shown_of_one_user_and_holds_no_secret(forger, petra, root):
    shown = root.get(f"users/{petra.pk}").json()["oidc_user_meta"]
    assert shown["subiss"] == f"petra{forger.url}"
    assert set(shown) == {"id", "user_id", "subiss", "creation_time", "update_time"}
    assert me(with_bearer(id_token(forger))).json()["oidc_user_meta"] == shown
    assert "oidc_user_meta" not in root.get("users/current").json()
    assert all("oidc_user_meta" not in each for each in root.get("users").json())


def test_an_administrator_by_group_is_told_so(forger, petra):
    User.objects.filter(pk=petra.pk).update(is_admin=True, admin_by_group=True)
    assert me(with_bearer(id_token(forger))).json()["admin_role_in_auth"] is True


# --- CLI secrets


def set_secret(client: Client, user: User, secret: Any = SECRET) -> Any:
    body = json.dumps({"secret": secret})
    return client.put(f"{BASE}users/{user.pk}/cli_secret", body, content_type="application/json")


def test_a_cli_secret_is_the_password_of_docker_login_and_of_the_api(forger, petra):
    assert set_secret(with_bearer(id_token(forger)), petra).status_code == 200
    assert access_in(token_for(user="petra", password=SECRET)) == {}
    assert Caller("petra", SECRET).get("users/current").json()["username"] == "petra"
    token = PersonalToken.objects.get()
    assert (token.name, token.expires_at) == ("cli", None)
    assert SECRET not in str(list(PersonalToken.objects.values()))
    record = AuditRecord.objects.get(operation="create", resource_type="token")
    assert (record.actor, record.resource) == ("petra", "petra/cli")


def test_there_is_one_and_the_next_ends_it(forger, petra):
    client = with_bearer(id_token(forger))
    set_secret(client, petra)
    other = SECRET[:-3] + "zzz"
    assert set_secret(client, petra, other).status_code == 200
    assert token_for(user="petra", password=SECRET).status_code == 401
    assert token_for(user="petra", password=other).status_code == 200
    assert set_secret(client, petra, other).status_code == 200
    assert PersonalToken.objects.count() == 1


@pytest.mark.parametrize(
    "secret", ["", None, 7, "Harbor12345", "rspat_short", "rspat_" + "a" * 43, SECRET + "x", "\ud800", "x" * 2000]
)
def test_a_secret_that_somebody_thought_up_is_refused_in_words(forger, petra, secret):
    answer = set_secret(with_bearer(id_token(forger)), petra, secret)
    assert error_of(answer) == (400, "BAD_REQUEST")
    if secret == "Harbor12345":
        assert "rspat_ and 43 random characters" in answer.json()["errors"][0]["message"]
    assert not PersonalToken.objects.exists()


def test_nobody_sets_anothers(forger, petra, root):
    account = onboarding.onboard(Person(forger.url, "other"), "other", context=CONTEXT)
    stranger = with_bearer(id_token(forger, "other"))
    assert error_of(set_secret(stranger, petra))[0] == 403
    assert error_of(set_secret(root.client, petra))[0] == 403
    assert error_of(set_secret(Client(), petra))[0] == 401
    assert account.username == "other"
    assert not PersonalToken.objects.exists()


def test_a_token_makes_none(forger, petra):
    set_secret(with_bearer(id_token(forger)), petra)
    by_token = Caller("petra", SECRET).client
    assert error_of(set_secret(by_token, petra, SECRET[:-3] + "zzz"))[0] == 403
    assert token_for(user="petra", password=SECRET).status_code == 200


def test_who_has_a_password_has_no_cli_secret(forger, alice):
    assert error_of(set_secret(alice.client, User.objects.get(username="alice"))) == (412, "PRECONDITION")


def test_in_another_mode_there_are_none(forger, petra, configure, root):
    token = id_token(forger)
    configure(auth_mode="db_auth")
    assert error_of(set_secret(root.client, petra)) == (412, "PRECONDITION")
    assert error_of(set_secret(with_bearer(token), petra))[0] == 401


# --- the ping


def test_the_ping_says_whether_a_provider_can_be_used(forger, root):
    assert root.post("system/oidc/ping", {"url": forger.url, "verify_cert": True}).status_code == 200
    assert root.post("system/oidc/ping", {"url": forger.url + "/"}).status_code == 200
    assert forger.authorization == ""


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "refused"),
        ("", "url"),
        ("login.example.com", "https://"),
        ("file:///etc/passwd", "https://"),
        ("http://a\x00b", ""),
        ("http://[::1", "https://"),
        ("http://" + "a" * 2000, ""),
        (None, "url"),
    ],
)
def test_one_that_cannot_be_is_400_and_says_why(root, url, words):
    answer = root.post("system/oidc/ping", {"url": url})
    assert error_of(answer) == (400, "BAD_REQUEST")
    assert words in answer.json()["errors"][0]["message"]


def test_one_that_says_nonsense_or_hangs_is_400(forger, root, configure):
    forger.metadata["issuer"] = "https://other.example"
    answer = root.post("system/oidc/ping", {"url": forger.url})
    assert error_of(answer) == (400, "BAD_REQUEST")
    assert "calls itself https://other.example" in answer.json()["errors"][0]["message"]
    configure(oidc_timeout=1)
    with dripping() as url:
        began = time.monotonic()
        assert error_of(root.post("system/oidc/ping", {"url": url})) == (400, "BAD_REQUEST")
        assert time.monotonic() - began < 4


def test_trying_another_provider_disturbs_nobodys_sign_in(forger, petra, root):
    client = with_bearer(id_token(forger))
    me(client)
    asked = len(forger.asked)
    root.post("system/oidc/ping", {"url": "http://127.0.0.1:1"})
    assert me(client).status_code == 200
    assert len(forger.asked) == asked


BODIES: list[Any] = [{}, [], None, 7, {"url": ["x"]}, {"url": "https://a.example", "verify_cert": "maybe"}]


@pytest.mark.parametrize("body", BODIES)
def test_the_body_is_checked(root, body):
    assert error_of(root.post("system/oidc/ping", body))[0] == 400
