"""Immutable tags at /v2: they come, and then they neither move nor go."""

import pytest

from artifacts.models import Manifest, Tag
from artifacts.upstream import registry
from audit.models import AuditRecord
from oci.digest import Digest
from projects import immutability
from projects.models import ImmutableRule
from rbac.actors import SYSTEM
from tests.door import Door, error_of, image, unique
from tests.people import CONTEXT
from tests.roundtrips import counted
from tests.rules import make_rule


def words_of(answer):
    return answer.json()["errors"][0]["message"]


@pytest.fixture
def ruled(project):
    """`v*` is immutable everywhere in `library`."""
    return make_rule(project, "v*")


def pushed_to(door, *tags):
    content = image(tag=None)
    for tag in tags:
        content.tag(tag)
    return door.push(content)


def test_a_new_tag_comes_whatever_the_rules_say(door, ruled):
    content = pushed_to(door, "v1")
    assert door.head("manifests/v1")["Docker-Content-Digest"] == content.top.digest


def test_an_immutable_tag_does_not_move(door, ruled):
    first = pushed_to(door, "v1", "latest")
    second = pushed_to(door)
    refused = door.put_manifest(second.top, "v1")
    assert error_of(refused) == (412, "PRECONDITION")
    assert words_of(refused) == f"the tag {door.repository}:v1 is configured as immutable, cannot be updated"
    assert door.head("manifests/v1")["Docker-Content-Digest"] == first.top.digest
    assert door.put_manifest(second.top, "latest").status_code == 201
    assert door.head("manifests/latest")["Docker-Content-Digest"] == second.top.digest


def test_a_refused_push_leaves_nothing_behind(door, ruled):
    pushed_to(door, "v1")
    records = AuditRecord.objects.count()
    second = image(tag=None)
    for payload in second.blobs.values():
        door.push_blob(payload)
    assert error_of(door.put_manifest(second.top, "v1"))[0] == 412
    assert Manifest.objects.count() == 1
    assert AuditRecord.objects.count() == records


def test_of_several_tags_one_that_is_immutable_holds_all_back(door, ruled):
    pushed_to(door, "v1", "x")
    second = pushed_to(door)
    before = dict(Tag.objects.values_list("name", "manifest"))
    answer = door.put_manifest(second.top, f"{second.top.digest}?tag=x&tag=v1&tag=new")
    assert error_of(answer) == (412, "PRECONDITION")
    assert dict(Tag.objects.values_list("name", "manifest")) == before
    assert door.put_manifest(second.top, f"{second.top.digest}?tag=x&tag=v2&tag=new").status_code == 201


def test_the_same_manifest_may_be_pushed_to_its_immutable_tag_again(door, ruled):
    content = pushed_to(door, "v1")
    before = Tag.objects.get().pushed_at
    assert door.put_manifest(content.top, "v1").status_code == 201
    assert door.put_manifest(content.top, f"{content.top.digest}?tag=v1").status_code == 201
    assert Tag.objects.get().pushed_at == before
    pushed_to(door, "latest")
    assert door.put_manifest(content.top, "latest").status_code == 201
    assert Tag.objects.get(name="latest").manifest.digest == content.top.digest


def test_an_immutable_tag_is_not_deleted(door, ruled):
    content = pushed_to(door, "v1", "latest")
    refused = door.delete("manifests/v1")
    assert error_of(refused) == (412, "PRECONDITION")
    assert words_of(refused) == f"the tag {door.repository}:v1 is configured as immutable, cannot be deleted"
    assert error_of(door.delete("manifests/v2")) == (404, "MANIFEST_UNKNOWN")
    assert error_of(door.delete(f"manifests/{content.top.digest}")) == (412, "PRECONDITION")
    assert registry().get_manifest(door.repository, Digest.parse(content.top.digest)) is not None
    assert door.delete("manifests/latest").status_code == 202
    assert set(Tag.objects.values_list("name", flat=True)) == {"v1"}
    assert not AuditRecord.objects.filter(operation="delete", resource_type="artifact").exists()


def test_a_subject_stays_while_what_refers_to_it_has_an_immutable_tag(door, ruled):
    content = image(tag=None)
    top = content.top
    signature = content.add_artifact("application/x.signature", subject=top.descriptor)
    stamp = content.add_artifact("application/x.timestamp", subject=signature.descriptor)
    door.push(content.tag("v1-stamp", stamp).tag("plain", top))
    assert error_of(door.delete(f"manifests/{top.digest}")) == (412, "PRECONDITION")
    assert Manifest.objects.count() == 3
    ImmutableRule.objects.all().delete()
    assert door.delete(f"manifests/{top.digest}").status_code == 202
    assert not Manifest.objects.exists()


def test_a_rule_speaks_of_the_repositories_it_matches(door, project):
    make_rule(project, "v*", "apps/**")
    apps = Door(f"library/apps/{unique()}")
    for each in (door, apps):
        pushed_to(each, "v1")
    second = pushed_to(door)
    assert door.put_manifest(second.top, "v1").status_code == 201
    assert door.delete("manifests/v1").status_code == 202
    assert error_of(apps.delete("manifests/v1"))[0] == 412


def test_a_rule_that_is_disabled_or_gone_holds_nothing(door, project, ruled):
    pushed_to(door, "v1")
    immutability.change(project, ruled.pk, disabled=True, actor=SYSTEM, context=CONTEXT)
    second = pushed_to(door, "v1")
    immutability.change(project, ruled.pk, disabled=False, actor=SYSTEM, context=CONTEXT)
    assert error_of(door.delete("manifests/v1"))[0] == 412
    immutability.remove(project, ruled.pk, actor=SYSTEM, context=CONTEXT)
    assert door.head("manifests/v1")["Docker-Content-Digest"] == second.top.digest
    assert door.delete("manifests/v1").status_code == 202


def test_excluded_tags_move_and_all_others_do_not(door, project):
    selectors = immutability.Selector("repoMatches", "**"), immutability.Selector("excludes", "{latest,dev-*}")
    immutability.create(project, *selectors, actor=SYSTEM, context=CONTEXT)
    pushed_to(door, "latest", "dev-1", "1.0")
    second = pushed_to(door, "latest", "dev-1")
    assert error_of(door.put_manifest(second.top, "1.0"))[0] == 412


def test_a_push_costs_no_round_trip_more_for_rules_where_there_are_none(door):
    contents = [pushed_to(door) for _ in range(2)]
    for content in contents * 2:
        door.put_manifest(content.top, "x")
    with counted() as new:
        assert door.put_manifest(contents[0].top, "y").status_code == 201
    with counted() as moved:
        assert door.put_manifest(contents[1].top, "y").status_code == 201
    assert moved() == new()
