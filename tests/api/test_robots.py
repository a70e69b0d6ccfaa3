"""/robots, the older /projects/{…}/robots, and /permissions."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from audit.models import AuditRecord
from configuration import actions as configuration
from configuration import values
from projects import personal, robots
from projects.models import Project, Robot
from rbac import grantable
from rbac.actors import SYSTEM
from rbac.memory import memory
from rbac.models import LoginFailure, User
from tests.api.caller import Caller, error_of
from tests.api.machines import robot_caller, token_caller
from tests.people import CONTEXT, join, make_project, make_user
from tests.roundtrips import counted
from tests.tokens.service import access_in
from tests.tokens.service import get as ask_for_token

pytestmark = pytest.mark.django_db

OWN = "Chosen-Secret-7"
PUSH = [{"resource": "repository", "action": "pull"}, {"resource": "repository", "action": "push"}]


@pytest.fixture
def team(alice) -> Project:
    """Where alice is projectAdmin."""
    project = make_project("team")
    join(project, User.objects.get(username="alice"), "projectAdmin")
    return project


def in_project(namespace="team", access=PUSH):
    return {"kind": "project", "namespace": namespace, "access": access}


def of_system(*pairs):
    access = [dict(zip(("resource", "action"), pair.split(":"), strict=True)) for pair in pairs]
    return {"kind": "system", "namespace": "/", "access": access}


def new(name="ci", level="project", permissions=None, **more):
    return {"name": name, "level": level, "permissions": permissions or [in_project()], "duration": -1, **more}


def configure(**items):
    configuration.update(items, actor="admin", context=CONTEXT)
    values.forget()


def made(answer):
    assert answer.status_code == 201, answer.content
    return answer.json()


def changed(answer):
    assert answer.status_code == 200, answer.content
    return answer


def test_a_robot_of_a_project_is_made_shown_and_works(alice, team):
    answer = alice.post("robots", new(description="builds"))
    body = made(answer)
    assert set(body) == {"id", "name", "secret", "creation_time", "expires_at"}
    assert (body["name"], body["expires_at"]) == ("robot$team+ci", -1)
    assert answer["Location"] == f"/api/v2.0/robots/{body['id']}"

    shown = changed(alice.get(f"robots/{body['id']}")).json()
    creation, update = shown.pop("creation_time"), shown.pop("update_time")
    assert creation.endswith("Z")
    assert update.endswith("Z")
    access = [{**each, "effect": "allow"} for each in PUSH]
    assert shown == {
        "id": body["id"], "name": "robot$team+ci", "description": "builds", "level": "project", "duration": -1,
        "editable": True, "disable": False, "expires_at": -1, "creator_type": "local", "creator_ref": 100,
        "permissions": [{"kind": "project", "namespace": "team", "access": access}], "last_used_time": None,
    }  # fmt: skip
    scope = "repository:team/app:pull,push,delete"
    granted = access_in(ask_for_token(scope, user="robot$team+ci", password=body["secret"]))
    assert granted == {"repository:team/app": {"pull", "push"}}
    assert alice.get(f"robots/{body['id']}").json()["last_used_time"] is not None
    assert AuditRecord.objects.get(operation="create", resource_type="robot").actor == "alice"


def test_the_secret_is_shown_once_and_never_again(alice, team):
    secret = made(alice.post("robots", new()))["secret"]
    [robot] = alice.get("robots", q=f"Level=project,ProjectID={team.pk}").json()
    for answer in (alice.get(f"robots/{robot['id']}"), alice.get("projects/team/robots")):
        assert secret not in answer.content.decode()
    assert secret not in str(AuditRecord.objects.values())


def test_a_robot_of_the_system_holds_of_the_system_and_in_projects(root, team):
    everywhere = in_project("*", [{"resource": "repository", "action": "*"}])
    wanted = [of_system("project:create", "user:list"), in_project(), everywhere]
    body = made(root.post("robots", new("all", "system", wanted)))
    assert body["name"] == "robot$all"

    shown = root.get(f"robots/{body['id']}").json()
    assert shown["level"] == "system"
    assert [(each["kind"], each["namespace"]) for each in shown["permissions"]] == [
        ("system", "/"), ("project", "team"), ("project", "*"),
    ]  # fmt: skip
    actions = {each["action"] for each in shown["permissions"][2]["access"]}
    assert actions == {"create", "delete", "list", "pull", "push", "read", "update"}
    machine = Caller("robot$all", body["secret"])
    assert machine.get("users").status_code == 200
    assert error_of(machine.post("users", {}))[0] == 403
    assert machine.post("projects", {"project_name": "made"}).status_code == 201


@pytest.mark.parametrize(("level", "name"), [("project", "robot$team+ci"), ("system", "robot$ci")])
def test_the_usual_duration_is_the_configured_one(root, team, level, name):
    configure(robot_token_duration=10)
    for body in (new(level=level), new("other", level)):
        body.pop("duration", None) if body["name"] == "other" else body.update(duration=0)
        expires_at = made(root.post("robots", body))["expires_at"]
        assert abs(expires_at - time.time() - 10 * 86400) < 60
    assert {robot.duration for robot in Robot.objects.all()} == {10}
    assert Robot.objects.filter(name=name.removeprefix("robot$")).exists()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "CI"}, 400),
        ({"name": "a+b"}, 400),
        ({"name": ""}, 400),
        ({"name": "x" * 300}, 400),
        ({"name": "a\x00"}, 400),
        ({"name": "\ud800"}, 400),
        ({"name": None}, 400),
        ({"level": "galaxy"}, 400),
        ({"level": None}, 400),
        ({"duration": -2}, 400),
        ({"duration": 2**70}, 400),
        ({"duration": "soon"}, 400),
        ({"permissions": []}, 400),
        ({"permissions": {}}, 400),
        ({"permissions": [[]]}, 400),
        ({"permissions": [in_project(access=[])]}, 400),
        ({"permissions": [in_project(access=[{"resource": "repository", "action": "fly"}])]}, 400),
        ({"permissions": [in_project(access=[{"resource": "moon", "action": "*"}])]}, 400),
        ({"permissions": [in_project(access=[{"resource": "*", "action": "*"}])]}, 400),
        ({"permissions": [in_project(access=[{**PUSH[0], "effect": "deny"}])]}, 400),
        ({"permissions": [in_project(access=[{"resource": 7, "action": []}])]}, 400),
        ({"permissions": [in_project(), in_project("club")]}, 400),
        ({"permissions": [in_project("*")]}, 400),
        ({"permissions": [of_system("project:list")]}, 400),
        ({"permissions": [{**in_project(), "kind": "galaxy"}]}, 400),
        ({"permissions": [in_project("nowhere")]}, 403),
        ({"permissions": [in_project("\ud800")]}, 400),
        ({"permissions": [in_project("x" * 300)]}, 400),
        ({"secret": "weak"}, 400),
        ({"secret": "A1" + "a" * 200}, 400),
        ({"description": "x" * 300}, 400),
        ({"disable": "perhaps"}, 400),
    ],
)
def test_a_robot_that_cannot_be_is_refused(alice, team, change, status):
    assert error_of(alice.post("robots", new() | change))[0] == status
    assert not Robot.objects.exists()


def test_a_robots_name_is_taken_once_in_its_place(root, team):
    made(root.post("robots", new()))
    assert error_of(root.post("robots", new())) == (409, "CONFLICT")
    made(root.post("robots", new(level="system")))


def test_nobody_grants_more_than_it_holds(root, alice, team):
    join(make_project("club"), User.objects.get(username="alice"), "guest")
    assert error_of(alice.post("robots", new(permissions=[in_project("club")])))[0] == 403
    for wanted in ([in_project()], [of_system("project:list")], [in_project("*")]):
        assert error_of(alice.post("robots", new(level="system", permissions=wanted)))[0] == 403
    assert error_of(root.post("robots", new(level="system", permissions=[in_project("nowhere")])))[0] == 404
    assert not Robot.objects.exists()


def test_a_robot_that_may_make_robots_makes_none_that_hold_more(root, team):
    make_project("hidden")
    pulls = [{"resource": "repository", "action": "pull"}]
    maker = robot_caller({team: ["robot:create", "robot:read", "repository:pull"]}, project=team, name="maker")
    body = made(maker.post("robots", new("a", permissions=[in_project(access=pulls)])))
    shown = maker.get(f"robots/{body['id']}").json()
    assert (shown["creator_type"], shown["creator_ref"]) == ("robot", Robot.objects.get(name="team+maker").pk)
    for wanted in (PUSH, [{"resource": "repository", "action": "*"}], [{"resource": "robot", "action": "update"}]):
        assert error_of(maker.post("robots", new("b", permissions=[in_project(access=wanted)])))[0] == 403
    for namespace in ("hidden", "nowhere"):
        answer = maker.post("robots", new("b", permissions=[in_project(namespace)]))
        assert error_of(answer) == (403, "FORBIDDEN")

    system = root.post("robots", new("sys", "system", [of_system("robot:create", "project:create"), in_project()]))
    chief = Caller("robot$sys", made(system)["secret"])
    made(chief.post("robots", new("under", "system", [of_system("project:create"), in_project(access=pulls)])))
    for wanted in ([of_system("user:create")], [in_project("*")], [in_project("hidden")], [in_project("nowhere")]):
        assert error_of(chief.post("robots", new("over", "system", wanted)))[0] == 403


def test_a_bounded_token_makes_no_wider_robots(alice, team):
    token = token_caller(User.objects.get(username="alice"), {team: ["robot:create", "repository:pull"]})
    pulls = [{"resource": "repository", "action": "pull"}]
    made(token.post("robots", new("a", permissions=[in_project(access=pulls)])))
    assert error_of(token.post("robots", new("b")))[0] == 403
    made(alice.post("robots", new("b")))


def test_nothing_that_ends_makes_a_robot_that_outlives_it(root, alice, team):
    user = User.objects.get(username="alice")
    whole = personal.create(user, "t", {None: ["*"]}, duration=10, actor=SYSTEM, context=CONTEXT)[1]
    maker = robots.create("maker", {team: ["robot:create", "robot:update", "repository:pull"]}, project=team,
                          duration=10, actor=SYSTEM, context=CONTEXT)[1]  # fmt: skip
    pulls = [in_project(access=[{"resource": "repository", "action": "pull"}])]
    for number, caller in enumerate((Caller(bearer=whole), Caller("robot$team+maker", maker))):
        for duration in (-1, 11, 0):  # 0: the usual 30 days
            assert (
                error_of(caller.post("robots", new(f"r{number}", permissions=pulls) | {"duration": duration}))[0] == 403
            )
        robot_id = made(caller.post("robots", new(f"r{number}", permissions=pulls) | {"duration": 9}))["id"]
        assert error_of(caller.put(f"robots/{robot_id}", {"duration": -1}))[0] == 403
        changed(caller.put(f"robots/{robot_id}", {"duration": 8}))
    changed(alice.put(f"robots/{robot_id}", {"duration": -1}))


def test_robots_are_listed_where_one_may_see_them(root, alice, team):
    for name in ("two", "one"):
        made(alice.post("robots", new(name)))
    made(root.post("robots", new("sys", "system", [of_system("project:list")])))
    join(team, make_user("guest"), "guest")
    of_team = f"Level=project,ProjectID={team.pk}"
    for caller in (root, alice, Caller("guest")):
        assert [each["name"] for each in caller.get("robots", q=of_team).json()] == ["robot$team+one", "robot$team+two"]
    for q in ("", "Level=system"):
        assert [each["name"] for each in root.get("robots", q=q).json()] == ["robot$sys"]
        assert error_of(alice.get("robots", q=q))[0] == 403
    assert [each["name"] for each in alice.get("robots", q=f"{of_team},name=~ONE", sort="name").json()] == [
        "robot$team+one"
    ]
    assert len(alice.get("robots", q=f"{of_team},name=robot$team+one").json()) == 1
    assert error_of(alice.get("robots", q="Level=project"))[0] == 400
    assert error_of(alice.get("robots", q="Level=galaxy"))[0] == 400
    assert error_of(alice.get("robots", q="Level=project,ProjectID=x"))[0] == 400
    for number in (make_project("other").pk, 999999, 2**63 - 1, -1):
        assert error_of(alice.get("robots", q=f"Level=project,ProjectID={number}"))[0] == 403
    assert error_of(root.get("robots", q="Level=project,ProjectID=999999"))[0] == 404


def test_a_page_of_robots_costs_the_same_for_few_and_for_many(alice, team):
    made(alice.post("robots", new("first")))
    query = {"q": f"Level=project,ProjectID={team.pk}", "page_size": 50}
    for _ in range(8):
        alice.get("robots", **query)
    with counted() as few:
        alice.get("robots", **query)
    for number in range(20):
        robots.create(f"r{number}", {team: ["repository:pull"]}, project=team, actor=SYSTEM, context=CONTEXT)
    with counted() as many:
        assert len(alice.get("robots", **query).json()) == 21
    assert many() == few()


def test_a_robot_of_others_is_out_of_reach_whether_it_exists_or_not(root, alice, team):
    other = robots.create("x", {make_project("o"): ["repository:pull"]}, project=Project.objects.get(name="o"),
                          actor=SYSTEM, context=CONTEXT)[0]  # fmt: skip
    system = made(root.post("robots", new("sys", "system", [of_system("project:list")])))["id"]
    for robot_id in (other.pk, system, 999999):
        for method, body in (("get", None), ("put", new()), ("patch", {}), ("delete", None)):
            send = getattr(alice, method)
            answer = send(f"robots/{robot_id}") if body is None else send(f"robots/{robot_id}", body)
            assert error_of(answer) == (403, "FORBIDDEN")
    assert error_of(alice.get(f"projects/team/robots/{other.pk}"))[0] == 404
    assert error_of(root.get("robots/999999"))[0] == 404
    assert error_of(root.get("robots/x"))[0] == 422
    assert error_of(root.get(f"robots/{2**70}"))[0] == 404


def test_a_robot_is_changed_as_a_whole_or_in_part(alice, team):
    robot_id = made(alice.post("robots", new(description="d")))["id"]
    shown = alice.get(f"robots/{robot_id}").json()
    pulls = in_project(access=[{"resource": "repository", "action": "pull"}])
    changed(alice.put(f"robots/{robot_id}", shown | {"permissions": [pulls], "duration": 7, "disable": True}))
    shown = alice.get(f"robots/{robot_id}").json()
    assert (shown["disable"], shown["duration"], shown["description"]) == (True, 7, "d")
    assert abs(shown["expires_at"] - time.time() - 7 * 86400) < 60
    assert [each["action"] for each in shown["permissions"][0]["access"]] == ["pull"]

    changed(alice.put(f"robots/{robot_id}", {"description": "", "disable": False}))
    shown = alice.get(f"robots/{robot_id}").json()
    assert (shown["disable"], shown["duration"], shown["description"]) == (False, 7, "")
    assert len(shown["permissions"]) == 1


def test_what_go_leaves_out_of_a_whole_robot_is_false_and_empty(alice, team):
    robot_id = made(alice.post("robots", new(description="d", disable=True)))["id"]
    changed(alice.put(f"robots/{robot_id}", {"duration": 3}))
    shown = alice.get(f"robots/{robot_id}").json()
    assert (shown["disable"], shown["description"]) == (True, "d")
    whole = {name: shown[name] for name in ("id", "name", "level", "permissions")}
    changed(alice.put(f"robots/{robot_id}", whole | {"duration": None}))
    shown = alice.get(f"robots/{robot_id}").json()
    assert (shown["disable"], shown["duration"], shown["description"]) == (False, 3, "")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "robot$team+other"}, 400),
        ({"name": "other"}, 400),
        ({"level": "system"}, 400),
        ({"permissions": []}, 400),
        ({"permissions": [in_project("*")]}, 400),
        ({"permissions": [of_system("project:list")]}, 400),
        ({"permissions": [in_project("open")]}, 400),
        ({"duration": -2}, 400),
        ({"description": "x" * 300}, 400),
    ],
)
def test_a_change_that_cannot_be_is_refused(root, team, change, status):
    make_project("open", public=True)
    robot_id = made(root.post("robots", new()))["id"]
    before = root.get(f"robots/{robot_id}").json()
    assert error_of(root.put(f"robots/{robot_id}", before | change))[0] == status
    assert root.get(f"robots/{robot_id}").json() == before


def test_a_disabled_robot_is_refused_until_it_is_enabled(alice, team):
    body = made(
        alice.post("robots", new(permissions=[in_project(access=[*PUSH, {"resource": "project", "action": "read"}])]))
    )
    machine = Caller("robot$team+ci", body["secret"])
    assert machine.get("projects/team").status_code == 200
    changed(alice.put(f"robots/{body['id']}", {"disable": True}))
    assert error_of(machine.get("projects/team"))[0] == 401
    changed(alice.put(f"robots/{body['id']}", {"disable": False}))
    assert machine.get("projects/team").status_code == 200


def test_a_refresh_makes_a_new_secret_and_ends_the_old_one(alice, team):
    body = made(alice.post("robots", new()))
    second = changed(alice.patch(f"robots/{body['id']}", {"secret": ""})).json()["secret"]
    third = changed(alice.patch(f"robots/{body['id']}", {"overlap": 1})).json()["secret"]
    statuses = [Caller("robot$team+ci", each).get("projects").status_code for each in (body["secret"], second, third)]
    assert statuses == [401, 200, 200]
    assert len({body["secret"], second, third}) == 3
    Robot.objects.update(previous_until=datetime.now(UTC) - timedelta(seconds=1))
    assert Caller("robot$team+ci", second).get("projects").status_code == 401


@pytest.mark.parametrize("overlap", [-1, 721, 10**30, "x", []])
def test_an_overlap_that_cannot_be_is_refused(alice, team, overlap):
    answer = made(alice.post("robots", new()))
    assert error_of(alice.patch(f"robots/{answer['id']}", {"overlap": overlap}))[0] == 400


@pytest.mark.parametrize(
    "body", [{"secret": 5}, {"secret": "weak"}, {"secret": "weakweak1"}, {"secret": "A1\x00aaaaaa"}, []]
)
def test_a_refresh_that_cannot_be_is_refused(alice, team, body):
    answer = made(alice.post("robots", new()))
    assert error_of(alice.patch(f"robots/{answer['id']}", body))[0] == 400
    assert Caller("robot$team+ci", answer["secret"]).get("projects").status_code == 200


def test_a_chosen_secret_works_and_is_not_repeated(alice, team):
    body = made(alice.post("robots", new()))
    assert changed(alice.patch(f"robots/{body['id']}", {"secret": OWN, "overlap": 1})).json() == {"secret": ""}
    for secret in (OWN, body["secret"]):
        assert Caller("robot$team+ci", secret).get("projects").status_code == 200
    assert Robot.objects.get().secret.startswith("argon2")
    assert OWN not in str(Robot.objects.values())
    assert access_in(ask_for_token("repository:team/app:pull", user="robot$team+ci", password=OWN))

    other = made(alice.post("robots", new("other", secret=OWN)))
    assert other["secret"] == OWN
    assert Caller("robot$team+other", OWN).get("projects").status_code == 200


def test_a_chosen_secret_is_hashed_once_a_minute_and_guesses_are_held_back(alice, team, monkeypatch):
    made(alice.post("robots", new(secret=OWN)))
    machine, guesser = Caller("robot$team+ci", OWN), Caller("robot$team+ci", "Guessed-Secret-1")
    assert machine.get("projects").status_code == 200
    answers = (guesser.get("projects") for _ in range(15))
    assert next(answer for answer in answers if answer.status_code != 401).status_code == 429
    assert machine.get("projects").status_code == 200, "it is remembered"
    monkeypatch.setattr(memory, "holds", lambda _: False)
    LoginFailure.objects.update(failures=50)  # so that the wait outlasts the test
    assert machine.get("projects").status_code == 429, "otherwise a guess would be told from the rest"


def test_who_holds_less_than_a_robot_can_stop_it_and_not_take_it_over(alice, team):
    robot_id = made(alice.post("robots", new()))["id"]
    warden = robot_caller({team: ["robot:read", "robot:update", "robot:delete"]}, project=team, name="warden")
    for body in ({"secret": ""}, {"secret": OWN}, {"overlap": 1}):
        assert error_of(warden.patch(f"robots/{robot_id}", body))[0] == 403
    narrow = in_project(access=[{"resource": "robot", "action": "read"}])
    changes: list[dict[str, object]] = [{"duration": -1}, {"disable": False}, {"permissions": [narrow]}]
    for change in changes:
        assert error_of(warden.put(f"robots/{robot_id}", change))[0] == 403
    changed(warden.put(f"robots/{robot_id}", {"disable": True, "description": "stopped"}))
    assert changed(warden.delete(f"robots/{robot_id}"))
    assert not Robot.objects.filter(pk=robot_id).exists()


def test_a_deleted_robot_and_one_of_a_deleted_project_are_gone(root, alice, team):
    first, second = made(alice.post("robots", new("a"))), made(alice.post("robots", new("b")))
    changed(alice.delete(f"robots/{first['id']}"))
    assert error_of(root.get(f"robots/{first['id']}"))[0] == 404
    assert error_of(Caller("robot$team+a", first["secret"]).get("projects"))[0] == 401
    changed(alice.delete("projects/team"))
    assert error_of(root.get(f"robots/{second['id']}"))[0] == 404
    assert error_of(Caller("robot$team+b", second["secret"]).get("projects"))[0] == 401


def test_another_prefix_changes_every_name_and_breaks_nothing(alice, team):
    body = made(alice.post("robots", new()))
    before = alice.get(f"robots/{body['id']}").json()
    configure(robot_name_prefix="bot$")
    shown = alice.get(f"robots/{body['id']}").json()
    assert shown["name"] == "bot$team+ci"
    for name in (before["name"], shown["name"], "team+ci"):
        changed(alice.put(f"robots/{body['id']}", before | {"name": name}))
    assert error_of(alice.put(f"robots/{body['id']}", before | {"name": "bot$team+x"}))[0] == 400
    assert Caller("bot$team+ci", body["secret"]).get("projects").status_code == 200
    [found] = alice.get("robots", q=f"Level=project,ProjectID={team.pk},name=bot$team+ci").json()
    assert found["name"] == "bot$team+ci"
    assert made(alice.post("robots", new("new")))["name"] == "bot$team+new"


def access_of(project, *pairs):
    return [{"resource": f"/project/{project.pk}/{resource}", "action": action} for resource, action in pairs]


def test_older_clients_manage_a_projects_robots(alice, team):
    later = int(time.time()) + 86400
    pull = access_of(team, ("repository", "pull"))
    answer = alice.post("projects/team/robots", {"name": "ci", "expires_at": later, "access": pull})
    body = made(answer)
    assert (body["name"], body["expires_at"]) == ("robot$team+ci", later)
    place = f"projects/{team.pk}/robots/{body['id']}"
    assert answer["Location"] == f"/api/v2.0/{place}"
    [shown] = alice.get("projects/team/robots").json()
    assert shown == alice.get(place).json() == alice.get(f"robots/{body['id']}").json()
    assert shown["duration"] == 1
    changed(alice.put(place, {"disable": True}))
    assert alice.get(place).json()["disable"] is True
    changed(alice.delete(place))
    assert alice.get("projects/team/robots").json() == []


def test_older_clients_get_the_usual_duration_too(alice, team):
    short = [{"resource": "repository", "action": "pull"}]
    for name, expires_at, duration in (("a", None, 30), ("b", 0, 30), ("c", -1, -1)):
        body = made(alice.post("projects/team/robots", {"name": name, "expires_at": expires_at, "access": short}))
        assert alice.get(f"robots/{body['id']}").json()["duration"] == duration


@pytest.mark.parametrize(
    "change",
    [
        {"name": "CI"},
        {"access": []},
        {"access": None},
        {"access": [{"resource": "/project/999999/repository", "action": "pull"}]},
        {"access": [{"resource": "/project/x/repository", "action": "pull"}]},
        {"access": [{"resource": "helm-chart", "action": "read"}]},
        {"expires_at": 1},
        {"expires_at": -2},
        {"expires_at": 2**80},
        {"expires_at": "x"},
    ],
)
def test_a_robot_of_older_clients_that_cannot_be_is_refused(alice, team, change):
    body = {"name": "ci", "access": [{"resource": "repository", "action": "pull"}]}
    assert error_of(alice.post("projects/team/robots", body | change))[0] == 400
    assert not Robot.objects.exists()


def test_what_can_be_granted_is_told_to_those_who_make_robots(root, alice, team):
    of_root, of_alice = root.get("permissions").json(), alice.get("permissions").json()
    assert of_alice["system"] == []
    assert of_root["project"] == of_alice["project"]
    told = {f"{each['resource']}:{each['action']}" for each in of_root["system"]}
    assert told == grantable.at("/") >= {"project:create", "user:list", "registry:read", "quota:update", "label:create"}
    assert {"resource": "repository", "action": "push"} in of_alice["project"]
    make_user("carol")
    assert error_of(Caller("carol").get("permissions")) == (403, "FORBIDDEN")


def test_all_that_is_told_can_be_granted(root, team):
    told = root.get("permissions").json()
    wanted = [
        {"kind": "system", "namespace": "/", "access": told["system"]},
        {"kind": "project", "namespace": "team", "access": told["project"]},
        {"kind": "project", "namespace": "*", "access": told["project"]},
    ]
    body = made(root.post("robots", new("all", "system", wanted)))
    shown = root.get(f"robots/{body['id']}").json()["permissions"]
    assert [len(each["access"]) for each in shown] == [len(each["access"]) for each in wanted]
    assert Caller("robot$all", body["secret"]).get("permissions").json() == told


def test_the_catalog_is_granted_by_a_permission_of_the_system(root, team):
    body = made(root.post("robots", new("lister", "system", [of_system("catalog:read")])))
    granted = access_in(ask_for_token("registry:catalog:*", user="robot$lister", password=body["secret"]))
    assert granted == {"registry:catalog": {"*"}}
    other = made(root.post("robots", new("other", "system", [of_system("user:list")])))
    assert access_in(ask_for_token("registry:catalog:*", user="robot$other", password=other["secret"])) == {}
