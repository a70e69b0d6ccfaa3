"""/quotas, and what else of the API knows of them: projects and their summaries."""

import pytest

from api.times import written
from artifacts import limits
from audit.models import AuditRecord
from configuration import actions as configuration
from configuration import values
from projects import quotas
from projects.models import Project, Quota, Robot, UsageChange
from rbac.models import User
from tests.api.caller import NOBODY, error_of, links, make_caller
from tests.api.machines import robot_caller
from tests.artifacts.counting import limit, used
from tests.door import Door, image, unique
from tests.people import CONTEXT, join, make_project
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

GIB = 1024**3


def use(project: Project, size: int) -> None:
    """As a push of so many bytes leaves it."""
    UsageChange.objects.create(project=project, bytes=size)


@pytest.fixture
def three() -> list[Project]:
    """Projects that use 100, 300 and 200 bytes and may use 3, 1 and 2 GiB."""
    found = []
    for name, size, hard in (("ant", 100, 3), ("bee", 300, 1), ("cat", 200, 2)):
        project = make_project(name)
        use(project, size)
        limit(project, hard * GIB)
        found.append(project)
    return found


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["ref"]["name"] for row in answer.json()]


def test_a_quota_tells_whose_it_is_and_how_much_is_used(root, alice):
    owner = User.objects.get(username="alice")
    project = make_project("team")
    Project.objects.update(owner=owner)
    limit(project, 5 * GIB)
    use(project, 700)
    quotas.fold()
    use(project, -100)
    quota = Quota.objects.get()
    body = root.get(f"quotas/{quota.pk}").json()
    assert body.pop("creation_time") == written(quota.created_at)
    assert body.pop("update_time") == written(quota.updated_at)
    assert quota.created_at < quota.updated_at  # a limit was set
    assert body == {
        "id": quota.pk,
        "ref": {"id": project.pk, "name": "team", "owner_name": "alice"},
        "hard": {"storage": 5 * GIB},
        "used": {"storage": 600},
    }
    assert root.get("quotas").json()[0]["used"] == {"storage": 600}


def test_quotas_are_sorted_by_what_is_used_and_may_be(root, three):
    assert names(root.get("quotas")) == ["cat", "bee", "ant"]
    assert names(root.get("quotas", sort="used.storage")) == ["ant", "cat", "bee"]
    assert names(root.get("quotas", sort="-used.storage")) == ["bee", "cat", "ant"]
    assert names(root.get("quotas", sort="hard.storage")) == ["bee", "cat", "ant"]
    assert names(root.get("quotas", sort="-hard.storage")) == ["ant", "cat", "bee"]
    use(three[0], 1000)  # counts in the order at once
    assert names(root.get("quotas", sort="-used.storage")) == ["ant", "bee", "cat"]
    assert error_of(root.get("quotas", sort="used.memory"))[0] == 400


def test_pages_by_usage_are_read_to_the_end_by_their_links(root):
    for number in range(25):
        use(make_project(f"p{number:02}"), number // 3)
    expected = [f"p{number:02}" for number in range(24, -1, -1)]
    found: list[str] = []
    answer = root.get("quotas", sort="-used.storage", page_size=10)
    assert answer["X-Total-Count"] == "25"
    while True:
        found += names(answer)
        if "next" not in links(answer):
            break
        answer = root.client.get(next(part for part in answer["Link"].split(" , ") if "next" in part)[1:].split(">")[0])
    assert sorted(found) == sorted(expected)
    assert [name[:1] for name in found] == ["p"] * 25
    assert found == sorted(found, key=lambda name: (-(int(name[1:]) // 3), -int(name[1:])))
    assert names(root.get("quotas", page=9)) == []


def test_the_quota_of_a_project_is_found_by_reference(root, three):
    bee = three[1]
    assert names(root.get("quotas", reference="project", reference_id=bee.pk)) == ["bee"]
    assert names(root.get("quotas", reference="project")) == ["cat", "bee", "ant"]
    assert names(root.get("quotas", reference="")) == ["cat", "bee", "ant"]
    for nothing in ("99999", "x", "-1", "9" * 40, "\u0661", "1.5"):
        assert names(root.get("quotas", reference="project", reference_id=nothing)) == []
    assert names(root.get("quotas", reference="user", reference_id=bee.pk)) == []
    assert error_of(root.get("quotas", reference_id="\x00"))[0] == 400


def test_a_limit_is_set_and_recorded(root):
    project = make_project("team")
    path = f"quotas/{Quota.objects.get().pk}"
    answer = root.put(path, {"hard": {"storage": 7 * GIB}})
    assert (answer.status_code, answer.content) == (200, b"")
    assert root.get(path).json()["hard"] == {"storage": 7 * GIB}
    record = AuditRecord.objects.get(resource_type="quota")
    assert (record.actor, record.operation, record.resource, record.project) == ("admin", "update", "team", "team")
    assert record.detail == {"hard": {"storage": 7 * GIB}, "before": {"storage": -1}}
    assert root.put(path, {"hard": {"storage": -1}}).status_code == 200
    assert quotas.figures(project.pk) == quotas.Figures(project.pk, -1, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"hard": {}},
        {"hard": None},
        {"hard": 5},
        {"hard": []},
        [],
        "x",
        5,
        None,
        {"hard": {"storage": 0}},
        {"hard": {"storage": -2}},
        {"hard": {"storage": 2**63}},
        {"hard": {"storage": -(2**70)}},
        {"hard": {"storage": 1.5}},
        {"hard": {"storage": True}},
        {"hard": {"storage": "much"}},
        {"hard": {"storage": None}},
        {"hard": {"storage": [5]}},
        {"hard": {"memory": 5}},
        {"hard": {"storage": 5, "memory": 5}},
        {"hard": {"storage": 5, "\ud800\x00": 5}},
        b'{"hard": {"storage": 1e999}}',
        b'{"hard": {"storage": ' + b"9" * 5000 + b"}}",
        b'{"hard": {"storage": NaN}}',
        b"{",
    ],
)
def test_what_is_no_limit_is_refused_and_changes_nothing(root, body):
    make_project("team")
    assert error_of(root.put(f"quotas/{Quota.objects.get().pk}", body))[0] == 400
    assert Quota.objects.get().hard == -1
    assert not AuditRecord.objects.filter(resource_type="quota").exists()


def test_a_number_may_come_as_text_as_from_forms(root):
    make_project("team")
    assert root.put(f"quotas/{Quota.objects.get().pk}", {"hard": {"storage": "1024"}}).status_code == 200
    assert Quota.objects.get().hard == 1024


@pytest.mark.parametrize("quota_id", ["999999", "9" * 30])
def test_a_quota_that_is_not_there_is_not_found(root, quota_id):
    assert error_of(root.get(f"quotas/{quota_id}"))[0] == 404
    assert error_of(root.put(f"quotas/{quota_id}", {"hard": {"storage": 5}}))[0] == 404


@pytest.mark.parametrize("quota_id", ["x", "-1", "1.5", "%00", "\u0661"])
def test_what_is_no_id_is_refused(root, quota_id):
    assert error_of(root.get(f"quotas/{quota_id}"))[0] in {400, 422}


def test_a_projects_own_administrator_sees_no_list_of_quotas(alice):
    project = make_project("team")
    join(project, User.objects.get(username="alice"), "projectAdmin")
    for path in ("quotas", f"quotas/{Quota.objects.get().pk}", "quotas/999999"):
        assert error_of(alice.get(path)) == (403, "FORBIDDEN")
        assert error_of(NOBODY.get(path)) == (401, "UNAUTHORIZED")
    assert error_of(alice.put(f"quotas/{Quota.objects.get().pk}", {"hard": {"storage": 5}})) == (403, "FORBIDDEN")


def test_a_list_costs_the_same_for_one_and_for_many(root):
    use(make_project("first"), 5)
    for _ in range(3):
        root.get("quotas", sort="-used.storage", page_size=50)
    with counted() as few:
        root.get("quotas", sort="-used.storage", page_size=50)
    for number in range(30):
        project = make_project(f"p{number}")
        use(project, number)
    quotas.fold()
    with counted() as many:
        assert len(root.get("quotas", sort="-used.storage", page_size=50).json()) == 31
    assert many() == few()


# Projects


def hard_of(name: str) -> int:
    return Quota.objects.get(project__name=name).hard


def test_an_administrator_chooses_the_limit_of_a_new_project(root):
    for name, given, hard in (("one", 5 * GIB, 5 * GIB), ("two", -1, -1), ("three", 0, -1), ("four", None, -1)):
        assert root.post("projects", {"project_name": name, "storage_limit": given}).status_code == 201
        assert hard_of(name) == hard
    for wrong in (-2, 2**63, 2**80, 1.5, "x", [5], True):
        assert error_of(root.post("projects", {"project_name": "five", "storage_limit": wrong}))[0] == 400
    assert not Project.objects.filter(name="five").exists()


def test_others_get_what_the_configuration_gives(alice, root):
    configuration.update({"storage_per_project": 3 * GIB}, actor="admin", context=CONTEXT)
    values.forget()
    for name, caller, given, hard in (
        ("one", alice, -1, 3 * GIB),
        ("two", alice, 100 * GIB, 3 * GIB),
        ("three", alice, -77, 3 * GIB),
        ("four", root, None, 3 * GIB),
        ("five", root, -1, -1),
    ):
        assert caller.post("projects", {"project_name": name, "storage_limit": given}).status_code == 201
        assert hard_of(name) == hard


def test_a_robot_chooses_when_it_may_set_quotas(db):
    for permissions, hard in ((["project:create"], -1), (["project:create", "quota:update"], 5 * GIB)):
        Robot.objects.all().delete()
        robot = robot_caller({"/": permissions})
        name = unique()
        assert robot.post("projects", {"project_name": name, "storage_limit": 5 * GIB}).status_code == 201
        assert hard_of(name) == hard


def test_an_update_of_a_project_leaves_its_limit(root):
    make_project("team")
    assert root.put("projects/team", {"storage_limit": 5 * GIB, "metadata": {"auto_scan": "true"}}).status_code == 200
    assert hard_of("team") == -1


def test_the_summary_shows_the_quota_to_members(alice, root):
    project = make_project("team", public=True)
    limit(project, 5 * GIB)
    use(project, 77)
    join(project, User.objects.get(username="alice"), "limitedGuest")
    quota = {"hard": {"storage": 5 * GIB}, "used": {"storage": 77}}
    assert alice.get("projects/team/summary").json() == {"repo_count": 0, "quota": quota}
    assert root.get("projects/team/summary").json()["quota"] == quota
    stranger, _ = make_caller("stranger")
    for caller in (stranger, NOBODY):
        assert caller.get("projects/team/summary").json() == {"repo_count": 0}
    configuration.update({"quota_per_project_enable": False}, actor="admin", context=CONTEXT)
    values.forget()
    assert "quota" not in root.get("projects/team/summary").json()


def test_a_deleted_project_takes_its_quota_along(root):
    use(make_project("team"), 5)
    path = f"quotas/{Quota.objects.get().pk}"
    assert root.delete("projects/team").status_code == 200
    assert error_of(root.get(path))[0] == 404
    assert root.get("quotas").json() == []


def test_a_copy_over_the_limit_is_denied_in_words(root, door, project):
    content = door.push(image())
    elsewhere = make_project("elsewhere")
    limit(elsewhere, 100)
    source = f"{door.repository}@{content.top.digest}"
    answer = root.post(f"projects/elsewhere/repositories/app/artifacts?from={source}")
    assert error_of(answer) == (403, "DENIED")
    words = answer.json()["errors"][0]["message"]
    assert words.endswith("would exceed the limit of 100 B of the project elsewhere")
    limit(elsewhere, -1)
    assert root.post(f"projects/elsewhere/repositories/app/artifacts?from={source}").status_code == 201
    assert used(elsewhere) == used(project)


def test_what_a_push_and_a_deletion_do_is_seen_at_once(root, door, project):
    limit(project, 10 * GIB)
    limits.forget()
    content = door.push(image())
    assert root.get("projects/library/summary").json()["quota"]["used"]["storage"] == used(project) > 0
    name = door.repository.partition("/")[2]
    assert root.delete(f"projects/library/repositories/{name}/artifacts/{content.top.digest}").status_code == 200
    assert root.get("projects/library/summary").json()["quota"]["used"] == {"storage": 0}
    Door(f"library/{unique()}").push(image())
    assert names(root.get("quotas", sort="-used.storage")) == ["library"]
