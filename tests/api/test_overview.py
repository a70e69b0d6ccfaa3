"""Audit logs, statistics and search."""

import pytest
from django.db import connection

import audit
from api import logs
from artifacts import figures
from artifacts.models import Blob, Repository
from audit.models import AuditRecord
from configuration import values
from projects.models import Project
from rbac.models import User
from tests.api.caller import NOBODY, error_of, links
from tests.people import CONTEXT, join, make_project
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db


def note(resource: str, project: str = "", operation: str = "create", result="success") -> None:
    audit.record(
        actor="carol", operation=operation, resource_type="artifact", resource=resource, project=project,
        context=CONTEXT, result=result,
    )  # fmt: skip


@pytest.fixture
def trail(alice) -> None:
    """Deeds in alice's project, in one where she is a guest, and outside of any."""
    user = User.objects.get(username="alice")
    join(make_project("team"), user, "projectAdmin")
    join(make_project("other"), user, "guest")
    note("team/x:1", "team")
    note("other/x:1", "other")
    note("team/x:2", "team", operation="delete", result="denied")
    note("system")


def resources(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [record["resource"] for record in answer.json()]


def test_each_reads_the_log_of_what_it_administers(alice, root, trail):
    assert resources(root.get("audit-logs")) == ["system", "team/x:2", "other/x:1", "team/x:1"]
    assert resources(alice.get("audit-logs")) == ["team/x:2", "team/x:1"]
    assert resources(alice.get("projects/team/logs")) == ["team/x:2", "team/x:1"]
    assert error_of(alice.get("projects/other/logs"))[0] == 403
    assert error_of(alice.get("projects/nowhere/logs"))[0] == 403
    assert error_of(NOBODY.get("audit-logs"))[0] == 401
    assert error_of(NOBODY.get("projects/team/auditlog-exts"))[0] == 401


def test_records_have_harbors_fields(alice, trail):
    [record] = alice.get("projects/team/logs", q="operation=create").json()
    assert set(record) == {"id", "username", "resource", "resource_type", "operation", "op_time"}
    denied = alice.get("projects/team/auditlog-exts").json()[0]
    assert (denied["operation_result"], denied["operation_description"]) == (False, "delete artifact team/x:2")
    assert alice.get("auditlog-exts")["X-Total-Count"] == "2"


def test_records_are_filtered_and_sorted(root, trail):
    assert resources(root.get("audit-logs", q="resource=~X:1", sort="op_time")) == ["team/x:1", "other/x:1"]
    assert resources(root.get("audit-logs", q="username=carol,operation=delete")) == ["team/x:2"]
    assert resources(root.get("audit-logs", q="op_time=[2000-01-01T00:00:00~2001-01-01T00:00:00]")) == []


def test_neither_the_count_nor_the_pages_of_the_trail_go_without_bound(root, trail, monkeypatch):
    monkeypatch.setattr(logs, "FURTHEST", 3)
    answer = root.get("audit-logs", page_size=2)
    assert (answer["X-Total-Count"], links(answer)) == ("3", {"next"})
    assert links(root.get("audit-logs", page_size=2, page=2)) == {"prev"}
    assert error_of(root.get("audit-logs", page_size=2, page=3))[0] == 400


def test_the_log_costs_the_same_for_few_and_for_many(alice, trail):
    few = fewest(lambda: alice.get("audit-logs", page_size=50))
    for number in range(20):
        note(f"team/y:{number}", "team")
    assert len(alice.get("audit-logs", page_size=50).json()) == 22
    assert fewest(lambda: alice.get("audit-logs", page_size=50)) == few


def test_statistics_count_what_the_caller_may_know_of(alice, root, trail):
    Repository.objects.create(name="open/x", project=make_project("open", public=True))
    Repository.objects.create(name="hidden/x", project=make_project("hidden"))
    Blob.objects.create(digest="sha256:a", canonical="sha256:a", size=7)
    assert alice.get("statistics").json() == {
        "public_project_count": 1, "public_repo_count": 1, "private_project_count": 2, "private_repo_count": 0,
        "total_project_count": 0, "total_repo_count": 0, "total_storage_consumption": 0,
    }  # fmt: skip
    assert root.get("statistics").json() == {
        "public_project_count": 1, "public_repo_count": 1, "private_project_count": 3, "private_repo_count": 1,
        "total_project_count": 4, "total_repo_count": 2, "total_storage_consumption": 7,
    }  # fmt: skip
    assert error_of(NOBODY.get("statistics"))[0] == 401


def test_statistics_of_many_are_as_they_were_counted_last(alice, root, trail, monkeypatch):
    Repository.objects.create(name="open/x", project=make_project("open", public=True))
    Repository.objects.create(name="team/x", project=Project.objects.get(name="team"))
    Blob.objects.create(digest="sha256:a", canonical="sha256:a", size=7)
    monkeypatch.setattr(figures, "FEW", 0)
    never = root.get("statistics").json()
    figures.measure()
    Repository.objects.create(name="open/y", project=Project.objects.get(name="open"))
    Blob.objects.create(digest="sha256:b", canonical="sha256:b", size=7)
    assert root.get("statistics").json() == never
    assert (never["public_repo_count"], never["total_repo_count"], never["total_storage_consumption"]) == (1, 2, 7)
    assert alice.get("statistics").json()["public_repo_count"] == 1
    figures.measure()
    again = root.get("statistics").json()
    assert (again["public_repo_count"], again["total_repo_count"], again["total_storage_consumption"]) == (2, 3, 14)


def test_content_by_two_names_is_stored_once(root):
    for digest, canonical in [("sha256:a", "sha256:a"), ("sha512:a", "sha256:a"), ("sha512:b", "sha256:b"),
                              ("sha512:bb", "sha256:b")]:  # fmt: skip
        Blob.objects.create(digest=digest, canonical=canonical, size=7)
    assert root.get("statistics").json()["total_storage_consumption"] == 14


def test_statistics_cost_the_same_for_few_and_for_many(alice, root):
    def cost(caller) -> int:
        return fewest(lambda: caller.get("statistics"))

    few = [cost(caller) for caller in (alice, root)]
    for number in range(30):
        project = make_project(f"p{number}", public=number % 2 == 0)
        Repository.objects.create(name=f"p{number}/x", project=project)
    assert [cost(caller) for caller in (alice, root)] == few


def test_search_finds_nothing_that_is_hidden(alice, root):
    Repository.objects.create(name="openness/tool", project=make_project("openness", public=True))
    Repository.objects.create(name="hidden/open", project=make_project("hidden"))
    for caller in (NOBODY, alice):
        body = caller.get("search", q="OPEN").json()
        assert [project["name"] for project in body["project"]] == ["openness"]
        assert [row["repository_name"] for row in body["repository"]] == ["openness/tool"]
    body = root.get("search", q="open").json()
    assert [row["repository_name"] for row in body["repository"]] == ["hidden/open", "openness/tool"]
    assert set(body["repository"][0]) == {
        "project_id", "project_name", "project_public", "repository_name", "pull_count", "artifact_count",
    }  # fmt: skip
    assert error_of(NOBODY.get("search"))[0] == 422


def test_administrators_learn_which_events_can_be_switched_off(root, alice):
    told = [each["event_type"] for each in root.get("auditlog-exts/events").json()]
    assert len(told) == len(set(told)) == 18
    assert {"create_artifact", "pull_artifact", "login_user", "update_configuration", "delete_member"} <= set(told)
    assert error_of(alice.get("auditlog-exts/events")) == (403, "FORBIDDEN")

    assert root.put("configurations", {"disabled_audit_log_event_types": ",".join(told)}).status_code == 200
    values.forget()
    before = AuditRecord.objects.count()
    assert root.post("projects", {"project_name": "quiet"}).status_code == 201
    assert AuditRecord.objects.count() == before


@pytest.mark.parametrize(("model", "index"), [(Project, "project_name_parts"), (Repository, "repository_name_parts")])
def test_a_part_of_a_name_is_found_by_an_index(db, model, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # of a few rows PostgreSQL would read all
    assert index in model.objects.filter(name__icontains="Tool").explain()


@pytest.mark.parametrize("wanted", ["%", "_", "\\", "o%l", "x" * 5000, "\u0130", "'; --"])
def test_odd_characters_find_nothing_but_themselves(root, wanted):
    Repository.objects.create(name="open/tool", project=make_project("open", public=True))
    answer = root.get("search", q=wanted)
    assert answer.status_code in {200, 400}
    if answer.status_code == 200:
        assert answer.json() == {"project": [], "repository": []}


def test_one_or_two_letters_are_found_too(root):
    Repository.objects.create(name="open/tool", project=make_project("open", public=True))
    for wanted in ("t", "OL", "/"):
        assert [row["repository_name"] for row in root.get("search", q=wanted).json()["repository"]] == ["open/tool"]
