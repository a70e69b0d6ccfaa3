"""Harbor's client from PyPI, unchanged: projects, and the repositories, artifacts, tags and labels in them."""

import os
from pathlib import Path
from typing import Any

import pytest
from harborapi import HarborAsyncClient
from harborapi.exceptions import BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed
from harborapi.ext.api import get_artifacts
from harborapi.models import (
    Annotations,
    Artifact,
    ImmutableRule,
    ImmutableSelector,
    Label,
    ProjectMetadata,
    ProjectReq,
    Repository,
    Tag,
)

from tests.flows.clients import Skopeo
from tests.flows.conformance import pushes
from tests.flows.conformance.shapes import KIND_A
from tests.flows.content import Content, image, write_layout
from tests.flows.harbor import number_in, signed_in, unused
from tests.flows.stacks import Running
from tests.flows.strict import Document

pytestmark = pytest.mark.anyio


@pytest.fixture
async def project(api: HarborAsyncClient) -> str:
    name = unused("berth")
    await api.create_project(ProjectReq(project_name=name, public=False))
    return name


async def test_a_project_is_made_found_changed_and_deleted(api: HarborAsyncClient):
    name = unused("dock")
    assert not await api.project_exists(name)
    made = ProjectReq(project_name=name, metadata=ProjectMetadata(public="false", severity="high", auto_scan="true"))
    assert await api.create_project(made) == f"/api/v2.0/projects/{name}"
    with pytest.raises(Conflict) as again:
        await api.create_project(made)
    assert again.value.errors[0].code == "CONFLICT"
    assert await api.project_exists(name)

    found = await api.get_project(name)
    assert found.project_id is not None
    assert await api.get_project(found.project_id) == found
    assert (found.name, found.owner_name, found.repo_count) == (name, "admin", 0)
    assert found.metadata == ProjectMetadata(public="false", severity="high", auto_scan="true")

    await api.update_project(name, ProjectReq(metadata=ProjectMetadata(public="true", severity="low")))
    changed = await api.get_project(name)
    assert changed.metadata == ProjectMetadata(public="true", severity="low", auto_scan="true")
    assert (await api.get_project_summary(name)).project_admin_count == 1
    assert (await api.get_project_deletable(found.project_id)).deletable

    await api.delete_project(found.project_id)
    assert not await api.project_exists(name)
    with pytest.raises(NotFound):
        await api.get_project(name)


async def test_metadata_are_set_one_by_one(api: HarborAsyncClient, project: str):
    await api.set_project_metadata(project, ProjectMetadata(prevent_vul="true"))
    assert (await api.get_project_metadata(project)).prevent_vul == "true"
    await api.update_project_metadata_entry(project, "prevent_vul", {"prevent_vul": "false"})
    assert await api.get_project_metadata_entry(project, "prevent_vul") == {"prevent_vul": "false"}
    await api.delete_project_metadata_entry(project, "prevent_vul")
    with pytest.raises(NotFound):
        await api.get_project_metadata_entry(project, "prevent_vul")


async def test_projects_are_listed_searched_sorted_and_paged_through(api: HarborAsyncClient):
    word = f"fleet{os.urandom(3).hex()}"
    names = [f"{word}-{number:02}" for number in range(13)]
    for name in names:
        await api.create_project(ProjectReq(project_name=name, public=name.endswith(("0", "1"))))

    async def listed(**asked) -> list[str]:
        return [each.name or "" for each in await api.get_projects(**asked)]

    assert await listed(query=f"name=~{word}", sort="name", page_size=5) == names  # by three links
    assert await listed(name=word, sort="-name", page_size=4, limit=6) == names[:-7:-1]
    assert sorted(await listed(name=word, public=True)) == [f"{word}-{number}" for number in ("00", "01", "10", "11")]
    assert await listed(query=f"name={names[7]}") == [names[7]]
    assert await listed(query=f"name=~{word},owner=nobody") == []
    assert len(await listed(sort="-creation_time")) == (await api.get_statistics()).total_project_count
    with pytest.raises(BadRequest):
        await listed(query="nothing=1")
    for name in names:
        await api.delete_project(name)


async def test_a_name_that_is_none_is_refused(api: HarborAsyncClient):
    with pytest.raises(BadRequest):
        await api.create_project(ProjectReq(project_name="No Project"))


@pytest.mark.parametrize("path", ["app", "team/web/app", "artifacts/tags", "a.b__c-d/e"])
async def test_a_repository_is_looked_after_whatever_its_name(
    api: HarborAsyncClient, stack: Running, project: str, path: str
):
    pushes.push_content(stack.wire(), f"{project}/{path}", image())
    found = await api.get_repository(project, path)
    assert (found.name, found.artifact_count) == (f"{project}/{path}", 1)
    assert (found.project_name, found.base_name) == (project, path)
    await api.update_repository(project, path, Repository(description="what it holds"))
    assert (await api.get_repository(project, path)).description == "what it holds"
    assert [each.name for each in await api.get_repositories(project, query=f"name=~{path}")] == [f"{project}/{path}"]
    assert f"{project}/{path}" in [each.name for each in await api.get_repositories(sort="-creation_time", limit=5)]

    assert not (await api.get_project_deletable(project)).deletable
    with pytest.raises(PreconditionFailed) as held:
        await api.delete_project(project)
    assert held.value.errors[0].code == "PRECONDITION"
    (artifact,) = await api.get_artifacts(project, path)
    await walk_through(api, project, path, artifact)
    await api.delete_repository(project, path)
    with pytest.raises(NotFound):
        await api.get_repository(project, path)
    await api.delete_project(project)


async def walk_through(api: HarborAsyncClient, project: str, path: str, artifact: Artifact) -> None:
    """Every call whose address holds the repository's name."""
    assert artifact.digest
    assert await api.get_artifact_build_history(project, path, artifact.digest) is not None
    assert await api.get_artifact_accessories(project, path, artifact.digest) == []
    await api.create_artifact_tag(project, path, "latest", Tag(name="v1"))
    # A page each: the link to the next one holds the repository's name, too.
    tags = await api.get_artifact_tags(project, path, artifact.digest, page_size=1, sort="name")
    assert [tag.name for tag in tags] == ["latest", "v1"]
    label = Label(id=number_in(await api.create_label(Label(name=unused("mark"), scope="g"))))
    await api.add_artifact_label(project, path, "v1", label)
    with pytest.raises(Conflict):
        await api.add_artifact_label(project, path, "v1", label)
    assert label.id
    await api.delete_artifact_label(project, path, "v1", label.id)
    await api.delete_artifact_tag(project, path, "v1", "v1")
    await api.delete_label(label.id)
    with api.raw_mode():
        raw: Any = await api.get_artifact(project, path, "latest")
    assert raw["digest"] == artifact.digest


async def test_an_artifact_is_pushed_by_skopeo_read_labelled_and_deleted(
    api: HarborAsyncClient, stack: Running, skopeo: Skopeo, project: str, tmp_path: Path
):
    skopeo.login(stack.host, "admin", stack.admin_password)
    content = image(layers=3)
    layout = write_layout(content, tmp_path / "in")
    for tag in ("v1", "v2"):
        skopeo.copy(f"oci:{layout}:latest", f"docker://{stack.host}/{project}/app:{tag}")
    by_tag = await api.get_artifact(project, "app", "v1", with_label=True, with_accessory=True)
    assert by_tag == await api.get_artifact(project, "app", content.top.digest, with_label=True, with_accessory=True)
    assert (by_tag.type, by_tag.digest, by_tag.labels, by_tag.accessories) == ("IMAGE", content.top.digest, [], [])
    assert {tag.name for tag in by_tag.tags or []} == {"v1", "v2"}
    assert by_tag.extra_attrs
    assert by_tag.extra_attrs.root
    assert by_tag.extra_attrs.root["architecture"] == "amd64"
    assert (await api.get_artifact(project, "app", "v1", with_tag=False)).tags is None

    label = Label(id=number_in(await api.create_label(Label(name=unused("ok"), scope="g", color="#61717D"))))
    await api.add_artifact_label(project, "app", "v2", label)
    (found,) = await api.get_artifacts(project, "app", query=f"labels=({label.id})", with_label=True)
    assert [each.id for each in found.labels or []] == [label.id]
    assert label.id
    await api.delete_artifact_label(project, "app", content.top.digest, label.id)
    await api.delete_label(label.id)

    await api.delete_artifact(project, "app", "v1")
    with pytest.raises(NotFound):
        await api.get_artifact(project, "app", "v2")
    assert "manifest unknown" in skopeo.refused("inspect", *skopeo.flags, f"docker://{stack.host}/{project}/app:v2")


async def test_an_index_and_its_signature_are_shown_as_what_they_are(
    api: HarborAsyncClient, stack: Running, project: str
):
    content = Content()
    parts = [content.add_image(architecture=name) for name in ("amd64", "arm64")]
    whole = content.add_index(parts, annotations={"org.example.of": "both"})
    content.tag("multi")
    content.add_artifact(KIND_A, subject=whole.descriptor)
    pushes.push_content(stack.wire(), f"{project}/signed", content)
    (found,) = await api.get_artifacts(project, "signed", with_accessory=True)
    assert {part.child_digest for part in found.references or []} == {part.digest for part in parts}
    assert {part.platform.architecture for part in found.references or [] if part.platform} == {"amd64", "arm64"}
    assert found.annotations == Annotations({"org.example.of": "both"})
    (accessory,) = found.accessories or []
    assert accessory == (await api.get_artifact_accessories(project, "signed", "multi"))[0]
    assert (accessory.digest, accessory.subject_artifact_digest) == (content.top.digest, whole.digest)
    await api.delete_artifact(project, "signed", "multi")
    assert await api.get_artifacts(project, "signed", query="tags=*") == []


async def test_artifacts_are_listed_by_their_tags_sorted_and_paged_through(
    api: HarborAsyncClient, stack: Running, project: str
):
    digests = []
    for number in range(7):
        content = image(layers=1)
        content.tags = {f"v{number}": content.top.digest} if number else {}
        pushes.push_content(stack.wire(), f"{project}/many", content)
        digests.append(content.top.digest)

    async def listed(**asked) -> list[str | None]:
        return [each.digest for each in await api.get_artifacts(project, "many", **asked)]

    assert await listed(sort="-push_time", page_size=2) == digests[::-1]
    assert await listed(sort="push_time", page_size=3, query="tags=*") == digests[1:]
    assert await listed(query="tags=nil") == digests[:1]
    assert await listed(query="tags=v3") == digests[3:4]
    assert await listed(query="tags=~v", sort="push_time", page=2, page_size=4) == digests[5:]


async def test_artifacts_of_a_whole_project_are_listed(api: HarborAsyncClient, stack: Running, project: str):
    pushed = {path: image(layers=1) for path in ("a", "team/b", "team/c")}
    for path, content in pushed.items():
        pushes.push_content(stack.wire(), f"{project}/{path}", content)
    found = await api.get_project_artifacts(project, with_tag=True, page_size=1)
    digests = {f"{project}/{path}": content.top.digest for path, content in pushed.items()}
    assert {each.repository_name: each.digest for each in found} == digests
    assert [[tag.name for tag in each.tags or []] for each in found] == [["latest"]] * 3
    assert len(await api.get_project_artifacts(project, latest=True)) == 3
    whole = await api.get_project(project)
    assert whole.project_id
    assert len(await api.get_project_artifacts(whole.project_id)) == 3


async def test_all_artifacts_of_a_project_are_gathered(api: HarborAsyncClient, stack: Running, project: str):
    """By the client's extension, which asks for many repositories at once."""
    for path in ("a", "b", "team/a", "team/b/c"):
        pushes.push_content(stack.wire(), f"{project}/{path}", image(layers=1))
    found = await get_artifacts(api, projects=[project], tag="latest")
    assert {each.repository.name for each in found} == {
        f"{project}/{path}" for path in ("a", "b", "team/a", "team/b/c")
    }


async def test_a_copy_stands_in_another_repository(api: HarborAsyncClient, stack: Running, project: str):
    content = image()
    pushes.push_content(stack.wire(), f"{project}/dev/app", content)
    place = await api.copy_artifact(project, "released/app", f"{project}/dev/app:latest")
    assert place.endswith(f"/artifacts/{content.top.digest}")
    await api.copy_artifact(project, "again", f"{project}/dev/app@{content.top.digest}")
    for path in ("released/app", "again"):
        assert (await api.get_artifact(project, path, "latest")).digest == content.top.digest
    with pytest.raises(NotFound):
        await api.copy_artifact(project, "again", f"{project}/dev/app:nothing")


async def test_tags_are_made_listed_and_held_by_a_rule(api: HarborAsyncClient, stack: Running, project: str):
    pushes.push_content(stack.wire(), f"{project}/app", image())
    for name in ("v1", "v2", "edge"):
        place = await api.create_artifact_tag(project, "app", "latest", Tag(name=name))
        assert place.startswith(f"/api/v2.0/projects/{project}/repositories/app/artifacts/")
        assert place.endswith(f"/tags/{name}")
    with pytest.raises(Conflict):
        await api.create_artifact_tag(project, "app", "latest", Tag(name="v1"))
    tags = await api.get_artifact_tags(project, "app", "latest", query="name=~v", sort="name", page_size=1)
    assert [tag.name for tag in tags] == ["v1", "v2"]

    rule = ImmutableRule(
        tag_selectors=[ImmutableSelector(kind="doublestar", decoration="matches", pattern="v*")],
        scope_selectors={"repository": [ImmutableSelector(kind="doublestar", decoration="repoMatches", pattern="**")]},
    )
    rule_id = number_in(await api.create_project_immutable_tag_rule(project, rule))
    (held,) = await api.get_project_immutable_tag_rules(project)
    assert (held.id, held.disabled) == (rule_id, False)
    shown = await api.get_artifact_tags(project, "app", "latest", with_immutable_status=True)
    assert {tag.name: tag.immutable for tag in shown} == {"latest": False, "v1": True, "v2": True, "edge": False}
    with pytest.raises(PreconditionFailed):
        await api.delete_artifact_tag(project, "app", "v1", "v1")
    await api.enable_project_immutable_tagrule(project, rule_id, enabled=False)
    await api.delete_artifact_tag(project, "app", "latest", "v1")
    await api.update_project_immutable_tag_rule(project, rule_id, rule)
    with pytest.raises(PreconditionFailed):
        await api.delete_artifact(project, "app", "latest")
    await api.delete_project_immutable_tag_rule(project, rule_id)
    await api.delete_artifact(project, "app", "latest")


async def test_labels_are_of_all_or_of_a_project(api: HarborAsyncClient, project: str):
    whole = await api.get_project(project)
    word = unused("grade")
    everywhere = number_in(await api.create_label(Label(name=f"{word}-a", scope="g", color="#343DAC")))
    here = number_in(await api.create_label(Label(name=f"{word}-b", scope="p", project_id=whole.project_id)))
    with pytest.raises(Conflict):
        await api.create_label(Label(name=f"{word}-a", scope="g"))
    assert [each.id for each in await api.get_labels(scope="g", name=word)] == [everywhere]
    assert [each.id for each in await api.get_labels(scope="p", project_id=whole.project_id)] == [here]
    found = await api.get_label(everywhere)
    assert (found.name, found.scope, found.project_id, found.color) == (f"{word}-a", "g", 0, "#343DAC")
    await api.update_label(here, found.model_copy(update={"id": here, "name": f"{word}-c", "description": "d"}))
    assert (await api.get_label(here)).name == f"{word}-c"
    for each in (everywhere, here):
        await api.delete_label(each)
        with pytest.raises(NotFound):
            await api.get_label(each)


async def test_what_others_may_not_see_is_refused_to_their_client(stack: Running, document: Document, project: str):
    name = unused("sue")
    async with signed_in(stack, document, name, stack.create_user(name)) as stranger:
        assert project not in [each.name for each in await stranger.get_projects()]
        assert not await stranger.project_exists(project)
        with pytest.raises(Forbidden):
            await stranger.get_project(project)
        with pytest.raises(Forbidden):
            await stranger.get_artifacts(project, "app")
        assert (await stranger.search(project)).project == []
