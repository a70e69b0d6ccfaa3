from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from rbac import actions
from rbac.actors import SYSTEM
from tests.people import CONTEXT, PASSWORD, join, make_project, make_user
from tests.tokens.service import access_in, get, post, trail
from tokens.models import RefreshToken

pytestmark = pytest.mark.django_db

SCOPE = "repository:team/app:pull,push"


@pytest.fixture
def alice():
    user = make_user()
    join(make_project(), user, "developer")
    return user


def obtain(**fields):
    return get(user="alice", offline_token="true", client_id="docker", **fields).json()["refresh_token"]


def use(secret, scope=SCOPE):
    return post(grant_type="refresh_token", refresh_token=secret, scope=scope)


def test_docker_login_gets_a_refresh_token_that_gets_tokens(alice):
    secret = obtain()

    response = use(secret)

    assert access_in(response) == {"repository:team/app": {"pull", "push"}}
    assert response.json()["refresh_token"] == secret
    assert use(secret).status_code == 200


def test_post_with_offline_access_gets_one_too(alice):
    fields = {"grant_type": "password", "username": "alice", "password": PASSWORD}

    assert "refresh_token" not in post(**fields).json()
    assert "refresh_token" not in post(**fields, access_type="online").json()
    assert use(post(**fields, access_type="offline").json()["refresh_token"]).status_code == 200


def test_anonymous_gets_none():
    make_project(public=True)

    assert "refresh_token" not in get("repository:team/app:pull", offline_token="true").json()
    assert not RefreshToken.objects.exists()


def test_only_a_digest_of_it_is_kept(alice):
    secret = obtain()

    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM tokens_refreshtoken t")
        (row,) = cursor.fetchone()
    assert len(secret) >= 43
    assert secret not in row
    assert "docker" in row


@pytest.mark.parametrize(
    "change", [lambda s: s[:-1], lambda s: s + "A", lambda s: s.swapcase(), lambda _: "", lambda _: "\x00"]
)
def test_another_secret_opens_nothing(alice, change):
    secret = obtain()

    response = use(change(secret))

    assert response.status_code == 401
    assert response.json()["error"] == "invalid_grant"


def test_a_changed_password_ends_it(alice):
    secret = obtain()

    actions.set_password(alice, "Another-Horse-9", actor=SYSTEM, context=CONTEXT)

    assert use(secret).status_code == 401
    assert not RefreshToken.objects.exists()


def test_a_lock_ends_it_for_good(alice):
    secret = obtain()

    actions.lock_user(alice, actor=SYSTEM, context=CONTEXT)
    actions.unlock_user(alice, actor=SYSTEM, context=CONTEXT)

    assert use(secret).status_code == 401


def test_a_deletion_ends_it(alice):
    secret = obtain()

    actions.delete_user(alice, actor=SYSTEM, context=CONTEXT)
    make_user("alice")

    assert use(secret).status_code == 401


def test_it_expires(alice):
    secret = obtain()
    RefreshToken.objects.update(expires_at=datetime.now(UTC))

    assert use(secret).status_code == 401


def test_its_expiry_slides_with_its_use(alice):
    secret = obtain()
    RefreshToken.objects.update(expires_at=datetime.now(UTC) + timedelta(days=3))

    use(secret)

    assert RefreshToken.objects.get().expires_at > datetime.now(UTC) + timedelta(days=89)


def test_a_use_soon_after_another_writes_nothing(alice):
    secret = obtain()
    before = RefreshToken.objects.values().get()

    use(secret)

    assert RefreshToken.objects.values().get() == before


def test_expired_ones_are_removed(alice):
    obtain()
    RefreshToken.objects.update(expires_at=datetime.now(UTC) - timedelta(days=1))

    obtain()

    assert RefreshToken.objects.filter(expires_at__gt=datetime.now(UTC)).count() == 1
    assert RefreshToken.objects.count() == 1


def test_its_scope_is_what_the_user_may_now(alice):
    secret = obtain()
    alice.memberships.all().delete()

    assert access_in(use(secret)) == {}


def test_a_dead_one_is_recorded():
    use("dead")

    assert trail() == [("anonymous", "login", "user", "anonymous", "failure")]


@pytest.mark.parametrize("client", ["\x00docker", "d" * 600, "\u202edocker"])
def test_whatever_a_client_calls_itself_is_kept_printable_and_short(alice, client):
    response = get(user="alice", offline_token="true", client_id=client)

    assert response.status_code == 200
    kept = RefreshToken.objects.get().client
    assert kept.isprintable()
    assert 0 < len(kept) <= 255
