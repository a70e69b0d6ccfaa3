"""Moves within the registry: the artifact is in one repository or in the other, and nothing that stays is lost."""

import pytest

from artifacts import changes, manifests, moving
from artifacts.models import ArtifactLabel, Manifest, Repository
from audit.models import AuditRecord
from oci.digest import Digest
from oci.errors import Denied, ManifestUnknown, PreconditionFailed, Unavailable
from projects import quotas
from projects.models import Label, Project, Quota
from rbac.actors import SYSTEM
from tests.artifacts.test_concurrency import at_once, dangling
from tests.artifacts.test_copying import ABSENT, digests_in, tags_in, target
from tests.door import Door, image, unique
from tests.flows.content import Content
from tests.people import CONTEXT
from tests.rules import make_rule

__all__ = ["target"]


def move(source, digest, target):
    moving.move(source, Digest.parse(str(digest)), target, actor=SYSTEM, context=CONTEXT)


def used(project: str) -> int:
    figures = quotas.figures(Project.objects.get(name=project).pk)
    return figures.used if figures else 0


def test_an_image_is_there_with_its_tags_and_no_more_here(door, target):
    content = door.push(image(tag="v1").tag("latest"))
    before = used(door.repository.partition("/")[0])
    move(door.repository, content.top.digest, target)
    there = Door(target)
    assert there.get("manifests/v1").content == content.top.payload
    assert all(there.get(f"blobs/{digest}").status_code == 200 for digest in content.blobs)
    assert tags_in(target) == {"v1": content.top.digest, "latest": content.top.digest}
    assert door.get(f"manifests/{content.top.digest}").status_code == 404
    assert digests_in(door.repository) == set()
    assert Repository.objects.get(name=door.repository).artifact_count == 0
    assert Repository.objects.get(name=target).artifact_count == 1
    assert (used(door.repository.partition("/")[0]), used("team")) == (0, before)
    assert dangling() == []


def test_both_sides_write_down_what_happened_and_are_told(door, target, monkeypatch):
    content = door.push(image(tag="v1"))
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(changes, "_followers", [])
    changes.follow("true", lambda change: told.append((change.kind, change.repository)))
    move(door.repository, content.top.digest, target)
    here, there = f"{door.repository}@{content.top.digest}", f"{target}@{content.top.digest}"
    gone = AuditRecord.objects.get(operation="delete", resource_type="artifact", resource=here)
    came = AuditRecord.objects.get(operation="create", resource_type="artifact", resource=f"{target}:v1")
    assert (gone.detail["target"], came.detail["source"]) == (there, here)
    assert told == [("push", target), ("delete", door.repository)]


def test_an_index_leaves_with_all_of_its_own_and_without_what_has_another_holder(door, target):
    content = Content()
    parts = [content.add_image(architecture=each) for each in ("amd64", "arm64", "s390x")]
    index = content.add_index(parts)
    signature = content.add_artifact("application/x.signature", subject=index.descriptor)
    sbom = content.add_artifact("application/x.sbom", subject=parts[1].descriptor)
    other = content.add_index(parts[2:])
    door.push(content.tag("multi", index).tag("part", parts[1]).tag("other", other))
    move(door.repository, index.digest, target)
    assert digests_in(target) == {each.digest for each in content.manifests} - {other.digest}
    assert tags_in(target) == {"multi": index.digest}
    assert digests_in(door.repository) == {parts[1].digest, sbom.digest, parts[2].digest, other.digest}
    assert tags_in(door.repository) == {"part": parts[1].digest, "other": other.digest}
    assert signature.digest not in digests_in(door.repository)
    listed = Manifest.objects.filter(repository__name=door.repository, listed=True)
    assert {row.digest for row in listed} == {parts[1].digest, other.digest}
    assert dangling() == []


def test_signatures_by_the_tag_schema_leave_unless_the_target_has_others(door, target):
    content = image(tag="v1")
    top = content.top
    name = top.digest.replace(":", "-")
    ours, report = content.add_artifact("application/x.signature"), content.add_artifact("application/x.sbom")
    door.push(content.tag(f"{name}.sig", ours).tag(f"{name}.sbom", report))
    theirs = Content()
    theirs.add_artifact("application/x.other")
    Door(target).push(theirs.tag(f"{name}.sig"))
    move(door.repository, top.digest, target)
    assert tags_in(door.repository) == {f"{name}.sig": ours.digest}
    assert tags_in(target) == {
        "v1": top.digest, f"{name}.sig": theirs.top.digest, f"{name}.sbom": report.digest,
    }  # fmt: skip


def test_what_refers_to_it_and_has_a_tag_of_its_own_stays_and_is_listed(door, target):
    content = image(tag="v1")
    top = content.top
    report = content.add_artifact("application/x.sbom", subject=top.descriptor)
    door.push(content.tag("report", report))
    move(door.repository, top.digest, target)
    assert tags_in(door.repository) == {"report": report.digest}
    assert Repository.objects.get(name=door.repository).artifact_count == 1
    assert digests_in(target) == {top.digest, report.digest}


def test_labels_come_along_as_far_as_the_target_has_them(door, target):
    content = door.push(image(tag="v1"))
    source = Manifest.objects.get(repository__name=door.repository)
    own = Label.objects.create(project=source.repository.project, name="ours")
    everywhere = Label.objects.create(name="approved")
    for label in (own, everywhere):
        ArtifactLabel.objects.create(manifest=source, label=label)
    within = f"{door.repository}-renamed"
    move(door.repository, content.top.digest, within)
    assert set(ArtifactLabel.objects.values_list("label__name", flat=True)) == {"ours", "approved"}
    move(within, content.top.digest, target)
    assert set(ArtifactLabel.objects.values_list("label__name", flat=True)) == {"approved"}


def test_within_a_project_nothing_more_is_used_however_full_it_is(door):
    content = door.push(image(tag="v1"))
    name = door.repository.partition("/")[0]
    before = used(name)
    Quota.objects.filter(project__name=name).update(hard=before)
    move(door.repository, content.top.digest, f"{name}/{unique()}")
    assert used(name) == before


def test_an_immutable_tag_moves_neither_away_nor_over_another(door, target):
    content = door.push(image(tag="v1"))
    rule = make_rule(Project.objects.get(name=door.repository.partition("/")[0]), "v*")
    with pytest.raises(PreconditionFailed, match="v1 is configured as immutable, cannot be deleted"):
        move(door.repository, content.top.digest, target)
    assert not Repository.objects.filter(name=target).exists()
    rule.delete()
    first = Door(target).push(image(tag="v1"))
    make_rule(Project.objects.get(name="team"), "v*")
    with pytest.raises(PreconditionFailed, match="v1 is configured as immutable, cannot be updated"):
        move(door.repository, content.top.digest, target)
    assert tags_in(target) == {"v1": first.top.digest}
    assert tags_in(door.repository) == {"v1": content.top.digest}


def test_a_part_of_an_index_cannot_leave_by_itself(door, target):
    content = Content()
    part = content.add_image()
    door.push(content.tag("multi", content.add_index([part])))
    with pytest.raises(Denied):
        move(door.repository, part.digest, target)
    assert digests_in(target) == set()


def test_a_move_that_fails_at_its_end_has_moved_nothing(door, target, monkeypatch):
    content = door.push(image(tag="v1"))

    def fail(*arguments, **options):
        raise Unavailable("the lights went out")

    monkeypatch.setattr(manifests, "remove", fail)
    records = AuditRecord.objects.count()
    with pytest.raises(Unavailable):
        move(door.repository, content.top.digest, target)
    assert digests_in(door.repository) == {content.top.digest}
    assert digests_in(target) == set()
    assert AuditRecord.objects.count() == records


def test_what_is_not_there_or_is_there_already_is_said(door, target):
    content = door.push(image())
    with pytest.raises(ManifestUnknown):
        move(door.repository, ABSENT, target)
    with pytest.raises(PreconditionFailed):
        move(door.repository, content.top.digest, door.repository)
    assert digests_in(door.repository) == {content.top.digest}


@pytest.mark.django_db(transaction=True)
def test_two_that_cross_each_other_both_arrive(door, target):
    here, there = door.repository, target
    one, two = door.push(image(tag="one")).top.digest, Door(target).push(image(tag="two")).top.digest
    for _ in range(3):
        at_once(lambda: move(here, one, there), lambda: move(there, two, here))  # noqa: B023
        here, there = there, here
        assert (tags_in(here), tags_in(there)) == ({"one": one}, {"two": two})
    assert dangling() == []


@pytest.mark.django_db(transaction=True)
def test_of_two_moves_of_one_artifact_one_is_late(door, target):
    digest = door.push(image(tag="v1")).top.digest

    def go(to: str) -> bool:
        try:
            move(door.repository, digest, to)
        except ManifestUnknown:
            return False
        return True

    assert sorted(at_once(lambda: go(target), lambda: go(f"{target}-2"))) == [False, True]
    assert Manifest.objects.filter(digest=digest).count() == 1
