"""Personal access tokens at the token service: as the password, within their bounds, until they die."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import hashers
from django.test import Client

from artifacts.models import Repository
from projects import machines, personal
from projects.grants import Permissions
from projects.models import Member, PersonalToken, Project
from rbac import actions
from rbac.actors import SYSTEM
from rbac.models import LoginFailure, User
from rbac.policy import can
from tests.people import CONTEXT, PASSWORD, join, make_group, make_project, make_user
from tests.roundtrips import counted
from tests.tokens.service import access_in, get, post, trail
from tokens.models import RefreshToken
from tokens.verify import verify

pytestmark = pytest.mark.django_db

ALL = "pull,push,delete"
EVERYTHING: Permissions = {None: ["*"]}


@pytest.fixture
def alice():
    """A projectAdmin of `team`, a guest of `club` and nobody in `other`; `open` is public."""
    user = make_user()
    for name, role in (("team", "projectAdmin"), ("club", "guest"), ("other", None), ("open", None)):
        project = make_project(name, public=name == "open")
        Repository.objects.create(project=project, name=f"{name}/app")
        if role:
            join(project, user, role)
    return user


def make(user, permissions=EVERYTHING, name="laptop", duration=personal.NEVER):
    return personal.create(user, name, permissions, duration=duration, actor=SYSTEM, context=CONTEXT)[1]


def places(*names):
    return [f"repository:{name}/app:{ALL}" for name in names]


def ask(secret, *scopes, user="alice"):
    return get(*(scopes or places("team", "club", "other", "open")), user=user, password=secret)


def named(project):
    return Project.objects.get(name=project)


def test_a_token_of_everything_gets_what_its_user_gets(alice):
    expected = access_in(ask(PASSWORD))

    assert access_in(ask(make(alice))) == expected
    assert expected == {
        "repository:team/app": {"pull", "push", "delete"},
        "repository:club/app": {"pull"},
        "repository:open/app": {"pull"},
    }


@pytest.mark.parametrize(
    ("where", "permissions", "granted"),
    [
        ("team", ["*"], {"team": {"pull", "push", "delete"}}),
        ("team", ["repository:pull"], {"team": {"pull"}}),
        ("team", ["repository:pull", "repository:push"], {"team": {"pull", "push"}}),
        ("team", ["label:read"], {}),
        ("club", ["*"], {"club": {"pull"}}),
        ("club", ["repository:push", "artifact:delete"], {}),
        ("other", ["*"], {}),
        (None, ["repository:pull"], {"team": {"pull"}, "club": {"pull"}}),
        (None, ["artifact:delete"], {"team": {"delete"}}),
    ],
)
def test_a_token_gets_what_both_it_and_its_user_may(alice, where, permissions, granted):
    secret = make(alice, {named(where) if where else None: permissions})

    assert access_in(ask(secret)) == {
        **{f"repository:{name}/app": actions for name, actions in granted.items()},
        "repository:open/app": {"pull"},  # as anybody
    }


def test_an_administrator_s_token_is_no_administrator_beyond_its_bounds(alice):
    User.objects.update(is_admin=True)
    secret = make(alice, {named("other"): ["repository:pull"]})

    assert access_in(ask(secret, *places("team", "other"), "registry:catalog:*")) == {"repository:other/app": {"pull"}}
    assert access_in(ask(make(alice, name="all"), *places("other"))) == {
        "repository:other/app": {"pull", "push", "delete"}
    }


def test_a_token_follows_what_its_user_may_at_that_moment(alice):
    secret = make(alice, {named("team"): ["*"]})
    assert access_in(ask(secret, *places("team"))) == {"repository:team/app": {"pull", "push", "delete"}}

    Member.objects.all().delete()
    assert access_in(ask(secret, *places("team"))) == {}

    join(named("team"), make_group("crew", alice), "developer")
    assert access_in(ask(secret, *places("team"))) == {"repository:team/app": {"pull", "push"}}


def test_a_token_is_its_own_user_s_password_only(alice):
    make_user("bob")
    secret = make(alice)

    for user in ("bob", "nobody", "", "robot$alice"):
        assert ask(secret, user=user).status_code == 401


@pytest.mark.parametrize("scopes", [0, 1, 4, 6])
def test_a_token_costs_one_round_trip_and_no_password_hash(alice, monkeypatch, scopes):
    secret, asked = make(alice), [f"repository:team/app{n}:pull" for n in range(scopes)]
    get(*asked, user="alice", password=secret)
    monkeypatch.setattr(hashers, "get_hasher", lambda *_: pytest.fail("a password was hashed"))

    with counted() as trips:
        response = get(*asked, user="alice", password=secret)

    assert response.status_code == 200
    assert trips() == 1


def test_a_wrong_token_counts_and_a_right_one_is_never_held_back(alice):
    secret = make(alice)
    wrong = personal.PREFIX + "x" * 43

    assert ask(wrong).status_code == 401
    assert LoginFailure.objects.filter(username="alice").update(failures=30, last_at=datetime.now(UTC)) == 1
    assert ask(wrong).status_code == 429
    assert ask(secret).status_code == 200


def test_a_token_gets_no_refresh_token(alice):
    secret = make(alice)

    assert "refresh_token" not in get(user="alice", password=secret, offline_token="true").json()
    form = {"grant_type": "password", "username": "alice", "password": secret, "access_type": "offline"}
    assert "refresh_token" not in post(**form).json()
    assert not RefreshToken.objects.exists()


def test_a_token_outlives_a_change_of_the_password(alice):
    secret = make(alice)

    actions.set_password(alice, "Another-Horse-9", actor=SYSTEM, context=CONTEXT)

    assert ask(secret).status_code == 200


def test_a_token_dies_with_a_lock_for_good(alice):
    secret = make(alice)

    actions.lock_user(alice, actor=SYSTEM, context=CONTEXT)
    assert ask(secret).status_code == 401
    actions.unlock_user(alice, actor=SYSTEM, context=CONTEXT)

    assert ask(secret).status_code == 401
    assert ask(make(alice, name="new")).status_code == 200


def test_a_token_dies_with_its_user(alice):
    make_user("keeper")  # the first administrator can't be deleted
    bob = make_user("bob")
    secret = make(bob)

    actions.delete_user(bob, actor=SYSTEM, context=CONTEXT)
    make_user("bob")

    assert ask(secret, user="bob").status_code == 401
    assert not PersonalToken.objects.exists()


def test_an_expired_or_revoked_token_is_worth_nothing(alice):
    expired, revoked = make(alice, name="expired", duration=1), make(alice, name="revoked")
    assert ask(expired).status_code == ask(revoked).status_code == 200

    PersonalToken.objects.filter(name="expired").update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    personal.revoke(personal.find(alice, "revoked"), actor=SYSTEM, context=CONTEXT)

    assert ask(expired).status_code == ask(revoked).status_code == 401


def test_a_token_of_a_deleted_project_reaches_nothing_new(alice):
    secret = make(alice, {named("team"): ["*"]})
    Repository.objects.filter(project__name="team").delete()
    named("team").delete()
    join(make_project("team"), alice, "projectAdmin")

    assert access_in(ask(secret, *places("team", "club"))) == {}


def test_the_last_use_is_noted_seldom(alice):
    secret = make(alice)
    ask(secret)
    noted = PersonalToken.objects.get().used_at
    assert noted is not None

    ask(secret)
    assert PersonalToken.objects.get().used_at == noted


def test_logins_are_recorded_as_the_user_s(alice):
    secret = make(alice)
    ask(secret, "repository:team/app:pull")
    ask(secret, "repository:team/app:pull")
    ask(personal.PREFIX + "x" * 43)

    assert trail()[1:] == [
        ("alice", "login", "user", "alice", "success"),
        ("alice", "login", "user", "alice", "failure"),
    ]


def catalog(secret):
    headers = {"Authorization": f"Bearer {get(user='alice', password=secret).json()['token']}"}
    return lambda: Client().get("/v2/_catalog", headers=headers).json()["repositories"]


def test_the_catalog_is_bounded_as_the_token_is(alice):
    bounded = catalog(make(alice, {named("team"): ["*"], named("other"): ["*"]}, name="a"))
    lists = catalog(make(alice, {None: ["repository:list"]}, name="b"))
    blind = catalog(make(alice, {None: ["repository:pull"]}, name="c"))

    assert bounded() == ["open/app", "team/app"]
    assert lists() == ["club/app", "open/app", "team/app"]
    assert blind() == ["open/app"]

    User.objects.update(is_admin=True)
    assert bounded() == ["open/app", "other/app", "team/app"]
    assert lists() == ["club/app", "open/app", "other/app", "team/app"]
    PersonalToken.objects.all().delete()
    assert bounded() == lists() == ["open/app"]


def test_what_the_bearer_is_by_now_is_bounded_as_the_token_is(alice):
    claims = verify(get(user="alice", password=make(alice, {named("team"): ["repository:pull"]})).json()["token"])
    assert claims.subject == "alice"
    assert claims.token == PersonalToken.objects.get().pk
    names = ["team/app", "club/app", "open/app"]

    def pullable():
        actor, found = machines.standing(claims.subject, names, token=claims.token)
        return [grant.repository for grant in found if can(actor, "repository:pull", grant)]

    assert pullable() == ["team/app", "open/app"]
    PersonalToken.objects.all().delete()
    assert pullable() == ["open/app"]


def test_a_password_s_claims_name_no_token(alice):
    assert verify(get(user="alice").json()["token"]).token is None
