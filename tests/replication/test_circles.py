"""Two sites that follow each other: news that comes back late takes nothing back. The other site is this one's door."""

from datetime import UTC, datetime, timedelta

import pytest

from artifacts import tagging
from artifacts.models import Tag
from oci import tagged
from oci.digest import Digest
from oci.listener import Reply
from rbac.actors import SYSTEM
from replication.adapters import Adapter
from replication.models import LogLine, State, Task
from tests.door import error_of, image
from tests.people import CONTEXT
from tests.rules import make_rule

NOW = datetime.now(UTC)
_REFUSED = b'{"errors": [{"code": "PRECONDITION", "message": "later", "detail": {"later": true}}]}'


def news(door, content, tag, at):
    """A push as another site replicates it, of what was tagged there at `at`."""
    headers = {tagged.HEADER: tagged.written(at)} if isinstance(at, datetime) else {tagged.HEADER: at}
    manifest = content.top
    url = door.url(f"manifests/{tag}")
    return door.client.put(url, data=manifest.payload, content_type=manifest.media_type, headers=headers)


def on(door, tag):
    return door.head(f"manifests/{tag}").headers.get("Docker-Content-Digest")


@pytest.mark.parametrize("ruled", [False, True])
def test_late_news_moves_no_tag_that_was_put_elsewhere_later(door, project, ruled):
    """Also in a project with rules, whose tags are moved otherwise."""
    if ruled:
        make_rule(project, "never-*")
    older, newer = door.push(image(tag=None)), door.push(image(tag="v1"))
    refused = news(door, older, "v1", NOW - timedelta(seconds=5))
    assert error_of(refused) == (412, "PRECONDITION")
    assert refused.json()["errors"][0]["detail"]["later"] is True
    assert on(door, "v1") == newer.top.digest
    assert news(door, older, "v1", datetime.now(UTC)).status_code == 201
    assert on(door, "v1") == older.top.digest


def test_a_push_here_is_later_than_what_came_from_a_clock_that_is_ahead(door):
    ahead = datetime.now(UTC) + timedelta(minutes=10)
    first, second = door.push(image(tag=None)), image(tag="v1")
    assert news(door, first, "v1", ahead).status_code == 201
    assert Tag.objects.get(name="v1").pushed_at == ahead
    door.push(second)
    assert Tag.objects.get(name="v1").pushed_at > ahead
    assert news(door, first, "v1", ahead).status_code == 412
    assert on(door, "v1") == second.top.digest


@pytest.mark.parametrize(
    "at", ["soon", "2026-01-01", "9999-01-01T00:00:00+00:00", "0001-01-01T00:00:00+23:59", "2026-01-01T00:00:00\u00e9"]
)
def test_a_time_that_is_none_is_refused_in_words(door, at):
    content = door.push(image(tag=None))
    answer = news(door, content, "v1", at)
    assert error_of(answer) == (400, "TAG_INVALID")
    assert tagged.HEADER in answer.json()["errors"][0]["message"]


def test_news_tells_when_it_was_tagged_and_what_is_run_by_hand_does_not(bench, follow, remote, door):
    told = []

    def guard(call):
        if call.method == "PUT" and call.path.endswith("/manifests/v1"):
            told.append({name.lower(): value for name, value in call.headers.items()}.get(tagged.HEADER.lower()))

    remote.guard = guard
    policy = follow()
    door.push(image(tag="v1"))
    at = tagged.written(Tag.objects.get(name="v1").pushed_at)
    bench.sweep()
    bench.work()
    assert told == [at]
    del remote.repositories[door.repository].tags["v1"]
    bench.run(policy)
    assert told == [at, None]


def test_a_tag_that_has_later_news_there_is_left_alone_and_the_others_move(bench, follow, remote, door):
    refusal = Reply(412, {"Content-Type": "application/json"}, _REFUSED)
    remote.guard = lambda call: refusal if call.body and call.path.endswith("/manifests/v1") else None
    follow()
    content = door.push(image(tag="v1").tag("v2"))
    bench.sweep()
    bench.work()
    (task,) = Task.objects.all()
    assert task.state == State.SUCCEED
    assert remote.repositories[door.repository].tags == {"v2": Digest.parse(content.top.digest)}
    warnings = LogLine.objects.filter(task=task, level="WARNING").values_list("text", flat=True)
    assert any(text.startswith("v1 was moved later") for text in warnings)


@pytest.mark.parametrize(("later", "stays"), [(True, True), (False, False)])
def test_a_deletion_takes_nothing_that_was_put_there_later(bench, follow, remote, door, monkeypatch, later, stays):
    follow(deletion=True)
    content = door.push(image(tag="v1"))
    bench.sweep()
    bench.work()
    tagging.delete(door.repository, "v1", actor=SYSTEM, context=CONTEXT)
    moved = datetime.now(UTC) + (timedelta(seconds=1) if later else timedelta(hours=-1))
    monkeypatch.setattr(Adapter, "put_at", lambda *_: moved)
    bench.sweep()
    bench.work()
    tags = remote.repositories[door.repository].tags
    assert tags == ({"v1": Digest.parse(content.top.digest)} if stays else {})
    text = Task.objects.get(operation="deletion").text
    assert text == ("left alone: it was put there again later" if stays else "deleted")
