"""manage.py reconcile: adopting an older registry, rebuilding a lost database, repairing a damaged store."""

import io
import json
import shutil
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from artifacts import reconcile, store
from artifacts.models import Blob, BlobCommit, BlobLink, Manifest, ManifestBlob, ManifestChild, Repository, Tag
from artifacts.upstream import registry
from audit.models import AuditRecord
from oci.digest import Digest
from oci.manifest import DOCKER_MANIFEST, OCI_ARTIFACT, OCI_INDEX, OCI_MANIFEST
from projects.models import Project
from tests.door import Door, image, unique
from tests.flows.content import Content


@pytest.fixture
def root(connect, own_distribution, db):
    """Django before a Distribution whose store is empty: the root of that."""
    connect(own_distribution)
    return own_distribution.home / "store" / store.ROOT


@pytest.fixture
def door(root, db) -> Door:
    Project.objects.create(name="library", public=True)
    return Door(f"library/{unique()}")


def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The command's exit code and what it reports."""
    output, code = io.StringIO(), 0
    try:
        call_command("reconcile", "--json", *arguments, stdout=output)
    except CommandError as error:
        code = error.returncode
    return code, [json.loads(line) for line in output.getvalue().splitlines()]


def kinds(report: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    return sorted((difference["kind"], difference["mended"]) for difference in report)


def push_plainly(repository: str, content: Content) -> Content:
    """Push to the upstream registry itself, tags and all, as a company's registry was filled before us."""
    for payload in content.blobs.values():
        registry().commit_upload(registry().start_upload(repository), Digest.of(payload), payload, len(payload))
    for manifest in content.manifests:
        registry().put_manifest(repository, Digest.parse(manifest.digest), manifest.media_type, manifest.payload)
    for tag, digest in content.tags.items():
        manifest = content.manifest(digest)
        registry().put_manifest(repository, tag, manifest.media_type, manifest.payload)
    return content


def lose_the_database() -> None:
    Tag.objects.all().delete()
    ManifestChild.objects.all().delete()
    ManifestBlob.objects.all().delete()
    Manifest.objects.all().delete()
    BlobLink.objects.all().delete()
    for model in (Blob, BlobCommit, Repository, Project):
        model.objects.all().delete()


def state() -> tuple[Any, ...]:
    """All that the database has of content, to compare."""
    return (
        sorted(Repository.objects.values_list("name", flat=True)),
        sorted(Manifest.objects.values_list("repository__name", "digest", "media_type", "subject", "size")),
        sorted(ManifestBlob.objects.values_list("manifest__digest", "blob__digest", "blob__size")),
        sorted(ManifestChild.objects.values_list("parent__digest", "child__digest")),
        sorted(BlobLink.objects.values_list("repository__name", "blob__digest", "blob__canonical")),
    )


def files(root) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def everything() -> Content:
    content = image()
    top = content.top
    content.add_index([content.add_image(architecture="arm64"), top])
    content.tag("multi")
    content.add_artifact("application/x.sbom", subject=top.descriptor)
    return content


# Nothing to do


def test_an_empty_store_and_an_empty_database_agree(root):
    assert run() == (0, [])


def test_what_was_pushed_through_us_agrees(door):
    door.push(everything())
    door.push(image(algorithm="sha512", tag="strong"))
    assert run() == (0, [])
    assert run("--adopt", "--repair") == (0, [])


# Adopting


def test_it_reports_an_older_registrys_content_and_changes_nothing(root):
    push_plainly("team/app", everything())
    before = files(root)
    code, report = run()
    assert code == 1
    assert kinds(report) == [("UNKNOWN_MANIFEST", False)] * 4 + [("UNKNOWN_TAG", False)] * 2
    assert files(root) == before
    assert not Project.objects.exists()
    assert not AuditRecord.objects.exists()
    assert state() == ([], [], [], [], [])


def test_it_adopts_an_older_registrys_content_with_its_tags(root):
    content = push_plainly("team/app", everything())
    code, report = run("--adopt")
    assert code == 0
    assert kinds(report) == [("UNKNOWN_MANIFEST", True)] * 4 + [("UNKNOWN_TAG", True)] * 2
    door = Door("team/app")
    assert door.get("tags/list").json()["tags"] == ["latest", "multi"]
    for manifest in content.manifests:
        assert door.get(f"manifests/{manifest.digest}").content == manifest.payload
    for digest in content.blobs:
        assert door.head(f"blobs/{digest}").status_code == 200
    assert len(door.get(f"referrers/{content.manifests[0].digest}").json()["manifests"]) == 1
    assert not Project.objects.get(name="team").public
    assert run("--adopt") == (0, [])
    records = AuditRecord.objects.values_list("actor", "operation", "resource_type")
    assert ("system", "create", "project") in records
    assert ("system", "create", "artifact") in records


def test_it_goes_batch_by_batch(root, monkeypatch):
    monkeypatch.setattr(reconcile, "BATCH", 2)
    content = push_plainly("team/app", everything().tag("a").tag("b").tag("c"))
    assert run("--adopt")[0] == 0
    assert Door("team/app").get("tags/list").json()["tags"] == sorted(content.tags)
    assert Manifest.objects.count() == len(content.manifests)
    assert run("--repair") == (0, [])


def test_repositories_without_a_project_need_to_be_told_one(root):
    content = push_plainly("busybox", everything())
    assert kinds(run("--adopt")[1]) == [("NO_PROJECT", False)]
    code, _ = run("--adopt", "--into", "old")
    assert code == 0
    door = Door("old/busybox")
    assert door.get("tags/list").json()["tags"] == ["latest", "multi"]
    assert door.get("manifests/multi").content == content.manifest(content.tags["multi"]).payload
    for digest in content.blobs:
        assert registry().head_blob("old/busybox", Digest.parse(digest)) is not None
    assert run("--adopt", "--into", "old") == (0, [])
    assert run("--into", "old") == (0, [])


def test_buildkits_cache_comes_along_into_the_project(root):
    content = Content()
    entries = [content.add_blob(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")]
    index = content.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    for payload in content.blobs.values():
        registry().commit_upload(registry().start_upload("cache"), Digest.of(payload), payload, len(payload))
    registry().commit_upload(registry().start_upload("cache"), Digest.parse(index.digest), index.payload)
    store.write_revision("cache", Digest.parse(index.digest), Digest.parse(index.digest))
    assert run("--adopt", "--into", "old")[0] == 0
    assert Door("old/cache").head(f"manifests/{index.digest}").status_code == 200


@pytest.mark.parametrize("into", ["Old", "a b", "..", ""])
def test_a_project_that_cannot_be_is_said(root, into):
    push_plainly("busybox", image())
    code, report = run("--adopt", "--into", into)
    assert (code, kinds(report)) == (1, [("NO_PROJECT", False)])


def test_a_name_that_can_be_no_project_here_is_said(root):
    push_plainly("a--b/app", image())
    code, report = run("--adopt")
    assert (code, kinds(report)) == (1, [("NO_PROJECT", False)])


def test_one_repository_alone(root):
    push_plainly("team/app", image())
    push_plainly("team/other", image())
    assert run("--adopt", "--repository", "team/app")[0] == 0
    assert list(Repository.objects.values_list("name", flat=True)) == ["team/app"]


def plant(root, repository: str, payload: bytes, tag: str | None = None) -> str:
    """Put bytes into the store as a manifest, past Distribution's checks."""
    digest = Digest.of(payload)
    data = root / "blobs" / "sha256" / digest.hex[:2] / digest.hex / "data"
    folder = root / "repositories" / repository / "_manifests"
    links = [folder / "revisions" / "sha256" / digest.hex / "link"]
    links += [folder / "tags" / tag / "current" / "link"] if tag else []
    for path, content in [(data, payload), *((link, str(digest).encode()) for link in links)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(digest)


def test_what_cannot_be_adopted_is_reported_and_the_rest_adopted(root):
    schema1 = json.dumps({"schemaVersion": 1, "name": "x", "tag": "y", "fsLayers": [], "history": []}).encode()
    planted = [
        plant(root, "team/app", schema1, "old"),
        plant(root, "team/app", b"\xff not json"),
        plant(root, "team/app", b"[" * 100_000),
        plant(
            root,
            "team/app",
            b'{"schemaVersion":2,"mediaType":"' + OCI_INDEX.encode() + b'","manifests":[]}' + b" " * 2**22,
        ),
        plant(
            root,
            "team/app",
            json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": OCI_INDEX,
                    "manifests": [{"mediaType": OCI_MANIFEST, "digest": str(Digest.of(b"gone")), "size": 3}],
                }
            ).encode(),
        ),
    ]
    corrupt = plant(root, "team/app", b"{}")
    (root / "blobs" / "sha256" / corrupt[7:9] / corrupt[7:] / "data").write_bytes(b"{ }")
    lost = plant(root, "team/app", b"{} ")
    shutil.rmtree(root / "blobs" / "sha256" / lost[7:9] / lost[7:])
    content = push_plainly("team/app", image())
    code, report = run("--adopt")
    assert code == 1
    refused = {d["name"]: d["note"] for d in report if d["kind"] == "UNSUPPORTED_MANIFEST"}
    assert set(refused) == {*planted, corrupt, lost}
    assert "schema 1" in refused[planted[0]]
    assert "don't match" in refused[corrupt]
    assert "missing" in refused[lost]
    assert ("UNKNOWN_TAG", False) in kinds(report)
    assert Door("team/app").get("manifests/latest").content == content.top.payload
    assert kinds(run("--adopt")[1]) == [("UNKNOWN_TAG", False)] + [("UNSUPPORTED_MANIFEST", False)] * 7


def test_an_empty_link_in_the_store_is_no_manifest(root):
    digest = plant(root, "team/app", b"{}")
    (root / "repositories" / "team/app" / "_manifests" / "revisions" / "sha256" / digest[7:] / "link").write_bytes(b"")
    assert run() == (0, [])


def test_windows_images_with_foreign_layers_are_adopted(root):
    content = Content()
    foreign = {
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": str(Digest.of(b"elsewhere")),
        "size": 9,
        "urls": ["https://example.org/layer"],
    }
    content.add_manifest(
        {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": content.add_blob(b"{}"), "layers": [foreign]}
    )
    push_plainly("team/windows", content.tag("ltsc"))
    assert run("--adopt")[0] == 0
    assert Door("team/windows").get("manifests/ltsc").content == content.top.payload


def test_a_tag_that_the_database_has_is_newer_and_stays(door):
    newer = door.push(image())
    push_plainly(door.repository, image())
    code, report = run("--adopt")
    assert (code, kinds(report)) == (0, [("UNKNOWN_MANIFEST", True)])
    assert door.head("manifests/latest")["Docker-Content-Digest"] == newer.top.digest


# Rebuilding


def test_a_lost_database_is_rebuilt_but_for_its_tags(door):
    door.push(everything())
    door.push(image(algorithm="sha512", tag=None))
    nested = image(algorithm="sha512", tag=None)
    nested.add_index([nested.top])
    door.push(nested)
    refused = Content()
    blob = refused.add_blob(b"x")
    refused.add_manifest({"schemaVersion": 2, "mediaType": OCI_ARTIFACT, "artifactType": "a/b", "blobs": [blob]})
    door.push(refused)
    before = state()
    lose_the_database()
    code, report = run("--adopt")
    assert (code, {difference["kind"] for difference in report}) == (0, {"UNKNOWN_MANIFEST"})
    assert state() == before
    assert run() == (0, [])


def test_mounted_sha512_blobs_survive_a_lost_database(door):
    content = image(algorithm="sha512", tag=None)
    door.push(content)
    other = Door(f"library/{unique()}")
    for digest in content.blobs:
        assert other.post(f"blobs/uploads/?mount={digest}").status_code == 201
    assert other.put_manifest(content.top).status_code == 201
    before = state()
    lose_the_database()
    assert run("--adopt")[0] == 0
    assert state() == before


# Repairing


@pytest.fixture
def damaged(door, root):
    """An image pushed, and the folder of its repository in the store."""
    return door.push(image()), root / "repositories" / door.repository


def revision(folder, digest: str):
    return folder / "_manifests" / "revisions" / "sha256" / digest[7:] / "link"


@pytest.mark.parametrize("damage", ["removed", "emptied"])
def test_a_manifests_link_is_put_back(damaged, damage):
    content, folder = damaged
    link = revision(folder, content.top.digest)
    link.unlink() if damage == "removed" else link.write_bytes(b"")
    code, report = run()
    assert (code, kinds(report)) == (1, [("MANIFEST_NOT_STORED", False)])
    assert not link.is_file() or not link.read_bytes()
    assert run("--repair")[0] == 0
    assert link.read_text() == content.top.digest
    assert run() == (0, [])


def test_a_manifests_bytes_are_put_back(damaged, root):
    content, _ = damaged
    digest = content.top.digest
    shutil.rmtree(root / "blobs" / "sha256" / digest[7:9] / digest[7:])
    assert kinds(run()[1]) == [("MANIFEST_NOT_STORED", False)]
    assert run("--repair")[0] == 0
    assert (root / "blobs" / "sha256" / digest[7:9] / digest[7:] / "data").read_bytes() == content.top.payload
    assert run() == (0, [])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("damage", ["removed", "emptied"])
def test_a_blobs_links_are_put_back(door, root, damage, algorithm):
    content = door.push(image(algorithm=algorithm))
    links = [*(root / "repositories" / door.repository / "_layers").rglob("link")]
    assert len(links) >= 2
    for link in links:
        link.unlink() if damage == "removed" else link.write_bytes(b"")
    code, report = run()
    assert (code, kinds(report)) == (1, [("BLOB_NOT_LINKED", False)] * 2)
    assert run("--repair")[0] == 0
    for digest in content.blobs:
        assert registry().head_blob(door.repository, Digest.parse(digest)) is not None
    assert run() == (0, [])


def test_lost_data_is_reported_and_comes_back_with_the_next_push(door, root):
    content = door.push(image())
    digest, payload = next(iter(content.blobs.items()))
    (root / "blobs" / "sha256" / digest[7:9] / digest[7:] / "data").unlink()
    code, report = run("--repair")
    assert (code, kinds(report)) == (1, [("BLOB_LOST", False)])
    assert report[0]["name"] == digest
    door.push_blob(payload)
    assert run() == (0, [])


def test_a_store_lost_whole_gets_its_manifests_back_and_tells_of_the_blobs(door, root):
    content = door.push(everything())
    shutil.rmtree(root)
    code, report = run("--repair")
    assert code == 1
    assert kinds(report).count(("BLOB_LOST", False)) == len(content.blobs)
    assert kinds(report).count(("MANIFEST_NOT_STORED", True)) == len(content.manifests)
    for manifest in content.manifests:
        assert store.has_manifest(door.repository, Digest.parse(manifest.digest))


# Exit codes and words


def test_it_says_what_it_did_in_words(root):
    push_plainly("team/app", image())
    output = io.StringIO()
    call_command("reconcile", "--adopt", stdout=output)
    assert "mended: team/app latest: tag is in the store, not in the database" in output.getvalue()
    assert output.getvalue().endswith("2 differences, 2 mended\n")


def test_it_stops_with_2_when_the_upstream_registry_is_away(root, own_distribution):
    push_plainly("team/app", image())
    own_distribution.stop()
    assert run("--adopt")[0] == 2
    assert not Manifest.objects.exists()
