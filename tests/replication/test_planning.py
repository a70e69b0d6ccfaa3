"""What differs is planned, what doesn't costs no task, and a planning that broke off is gone on with."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from artifacts import labelling
from artifacts.models import Repository
from oci.digest import Digest
from oci.errors import Unavailable
from projects.models import Label, Project
from rbac.actors import SYSTEM
from replication import claims, finding, planning
from replication.adapters.base import Adapter, Listed
from replication.comparing import Comparison, Sides
from replication.cursor import Place
from replication.finding import Candidate
from replication.journal import Journal
from replication.models import Execution, State, Task
from replication.work import Work
from tests.door import image, unique
from tests.people import CONTEXT
from tests.replication.conftest import fill


@pytest.fixture
def many(remote) -> list[str]:
    """Seven repositories of three tags each, elsewhere."""
    names = [f"far/app{place}" for place in range(7)]
    for name in names:
        for tag in ("a", "b", "c"):
            fill(remote.url, name, image(tag=tag))
    return names


@pytest.fixture
def pull(bench, remote):
    """A policy that pulls all of it."""

    def make(**fields):
        fields = {"names": "far/**", "namespace": f"near{unique()}"} | fields
        return bench.policy(source=bench.endpoint(remote.url), **fields)

    return make


class Killed(BaseException):
    """As if the process ended here."""


def test_a_planning_whose_process_died_is_gone_on_with_behind_its_last_batch(bench, many, remote, pull, monkeypatch):
    monkeypatch.setattr(planning, "BATCH", 2)
    execution = bench.start(pull())
    committed = planning.Planner._commit
    calls = []

    def commit(self, drafts, *rest):
        calls.append(drafts)
        if len(calls) == 6:
            raise Killed
        committed(self, drafts, *rest)

    monkeypatch.setattr(planning.Planner, "_commit", commit)
    assert bench.messages.pop() == ("plan", execution.pk)
    with pytest.raises(Killed):
        planning.plan(execution.pk)
    assert Task.objects.count() == 8
    bench.sweep()
    assert ("plan", execution.pk) not in bench.messages  # its lease holds
    Execution.objects.update(lease_until=Now() - timedelta(seconds=1))
    looked_at: list[str] = []

    def noted(shelf, *rest, **more):
        looked_at.append(shelf.repository)
        return finding.candidates(shelf, *rest, **more)

    monkeypatch.setattr(planning, "candidates", noted)
    bench.sweep()
    bench.work()
    ended = bench.seen(execution)
    assert (ended.state, ended.total, ended.succeeded) == (State.SUCCEED, 21, 21)
    assert looked_at == ["far/app2", "far/app3", "far/app4", "far/app5", "far/app6"]


def test_two_that_plan_the_same_execution_do_not_both_write(bench, many, pull, monkeypatch):
    execution = bench.start(pull())
    committed = planning.Planner._commit

    def commit(self, *rest):
        Execution.objects.filter(pk=execution.pk).update(planner="another")
        committed(self, *rest)

    monkeypatch.setattr(planning.Planner, "_commit", commit)
    bench.deliver()
    assert Task.objects.count() == 0
    assert bench.seen(execution).ended_at is None


def test_the_destination_is_asked_for_a_batch_ahead_and_what_a_broken_list_gave_is_planned(
    bench, door, remote, monkeypatch
):
    """Each is compared after the next one was read; so is one that nothing comes behind, and one before a fault."""
    monkeypatch.setattr(planning, "BATCH", 2)
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository)
    for tag in "abcde":
        door.push(image(tag=tag))
    every, asked, compared = finding.candidates, Comparison.ask, Comparison.of
    seen: list[str] = []

    def breaking(*args, **more):
        for place, each in enumerate(every(*args, **more)):
            if place == 4:
                raise Unavailable("the list breaks off")
            yield each

    def ask(self, batch):
        seen.append(f"ask {len(batch)}")
        return asked(self, batch)

    def of(self, batch, answers):
        seen.append(f"compare {len(batch)}")
        return compared(self, batch, answers)

    monkeypatch.setattr(Comparison, "ask", ask)
    monkeypatch.setattr(Comparison, "of", of)
    with monkeypatch.context() as broken:
        broken.setattr(planning, "candidates", breaking)
        execution = bench.start(policy)
        bench.deliver()
    assert seen == ["ask 2", "ask 2", "compare 2", "compare 2"]
    assert Task.objects.count() == 4
    assert "the list breaks off" in bench.seen(execution).text
    seen.clear()
    Execution.objects.update(not_before=Now())
    bench.sweep()
    bench.work()
    assert seen == ["ask 1", "compare 1"]
    assert (bench.seen(execution).state, bench.seen(execution).succeeded) == (State.SUCCEED, 5)


def test_what_is_there_is_counted_and_gets_no_task_by_tags_or_by_a_list(bench, many, remote, pull, door, monkeypatch):
    policy = pull()
    assert bench.run(policy).succeeded == 21
    fill(remote.url, "far/app3", image(tag="b"))
    again = bench.run(policy)
    assert (again.total, again.unchanged) == (0, 21)  # override is off
    assert again.text == (
        "1 left alone: their tags are on something else there, and override is off; 0 done, 21 unchanged"
    )
    policy.override = True
    policy.save()
    assert (bench.run(policy).total, bench.run(policy).total) == (1, 0)


def test_a_vendor_that_lists_artifacts_is_asked_for_no_tag(bench, door, remote, monkeypatch):
    first, second = door.push(image(tag="v1")), door.push(image(tag="v2"))
    policy = bench.policy(destination=bench.endpoint(remote.url), names=door.repository)
    listed = [Listed(first.top.digest, ("v1",), has_referrers=False), Listed(second.top.digest, ("v2",))]
    monkeypatch.setattr(Adapter, "artifacts", lambda *_: iter(listed))
    remote.calls.clear()
    assert bench.run(policy).unchanged == 2
    assert remote.calls == []


def test_an_artifact_without_a_tag_is_replicated_unless_the_policy_wants_tags(bench, door, remote):
    content = door.push(image(tag=None))
    endpoint = bench.endpoint(remote.url)
    wanting = bench.policy(destination=endpoint, names=door.repository, filters=[{"type": "tag", "value": "v*"}])
    assert bench.run(wanting).total == 0
    assert bench.run(bench.policy(destination=endpoint, names=door.repository)).succeeded == 1
    assert Digest.parse(content.top.digest) in remote.repositories[door.repository].manifests


def test_filters_of_tags_labels_and_types_narrow_what_is_planned(bench, door, remote):
    marked = door.push(image(tag="v1"))
    door.push(image(tag="v2"))
    label = Label.objects.create(name="release")
    repository = Repository.objects.get(name=door.repository)
    labelling.put_on(repository, marked.top.digest, label.pk, actor=SYSTEM, context=CONTEXT)
    endpoint = bench.endpoint(remote.url)

    def planned(*filters) -> set[str]:
        execution = bench.start(bench.policy(destination=endpoint, names=door.repository, filters=list(filters)))
        bench.deliver()
        bench.messages.clear()
        return {tag for task in bench.tasks(execution) for tag in task.tags}

    assert planned({"type": "label", "value": ["release"], "decoration": "matches"}) == {"v1"}
    assert planned({"type": "label", "value": ["release"], "decoration": "excludes"}) == {"v2"}
    assert planned({"type": "tag", "value": "v1", "decoration": "excludes"}) == {"v2"}
    assert planned({"type": "resource", "value": "chart"}) == set()
    assert planned({"type": "resource", "value": "image"}) == {"v1", "v2"}


def test_a_dry_run_tells_what_would_move_and_moves_nothing(bench, many, remote, pull):
    policy = pull()
    fill(remote.url, "far/shared", image(tag="v1"))
    execution = bench.run(policy, dry_run=True)
    assert (execution.state, execution.total) == (State.SUCCEED, 22)
    assert execution.text == "dry run: 22 to copy or delete, 0 unchanged"
    tasks = bench.tasks(execution)
    assert {task.state for task in tasks} == {State.PENDING}
    assert all(task.text.startswith("would be copied: 2 blob(s)") for task in tasks)
    size = sum(map(len, remote.content.values()))
    manifests = sum(len(payload) for each in remote.repositories.values() for _, payload in each.manifests.values())
    assert execution.bytes_total == size + manifests
    assert not Project.objects.filter(name=policy.namespace).exists()
    assert bench.run(policy).bytes_total == execution.bytes_total
    assert bench.run(policy, dry_run=True).bytes_total == 0


def test_a_window_of_tasks_is_sent_and_refilled_as_they_end(bench, many, pull, monkeypatch):
    monkeypatch.setattr("replication.dispatch.WINDOW", 4)
    execution = bench.start(pull())
    bench.deliver()
    assert len(bench.messages) == 4
    bench.sweep()
    assert len(bench.messages) == 4
    bench.deliver()
    assert len(bench.messages) == 4
    bench.messages.clear()  # the broker comes back empty
    bench.sweep()
    assert bench.messages == []  # not lost for certain yet
    Task.objects.exclude(sent_at=None).update(sent_at=Now() - timedelta(seconds=60))
    bench.sweep()
    assert len(bench.messages) == 4
    bench.work()
    assert bench.seen(execution).succeeded == 21


def test_a_planning_that_nobody_took_is_sent_again(bench, many, pull):
    execution = bench.start(pull())
    bench.messages.clear()
    bench.sweep()
    assert bench.messages == []
    Execution.objects.update(sent_at=Now() - timedelta(seconds=60))
    bench.sweep()
    assert bench.messages == [("plan", execution.pk)]
    assert claims.take_planning(execution.pk, "one") is not None
    assert claims.take_planning(execution.pk, "two") is None


# Places in lists, and comparisons, for whatever there is

_NAMES = st.lists(st.sampled_from([f"n{place}" for place in range(12)]), unique=True)


@given(_NAMES, st.integers(0, 11), _NAMES, st.booleans())
def test_whatever_a_list_is_like_the_second_time_what_was_behind_the_place_is_found(before, place, after, same):
    """All that is in the second list and wasn't gone through in the first comes, where the place is found or not."""
    if not before:
        return
    begun = before[place % len(before)]
    second = before if same else after
    anew: list[bool] = []
    found = list(planning._from(begun, lambda: iter(second), lambda: anew.append(True)))
    done = set(before[: before.index(begun)])
    wanted = set(second) if begun not in second else set(second[second.index(begun) :])
    assert set(found) == wanted
    assert bool(anew) == (begun not in second)
    if same:
        assert set(found) | done == set(second)


@given(st.text(), st.text(), st.integers(0, 10**6))
def test_a_place_is_read_as_it_was_written(repository, after, left):
    place = Place(repository, after, left)
    assert Place.parse(str(place)) == place
    assert Place.parse("") == Place()


_DIGESTS = [Digest.of(bytes([number])) for number in range(4)]
_TAGS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(_DIGESTS))


class Shelf:
    """A site that has tags, and nothing that refers to anything."""

    name, endpoint, is_quick = "shelf", 1, False

    def __init__(self, tags: dict[str, Digest], *, lists: bool) -> None:
        self.on, self.lists = tags, lists

    def artifacts(self, _):
        if not self.lists:
            return None
        return iter(
            Listed(str(digest), tuple(tag for tag, each in self.on.items() if each == digest))
            for digest in set(self.on.values())
        )

    def tags_on(self, _, expected):
        return {tag: self.on.get(tag) for tag in expected}


@given(_TAGS, _TAGS, st.booleans(), st.booleans())
def test_whatever_both_sides_have_what_differs_is_found_and_nothing_else(here, there, override, lists):
    batch = [
        Candidate(str(digest), digest, tuple(tag for tag in here if here[tag] == digest), has_referrers=False)
        for digest in dict.fromkeys(here.values())
    ]
    shelf = Shelf(there, lists=lists)
    sides = Sides(shelf, shelf, Work(Journal(None)), override=override)  # type: ignore[arg-type]
    comparison = Comparison(sides, "a/x", "b/x")
    found = comparison.of(batch, comparison.ask(batch))
    differing = {candidate.digest for candidate in found.differing}
    assert len(differing) + found.unchanged == len(batch)
    for candidate in batch:
        lacking = any(tag not in there for tag in candidate.tags)
        moved = any(there.get(tag, candidate.digest) != candidate.digest for tag in candidate.tags)
        assert (candidate.digest in differing) == (lacking or (moved and override))


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(_DIGESTS)), unique_by=lambda pair: pair[0]))
def test_tags_of_a_batch_come_together_by_their_digest_and_the_last_one_is_the_place(pairs):
    found = finding._grouped(pairs)
    assert {tag: each.digest for each in found for tag in each.tags} == dict(pairs)
    assert len({each.digest for each in found}) == len(found)
    if pairs:
        assert found[-1].key == pairs[-1][0]
