"""Robots: what they are made of, who may make them, and what is recorded of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from audit.models import AuditRecord
from projects import actions, robots
from projects.errors import GrantTooWide, InvalidRobot, RobotExists, RobotUnknown
from projects.grants import Permissions
from projects.models import Project, Robot, RobotGrant
from rbac.actors import SYSTEM, Actor
from rbac.errors import InvalidPermission
from rbac.policy import ALL_PROJECTS, SYSTEM_SCOPE, can
from rbac.reach import Reach
from rbac.roles import known_permissions
from rbac.secret import digest_of
from tests.people import CONTEXT, join, make_project, make_user

pytestmark = pytest.mark.django_db

PUSH = ["repository:pull", "repository:push"]


def make(name="ci", permissions=None, *, project=None, actor=SYSTEM, **options):
    permissions = {project: PUSH} if permissions is None else permissions
    return robots.create(name, permissions, project=project, actor=actor, context=CONTEXT, **options)


def actor_of(user):
    return Actor(kind="user", name=user.username, user_id=user.pk, is_admin=user.is_admin)


def recorded():
    return list(AuditRecord.objects.order_by("at", "id").values_list("actor", "operation", "resource", "project"))


def test_a_robot_of_a_project_is_named_after_it():
    robot, secret = make(project=make_project())

    assert robots.login_name(robot.name) == "robot$team+ci"
    assert len(secret) >= 43
    assert secret not in str(Robot.objects.values().get())
    assert Robot.objects.get().secret == digest_of(secret)
    assert recorded() == [("system", "create", "robot$team+ci", "team")]
    assert secret not in str(AuditRecord.objects.values().get())


def test_a_robot_of_the_system_holds_permissions_in_several_projects():
    team, club = make_project("team"), make_project("club")
    robot, _ = make(permissions={team: PUSH, club: ["repository:pull"], None: ["repository:list"]})

    assert robots.login_name(robot.name) == "robot$ci"
    assert robots.permissions_of(robot) == {
        "team": PUSH,
        "club": ["repository:pull"],
        "*": ["repository:list"],
    }


@pytest.mark.parametrize("name", ["", "CI", "a+b", "a b", "-ci", "ci-", "a..b", "ü", "robot$x", "a\n", "x" * 300])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(InvalidRobot):
        make(name, project=make_project())


@pytest.mark.parametrize("duration", [-2, 10**9])
def test_a_duration_is_for_ever_or_some_days(duration):
    with pytest.raises(InvalidRobot):
        make(project=make_project(), duration=duration)


def test_a_duration_counts_from_the_creation():
    robot, _ = make(project=make_project(), duration=3)
    assert robot.expires_at - robot.created_at == timedelta(days=3)

    robots.update(robot, duration=5, actor=SYSTEM, context=CONTEXT)
    assert robot.expires_at - robot.created_at == timedelta(days=5)

    robots.update(robot, duration=robots.NEVER, actor=SYSTEM, context=CONTEXT)
    assert Robot.objects.get().expires_at is None


def test_a_name_is_given_once():
    project = make_project()
    make(project=project)
    make(permissions={project: PUSH})  # `ci` of the system is another one

    with pytest.raises(RobotExists):
        make(project=project)
    with pytest.raises(RobotExists):
        make(permissions={project: PUSH})
    assert Robot.objects.count() == 2


@pytest.mark.parametrize("permission", ["repository", "repository:fly", "*:*", "*", "", "repository:pull,push"])
def test_a_permission_that_is_none_is_refused(permission):
    with pytest.raises(InvalidPermission):
        make(permissions={None: [permission]})


def test_a_robot_without_permissions_is_refused():
    project = make_project()
    nothing: list[Permissions] = [{}, {project: []}]
    for permissions in nothing:
        with pytest.raises(InvalidRobot):
            make(permissions=permissions)


def test_a_robot_of_a_project_reaches_nothing_else():
    team, club = make_project("team"), make_project("club")
    for where in (club, None):
        with pytest.raises(GrantTooWide):
            make(project=team, permissions={where: PUSH})


@pytest.mark.parametrize("role", ["projectAdmin", "maintainer", "developer", "guest", "limitedGuest"])
def test_nobody_gives_more_than_it_holds(role):
    user, project = make_user(), make_project()
    join(project, user, role)
    actor = actor_of(user)

    for number, permission in enumerate(sorted(known_permissions())):
        if can(actor, permission, project):
            make(f"r{number}", {project: [permission]}, project=project, actor=actor)
        else:
            with pytest.raises(GrantTooWide):
                make(f"r{number}", {project: [permission]}, project=project, actor=actor)


def test_only_who_holds_it_everywhere_gives_it_everywhere():
    user, project = make_user(), make_project()
    join(project, user, "projectAdmin")
    with pytest.raises(GrantTooWide):
        make(permissions={None: ["repository:pull"]}, actor=actor_of(user))

    make(permissions={None: ["repository:pull"]}, actor=actor_of(make_user("root", is_admin=True)))


def test_a_robot_gives_no_more_than_its_own():
    project = make_project()
    maker = Actor(
        kind="robot",
        name="robot$maker",
        reach=Reach(frozenset({("team", "repository:pull"), ("*", "repository:list")}), held=True),
    )

    make("a", {project: ["repository:pull"]}, actor=maker)
    make("b", {None: ["repository:list"]}, actor=maker)
    for permissions in ({project: PUSH}, {None: ["repository:pull"]}, {make_project("x"): ["repository:pull"]}):
        with pytest.raises(GrantTooWide):
            make("c", permissions, actor=maker)


def test_what_is_changed_is_held_to_the_same_rules():
    user, project = make_user(), make_project()
    join(project, user, "developer")
    robot, _ = make(project=project)

    with pytest.raises(GrantTooWide):
        robots.update(robot, permissions={project: ["artifact:delete"]}, actor=actor_of(user), context=CONTEXT)
    robots.update(robot, permissions={project: ["repository:pull"]}, actor=actor_of(user), context=CONTEXT)

    assert robots.permissions_of(robot) == {"team": ["repository:pull"]}
    assert AuditRecord.objects.filter(operation="update", actor="alice", resource="robot$team+ci").count() == 1


@pytest.mark.parametrize(
    ("place", "permission", "may"),
    [
        ("team", "repository:pull", True),
        ("team", "repository:push", True),
        ("team", "repository:list", True),
        ("team", "artifact:delete", False),
        ("team", "project:delete", False),
        ("club", "repository:pull", False),
        ("club", "repository:list", True),
        ("open", "repository:pull", True),  # as anybody
        ("open", "repository:push", False),
    ],
)
def test_the_one_question_answers_for_a_robot(place, permission, may):
    for name in ("team", "club"):
        make_project(name)
    make_project("open", public=True)
    reach = Reach(frozenset({("team", "repository:pull"), ("team", "repository:push"), ("*", "repository:list")}), True)
    robot = Actor(kind="robot", name="robot$ci", reach=reach)

    assert can(robot, permission, Project.objects.get(name=place)) is may


def test_everywhere_is_every_project_and_not_the_system():
    robot = Actor(kind="robot", name="robot$ci", reach=Reach(frozenset({("*", "project:create")}), held=True))

    assert can(robot, "project:create", ALL_PROJECTS)
    assert not can(robot, "project:create", SYSTEM_SCOPE)


def test_a_robot_that_is_only_a_name_may_nothing():
    project = make_project()

    assert not can(Actor(kind="robot", name="robot$team+ci"), "repository:pull", project)


def test_a_robot_sees_public_projects_and_those_it_reaches():
    for name in ("team", "club"):
        make_project(name)
    make_project("open", public=True)

    def seen(*pairs):
        robot = Actor(kind="robot", name="robot$ci", reach=Reach(frozenset(pairs), held=True))
        return sorted(Project.objects.visible_to(robot).values_list("name", flat=True))

    assert seen(("team", "repository:pull")) == ["open", "team"]
    assert seen(("*", "repository:pull")) == ["club", "open", "team"]
    assert seen() == ["open"]


def test_a_refresh_ends_the_old_secret_or_lets_it_live_on_for_a_while():
    robot, first = make(project=make_project())

    second = robots.refresh(robot, overlap=timedelta(hours=1), actor=SYSTEM, context=CONTEXT)
    row = Robot.objects.get()
    assert (row.secret, row.previous_secret) == (digest_of(second), digest_of(first))
    assert row.previous_until is not None
    assert timedelta(minutes=59) < row.previous_until - datetime.now(UTC) <= timedelta(hours=1)

    third = robots.refresh(robot, actor=SYSTEM, context=CONTEXT)
    row = Robot.objects.get()
    assert (row.secret, row.previous_secret, row.previous_until) == (digest_of(third), "", None)
    assert [operation for _, operation, *_ in recorded()] == ["create", "update", "update"]


def test_a_change_leaves_alone_what_somebody_else_changed_meanwhile():
    robot, _ = make(project=make_project())
    stale = robots.find("team+ci")
    robots.update(robot, disabled=True, actor=SYSTEM, context=CONTEXT)

    robots.update(stale, description="builds", duration=7, actor=SYSTEM, context=CONTEXT)

    row = Robot.objects.get()
    assert (row.disabled, row.description, row.duration) == (True, "builds", 7)
    assert row.expires_at == row.created_at + timedelta(days=7)


def test_a_robot_deleted_meanwhile_is_unknown():
    robot, _ = make(project=make_project())
    robots.delete(robots.find("team+ci"), actor=SYSTEM, context=CONTEXT)

    with pytest.raises(RobotUnknown):
        robots.update(robot, disabled=True, actor=SYSTEM, context=CONTEXT)
    with pytest.raises(RobotUnknown):
        robots.refresh(robot, actor=SYSTEM, context=CONTEXT)


@pytest.mark.parametrize("overlap", [timedelta(hours=-1), timedelta(days=31)])
def test_an_overlap_has_its_bounds(overlap):
    robot, _ = make(project=make_project())

    with pytest.raises(InvalidRobot):
        robots.refresh(robot, overlap=overlap, actor=SYSTEM, context=CONTEXT)


def test_a_project_takes_its_robots_and_what_others_held_there_with_it():
    team, club = make_project("team"), make_project("club")
    make(project=team)
    system, _ = make("all", {team: PUSH, club: PUSH})

    actions.delete(team, actor=SYSTEM, context=CONTEXT)
    make_project("team")

    assert list(Robot.objects.values_list("name", flat=True)) == ["all"]
    assert robots.permissions_of(system) == {"club": PUSH}
    assert AuditRecord.objects.get(operation="delete").detail["robots"] == ["team+ci"]


def test_a_robot_is_found_with_and_without_its_prefix():
    robot, _ = make(project=make_project())

    assert robots.find("robot$team+ci") == robots.find("team+ci") == robot
    for name in ("ci", "robot$robot$team+ci", "", "\x00", "x" * 1000):
        with pytest.raises(RobotUnknown):
            robots.find(name)


def test_a_deleted_robot_leaves_its_record():
    robot, _ = make(project=make_project())

    robots.delete(robot, actor=SYSTEM, context=CONTEXT)

    assert not Robot.objects.exists()
    assert not RobotGrant.objects.exists()
    assert recorded()[-1] == ("system", "delete", "robot$team+ci", "team")


def test_the_database_keeps_one_grant_for_a_place():
    robot, _ = make(permissions={None: PUSH})

    with pytest.raises(IntegrityError), transaction.atomic():
        RobotGrant.objects.create(robot=robot, project=None, permissions=PUSH)
