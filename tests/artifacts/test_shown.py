"""What pages tell of artifacts beside Harbor's lists: amounts with a bound, searches, previews, arrivals, activity."""

from datetime import UTC, date, datetime, timedelta

import pytest

import audit
from artifacts import activity, arrivals, finding, previews, sizes
from artifacts.models import Blob, BlobLink, Figure, Manifest, Repository, Tag
from projects import immutability
from projects.errors import InvalidImmutableRule
from projects.immutability import Selector
from tests.people import CONTEXT, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(db) -> Repository:
    return Repository.objects.create(name="team/app", project=make_project("team"))


def image(repository: Repository, number: int, *tags: str, hour: int = 0) -> Manifest:
    made = Manifest.objects.create(
        repository=repository, digest=f"sha256:{number:064x}", media_type="x", payload=b"{}", size=number,
        pushed_at=datetime(2026, 1, 1, hour, tzinfo=UTC),
    )  # fmt: skip
    Tag.objects.bulk_create(Tag(repository=repository, name=name, manifest=made) for name in tags)
    return made


def link(repository: Repository, number: int, size: int) -> None:
    digest = f"sha256:{number:064x}"
    blob = Blob.objects.create(digest=digest, canonical=digest, size=size)
    BlobLink.objects.create(repository=repository, blob=blob)


def test_what_is_stored_is_exact_up_to_a_bound(repository, monkeypatch):
    empty = Repository.objects.create(name="team/empty", project=repository.project)
    for number in range(3):
        link(repository, number, 10)
    found = sizes.stored([repository.pk, empty.pk])
    assert (found[repository.pk], found[empty.pk]) == (sizes.Amount(30, more=False), sizes.Amount(0, more=False))
    monkeypatch.setattr(sizes, "FEW_BLOBS", 1)
    assert sizes.stored([repository.pk])[repository.pk] == sizes.Amount(20, more=True)


def test_so_are_repositories(repository, monkeypatch):
    project = repository.project_id
    assert sizes.repositories([project]) == {project: sizes.Amount(1, more=False)}
    Repository.objects.create(name="team/other", project=repository.project)
    monkeypatch.setattr(sizes, "FEW_REPOSITORIES", 1)
    assert sizes.repositories([project]) == {project: sizes.Amount(1, more=True)}
    assert sizes.repositories([]) == {}


def test_the_last_push_is_that_of_the_newest_artifact(repository):
    image(repository, 1, hour=1)
    image(repository, 2, hour=5)
    assert sizes.last_pushes([repository.pk]) == {repository.pk: datetime(2026, 1, 1, 5, tzinfo=UTC)}


def test_a_part_of_a_tag_is_found_anywhere_in_a_small_repository_and_at_its_beginning_in_a_large_one(
    repository, monkeypatch
):
    one, _two = image(repository, 1, "v1.0", "stable"), image(repository, 2, "old-v1")
    rows = Manifest.objects.filter(repository=repository)
    assert finding.tagged(rows, repository, "V1").count() == 2
    monkeypatch.setattr(finding, "FEW", -1)
    assert list(finding.tagged(rows, repository, "v1")) == [one]
    assert not finding.tagged(rows, repository, "able").exists()


def test_a_rule_is_previewed_before_it_is_made(repository):
    image(repository, 1, "v1", "v2", "latest")
    other = Repository.objects.create(name="team/lib/x", project=repository.project)
    image(other, 2, "v9")
    rules = immutability.draft(Selector("repoMatches", "app"), Selector("matches", "v*"))
    found = previews.covered(repository.project, rules)
    assert (found.looked_at, found.covered, sorted(found.names)) == (4, 2, ["team/app:v1", "team/app:v2"])
    assert found.whole
    with pytest.raises(InvalidImmutableRule):
        immutability.draft(Selector("repoMatches", "{"), Selector("matches", "v*"))


def test_a_preview_says_when_there_is_more(repository, monkeypatch):
    image(repository, 1, *(f"v{number}" for number in range(9)))
    monkeypatch.setattr(previews, "_TAGS", 4)
    found = previews.covered(
        repository.project, immutability.draft(Selector("repoMatches", "**"), Selector("matches", "*"))
    )
    assert (found.looked_at, found.covered, found.whole) == (4, 4, False)


def test_arrivals_are_the_newest_of_several_projects(repository):
    other = Repository.objects.create(name="more/app", project=make_project("more"))
    image(repository, 1, "a", hour=1)
    image(other, 2, "b", hour=2)
    image(repository, 3, hour=3)
    found = arrivals.newest([repository.project_id, other.project_id], 2)
    assert [(row.repository_name, tags) for row, tags in found] == [("team/app", []), ("more/app", ["b"])]
    assert arrivals.newest([], 2) == []


def test_pulls_and_pushes_are_counted_by_day_and_kept(monkeypatch):
    today = datetime.now(UTC).date()

    def record(operation: str) -> None:
        audit.record(actor="x", operation=operation, resource_type="artifact", resource="team/app", context=CONTEXT)

    for operation in ("pull", "pull", "create"):
        record(operation)
    Figure.objects.create(
        name=f"pulls {(today - timedelta(days=3)).isoformat()}", value=7, measured_at=datetime.now(UTC)
    )
    Figure.objects.create(name="pulls 2000-01-01", value=7, measured_at=datetime.now(UTC))
    activity.measure(today)
    days = activity.recent(today)
    assert len(days) == activity.DAYS
    assert (days[-1].pulls, days[-1].pushes, days[-4].pulls) == (2, 1, 7)
    record("pull")
    activity.measure(today)
    assert activity.recent(today)[-1].pulls == 3
    assert not Figure.objects.filter(name="pulls 2000-01-01").exists()
    assert activity.recent(date(2000, 1, 1))[-1].pulls == 0
