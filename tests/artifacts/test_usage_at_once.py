"""Many at once: what is counted stays what is needed, and pushes to a project don't wait for each other."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import connection, transaction

from artifacts import limits, repositories
from artifacts.models import Manifest, ProjectBlob
from oci.errors import NameUnknown
from projects import quotas
from rbac.actors import SYSTEM
from tests.artifacts.counting import assert_no_differences, assert_right, needed, used
from tests.artifacts.test_concurrency import at_once
from tests.door import Door, image, unique
from tests.flows.content import OCI_MANIFEST, Content
from tests.people import CONTEXT, make_project

pytestmark = pytest.mark.django_db(transaction=True)


def with_layers(*layers: bytes) -> Content:
    content = Content()
    found = [content.add_blob(layer) for layer in layers]
    config = content.add_blob(unique().encode())
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": found})
    return content


def ready(door: Door, content: Content) -> Callable[[], int]:
    """Upload the blobs; the deed left is the push of the manifest, whose status it answers."""
    for payload in content.blobs.values():
        door.push_blob(payload)
    return lambda: int(door.put_manifest(content.top).status_code)


def doors(count: int, project: str = "library") -> list[Door]:
    return [Door(f"{project}/{unique()}") for _ in range(count)]


def test_a_layer_that_many_bring_at_once_counts_once(door, project):
    layer = unique().encode() * 1000
    deeds = [ready(place, with_layers(layer, b"own" + unique().encode())) for place in doors(6)]
    assert at_once(*deeds) == [201] * 6
    assert used(project) == needed(project)
    assert ProjectBlob.objects.filter(size=len(layer)).count() == 1
    assert_no_differences()


def test_pushes_and_folding_at_once_lose_nothing(door, project):
    deeds = [ready(place, image(tag=None)) for place in doors(5)]
    answers = at_once(*deeds, *[lambda: [quotas.fold() for _ in range(20)]] * 3)
    assert answers[:5] == [201] * 5
    quotas.fold()
    assert used(project) == needed(project)
    assert_no_differences()


@pytest.mark.parametrize("attempt", range(12))
def test_a_push_racing_the_deletion_of_the_last_that_needs_its_layers(door, project, attempt):
    """In two repositories, which no lock of a repository keeps apart."""
    other = Door(f"library/{unique()}")
    layers = [unique().encode() * 50 for _ in range(4)]
    first = with_layers(*layers)
    other.push(first)
    pushing = ready(door, with_layers(*layers, b"more" + unique().encode()))
    assert at_once(pushing, lambda: other.delete(f"manifests/{first.top.digest}").status_code) == [201, 202]
    assert_right(project)
    assert_no_differences()


@pytest.mark.parametrize("attempt", range(6))
def test_a_push_racing_the_deletion_of_a_repository_of_its_project(door, project, attempt):
    other = Door(f"library/{unique()}")
    layers = [unique().encode() * 50 for _ in range(4)]
    other.push(with_layers(*layers))

    def delete() -> None:
        repositories.delete(other.repository, actor=SYSTEM, context=CONTEXT)

    status, _ = at_once(ready(door, with_layers(*layers)), delete)
    assert status == 201
    assert_right(project)
    assert_no_differences()


@pytest.mark.parametrize("attempt", range(6))
def test_deletions_of_the_last_two_that_share_layers_give_them_back_once(door, project, attempt):
    other = Door(f"library/{unique()}")
    layers = [unique().encode() * 50 for _ in range(3)]
    contents = [with_layers(*layers), with_layers(*layers)]
    for place, content in zip((door, other), contents, strict=True):
        place.push(content)
    answers = at_once(
        lambda: door.delete(f"manifests/{contents[0].top.digest}").status_code,
        lambda: other.delete(f"manifests/{contents[1].top.digest}").status_code,
    )
    assert answers == [202, 202]
    assert used(project) == 0
    assert_no_differences()


def test_whatever_happens_at_once_the_figures_are_what_the_manifests_need(door, project):
    """Pushes, deletions and folding of four threads in two projects whose layers overlap."""
    second = make_project(unique())
    pool = [unique().encode() * size for size in (10, 100, 1000, 20, 30)]
    places = doors(3) + doors(2, second.name)

    def live(seed: int) -> Callable[[], list[int]]:
        chance = random.Random(seed)

        def deeds() -> list[int]:
            seen = []
            for _ in range(12):
                place = chance.choice(places)
                held = list(Manifest.objects.filter(repository__name=place.repository).values_list("digest", flat=True))
                dice = chance.random()
                if dice < 0.1:
                    quotas.fold()
                elif dice < 0.2:
                    with suppress(NameUnknown):
                        repositories.delete(place.repository, actor=SYSTEM, context=CONTEXT)
                elif dice < 0.5 and held:
                    seen.append(place.delete(f"manifests/{chance.choice(held)}").status_code)
                else:
                    content = with_layers(*chance.sample(pool, 3))
                    for payload in content.blobs.values():
                        place.push_blob(payload)
                    seen.append(place.put_manifest(content.top).status_code)
            return seen

        return deeds

    for answers in at_once(*[live(seed) for seed in range(4)]):
        # 400: the repository was deleted between the blobs and the manifest; 404: so was the manifest.
        assert set(answers) <= {201, 202, 400, 404}
    assert_right(project, second)
    assert_no_differences()


# Waiting


@contextmanager
def held_open(monkeypatch, *deeds: Callable[[], int]) -> Iterator[list[int]]:
    """Deeds that push, each in a thread that stops when it has done all but commit, for as long as the block lasts."""
    done, go_on = threading.Semaphore(0), threading.Event()
    answers: list[int] = []
    threads: list[threading.Thread] = []
    admit = limits.admit

    def stop(*arguments) -> None:
        admit(*arguments)
        if threading.current_thread() in threads:
            done.release()
            assert go_on.wait(30)

    monkeypatch.setattr(limits, "admit", stop)

    def run(deed: Callable[[], int]) -> None:
        try:
            answers.append(deed())
        finally:
            connection.close()

    threads.extend(threading.Thread(target=run, args=(deed,)) for deed in deeds)
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            assert done.acquire(timeout=30)
        yield answers
    finally:
        go_on.set()
        for thread in threads:
            thread.join(30)


def impatient(deed: Callable[[], int]) -> int:
    """Do it without waiting for any lock."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    try:
        return deed()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def test_pushes_to_a_project_do_not_wait_for_each_other(door, project, monkeypatch):
    base = unique().encode() * 100
    door.push(with_layers(base))
    places = doors(5)
    deeds = [ready(place, with_layers(base, unique().encode())) for place in places]
    with held_open(monkeypatch, *deeds[:4]) as answers:
        assert impatient(deeds[4]) == 201
        assert impatient(lambda: (quotas.fold() and 1) or 1) == 1
        assert answers == []
    assert answers == [201] * 4
    assert_right(project)
    assert_no_differences()


def test_a_deletion_waits_for_a_push_that_shares_a_layer_and_for_no_other(door, project, monkeypatch):
    base, apart = unique().encode() * 100, unique().encode() * 100
    shared, alone = with_layers(base), with_layers(apart)
    door.push(shared)
    door.push(alone)
    pushing = ready(Door(f"library/{unique()}"), with_layers(base, unique().encode()))
    with held_open(monkeypatch, pushing):
        assert impatient(lambda: door.delete(f"manifests/{alone.top.digest}").status_code) == 202
        assert impatient(lambda: door.delete(f"manifests/{shared.top.digest}").status_code) == 503
    assert door.delete(f"manifests/{shared.top.digest}").status_code == 202
    assert_right(project)
    assert_no_differences()


def test_a_push_that_fails_after_it_was_counted_counts_nothing(door, project, monkeypatch):
    deed = ready(door, image(tag=None))
    monkeypatch.setattr("artifacts.push.audit.record", lambda **_: 1 / 0)
    assert deed() == 500
    assert used(project) == 0
    with transaction.atomic():
        assert not ProjectBlob.objects.exists()
