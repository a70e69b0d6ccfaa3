"""Robots at the token service: what they get, what it costs, and when they get nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import hashers
from django.test import Client

from artifacts.models import Repository
from configuration import values
from projects import robots
from projects.models import Robot
from rbac.actors import SYSTEM
from rbac.models import LoginFailure
from tests.door import sign
from tests.people import CONTEXT, join, make_project, make_user
from tests.roundtrips import counted
from tests.tokens.service import access_in, get, post, trail
from tokens.models import RefreshToken
from tokens.verify import verify

pytestmark = pytest.mark.django_db

ROBOT = "robot$team+ci"
ALL = "pull,push,delete"
PUSH = ["repository:pull", "repository:push"]


@pytest.fixture
def team():
    project = make_project("team")
    Repository.objects.create(project=project, name="team/app")
    return project


@pytest.fixture
def secret(team):
    """Of a robot that pulls and pushes."""
    return make(team)[1]


def make(project, permissions=PUSH):
    return robots.create("ci", {project: permissions}, project=project, actor=SYSTEM, context=CONTEXT)


def tell(**fields):
    assert Robot.objects.update(**fields) == 1


def ago(**how):
    return datetime.now(UTC) - timedelta(**how)


def ask(secret, *scopes, user=ROBOT):
    return get(*(scopes or (f"repository:team/app:{ALL}",)), user=user, password=secret)


@pytest.mark.parametrize(
    ("permissions", "actions"),
    [
        (["repository:pull"], {"pull"}),
        (PUSH, {"pull", "push"}),
        ([*PUSH, "artifact:delete"], {"pull", "push", "delete"}),
        (["repository:push"], {"push"}),
        (["repository:list", "artifact:read"], None),
    ],
)
def test_a_robot_gets_what_it_holds(team, permissions, actions):
    _, secret = make(team, permissions)

    assert access_in(ask(secret)) == ({"repository:team/app": actions} if actions else {})


def test_a_robot_gets_nothing_elsewhere_but_what_anybody_gets(secret):
    for name, public in (("club", False), ("open", True)):
        Repository.objects.create(project=make_project(name, public=public), name=f"{name}/app")

    scopes = [f"repository:{name}:{ALL}" for name in ("club/app", "open/app", "nowhere/app")]

    assert access_in(ask(secret, *scopes, "registry:catalog:*")) == {"repository:open/app": {"pull"}}


def test_a_robot_of_the_system_gets_what_it_holds_everywhere(team):
    make_project("club")
    permissions = {None: ["repository:pull"], team: ["repository:push"]}
    _, secret = robots.create("all", permissions, project=None, actor=SYSTEM, context=CONTEXT)
    Repository.objects.create(project=make_project("late"), name="late/app")
    scopes = [f"repository:{name}:{ALL}" for name in ("team/app", "late/app", "club/new", "nowhere/app")]

    assert access_in(ask(secret, *scopes, user="robot$all")) == {
        "repository:team/app": {"pull", "push"},
        "repository:late/app": {"pull"},
    }


def test_the_token_names_the_robot(secret):
    claims = verify(ask(secret).json()["token"])

    assert claims.subject == ROBOT
    assert (claims.actor.kind, claims.actor.name) == ("robot", ROBOT)


def test_post_takes_a_robot_s_secret(secret):
    fields = {"grant_type": "password", "username": ROBOT, "scope": "repository:team/app:pull"}

    assert access_in(post(**fields, password=secret)) == {"repository:team/app": {"pull"}}
    assert post(**fields, password=secret + "x").status_code == 401


def test_a_robot_gets_no_refresh_token(secret):
    offline = get(user=ROBOT, password=secret, offline_token="true")
    posted = post(grant_type="password", username=ROBOT, password=secret, access_type="offline")

    assert "refresh_token" not in offline.json()
    assert "refresh_token" not in posted.json()
    assert not RefreshToken.objects.exists()


@pytest.mark.parametrize("scopes", [0, 1, 4, 6])
def test_a_token_costs_one_round_trip_and_no_password_hash(secret, monkeypatch, scopes):
    asked = [f"repository:team/app{n}:pull" for n in range(scopes)]
    get(*asked, user=ROBOT, password=secret)
    monkeypatch.setattr(hashers, "get_hasher", lambda *_: pytest.fail("a password was hashed"))

    with counted() as trips:
        response = get(*asked, user=ROBOT, password=secret)

    assert response.status_code == 200
    assert trips() == 1


@pytest.mark.parametrize("username", [ROBOT, "robot$nobody", "robot$", "robot$nowhere+ci", "robot$ci", "robot$\x01"])
def test_a_wrong_secret_is_401_without_a_password_hash(secret, monkeypatch, username):
    monkeypatch.setattr(hashers, "get_hasher", lambda *_: pytest.fail("a password was hashed"))

    for wrong in ("", "wrong", secret + "x", Robot.objects.get().secret):
        assert ask(wrong, user=username).status_code == 401


def test_wrong_secrets_back_off_and_the_right_one_is_never_held_back(secret):
    ask("wrong")
    assert LoginFailure.objects.filter(username=ROBOT).update(failures=30, last_at=datetime.now(UTC)) == 1

    assert ask("wrong").status_code == 429
    assert ask(secret).status_code == 200


def test_wrong_secrets_of_robots_hold_no_user_back(secret):
    make_user()
    for number in range(80):
        ask("wrong", user=f"robot$r{number}")

    assert get(user="alice").status_code == 200


@pytest.mark.parametrize("fields", [{"disabled": True}, {"expires_at": ago(seconds=1)}])
def test_a_disabled_or_expired_robot_gets_nothing_at_once(secret, fields):
    assert ask(secret).status_code == 200
    tell(**fields)

    assert ask(secret).status_code == 401
    assert get(user=ROBOT, password=secret).status_code == 401


def test_a_deleted_robot_gets_nothing_at_once(secret):
    assert ask(secret).status_code == 200
    robots.delete(Robot.objects.get(), actor=SYSTEM, context=CONTEXT)

    assert ask(secret).status_code == 401


def test_a_robot_goes_with_its_project(team, secret):
    Repository.objects.all().delete()
    team.delete()
    make_project("team")

    assert ask(secret).status_code == 401


def test_two_secrets_are_good_during_the_overlap(secret):
    second = robots.refresh(Robot.objects.get(), overlap=timedelta(hours=1), actor=SYSTEM, context=CONTEXT)

    assert [ask(each).status_code for each in (secret, second)] == [200, 200]
    tell(previous_until=ago(seconds=1))
    assert [ask(each).status_code for each in (secret, second)] == [401, 200]


def test_without_overlap_the_old_secret_is_dead_at_once(secret):
    second = robots.refresh(Robot.objects.get(), actor=SYSTEM, context=CONTEXT)

    assert [ask(each).status_code for each in (secret, second)] == [401, 200]


def test_the_last_use_is_noted_seldom(secret):
    ask("wrong")
    assert Robot.objects.get().used_at is None

    ask(secret)
    noted = Robot.objects.get().used_at
    assert noted is not None
    ask(secret)
    assert Robot.objects.get().used_at == noted

    tell(used_at=ago(minutes=6))
    ask(secret)
    assert Robot.objects.filter(used_at__gt=noted).exists()


def test_the_trail_names_the_robot(secret):
    ask(secret, "repository:team/app:pull")
    ask(secret, "repository:team/app:pull")
    get(user=ROBOT, password=secret)
    ask("wrong")
    ask(secret, "repository:team/app:delete")

    assert trail()[1:] == [
        (ROBOT, "login", "user", ROBOT, "success"),
        (ROBOT, "login", "user", ROBOT, "success"),
        (ROBOT, "login", "user", ROBOT, "failure"),
        (ROBOT, "create", "token", "repository:team/app:delete", "denied"),
    ]


def test_the_prefix_is_a_setting(secret, monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_ROBOT_NAME_PREFIX", "bot$")
    values.forget()

    assert ask(secret, user="bot$team+ci").status_code == 200
    assert ask(secret).status_code == 401


def catalog(subject):
    headers = {"Authorization": f"Bearer {sign(subject=subject)}"}
    return Client().get("/v2/_catalog", headers=headers).json()["repositories"]


def test_the_catalog_shows_a_robot_what_it_may_list(team):
    for name, public in (("club", False), ("open", True)):
        Repository.objects.create(project=make_project(name, public=public), name=f"{name}/app")
    make(team, ["repository:list"])
    robots.create("all", {None: ["repository:list"]}, project=None, actor=SYSTEM, context=CONTEXT)
    robots.create("blind", {None: PUSH}, project=None, actor=SYSTEM, context=CONTEXT)

    assert catalog(ROBOT) == ["open/app", "team/app"]
    assert catalog("robot$all") == ["club/app", "open/app", "team/app"]
    assert catalog("robot$blind") == catalog("robot$gone") == catalog("") == ["open/app"]

    Robot.objects.update(disabled=True)
    assert catalog(ROBOT) == catalog("robot$all") == ["open/app"]


def test_a_robot_is_no_user_and_no_user_a_robot(team):
    user = make_user("ci")
    join(team, user, "projectAdmin")
    make(team, ["repository:pull"])

    assert access_in(get(f"repository:team/app:{ALL}", user="ci")) == {
        "repository:team/app": {"pull", "push", "delete"}
    }
    assert get(user=ROBOT).status_code == 401
