"""Nothing comes into a project over its limit: refused exactly at the push, and as early as it can be known."""

import random
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from artifacts import blobs, copying, limits, reconcile, store, usage
from artifacts.models import BlobLink, Manifest, ProjectBlob, Repository
from audit.models import AuditRecord
from configuration import actions as configuration
from configuration import values
from db.locks import free_lock, transaction_lock
from oci.digest import Digest
from oci.errors import Denied
from projects import quotas
from projects.models import Quota
from rbac.actors import SYSTEM
from tests.artifacts.counting import assert_no_differences, assert_right, limit, needed, used
from tests.artifacts.test_concurrency import at_once
from tests.artifacts.test_usage import size_of
from tests.artifacts.test_usage_at_once import doors, held_open, impatient, ready, with_layers
from tests.door import Door, error_of, image, unique
from tests.people import CONTEXT, make_project

KIB, MIB = 1024, 1024**2


def words_of(answer) -> str:
    assert error_of(answer) == (403, "DENIED")
    return str(answer.json()["errors"][0]["message"])


def layer(size: int) -> bytes:
    return (unique().encode() * (size // 12 + 1))[:size]


def upload(door: Door, *payloads: bytes) -> None:
    for payload in payloads:
        door.push_blob(payload)


def test_a_push_is_let_in_to_the_last_byte_and_no_further(door, project):
    content = image(tag=None)
    upload(door, *content.blobs.values())
    limit(project, size_of(content) - 1)
    words_of(door.put_manifest(content.top))
    assert used(project) == 0
    limit(project, size_of(content))
    assert door.put_manifest(content.top).status_code == 201
    assert used(project) == size_of(content)


def test_the_refusal_says_how_much_is_too_much(door, project):
    door.push(with_layers(layer(300 * KIB)))
    content = with_layers(layer(200 * KIB))
    upload(door, *content.blobs.values())
    limit(project, 400 * KIB)
    assert words_of(door.put_manifest(content.top)) == (
        "adding 200.4 KiB to the 300.4 KiB used would exceed the limit of 400.0 KiB of the project library"
    )


def test_a_refused_push_leaves_nothing(door, project):
    content = image()
    upload(door, *content.blobs.values())
    limit(project, 10)
    words_of(door.put_manifest(content.top, "latest"))
    assert not Manifest.objects.exists()
    assert not Repository.objects.exists()
    assert not AuditRecord.objects.filter(operation="create").exists()
    assert list(reconcile.reconcile(only=door.repository)) == []


def test_what_counts_already_may_always_come(door, project):
    content = door.push(image())
    limit(project, 1)
    assert door.put_manifest(content.top, "again").status_code == 201
    other = Door(f"library/{unique()}")
    for digest in content.blobs:
        blobs.mount(other.repository, Digest.parse(digest), door.repository)
    assert other.put_manifest(content.top).status_code == 201
    assert used(project) == size_of(content)


def test_a_deletion_makes_room(door, project):
    first, second = with_layers(layer(1000)), with_layers(layer(1000))
    limit(project, 2000)
    door.push(first)
    upload(door, *second.blobs.values())
    words_of(door.put_manifest(second.top))
    door.delete(f"manifests/{first.top.digest}")
    assert door.put_manifest(second.top).status_code == 201
    assert_right(project)


def test_no_limit_and_a_limit_that_is_not_enforced_refuse_nothing(door, project):
    door.push(image())
    limit(project, 1)
    configuration.update({"quota_per_project_enable": False}, actor="admin", context=CONTEXT)
    values.forget()
    door.push(image())
    assert used(project) == needed(project) > 1
    configuration.update({"quota_per_project_enable": True}, actor="admin", context=CONTEXT)
    values.forget()
    content = image(tag=None)
    words_of(door.post("blobs/uploads/"))
    limit(project, -1)
    door.push(content)
    Quota.objects.all().delete()
    door.push(image())


def test_a_copy_is_judged_as_a_push_before_anything_is_mounted(door, project):
    content = image()
    content.add_artifact("application/x.sbom", subject=content.top.descriptor)
    door.push(content)
    elsewhere = make_project(unique())
    limit(elsewhere, size_of(content) - 1)
    with pytest.raises(limits.QuotaExceeded):
        copying.copy(door.repository, "latest", f"{elsewhere.name}/app", actor=SYSTEM, context=CONTEXT)
    assert list(store.blobs_of(f"{elsewhere.name}/app")) == []
    limit(elsewhere, size_of(content))
    copying.copy(door.repository, "latest", f"{elsewhere.name}/app", actor=SYSTEM, context=CONTEXT)
    assert_right(elsewhere)


def test_what_the_store_has_is_adopted_whatever_the_limit(door, project):
    content = door.push(image())
    door.push(content)
    Manifest.objects.all().delete()
    BlobLink.objects.all().delete()
    Repository.objects.all().delete()
    connection.cursor().execute("DELETE FROM artifacts_projectblob")
    connection.cursor().execute("DELETE FROM projects_usagechange")
    limit(project, 1)
    assert [found.mended for found in reconcile.reconcile(adopt=True, only=door.repository)] == [True]
    assert used(project) == size_of(content) > 1


# Early


def gate(door: Door, method: str, query: str = "", **headers: str):
    asked = {
        "X-Repository": door.repository,
        "X-Upload": "00000000-0000-0000-0000-000000000000",
        "X-Original-Method": method,
        "X-Original-URI": f"/v2/{door.repository}/blobs/uploads/x{query}",
    }
    return door.client.get("/internal/gate/push", headers=asked | {n.replace("_", "-"): v for n, v in headers.items()})


def test_no_upload_begins_in_a_full_project(door, project):
    door.push(image())
    limit(project, used(project))
    assert words_of(door.post("blobs/uploads/")).startswith("the project library is full: ")
    limit(project, used(project) + 1)
    assert door.post("blobs/uploads/").status_code == 202


def test_the_gate_lets_no_bytes_through_that_have_no_room(door, project):
    limit(project, 3 * MIB)
    for length, status in [(3 * MIB, 204), (3 * MIB + 1, 403), (10**17, 403), (2 * MIB, 204)]:
        assert gate(door, "PATCH", X_Content_Length=str(length)).status_code == status
    digest = "sha256:" + "a" * 64
    for method in ("PUT", "POST"):
        words = words_of(gate(door, method, f"?digest={digest}", X_Content_Length=str(5 * MIB)))
        assert words.startswith("adding 5.0 MiB to the 0 B used would exceed")
        assert gate(door, method, f"?digest={digest}", X_Content_Length=str(2 * MIB)).status_code == 204
    assert gate(door, "PATCH").status_code == 204  # docker says no length
    assert gate(door, "PATCH", X_Content_Length="9" * 30).status_code == 204  # nobody's length


def test_the_view_says_what_the_gate_refused(door, project):
    limit(project, 3 * MIB)
    location = door.post("blobs/uploads/")["Location"]
    refused = {"X-Upload-Failed": "gate", "X-Content-Length": str(5 * MIB)}
    digest = "sha256:" + "a" * 64
    for answer in (
        door.client.patch(location, headers=refused),
        door.client.put(f"{location}&digest={digest}", headers=refused),
        door.client.post(door.url(f"blobs/uploads/?digest={digest}"), headers=refused),
    ):
        assert words_of(answer).startswith("adding 5.0 MiB ")


def test_the_gate_refuses_nothing_that_may_count_already(door, project):
    counted = layer(2 * MIB)
    content = door.push(with_layers(counted))
    digest = next(iter(content.blobs))
    limit(project, used(project) + MIB)
    other = Door(f"library/{unique()}")
    absent = "sha256:" + "a" * 64
    assert gate(other, "PUT", f"?digest={digest}", X_Content_Length=str(2 * MIB)).status_code == 204
    assert gate(other, "PUT", f"?digest={absent}", X_Content_Length=str(2 * MIB)).status_code == 403
    # A whole blob of the same size may be it; one of another size can't.
    assert gate(other, "PATCH", X_Content_Length=str(2 * MIB)).status_code == 204
    assert gate(other, "PATCH", X_Content_Length=str(2 * MIB - 1)).status_code == 403


def test_a_chunk_is_judged_by_where_it_ends(door, project, monkeypatch):
    door.push(with_layers(layer(2 * MIB)))
    monkeypatch.setattr("proxy.uploads.registry", Somewhere)
    limit(project, used(project) + 3 * MIB)

    def chunk(first: int, size: int) -> int:
        place = f"{first}-{first + size - 1}"
        Somewhere.at = first
        return int(gate(door, "PATCH", Content_Range=place, X_Content_Length=str(size)).status_code)

    assert chunk(0, MIB) == 204
    assert chunk(2 * MIB, MIB) == 204
    assert chunk(2 * MIB, MIB + 1) == 403
    limit(project, used(project))
    limits.forget()
    assert chunk(MIB, MIB) == 204  # may end as the blob that counts
    assert chunk(MIB, MIB + 1) == 403


class Somewhere:
    """A registry whose upload has as many bytes as the test says."""

    at = 0

    def upload_status(self, location: str) -> tuple[str, int]:
        return location, self.at


def test_a_mount_is_judged_by_the_blobs_size(door, project):
    source = Door(f"{make_project(unique()).name}/app")
    payload = layer(2 * MIB)
    source.push(with_layers(payload))
    digest = next(iter(with_layers(payload).blobs))
    limit(project, MIB)
    with pytest.raises(Denied):
        mounted(door, digest, source)
    limit(project, 3 * MIB)
    assert mounted(door, digest, source)


def mounted(door: Door, digest: str, source: Door) -> bool:
    return blobs.mount(door.repository, Digest.parse(digest), source.repository)


@pytest.mark.django_db(transaction=True)
def test_the_gate_asks_postgresql_rarely(door, project):
    from tests.roundtrips import counted  # noqa: PLC0415

    limit(project, 100 * MIB)
    for length in (MIB - 1, 5 * MIB, 5 * MIB):  # the second remembers
        gate(door, "PATCH", X_Content_Length=str(length))
    for length in (5, MIB - 1, 50 * MIB):
        with counted() as trips:
            assert gate(door, "PATCH", X_Content_Length=str(length)).status_code == 204
        assert trips() == 0


# At once


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("room", [0, 1, 3, 4])
def test_pushes_at_once_fill_the_limit_and_never_more(door, project, room):
    contents = [with_layers(layer(3000)) for _ in range(6)]
    deeds = [ready(place, content) for place, content in zip(doors(6), contents, strict=True)]
    size = size_of(contents[0])
    limit(project, size * room + size - 1)
    answers = at_once(*deeds)
    assert sorted(answers) == [201] * room + [403] * (6 - room)
    assert used(project) == size * room == needed(project)
    assert_no_differences()
    assert Manifest.objects.count() == room
    stored = [list(store.manifests_of(name)) for name in store.repositories() if "/" in name]
    assert sum(map(len, stored)) >= room


@pytest.mark.django_db(transaction=True)
def test_a_push_that_is_refused_in_the_end_is_taken_back_from_the_store(door, project):
    contents = [with_layers(layer(3000)) for _ in range(4)]
    places = doors(4)
    deeds = [ready(place, content) for place, content in zip(places, contents, strict=True)]
    limit(project, size_of(contents[0]) * 2)
    assert sorted(at_once(*deeds)) == [201, 201, 403, 403]
    for place in places:
        assert list(reconcile.reconcile(only=place.repository)) == []


@pytest.mark.django_db(transaction=True)
def test_small_and_large_pushes_at_once_never_go_over(door, project):
    """From far away to the limit and against it, by two pushes a thread."""
    sizes = [40, 200, 1000, 4000, 9000, 20000]
    places = doors(6)
    contents = [[with_layers(layer(size)) for _ in range(3)] for size in sizes]
    deeds = [[ready(place, each) for each in some] for place, some in zip(places, contents, strict=True)]
    hard = sum(size_of(each) for some in contents for each in some) * 2 // 3
    limit(project, hard)
    seen: list[int] = []
    over = threading.Event()

    def watch() -> None:
        for _ in range(200):
            if used(project) > hard:
                over.set()

    def push_all(some: list[Callable[[], int]]) -> None:
        seen.extend(deed() for deed in some)

    at_once(watch, *[lambda some=some: push_all(some) for some in deeds])
    assert not over.is_set()
    assert set(seen) == {201, 403}
    assert used(project) == needed(project) <= hard
    assert_no_differences()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_counting_and_judging_alone_never_goes_over_however_slowly_each_commits(project, seed):
    """Without a registry: what many do at once from far away to the limit, a commit delayed here and there."""
    hard = 1_000_000
    limit(project, hard)
    over: list[int] = []

    def come(number: int) -> int:
        chance, refused = random.Random(f"{seed}-{number}"), 0
        for turn in range(25):
            size = chance.choice([100, 1_500, 9_000, 19_000, 20_001, 90_000])
            try:
                with transaction.atomic():
                    counted = usage.count(project.pk, {f"sha256:{seed}-{number}-{turn}": size})
                    limits.admit(project, *counted)
                    time.sleep(chance.choice([0, 0, 0.002, 0.02]))
            except limits.QuotaExceeded:
                refused += 1
            if used(project) > hard:
                over.append(used(project))
            if number == 0 and turn % 4 == 3:
                quotas.fold()
        return refused

    refused = at_once(*[lambda number=number: come(number) for number in range(8)])
    assert over == []
    assert sum(refused) > 0
    assert hard - 90_000 < used(project) == sum(ProjectBlob.objects.values_list("size", flat=True)) <= hard


@pytest.mark.django_db(transaction=True)
def test_pushes_far_from_the_limit_do_not_wait_for_each_other(door, project, monkeypatch):
    limit(project, 10 * MIB)
    places = doors(6)
    deeds = [ready(place, with_layers(layer(5000))) for place in places]
    deeds.append(ready(Door(f"library/{unique()}"), with_layers(layer(150_000))))
    with held_open(monkeypatch, *deeds[:5]) as answers:
        assert impatient(deeds[5]) == 201
        assert impatient(deeds[6]) == 201
        assert answers == []
    assert answers == [201] * 5
    assert_right(project)


@pytest.mark.django_db(transaction=True)
def test_a_push_near_the_limit_waits_for_those_that_may_fill_it(door, project, monkeypatch):
    deeds = [ready(place, with_layers(layer(5000))) for place in doors(2)]
    limit(project, 11_000)
    with held_open(monkeypatch, deeds[0]):
        assert impatient(deeds[1]) == 503  # a client's own patience is longer
    assert deeds[1]() == 201
    assert_right(project)


@pytest.mark.django_db(transaction=True)
def test_a_push_that_must_be_alone_waits_for_those_far_from_the_limit(door, project, monkeypatch):
    """Else both would see the room that only one of them can have."""
    small = ready(Door(f"library/{unique()}"), with_layers(layer(1_000)))
    large = ready(door, with_layers(layer(90_000)))
    limit(project, 91_000)
    with held_open(monkeypatch, small):
        assert impatient(large) == 503
    assert large() == 403
    assert_right(project)


@pytest.mark.django_db(transaction=True)
def test_no_more_are_let_in_at_once_than_fit_above_far(door, project, monkeypatch):
    """Five large pushes of a fiftieth each are a tenth of the limit; the sixth waits for one of them."""
    *five, sixth = (ready(place, with_layers(layer(5_000))) for place in doors(6))
    limit(project, 300_000)
    with held_open(monkeypatch, *five) as answers:
        assert impatient(sixth) == 503
    assert answers == [201] * 5
    assert sixth() == 201
    assert_right(project)


@pytest.mark.django_db(transaction=True)
def test_tickets_are_few_and_whoever_gets_none_goes_alone(project, monkeypatch):
    limit(project, 640_000)
    figures = quotas.figures(project.pk)
    assert figures is not None
    taken, go_on = threading.Barrier(2, timeout=30), threading.Event()

    def take_all() -> None:
        with transaction.atomic():
            for n in range(64):
                assert free_lock([f"quota {project.pk} small {n}"])
            taken.wait()
            assert go_on.wait(30)

    def ask() -> list[bool]:
        taken.wait()
        with transaction.atomic():
            found = [limits._among_others(figures, 1000), limits._among_others(figures, 5000)]
        go_on.set()
        return found

    assert at_once(take_all, ask)[1] == [False, True]
    with transaction.atomic():
        assert limits._among_others(figures, 1000)
    assert not limits._among_others(figures, 20_000)


@pytest.mark.django_db(transaction=True)
def test_what_was_locked_in_vain_is_let_go(project):
    """A push that finds the limit near only then must not meet its own lock."""
    limit(project, 640_000)
    before = quotas.figures(project.pk)
    assert before is not None
    usage.count(project.pk, {"sha256:" + "a" * 64: 600_000})
    with transaction.atomic():
        assert not limits._among_others(before, 1000)

        def alone() -> bool:
            with transaction.atomic():
                transaction_lock(limits._lock(project.pk))
                return free_lock([f"quota {project.pk} small {n}" for n in range(64)]) is not None

        assert impatient_at_once(alone)


def impatient_at_once(deed: Callable[[], bool]) -> bool:
    """On another connection, without waiting for any lock."""

    def run() -> bool:
        connection.cursor().execute("SET lock_timeout = '50ms'")
        return deed()

    return bool(at_once(run)[0])
