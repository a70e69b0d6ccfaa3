"""Repositories, artifacts, tags, accessories and build history, of content that was pushed."""

import pytest

from artifacts.models import Manifest, Repository, Tag
from audit.models import AuditRecord
from projects.models import Project
from rbac.models import User
from tests.api.caller import NOBODY, Caller, error_of, make_caller
from tests.door import Door, image, unique
from tests.flows.content import OCI_CONFIG, OCI_MANIFEST, Content
from tests.people import join, make_project
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db


@pytest.fixture
def name() -> str:
    """A repository below a folder, so that its name holds a slash."""
    return f"apps/{unique()}"


@pytest.fixture
def pushed(upstream, project, name) -> Content:
    """An image with an index of two more and a signature of the image, in `library`."""
    content = Content()
    first = content.add_image(extra={"annotations": {"org.example": "yes"}})
    parts = [content.add_image(), content.add_image(architecture="arm64")]
    index = content.add_index(parts)
    content.add_artifact("application/vnd.cncf.notary.signature", subject=first.descriptor)
    content.tag("v1", first).tag("latest", first).tag("multi", index)
    return Door(f"library/{name}").push(content)


@pytest.fixture
def dev(project) -> Caller:
    caller, user = make_caller("dev")
    join(project, user, "developer")
    return caller


@pytest.fixture
def keeper(project) -> Caller:
    caller, user = make_caller("keeper")
    join(project, user, "maintainer")
    return caller


def home(name: str) -> str:
    return f"projects/library/repositories/{name.replace('/', '%252F')}"


def test_a_repository_is_found_by_either_encoding_of_its_name(dev, pushed, name):
    for spelled in (name.replace("/", "%252F"), name.replace("/", "%2F"), name):
        body = dev.get(f"projects/library/repositories/{spelled}").json()
        assert body["name"] == f"library/{name}"
    assert (body["artifact_count"], body["pull_count"], body["description"]) == (2, 0, "")


def test_repositories_are_listed_where_the_caller_may_see_them(alice, dev, root, project, pushed, name):
    hidden = make_project("hidden")
    Repository.objects.create(name="hidden/x", project=hidden)
    full = f"library/{name}"
    assert [row["name"] for row in NOBODY.get("repositories").json()] == [full]
    assert [row["name"] for row in alice.get("repositories").json()] == [full]
    assert [row["name"] for row in root.get("repositories", sort="name").json()] == ["hidden/x", full]
    join(hidden, User.objects.get(username="alice"), "limitedGuest")
    assert [row["name"] for row in alice.get("repositories", sort="name").json()] == ["hidden/x", full]
    assert [row["name"] for row in alice.get("projects/library/repositories", q="name=~APPS").json()] == [full]
    assert alice.get("projects/library/repositories", q="name=x").json() == []
    assert error_of(dev.get("projects/hidden/repositories"))[0] == 403
    assert error_of(NOBODY.get("projects/hidden/repositories/x"))[0] == 401


def test_a_description_is_written_by_who_may_push(dev, alice, pushed, name):
    assert dev.put(home(name), {"description": "Words\nand more"}).status_code == 200
    assert dev.get(home(name)).json()["description"] == "Words\nand more"
    assert error_of(alice.put(home(name), {"description": "x"}))[0] == 403


def test_a_repository_is_deleted_with_all_it_holds(dev, keeper, pushed, name):
    assert error_of(dev.delete(home(name)))[0] == 403
    assert keeper.delete(home(name)).status_code == 200
    assert not Repository.objects.exists()
    assert error_of(keeper.get(home(name)))[0] == 404


@pytest.mark.parametrize("name", ["x", "UPPER", "a%252Fb", "a%2525b", "%00", "a%252F..%252Fb"])
def test_what_is_no_repository_is_not_found(root, project, name):
    assert error_of(root.get(f"projects/library/repositories/{name}/artifacts"))[0] in {400, 404}


def test_a_list_shows_artifacts_without_their_parts_and_accessories(dev, pushed, name):
    answer = dev.get(f"{home(name)}/artifacts", with_accessory="true")
    assert answer["X-Total-Count"] == "2"
    index, first = answer.json()
    assert {tag["name"] for tag in first["tags"]} == {"v1", "latest"}
    assert [tag["name"] for tag in index["tags"]] == ["multi"]
    assert (first["type"], first["media_type"], first["manifest_media_type"]) == ("IMAGE", OCI_CONFIG, OCI_MANIFEST)
    assert first["annotations"] == {"org.example": "yes"}
    assert first["repository_name"] == f"library/{name}"
    assert first["pull_time"] == "0001-01-01T00:00:00.000Z"
    assert [each["platform"]["architecture"] for each in index["references"]] == ["amd64", "arm64"]
    [accessory] = first["accessories"]
    assert (accessory["type"], accessory["subject_artifact_digest"]) == ("signature.notation", first["digest"])
    assert "accessories" not in dev.get(f"{home(name)}/artifacts").json()[0]
    assert "tags" not in dev.get(f"{home(name)}/artifacts", with_tag="false").json()[0]


@pytest.mark.parametrize(
    ("q", "count"),
    [("tags=*", 2), ("tags=nil", 0), ("tags=v1", 1), ("tags=~ULT", 1), ("tags=none", 0), ("digest=sha256:x", 0),
     ("push_time=[2000-01-01T00:00:00~]", 2), ("size=[0~1]", 0)],
)  # fmt: skip
def test_artifacts_are_filtered(dev, pushed, name, q, count):
    answer = dev.get(f"{home(name)}/artifacts", q=q)
    assert (len(answer.json()), answer["X-Total-Count"]) == (count, str(count))


def test_an_untagged_part_of_nothing_is_listed(dev, pushed, name):
    Tag.objects.filter(name__in=["v1", "latest"]).delete()
    assert dev.get(f"{home(name)}/artifacts", q="tags=nil")["X-Total-Count"] == "1"


def test_one_artifact_is_read_by_tag_and_by_digest_with_its_config(dev, pushed, name):
    by_tag = dev.get(f"{home(name)}/artifacts/v1").json()
    by_digest = dev.get(f"{home(name)}/artifacts/{by_tag['digest']}").json()
    assert by_tag == by_digest
    assert by_tag["digest"] == pushed.tags["v1"]
    assert (by_tag["extra_attrs"]["architecture"], by_tag["extra_attrs"]["os"]) == ("amd64", "linux")
    link = by_tag["addition_links"]["build_history"]["href"].removeprefix("/api/v2.0/")
    assert dev.get(link).json() == []


def test_build_history_comes_from_the_config(dev, upstream, project, name):
    content = Content()
    steps = [{"created_by": "ADD x"}, {"created_by": "CMD y", "empty_layer": True}]
    config = content.add_blob(
        b'{"history": [{"created_by": "ADD x"}, {"created_by": "CMD y", "empty_layer": true}]}', OCI_CONFIG
    )
    layer, _ = content.add_layer()
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]})
    Door(f"library/{name}").push(content.tag("v1"))
    assert dev.get(f"{home(name)}/artifacts/v1/additions/build_history").json() == steps


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("multi/additions/build_history", 400),
        ("v1/additions/nothing", 422),
        ("v1/additions/values.yaml", 400),
        ("v1/additions/sbom", 501),
        ("v1/additions/vulnerabilities", 501),
        ("none/additions/build_history", 404),
        ("none", 404),
        ("-x", 404),
        ("sha256:x", 404),
        ("none/tags", 404),
        ("none/accessories", 404),
    ],
)
def test_what_is_not_there_is_said(dev, pushed, name, path, status):
    assert error_of(dev.get(f"{home(name)}/artifacts/{path}"))[0] == status


def test_tags_are_put_on_listed_and_taken_off(dev, keeper, pushed, name):
    tags = f"{home(name)}/artifacts/v1/tags"
    answer = dev.post(tags, {"name": "v2"})
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v2.0/{home(name)}/artifacts/{pushed.tags['v1']}/tags/v2"
    assert [tag["name"] for tag in dev.get(tags, sort="-name").json()] == ["v2", "v1", "latest"]
    assert [tag["name"] for tag in dev.get(tags, q="name=~2").json()] == ["v2"]
    assert error_of(dev.post(tags, {"name": "multi"}))[0] == 409
    assert error_of(dev.post(tags, {"name": "-"}))[0] == 400
    assert error_of(dev.delete(f"{tags}/v2"))[0] == 403
    assert error_of(keeper.delete(f"{tags}/multi"))[0] == 404
    assert keeper.delete(f"{tags}/v2").status_code == 200
    assert not Tag.objects.filter(name="v2").exists()
    deeds = AuditRecord.objects.filter(resource_type="tag").order_by("id").values_list("actor", "operation", "resource")
    assert list(deeds) == [("dev", "create", f"library/{name}:v2"), ("keeper", "delete", f"library/{name}:v2")]


def test_accessories_are_listed(dev, pushed, name):
    [row] = dev.get(f"{home(name)}/artifacts/v1/accessories").json()
    assert (row["type"], row["subject_artifact_repo"]) == ("signature.notation", f"library/{name}")


def test_a_part_shows_the_accessories_of_its_index_when_asked(dev, upstream, project, name):
    content = Content()
    part = content.add_image()
    index = content.add_index([part, content.add_image(architecture="arm64")])
    content.add_artifact("application/vnd.cncf.notary.signature", subject=index.descriptor)
    content.tag("multi", index).tag("part", part)
    Door(f"library/{name}").push(content)
    place = f"{home(name)}/artifacts/part"
    [accessory] = dev.get(place, with_inherited_accessory="true").json()["inherited_accessories"]
    assert (accessory["type"], accessory["subject_artifact_digest"]) == ("signature.notation", index.digest)
    assert accessory["subject_artifact_id"] == Manifest.objects.get(digest=index.digest).pk
    assert "inherited_accessories" not in dev.get(place, with_accessory="true").json()
    assert "inherited_accessories" not in dev.get(f"{home(name)}/artifacts/multi", with_inherited_accessory="1").json()


def test_an_artifact_is_deleted_with_tags_and_accessories(dev, keeper, pushed, name):
    assert error_of(dev.delete(f"{home(name)}/artifacts/v1"))[0] == 403
    assert keeper.delete(f"{home(name)}/artifacts/v1").status_code == 200
    assert set(Tag.objects.values_list("name", flat=True)) == {"multi"}
    assert Manifest.objects.count() == 3
    part = Manifest.objects.filter(parents__isnull=False)[0]
    assert error_of(keeper.delete(f"{home(name)}/artifacts/{part.digest}")) == (403, "DENIED")
    assert keeper.delete(f"{home(name)}/artifacts/multi").status_code == 200


def test_lists_cost_the_same_for_few_and_for_many(dev, upstream, project, name):
    door = Door(f"library/{name}")
    door.push(image(tag="t0"))
    paths = [f"{home(name)}/artifacts", "projects/library/repositories", "repositories"]
    query = {"page_size": 50, "with_accessory": "true", "with_inherited_accessory": "true"}

    def lists() -> list[int]:
        return [len(dev.get(path, **query).json()) for path in paths]

    assert lists() == [1, 1, 1]
    few = fewest(lists)
    for number in range(1, 6):
        door.push(image(tag=f"t{number}"))
        Door(f"library/{unique()}").push(image())
    assert lists() == [6, 6, 6]
    assert fewest(lists) == few


def test_a_public_project_can_be_read_by_anybody_and_a_private_one_by_nobody(alice, project, pushed, name):
    assert NOBODY.get(f"{home(name)}/artifacts/v1").status_code == 200
    Project.objects.update(public=False)
    for path in ("", "/v1", "/none", "/v1/tags", "/v1/accessories", "/v1/additions/build_history"):
        assert error_of(NOBODY.get(f"{home(name)}/artifacts{path}")) == (401, "UNAUTHORIZED")
        assert error_of(alice.get(f"{home(name)}/artifacts{path}")) == (403, "FORBIDDEN")


def test_repositories_are_found_by_a_blob_they_hold(root, dev, pushed, name):
    digest = next(iter(pushed.blobs))
    found = root.get("repositories", q=f"blob_digest={digest}", page_size=1, page_number=1).json()
    assert [row["name"] for row in found] == [f"library/{name}"]
    assert root.get("repositories", q=f"blob_digest=sha256:{'0' * 64}").json() == []
    assert root.get("projects/library/repositories", q=f"blob_digest={digest},name=~nothing").json() == []
    assert error_of(root.get("repositories", q="blob_digest=~0"))[0] == 400
    stranger, _ = make_caller("stranger")
    Project.objects.filter(name="library").update(public=False)
    assert stranger.get("repositories", q=f"blob_digest={digest}").json() == []
