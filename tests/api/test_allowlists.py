"""CVE allowlists of the system and of projects."""

import time

import pytest

from audit.models import AuditRecord
from projects import allowlists
from projects.models import CVEAllowlist, Project
from rbac.models import User
from tests.api.caller import NOBODY, Caller, error_of, make_caller
from tests.people import join, make_project
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

SYSTEM = "system/CVEAllowlist"


def items(*names: str) -> list[dict[str, str]]:
    return [{"cve_id": name} for name in names]


@pytest.fixture
def owner(db) -> Caller:
    """A projectAdmin of `team`."""
    caller, user = make_caller("owner")
    join(make_project("team"), user, "projectAdmin")
    return caller


def test_the_systems_list_is_set_by_administrators_and_read_by_everybody(root, alice):
    assert alice.get(SYSTEM).json() == {
        "project_id": 0, "items": [], "creation_time": "0001-01-01T00:00:00.000Z",
        "update_time": "0001-01-01T00:00:00.000Z",
    }  # fmt: skip
    body = {"items": items("CVE-2019-10164", "GHSA-4w2j-2rg4-5mjw"), "expires_at": 4_000_000_000}
    assert root.put(SYSTEM, body).status_code == 200
    found = alice.get(SYSTEM).json()
    assert {name: found[name] for name in ("project_id", "items", "expires_at")} == {"project_id": 0, **body}
    assert found["id"] == CVEAllowlist.objects.get().pk
    assert error_of(alice.put(SYSTEM, body)) == (403, "FORBIDDEN")
    assert error_of(NOBODY.get(SYSTEM)) == (401, "UNAUTHORIZED")
    assert root.put(SYSTEM, {"items": items("CVE-2019-10164"), "project_id": 77, "id": 5}).status_code == 200
    found = root.get(SYSTEM).json()
    assert (found["items"], "expires_at" in found) == (items("CVE-2019-10164"), False)
    assert CVEAllowlist.objects.count() == 1


def test_each_change_is_recorded_and_nothing_else(root):
    for names in (["CVE-1", "CVE-2"], ["CVE-1", "CVE-2"], ["CVE-2", "CVE-3"]):
        assert root.put(SYSTEM, {"items": items(*names)}).status_code == 200
    records = AuditRecord.objects.filter(resource_type="cve-allowlist").order_by("id")
    assert [(each.actor, each.resource, each.detail["added"], each.detail["removed"]) for each in records] == [
        ("admin", "system", ["CVE-1", "CVE-2"], []),
        ("admin", "system", ["CVE-3"], ["CVE-1"]),
    ]


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": []}, {"items": [], "expires_at": None}])
def test_a_list_of_nothing_empties_it(root, body):
    root.put(SYSTEM, {"items": items("CVE-1"), "expires_at": 5})
    assert root.put(SYSTEM, body).status_code == 200
    found = root.get(SYSTEM).json()
    assert (found["items"], "expires_at" in found) == ([], False)


@pytest.mark.parametrize(
    "body",
    [
        {"items": "CVE-1"},
        {"items": ["CVE-1"]},
        {"items": [{}]},
        {"items": items("")},
        {"items": items("CVE 1")},
        {"items": items("x" * 129)},
        {"items": items("CVE-\u0661")},
        {"items": items("a\x00")},
        {"items": items("\ud800")},
        {"items": [{"cve_id": ["x"]}]},
        {"items": items("CVE-1", "CVE-2", "CVE-1")},
        {"items": items(*map(str, range(5001)))},
        {"items": [], "expires_at": -1},
        {"items": [], "expires_at": 2**70},
        {"items": [], "expires_at": "soon"},
        {"items": [], "expires_at": 1e300},
        [],
    ],
)
def test_a_list_that_cannot_be_is_refused(root, owner, body):
    assert error_of(root.put(SYSTEM, body))[0] == 400
    assert error_of(owner.put("projects/team", {"cve_allowlist": body}))[0] == 400
    assert not CVEAllowlist.objects.exists()


def test_a_project_goes_by_the_systems_list_until_it_has_its_own(root, owner):
    root.put(SYSTEM, {"items": items("CVE-1")})
    team = Project.objects.get(name="team")
    shown = owner.get("projects/team").json()["cve_allowlist"]
    assert (shown["project_id"], shown["items"]) == (team.pk, items("CVE-1"))
    assert allowlists.allowed(team) == {"CVE-1"}
    own = {"items": items("CVE-2"), "expires_at": int(time.time()) + 1000}
    body = {"metadata": {"reuse_sys_cve_allowlist": "false"}, "cve_allowlist": own}
    assert owner.put("projects/team", body).status_code == 200
    shown = owner.get("projects/team").json()["cve_allowlist"]
    assert {name: shown[name] for name in ("project_id", "items", "expires_at")} == {"project_id": team.pk, **own}
    team.refresh_from_db()
    assert allowlists.allowed(team) == {"CVE-2"}
    reuse = "reuse_sys_cve_allowlist"
    assert owner.put(f"projects/team/metadatas/{reuse}", {reuse: "true"}).status_code == 200
    [listed] = owner.get("projects").json()
    assert listed["cve_allowlist"]["items"] == items("CVE-1")
    assert AuditRecord.objects.get(resource_type="cve-allowlist", project="team").resource == "team"


def test_a_list_that_has_expired_allows_nothing_and_is_still_shown(root, owner):
    root.put(SYSTEM, {"items": items("CVE-1"), "expires_at": int(time.time()) - 1})
    assert allowlists.allowed(Project.objects.get(name="team")) == frozenset()
    assert owner.get("projects/team").json()["cve_allowlist"]["items"] == items("CVE-1")


def test_a_project_can_be_made_with_a_list(owner):
    body = {"project_name": "new", "metadata": {"reuse_sys_cve_allowlist": "false"},
            "cve_allowlist": {"items": items("CVE-1"), "project_id": 7}}  # fmt: skip
    assert owner.post("projects", body).status_code == 201
    assert owner.get("projects/new").json()["cve_allowlist"]["items"] == items("CVE-1")
    assert allowlists.allowed(Project.objects.get(name="new")) == {"CVE-1"}
    assert owner.delete("projects/new").status_code == 200
    assert not CVEAllowlist.objects.exists()


def test_neither_half_of_a_project_is_made_or_changed(owner):
    twice = {"items": items("CVE-1", "CVE-1")}
    assert error_of(owner.post("projects", {"project_name": "new", "cve_allowlist": twice}))[0] == 400
    assert error_of(owner.put("projects/team", {"public": True, "cve_allowlist": twice}))[0] == 400
    assert list(Project.objects.values_list("name", "public")) == [("team", False)]


def test_a_list_of_another_project_is_refused(owner):
    other = make_project("other")
    for project_id, status in ((other.pk, 400), (0, 200), (Project.objects.get(name="team").pk, 200)):
        answer = owner.put("projects/team", {"cve_allowlist": {"project_id": project_id, "items": []}})
        assert answer.status_code == status
    answer = owner.put("projects/other", {"cve_allowlist": {"items": items("CVE-1")}})
    assert error_of(answer) == (403, "FORBIDDEN")
    assert not CVEAllowlist.objects.filter(project=other).exists()


def test_a_list_of_projects_costs_the_same_for_one_and_for_many(root, alice):
    def cost() -> int:
        for _ in range(3):
            root.get("projects", page_size=50)
        with counted() as waits:
            root.get("projects", page_size=50)
        return waits()

    for number in range(2):
        make_own(f"few{number}")
    few = cost()
    for number in range(20):
        make_own(f"p{number}")
    assert cost() == few


def make_own(name: str) -> None:
    """A project with an allowlist of its own."""
    user = User.objects.get(username="alice")
    project = Project.objects.create(name=name, owner=user, metadata={"reuse_sys_cve_allowlist": "false"})
    CVEAllowlist.objects.create(project=project, items=["CVE-1"])
