"""What happens here is followed: pushes, tags and deletions, by those policies that want them and nobody else."""

from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from artifacts import copying, manifests, repositories, tagging
from audit import Context
from oci.digest import Digest
from rbac.actors import SYSTEM
from replication import events
from replication.models import Absence, Event, Execution, Policy, Postponed, State, Task, Trigger
from tests.door import image, unique
from tests.flows.content import Content
from tests.people import CONTEXT, make_project


def settle(bench) -> list[Execution]:
    """What the clock and the workers do; the executions that came of it."""
    before = set(Execution.objects.values_list("pk", flat=True))
    bench.sweep()
    bench.work()
    return list(Execution.objects.exclude(pk__in=before).order_by("pk"))


def test_a_push_is_followed_by_the_policy_that_selects_it(bench, follow, remote, door):
    policy = follow()
    follow(names="library/other")
    content = door.push(image(tag="v1"))
    assert Event.objects.exists()
    (execution,) = settle(bench)
    assert (execution.policy_id, execution.trigger, execution.state) == (policy.pk, "event_based", State.SUCCEED)
    assert remote.repositories[door.repository].tags == {"v1": Digest.parse(content.top.digest)}
    assert not Event.objects.exists()
    assert settle(bench) == []


def test_where_no_policy_follows_nothing_is_noted(bench, follow, door):
    follow(enabled=False)
    bench.policy(destination=bench.endpoint("http://127.0.0.1:1"), names=door.repository)
    door.push(image(tag="v1"))
    door.push(image(tag="v2"))
    assert not Event.objects.exists()


def test_a_push_that_fails_leaves_no_event(bench, follow, door):
    follow()
    content = image(tag="v1")
    content.blobs.clear()
    assert door.put_manifest(content.top, "v1").status_code == 400
    assert not Event.objects.exists()


def test_pushes_of_a_moment_go_together_and_one_of_them_is_one_artifact(bench, follow, remote, door):
    follow()
    content = Content()
    parts = [content.add_image(), content.add_image(architecture="arm64")]
    index = content.add_index(parts)
    door.push(content.tag("multi", index).tag("again", index))
    (execution,) = settle(bench)
    (task,) = bench.tasks(execution)
    assert (task.reference, task.tags) == (index.digest, ["again", "multi"])
    assert set(remote.repositories[door.repository].tags) == {"again", "multi"}


def test_a_signature_that_comes_later_is_followed_by_the_artifact_that_it_signs(bench, follow, remote, door):
    follow(filters=[{"type": "tag", "value": "v*"}])
    content = Content()
    signed = content.add_image()
    door.push(content.tag("v1", signed))
    settle(bench)
    later = Content()
    signature = later.add_artifact("application/x.signature", subject=signed.descriptor)
    cosign = later.add_artifact("application/x.cosign")
    door.push(later.tag(signed.digest.replace(":", "-") + ".sig", cosign))
    (execution,) = settle(bench)
    (task,) = bench.tasks(execution)
    assert (task.reference, task.state) == (signed.digest, State.SUCCEED)
    there = remote.repositories[door.repository]
    assert Digest.parse(signature.digest) in there.manifests
    assert there.tags[signed.digest.replace(":", "-") + ".sig"] == Digest.parse(cosign.digest)


def test_a_tag_put_on_what_is_here_is_followed(bench, follow, remote, door):
    follow()
    content = door.push(image(tag="v1"))
    settle(bench)
    tagging.create(door.repository, content.top.digest, "stable", actor=SYSTEM, context=CONTEXT)
    settle(bench)
    assert set(remote.repositories[door.repository].tags) == {"v1", "stable"}


def test_a_copy_within_the_registry_is_followed_like_a_push(bench, follow, remote, door):
    make_project("team")
    target = f"team/{unique()}"
    follow(names=target)
    door.push(image(tag="v1"))
    copying.copy(door.repository, "v1", target, actor=SYSTEM, context=CONTEXT)
    settle(bench)
    assert set(remote.repositories[target].tags) == {"v1"}


def test_deletions_are_followed_only_where_the_policy_says_so(bench, follow, remote, door):
    follow(deletion=False)
    content = door.push(image(tag="v1"))
    settle(bench)
    manifests.delete(door.repository, Digest.parse(content.top.digest), actor=SYSTEM, context=CONTEXT)
    assert settle(bench) == []
    assert set(remote.repositories[door.repository].tags) == {"v1"}


def test_an_artifact_that_is_deleted_here_is_deleted_there_and_its_repository_too(bench, follow, remote, door):
    follow(deletion=True)
    first, second = door.push(image(tag="v1")), door.push(image(tag="v2"))
    settle(bench)
    manifests.delete(door.repository, Digest.parse(first.top.digest), actor=SYSTEM, context=CONTEXT)
    (execution,) = settle(bench)
    assert [(task.operation, task.state) for task in bench.tasks(execution)] == [("deletion", State.SUCCEED)]
    assert remote.repositories[door.repository].tags == {"v2": Digest.parse(second.top.digest)}
    repositories.delete(door.repository, actor=SYSTEM, context=CONTEXT)
    settle(bench)
    assert remote.repositories[door.repository].manifests == {}


def test_a_tag_that_is_deleted_here_is_deleted_there_alone(bench, follow, remote, door):
    follow(deletion=True)
    content = door.push(image(tag="v1").tag("v2"))
    settle(bench)
    tagging.delete(door.repository, "v2", actor=SYSTEM, context=CONTEXT)
    settle(bench)
    assert remote.repositories[door.repository].tags == {"v1": Digest.parse(content.top.digest)}


def test_a_deletion_takes_only_what_the_filters_select(bench, follow, remote, door):
    follow(deletion=True, filters=[{"type": "tag", "value": "v*"}])
    content = door.push(image(tag="v1").tag("other"))
    settle(bench)
    remote.repositories[door.repository].tags["other"] = Digest.parse(content.top.digest)
    manifests.delete(door.repository, Digest.parse(content.top.digest), actor=SYSTEM, context=CONTEXT)
    settle(bench)
    assert remote.repositories[door.repository].tags == {"other": Digest.parse(content.top.digest)}


def test_what_was_pushed_again_before_its_deletion_got_there_stays(bench, follow, remote, door):
    follow(deletion=True)
    content = door.push(image(tag="v1"))
    settle(bench)
    manifests.delete(door.repository, Digest.parse(content.top.digest), actor=SYSTEM, context=CONTEXT)
    door.push(content)
    settle(bench)
    assert remote.repositories[door.repository].tags == {"v1": Digest.parse(content.top.digest)}
    assert set(Task.objects.values_list("text", flat=True)) >= {"left alone: the source has it again"}


def test_events_of_a_policy_that_runs_alone_wait_for_its_last_execution(bench, follow, remote, door):
    policy = follow(single_active=True)
    door.push(image(tag="v1"))
    bench.sweep()
    door.push(image(tag="v2"))
    bench.sweep()
    assert Execution.objects.filter(policy=policy).count() == 1
    assert Postponed.objects.filter(policy=policy).exists()
    bench.work()
    settle(bench)
    assert set(remote.repositories[door.repository].tags) == {"v1", "v2"}
    assert not Event.objects.exists()


def test_what_has_waited_is_followed_although_newer_executions_go_on(bench, follow, remote, door):
    policy = follow()
    away = Absence.objects.create(endpoint=policy.destination, since=Now(), tries=1, look_at=Now(), text="")
    door.push(image(tag="v1"))
    assert settle(bench) == []
    away.delete()
    bench.start(policy)
    settle(bench)
    assert set(remote.repositories[door.repository].tags) == {"v1"}
    assert not Postponed.objects.exists()


def test_what_waits_for_a_policy_that_is_disabled_is_dropped_whether_or_not_its_site_is_away(bench, follow, door):
    policy = follow()
    Absence.objects.create(endpoint=policy.destination, since=Now(), tries=1, look_at=Now(), text="")
    door.push(image(tag="v1"))
    events.follow()
    assert Postponed.objects.filter(policy=policy).exists()
    Policy.objects.update(enabled=False)
    events.follow()
    assert not Postponed.objects.exists()


_POSTPONE = """
INSERT INTO replication_postponed (policy_id, event) SELECT %s, jsonb_build_object(
    'kind', 'push', 'repository', 'far/app', 'digest', '', 'tags', jsonb_build_array('v' || n), 'labels', '[]'::jsonb,
    'types', ''
) FROM generate_series(1, %s) AS n
"""
_READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'replication_postponed'"


def rows_read_by_a_pass() -> Any:
    """How many, of the events that wait. PostgreSQL counts them within a transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        events.follow()
        cursor.execute(_READ)
        return cursor.fetchall()[0][0]


def test_a_pass_costs_the_same_however_many_events_wait_and_others_are_followed_at_once(bench, follow, remote, door):
    far, near = follow(names="far/**"), follow()
    away = Absence.objects.create(endpoint=far.destination, since=Now(), tries=1, look_at=Now(), text="")
    with connection.cursor() as cursor:
        cursor.execute(_POSTPONE, [far.pk, 20_000])
        cursor.execute(_POSTPONE, [near.pk, 1])
        cursor.execute("ANALYZE replication_postponed")
    door.push(image(tag="v1"))
    assert rows_read_by_a_pass() < 20
    bench.work()
    assert set(remote.repositories[door.repository].tags) == {"v1"}
    away.delete()
    assert rows_read_by_a_pass() < 2000
    begun = Execution.objects.filter(policy=far)
    assert {len(execution.event or []) for execution in begun} == {events.BATCH}
    assert Postponed.objects.filter(policy=far).count() == 20_000 - begun.count() * events.BATCH


def test_a_flood_that_one_policy_follows_keeps_none_from_another(bench, follow, remote, door, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 1)
    monkeypatch.setattr(events, "_EACH", 2)
    flooded, other = follow(names="flood/**"), follow()
    with connection.cursor() as cursor:
        cursor.execute(_FLOOD, [30])
    door.push(image(tag="v1"))
    events.follow()
    assert Execution.objects.filter(policy=other).exists()
    assert 0 < Execution.objects.filter(policy=flooded).count() <= 4
    for _ in range(30):
        events.follow()
        Execution.objects.update(ended_at=Now())
    assert not Postponed.objects.exists()
    followed = [
        event["tags"] for execution in Execution.objects.filter(policy=flooded) for event in execution.event or []
    ]
    assert sorted(followed) == sorted([[f"v{number}"] for number in range(1, 31)])


_FLOOD = """
INSERT INTO replication_event (kind, repository, digest, tags, labels, resource_type, at)
SELECT 'push', 'flood/app', '', ARRAY['v' || n], '{}', '', now() FROM generate_series(1, %s) AS n
"""


def test_what_comes_from_elsewhere_is_followed_on_and_goes_round_in_no_circle(bench, follow, remote, door):
    """A site that is fed by this one, and feeds it: the second time nothing differs."""
    endpoint = bench.endpoint(remote.url)
    onward = bench.policy(
        destination=endpoint, names=door.repository, trigger=Trigger.EVENT_BASED, override=True, name="onward"
    )
    back = bench.policy(source=endpoint, names=door.repository, override=True, name="back")
    door.push(image(tag="v1"))
    settle(bench)
    assert bench.run(back).unchanged == 1
    assert not Event.objects.exists()
    assert settle(bench) == []
    assert Execution.objects.filter(policy=onward).count() == 1


def test_more_than_one_execution_holds_is_followed_in_several(bench, follow, door, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 3)
    follow()
    for number in range(4):
        door.push(image(tag=f"v{number}"))
    found = settle(bench)
    assert len(found) > 1
    assert sum(execution.succeeded for execution in found) + sum(execution.unchanged for execution in found) >= 4
    assert {execution.state for execution in found} == {State.SUCCEED}
    assert Context() == Context()
