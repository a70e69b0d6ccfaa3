"""`/replication`: policies, their executions, tasks and logs, by administrators."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from replication.models import Absence, Endpoint, Execution, LogLine, Policy, State, Task
from tests.api.caller import error_of, make_caller
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db

BASE = "replication/policies"
RUNS = "replication/executions"


@pytest.fixture
def admin():
    return make_caller("boss", is_admin=True)[0]


@pytest.fixture
def remote():
    return Endpoint.objects.create(name="site-b", kind="harbor", url="https://b.example", healthy=True)


def push(remote, name="push", **fields: Any) -> dict[str, Any]:
    return {"name": name, "dest_registry": {"id": remote.pk}, "enabled": True, **fields}


def made(admin, body) -> str:
    answer = admin.post(BASE, body)
    assert answer.status_code == 201, answer.content
    return str(answer["Location"]).removeprefix("/api/v2.0/")


def test_a_policy_is_read_as_it_was_made(admin, remote):
    body = {
        "name": "nightly",
        "description": "of the team's",
        "src_registry": {"id": 0, "name": "Local"},
        "dest_registry": {"id": remote.pk, "name": "whatever", "url": "ignored"},
        "dest_namespace": "mirror/a",
        "dest_namespace_replace_count": 1,
        "trigger": {"type": "scheduled", "trigger_settings": {"cron": "0 0 3 * * *"}},
        "filters": [
            {"type": "name", "value": "team/**"},
            {"type": "tag", "value": "v*", "decoration": "matches"},
            {"type": "label", "value": ["qa"], "decoration": "excludes"},
            {"type": "resource", "value": "image"},
        ],
        "replicate_deletion": True,
        "override": True,
        "enabled": True,
        "speed": 1024,
        "copy_by_chunk": True,
        "single_active_replication": True,
    }
    read = admin.get(made(admin, body)).json()
    for name in set(body) - {"src_registry", "dest_registry"}:
        assert read[name] == body[name], name
    assert read["deletion"] is True
    assert (read["src_registry"]["id"], read["src_registry"]["name"]) == (0, "Local")
    assert (read["dest_registry"]["id"], read["dest_registry"]["url"]) == (remote.pk, remote.url)
    assert "access_secret" not in str(read)


def test_what_is_left_out_is_as_in_harbor(admin, remote):
    read = admin.get(made(admin, {"name": "pull", "src_registry": {"id": remote.pk}})).json()
    assert (read["enabled"], read["override"], read["dest_namespace_replace_count"], read["speed"]) == (
        False,
        False,
        -1,
        -1,
    )
    assert read["trigger"] == {"type": "manual", "trigger_settings": {}}
    assert read["dest_registry"]["id"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": None},
        {"dest_registry": {"id": 0}},
        {"dest_registry": None},
        {"dest_registry": {"id": -1}},
        {"dest_registry": {"id": 10**17}},
        {"src_registry": {"id": 1}},
        {"dest_namespace": "Not A Path"},
        {"dest_namespace_replace_count": -2},
        {"trigger": {"type": "sometimes"}},
        {"trigger": {"type": "scheduled"}},
        {"trigger": {"type": "scheduled", "trigger_settings": {"cron": "5 4 3 2 1"}}},
        {"filters": [{"type": "name"}, {"type": "colour", "value": "red"}]},
        {"filters": [{"type": "tag", "value": "v["}]},
        {"filters": [{"type": "label", "value": "qa"}]},
        {"filters": [{"type": "name", "value": {"$gt": ""}}]},
        {"filters": "name"},
        {"speed": "fast"},
        {"speed": 10**12},
    ],
)
def test_what_can_be_no_policy_is_refused(admin, remote, fields):
    assert error_of(admin.post(BASE, {**push(remote), **fields})) == (400, "BAD_REQUEST")
    assert not Policy.objects.exists()


def test_events_trigger_only_what_is_pushed_from_here(admin, remote):
    trigger = {"type": "event_based"}
    assert error_of(admin.post(BASE, {"name": "p", "src_registry": {"id": remote.pk}, "trigger": trigger}))[0] == 400
    made(admin, push(remote, trigger=trigger))


def test_names_are_given_once(admin, remote):
    made(admin, push(remote))
    other = made(admin, push(remote, "other"))
    assert error_of(admin.post(BASE, push(remote))) == (409, "CONFLICT")
    assert error_of(admin.put(other, push(remote))) == (409, "CONFLICT")


def test_a_change_is_of_the_whole_policy(admin, remote):
    place = made(admin, push(remote, description="old", filters=[{"type": "tag", "value": "v*"}], deletion=True))
    assert admin.put(place, push(remote, "new")).status_code == 200
    read = admin.get(place).json()
    assert (read["name"], read["description"], read["filters"], read["deletion"]) == ("new", "", [], False)
    assert error_of(admin.put(f"{BASE}/99999", push(remote))) == (404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["deletion", "replicate_deletion"])
def test_whoever_changes_one_name_of_deletion_is_heard(admin, remote, name):
    place = made(admin, push(remote, **{name: True}))
    read = admin.get(place).json()
    assert (read["deletion"], read["replicate_deletion"]) == (True, True)
    admin.put(place, {**read, name: False})
    read = admin.get(place).json()
    assert (read["deletion"], read["replicate_deletion"]) == (False, False)


def test_policies_are_searched_sorted_and_paged(admin, remote):
    for name in ("b", "a", "c"):
        made(admin, push(remote, name, enabled=name != "b"))
    assert [each["name"] for each in admin.get(BASE, sort="name").json()] == ["a", "b", "c"]
    assert [each["name"] for each in admin.get(BASE, q="enabled=false").json()] == ["b"]
    assert [each["name"] for each in admin.get(BASE, name="C").json()] == ["c"]
    assert admin.get(BASE, page_size="1")["X-Total-Count"] == "3"
    few = fewest(lambda: admin.get(BASE))
    Policy.objects.bulk_create(Policy(name=f"n{number}", destination=remote) for number in range(6))
    assert fewest(lambda: admin.get(BASE)) == few


# Executions


@pytest.fixture
def policy(remote):
    return Policy.objects.create(name="p", destination=remote)


def test_a_policy_is_carried_out_by_hand_and_the_trail_knows(admin, policy):
    answer = admin.post(RUNS, {"policy_id": policy.pk})
    assert answer.status_code == 201
    read = admin.get(answer["Location"].removeprefix("/api/v2.0/")).json()
    assert (read["policy_id"], read["status"], read["trigger"], read["dry_run"]) == (
        policy.pk,
        "InProgress",
        "manual",
        False,
    )
    assert "end_time" not in read
    assert AuditRecord.objects.filter(resource_type="replication", actor="boss").count() == 1


def test_a_dry_run_is_told_of(admin, policy):
    answer = admin.post(RUNS, {"policy_id": policy.pk, "dry_run": True})
    assert admin.get(answer["Location"].removeprefix("/api/v2.0/")).json()["dry_run"] is True


def test_what_can_not_be_started_is_refused(admin, policy):
    assert error_of(admin.post(RUNS, {"policy_id": policy.pk + 1})) == (404, "NOT_FOUND")
    assert error_of(admin.post(RUNS, {})) == (400, "BAD_REQUEST")
    Policy.objects.update(enabled=False)
    assert error_of(admin.post(RUNS, {"policy_id": policy.pk})) == (412, "PRECONDITION")
    Policy.objects.update(enabled=True, single_active=True)
    assert admin.post(RUNS, {"policy_id": policy.pk}).status_code == 201
    assert error_of(admin.post(RUNS, {"policy_id": policy.pk})) == (412, "PRECONDITION")
    assert Execution.objects.count() == 1


def test_a_policy_goes_when_nothing_of_it_goes_on(admin, policy):
    place = admin.post(RUNS, {"policy_id": policy.pk})["Location"].removeprefix("/api/v2.0/")
    assert error_of(admin.delete(f"{BASE}/{policy.pk}")) == (412, "PRECONDITION")
    Execution.objects.update(state=State.SUCCEED, ended_at=timezone.now())
    assert admin.delete(f"{BASE}/{policy.pk}").status_code == 200
    assert error_of(admin.get(place)) == (404, "NOT_FOUND")
    assert error_of(admin.delete(f"{BASE}/{policy.pk}")) == (404, "NOT_FOUND")


def over(policy, number=0, **fields: Any) -> Execution:
    at = timezone.now() - timedelta(minutes=number)
    return Execution.objects.create(
        **{"policy": policy, "trigger": "manual", "state": State.SUCCEED, "started_at": at, "ended_at": at, **fields}
    )


def test_executions_are_listed_the_newest_first_and_narrowed(admin, policy, remote):
    other = Policy.objects.create(name="other", source=remote)
    rows = [over(policy, 1), over(policy, 2, state=State.FAILED), over(other, 3, trigger="scheduled")]

    def ids(**query):
        return [each["id"] for each in admin.get(RUNS, **query).json()]

    assert ids() == [row.pk for row in rows]
    assert ids(policy_id=str(other.pk)) == [rows[2].pk]
    assert ids(status="Failed") == [rows[1].pk]
    assert ids(trigger="scheduled") == [rows[2].pk]
    assert ids(sort="start_time") == [row.pk for row in reversed(rows)]
    assert ids(q="status=Succeed,trigger=manual") == [rows[0].pk]
    page = admin.get(RUNS, page_size="2")
    assert page["X-Total-Count"] == "3"
    onward = page["Link"].partition(">")[0].lstrip("<").removeprefix("/api/v2.0/")
    assert [each["id"] for each in admin.get(onward).json()] == [rows[2].pk]
    assert error_of(admin.get(RUNS, sort="status"))[0] == 400
    few = fewest(lambda: admin.get(RUNS))
    for number in range(6):
        over(policy, number)
    assert fewest(lambda: admin.get(RUNS)) == few


def test_an_execution_tells_what_came_of_it(admin, policy):
    counts = {"total": 9, "succeeded": 5, "failed": 2, "stopped": 1, "unchanged": 4}
    sizes = {"bytes_total": 100, "bytes_done": 90, "bytes_sent": 40}
    row = over(policy, state=State.FAILED, planned=True, text="2 of 9 artifacts failed", **counts, **sizes)
    read = admin.get(f"{RUNS}/{row.pk}").json()
    assert (read["total"], read["succeed"], read["failed"], read["stopped"], read["in_progress"]) == (9, 5, 2, 1, 0)
    assert (read["unchanged"], read["bytes_total"], read["bytes_done"], read["bytes_sent"]) == (4, 100, 90, 40)
    assert (read["status"], read["status_text"]) == ("Failed", "2 of 9 artifacts failed")
    assert read["end_time"]


def task(execution, **fields: Any) -> Task:
    return Task.objects.create(
        **{
            "execution": execution,
            "source": "team/app",
            "destination": "mirror/app",
            "reference": f"sha256:{Task.objects.count():064}",
            "tags": ["v1", "latest"],
            **fields,
        }
    )


def test_what_goes_on_counts_too(admin, policy):
    execution = Execution.objects.create(policy=policy, trigger="manual", bytes_total=100, bytes_done=10, total=2)
    task(execution, state=State.IN_PROGRESS, bytes_total=50, bytes_done=20, bytes_sent=15)
    read = admin.get(f"{RUNS}/{execution.pk}").json()
    assert (read["bytes_total"], read["bytes_done"], read["bytes_sent"]) == (100, 30, 15)


def test_an_execution_is_stopped_once(admin, policy):
    execution = Execution.objects.create(policy=policy, trigger="manual")
    assert admin.put(f"{RUNS}/{execution.pk}").status_code == 200
    assert admin.put(f"{RUNS}/{execution.pk}").status_code == 200
    assert Execution.objects.get().stop_asked
    assert AuditRecord.objects.filter(resource_type="replication", operation="stop").count() == 1
    assert error_of(admin.put(f"{RUNS}/{execution.pk + 1}")) == (404, "NOT_FOUND")


def test_failed_tasks_are_carried_out_again(admin, policy):
    execution = over(policy, state=State.FAILED, total=3, succeeded=1, failed=2, planned=True)
    for state in (State.SUCCEED, State.FAILED, State.FAILED):
        task(execution, state=state, ended_at=timezone.now())
    answer = admin.post(f"{RUNS}/{execution.pk}/retry")
    assert answer.status_code == 201
    assert answer["Location"].endswith(f"/{execution.pk}")
    assert sorted(Task.objects.values_list("state", flat=True)) == ["Pending", "Pending", "Succeed"]
    read = admin.get(f"{RUNS}/{execution.pk}").json()
    assert (read["status"], read["failed"], read["in_progress"]) == ("InProgress", 0, 2)
    assert error_of(admin.post(f"{RUNS}/{execution.pk}/retry")) == (412, "PRECONDITION")


def test_tasks_tell_what_they_do_and_why_they_failed(admin, policy):
    execution = over(policy)
    row = task(execution, state=State.FAILED, text="the destination is full", attempts=5, ended_at=timezone.now())
    task(execution, state=State.SUCCEED, resource_type="chart")
    task(over(policy))
    listed = admin.get(f"{RUNS}/{execution.pk}/tasks")
    assert listed["X-Total-Count"] == "2"
    first = listed.json()[0]
    assert (first["id"], first["execution_id"], first["status"], first["operation"]) == (
        row.pk,
        execution.pk,
        "Failed",
        "copy",
    )
    assert first["src_resource"] == "team/app [2 item(s) in total]"
    assert first["dst_resource"] == "mirror/app [2 item(s) in total]"
    assert first["references"] == ["v1", "latest", row.reference]
    assert (first["explanation"], first["attempts"]) == ("the destination is full", 5)
    place = f"{RUNS}/{execution.pk}/tasks"
    assert [each["status"] for each in admin.get(place, status="Succeed").json()] == ["Succeed"]
    assert [each["status"] for each in admin.get(place, resource_type="chart").json()] == ["Succeed"]
    assert [each["status"] for each in admin.get(place, sort="-id").json()] == ["Succeed", "Failed"]
    assert error_of(admin.get(f"{RUNS}/99999/tasks")) == (404, "NOT_FOUND")


def test_what_is_waited_for_is_said_by_the_execution_and_its_tasks(admin, policy):
    execution = Execution.objects.create(policy=policy, trigger="manual", planned=True, total=2, failed=1)
    task(execution)
    task(execution, state=State.FAILED, text="the destination is full", ended_at=timezone.now())
    now = timezone.now()
    Absence.objects.create(
        endpoint=policy.destination, since=now, tries=3, look_at=now, text="it refuses the connection"
    )
    read, tasks = admin.get(f"{RUNS}/{execution.pk}").json(), admin.get(f"{RUNS}/{execution.pk}/tasks").json()
    for told in (read["status_text"], tasks[0]["explanation"]):
        assert told.startswith(f"destination {policy.destination.name} is away since ")
        assert ": it refuses the connection; next try at " in told
    assert tasks[1]["explanation"] == "the destination is full"
    assert admin.get(RUNS).json()[0]["status_text"] == read["status_text"]
    Absence.objects.update(back_at=now)
    assert admin.get(f"{RUNS}/{execution.pk}").json()["status_text"] == ""


def test_a_task_s_log_is_text(admin, policy):
    execution, another = over(policy), over(policy)
    row = task(execution)
    LogLine.objects.create(task=row, text="blob sha256:1 is there already")
    LogLine.objects.create(task=row, level="ERROR", text="the destination answered 507")
    answer = admin.get(f"{RUNS}/{execution.pk}/tasks/{row.pk}/log")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    first, second = answer.content.decode().splitlines()
    assert first.endswith("[INFO] blob sha256:1 is there already")
    assert second.endswith("[ERROR] the destination answered 507")
    assert error_of(admin.get(f"{RUNS}/{another.pk}/tasks/{row.pk}/log")) == (404, "NOT_FOUND")
    assert error_of(admin.get(f"{RUNS}/{execution.pk}/tasks/99999/log")) == (404, "NOT_FOUND")
    assert admin.get(f"{RUNS}/{execution.pk}/tasks/{task(execution).pk}/log").content == b""


def test_how_replication_is_doing_can_be_read(admin, policy):
    execution = Execution.objects.create(policy=policy, trigger="manual", planned=True, total=3, succeeded=1)
    task(execution, state=State.IN_PROGRESS)
    task(execution)
    task(execution, state=State.SUCCEED, ended_at=timezone.now(), bytes_sent=500)
    found = admin.get("replication/statistics").json()
    own = found.pop("policies")[str(policy.pk)]
    assert found == own
    assert (found["executions"], found["pending"], found["in_progress"]) == (1, 1, 1)
    assert (found["tasks_per_minute"], found["bytes_per_minute"]) == (0.2, 100.0)
    assert found["oldest"]


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\udfffb"])
@pytest.mark.parametrize(
    "fields",
    [
        lambda text: {"name": text},
        lambda text: {"description": text},
        lambda text: {"dest_namespace": text},
        lambda text: {"filters": [{"type": "name", "value": text}]},
        lambda text: {"filters": [{"type": "tag", "value": f"*{text}"}]},
        lambda text: {"filters": [{"type": "label", "value": [text]}]},
        lambda text: {"filters": [{"type": "name", "value": "a", "decoration": text}]},
        lambda text: {"filters": [{"type": text, "value": "a"}]},
        lambda text: {"trigger": {"type": "scheduled", "trigger_settings": {"cron": f"0 0 3 * * {text}"}}},
        lambda text: {"trigger": {"type": text}},
    ],
)
def test_text_that_no_database_keeps_is_refused(admin, remote, fields, text):
    assert error_of(admin.post(BASE, {**push(remote), **fields(text)})) == (400, "BAD_REQUEST")


def test_a_cron_that_does_not_count_is_not_kept(admin, remote):
    trigger = {"type": "manual", "trigger_settings": {"cron": "nonsense"}}
    assert admin.get(made(admin, push(remote, trigger=trigger))).json()["trigger"]["trigger_settings"] == {}
