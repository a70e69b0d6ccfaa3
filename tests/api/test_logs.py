"""Lists of audit records: how they are narrowed and sorted, and by which index."""

import pytest
from django.db import connection

import audit
from api import log_filters, logs
from api.log_filters import RECORDS
from audit import trail
from audit.models import AuditRecord
from db.prepared import planned_anew
from rbac.models import User
from tests.api.caller import Caller, error_of, make_caller
from tests.people import CONTEXT, join, make_project

pytestmark = pytest.mark.django_db


def note(actor: str, operation: str, resource_type: str, resource: str, result="success") -> None:
    audit.record(
        actor=actor, operation=operation, resource_type=resource_type, resource=resource, project="team",
        context=CONTEXT, result=result,
    )  # fmt: skip


@pytest.fixture
def owner(db) -> Caller:
    """A projectAdmin of `team`, where things happened."""
    caller, user = make_caller("owner")
    join(make_project("team"), user, "projectAdmin")
    note("Alice", "create", "artifact", "team/a:1")
    note("bob", "delete", "tag", "team/a:1")
    note("robot$team+ci", "pull", "artifact", "team/b:2", result="denied")
    note("bob", "update", "project", "team")
    return caller


def deeds(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    assert answer["X-Total-Count"] == str(len(answer.json()))
    return [f"{row['username']} {row['operation']}" for row in answer.json()]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("username=bob", ["bob update", "bob delete"]),
        ("username=~AL", ["Alice create"]),
        ("username=~o", ["bob update", "robot$team+ci pull", "bob delete"]),
        ("username=~nobody", []),
        ("username={Alice 'robot$team+ci'}", ["robot$team+ci pull", "Alice create"]),
        ("operation=pull", ["robot$team+ci pull"]),
        ("operation=~ATE", ["bob update", "Alice create"]),
        ("operation=~nothing", []),
        ("operation={delete pull}", ["robot$team+ci pull", "bob delete"]),
        ("resource_type=artifact", ["robot$team+ci pull", "Alice create"]),
        ("resource_type=~T,operation=~e", ["bob update", "bob delete", "Alice create"]),
        ("resource_type={tag project}", ["bob update", "bob delete"]),
        ("resource_type=none", []),
        ("ResourceType=tag", ["bob delete"]),
        ("resource=team", ["bob update"]),
        ("resource=~A:", ["bob delete", "Alice create"]),
        ("operation_result=false", ["robot$team+ci pull"]),
        ("operation_result=true,username=bob", ["bob update", "bob delete"]),
        ("op_time=[2000-01-01T00:00:00~2001-01-01T00:00:00]", []),
        ("op_time=[2000-01-01T00:00:00~],operation=delete", ["bob delete"]),
    ],
)
def test_records_are_narrowed(owner, root, q, expected):
    assert deeds(owner.get("projects/team/logs", q=q)) == expected
    assert deeds(owner.get("auditlog-exts", q=q)) == expected
    assert deeds(root.get("audit-logs", q=q)) == expected


@pytest.mark.parametrize(
    "q", ["operation_result=~t", "operation_result=perhaps", "op_time=~2", "project=team", "operation_description=x"]
)
def test_a_filter_that_is_none_is_refused(owner, q):
    assert error_of(owner.get("projects/team/auditlog-exts", q=q)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("op_time", ["Alice create", "bob delete", "robot$team+ci pull", "bob update"]),
        ("-id", ["bob update", "robot$team+ci pull", "bob delete", "Alice create"]),
        ("username", ["Alice create", "bob delete", "bob update", "robot$team+ci pull"]),
        ("-operation", ["bob update", "robot$team+ci pull", "bob delete", "Alice create"]),
    ],
)
def test_records_are_sorted_by_what_has_an_index(owner, sort, expected):
    assert deeds(owner.get("projects/team/logs", sort=sort)) == expected
    first = owner.get("projects/team/logs", sort=sort, page_size=2)
    following = first["Link"].partition(">")[0].removeprefix("</api/v2.0/")
    shown = [f"{row['username']} {row['operation']}" for row in [*first.json(), *owner.get(following).json()]]
    assert shown == expected


@pytest.mark.parametrize("sort", ["resource", "resource_type", "op_time,username", "nothing"])
def test_nobody_sorts_the_whole_trail(owner, sort):
    assert error_of(owner.get("projects/team/logs", sort=sort)) == (400, "BAD_REQUEST")


def test_a_project_administrator_finds_nothing_of_other_projects(owner, root):
    audit.record(
        actor="mallory", operation="stop", resource_type="scan", resource="secret/x", project="secret", context=CONTEXT
    )
    for q in ("username=~mall", "operation=~sto", "resource_type=~sca", "username=mallory", "resource=~secret"):
        assert deeds(owner.get("audit-logs", q=q)) == []
        assert deeds(root.get("audit-logs", q=q)) == ["mallory stop"]


def test_who_administers_many_projects_reads_the_log_of_each(owner, monkeypatch):
    for number in range(3):
        join(make_project(f"more{number}"), User.objects.get(username="owner"), "projectAdmin")
    audit.record(
        actor="bob", operation="pull", resource_type="artifact", resource="more1/x", project="more1", context=CONTEXT
    )
    make_project("other")
    audit.record(
        actor="bob", operation="stop", resource_type="scan", resource="other/x", project="other", context=CONTEXT
    )
    by_name = deeds(owner.get("audit-logs"))
    monkeypatch.setattr(logs, "_FEW", 2)
    assert deeds(owner.get("audit-logs")) == by_name
    assert by_name[0] == "bob pull"
    assert len(by_name) == 5


def test_what_would_look_through_too_much_is_refused(owner, root, monkeypatch):
    monkeypatch.setattr(trail, "_DEAREST", 0.0)
    answer = root.get("audit-logs", q="resource=~x")
    assert error_of(answer) == (400, "BAD_REQUEST")
    assert "op_time" in answer.json()["errors"][0]["message"]
    assert root.get("audit-logs", q="op_time=[2000-01-01T00:00:00~]").status_code == 200
    assert root.get("audit-logs").status_code == 200


def test_a_part_of_a_name_is_found_where_there_are_too_many_names(owner, root, monkeypatch):
    monkeypatch.setattr(log_filters, "_NAMES", 2)
    assert deeds(root.get("audit-logs", q="username=~ROBOT")) == ["robot$team+ci pull"]
    monkeypatch.setattr(log_filters, "_NAMES", 100)
    monkeypatch.setattr(log_filters, "_MATCHES", 0)
    assert deeds(root.get("audit-logs", q="username=~ROBOT")) == ["robot$team+ci pull"]


@pytest.mark.parametrize(
    ("q", "index"),
    [
        ("username=bob", "actor_at_id_idx"),
        ("username=~bob", "actor_at_id_idx"),
        ("operation=delete", "kind"),
        ("operation=~del", "kind"),
        ("resource_type=tag", "kind"),
        ("op_time=[2026-01-01T00:00:00~]", "pkey"),
    ],
)
def test_each_filter_has_its_index(owner, q, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # of a few rows PostgreSQL would read all
    with planned_anew():
        plan = RECORDS.narrow(AuditRecord.objects.order_by(), q).explain()
    assert f"_{index}" in plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("sort", "index"),
    [("", "pkey"), ("op_time", "pkey"), ("-id", "pkey"), ("username", "actor_at_id_idx"), ("-operation", "kind")],
)
def test_each_order_is_that_of_an_index(owner, sort, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    plan = RECORDS.sort(AuditRecord.objects.all(), sort)[:11].explain()
    assert f"_{index}" in plan
    assert "->  Sort" not in plan


def test_a_statement_planned_anew_is_prepared_again_afterwards(db):
    connection.ensure_connection()
    before = connection.connection.prepare_threshold
    assert before == 1
    with planned_anew():
        assert connection.connection.prepare_threshold is None
        assert not User.objects.filter(username="nobody").exists()
    assert connection.connection.prepare_threshold == before
