"""The base of the API, lists of tags, the catalog and referrers."""

import json
import re
from typing import Any

import pytest

from artifacts.models import Manifest, Repository, Tag
from oci.digest import Digest
from oci.manifest import OCI_INDEX, OCI_MANIFEST
from projects.models import Project
from tests.door import Door, bearer, error_of, image, unique
from tests.flows.content import Content
from tests.people import join, make_project, make_user
from tests.roundtrips import counted

ABSENT = str(Digest.of(b"nobody pushed this"))


def next_page(answer) -> str | None:
    found = re.fullmatch(r'<([^>]+)>; rel="next"', answer.get("Link", ""))
    return found[1] if found else None


def pages(client, url: str | None, field: str) -> list[list[Any]]:
    """All pages from `url` on, by following the links."""
    collected = []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.content
        collected.append(answer.json()[field])
        url = next_page(answer)
    return collected


# The base


def test_the_base_challenges_whoever_brings_no_token(door, client):
    answer = client.get("/v2/", headers={"Host": "registry.example:8443", "X-Forwarded-Proto": "https"})
    assert error_of(answer) == (401, "UNAUTHORIZED")
    assert answer["WWW-Authenticate"].startswith('Bearer realm="https://registry.example:8443/service/token"')
    assert answer["Docker-Distribution-Api-Version"] == "registry/2.0"


def test_any_token_of_ours_passes_the_base(door):
    for path in ("/v2/", "/v2"):
        answer = bearer().get(path)
        assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize("path", ["/v2/x", "/v2/library", "/v2/a/b/tags", "/v2/a/b/manifests/", "/v2/%0a/manifests/x"])
def test_elsewhere_under_the_api_there_is_nothing(door, path):
    assert error_of(door.client.get(path))[0] in {400, 404}


@pytest.mark.parametrize(
    "name", ["Library/x", "library", "library/..", "a/%2e%2e/b", "a//b", "a/b" + "c" * 300, "a/ü", "a/b%00"]
)
@pytest.mark.parametrize(
    "rest", ["tags/list", "manifests/latest", f"blobs/{ABSENT}", f"referrers/{ABSENT}", "blobs/uploads/x"]
)
def test_a_malformed_repository_name_is_refused(door, name, rest):
    assert error_of(door.client.get(f"/v2/{name}/{rest}")) == (400, "NAME_INVALID")


# Tags


@pytest.fixture
def tagged(door):
    content = door.push(image())
    row = Manifest.objects.get()
    names = ["v1", "v10", "v2", "V1", "_x", "a.b", "A"]
    Tag.objects.bulk_create(Tag(repository=row.repository, name=name, manifest=row) for name in names)
    return sorted([*names, "latest"]), content


def test_tags_come_in_byte_order(door, tagged):
    answer = door.get("tags/list")
    assert answer.json() == {"name": door.repository, "tags": tagged[0]}
    assert "Link" not in answer


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8])
def test_tags_are_paged_by_links(door, tagged, n):
    found = pages(door.client, door.url(f"tags/list?n={n}"), "tags")
    assert [tag for page in found for tag in page] == tagged[0]
    assert {len(page) for page in found[:-1]} <= {n}
    assert found[-1]


def test_a_page_of_nothing(door, tagged):
    answer = door.get("tags/list?n=0")
    assert answer.json()["tags"] == []
    assert "Link" not in answer


def test_last_needs_not_be_a_tag(door, tagged):
    assert door.get("tags/list?last=v11").json()["tags"] == ["v2"]
    assert door.get("tags/list?last=zzz").json()["tags"] == []
    assert door.get("tags/list?last=%00%ff%ed%a0%80").status_code == 200


def test_a_page_never_holds_more_than_ours(door, tagged):
    row = Manifest.objects.get()
    Tag.objects.bulk_create(Tag(repository=row.repository, name=f"t{n:04}", manifest=row) for n in range(1000))
    answer = door.get("tags/list?n=999999")
    assert len(answer.json()["tags"]) == 1000
    assert "n=1000" in answer["Link"]
    assert len(door.get("tags/list").json()["tags"]) == 1000


@pytest.mark.parametrize("n", ["-1", "x", "", "1.0", "1e3", "\u0661", "9" * 30])
@pytest.mark.parametrize("path", ["tags/list", f"referrers/{ABSENT}", "catalog"])
def test_n_must_be_a_number(door, tagged, path, n):
    url = "/v2/_catalog" if path == "catalog" else door.url(path)
    assert error_of(door.client.get(f"{url}?n={n}")) == (400, "PAGINATION_NUMBER_INVALID")


def test_a_repository_that_is_not_there_has_no_list(door):
    assert error_of(door.get("tags/list")) == (404, "NAME_UNKNOWN")


@pytest.mark.django_db(transaction=True)
def test_a_list_of_tags_costs_two_round_trips(door):
    door.push(image())
    door.get("tags/list")
    with counted() as trips:
        door.get("tags/list")
    assert trips() <= 2


# The catalog


@pytest.fixture
def town(db, upstream):
    """Repositories in a public project and in two private ones, of one of which alice is a guest."""
    own, foreign, public = make_project("own"), make_project("foreign"), make_project("open", public=True)
    join(own, make_user("alice"), "guest")
    make_user("root", is_admin=True)
    make_user("gone", is_active=False)
    for project in (own, foreign, public):
        for path in ("a", "b/c"):
            Repository.objects.create(project=project, name=f"{project.name}/{path}")


@pytest.mark.parametrize(
    ("subject", "visible"),
    [
        ("", ["open/a", "open/b/c"]),
        ("alice", ["open/a", "open/b/c", "own/a", "own/b/c"]),
        ("root", ["foreign/a", "foreign/b/c", "open/a", "open/b/c", "own/a", "own/b/c"]),
        ("gone", ["open/a", "open/b/c"]),
        ("nobody", ["open/a", "open/b/c"]),
    ],
)
def test_the_catalog_holds_what_the_caller_may_see(town, subject, visible):
    client = bearer(subject=subject)
    assert client.get("/v2/_catalog").json() == {"repositories": visible}
    assert [name for page in pages(client, "/v2/_catalog?n=1", "repositories") for name in page] == visible


def test_the_catalog_wants_a_token(town, client):
    answer = client.get("/v2/_catalog")
    assert error_of(answer) == (401, "UNAUTHORIZED")
    assert 'scope="registry:catalog:*"' in answer["WWW-Authenticate"]


# Referrers


def refer(content: Content, subject: str, kind: str = "application/x.sbom", **fields):
    return content.add_artifact(kind, subject={"mediaType": OCI_MANIFEST, "digest": subject, "size": 3}, **fields)


def test_referrers_of_what_is_not_there_is_an_empty_index(door):
    answer = door.get(f"referrers/{ABSENT}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == OCI_INDEX
    assert answer.json() == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


def test_a_referrer_is_described_whole(door):
    content = Content()
    made = refer(content, ABSENT, annotations={"who": "me"})
    door.push(content)
    assert door.get(f"referrers/{ABSENT}").json()["manifests"] == [
        made.descriptor | {"artifactType": "application/x.sbom", "annotations": {"who": "me"}}
    ]


def test_an_images_artifact_type_is_its_configs(door):
    content = image(subject={"mediaType": OCI_MANIFEST, "digest": ABSENT, "size": 3}, tag=None)
    door.push(content)
    entry = door.get(f"referrers/{ABSENT}").json()["manifests"][0]
    assert entry["artifactType"] == "application/vnd.oci.image.config.v1+json"


def test_the_subject_may_come_later_and_be_deleted_with_its_referrers(door):
    content = image()
    signature = Content()
    refer(signature, content.top.digest)
    door.push(signature)
    door.push(content)
    assert len(door.get(f"referrers/{content.top.digest}").json()["manifests"]) == 1
    door.delete(f"manifests/{content.top.digest}")
    assert door.get(f"referrers/{content.top.digest}").json()["manifests"] == []
    assert door.head(f"manifests/{signature.top.digest}").status_code == 404


def test_referrers_are_filtered_by_type_and_say_so(door):
    content = Content()
    wanted = refer(content, ABSENT, "application/x.signature+json")
    refer(content, ABSENT)
    door.push(content)
    answer = door.client.get(door.url(f"referrers/{ABSENT}"), {"artifactType": "application/x.signature+json"})
    assert [entry["digest"] for entry in answer.json()["manifests"]] == [wanted.digest]
    assert answer["OCI-Filters-Applied"] == "artifactType"
    assert "OCI-Filters-Applied" not in door.get(f"referrers/{ABSENT}")
    none = door.client.get(door.url(f"referrers/{ABSENT}"), {"artifactType": "x/\x00y"})
    assert none.json()["manifests"] == []


def listed_by_clients(*entries: dict[str, Any], subject: str = ABSENT) -> Content:
    """The index a client without the referrers API keeps under the subject's tag."""
    content = Content()
    for entry in entries:
        content.blobs |= entry.pop("blobs", {})
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)})
    return content.tag(subject.replace(":", "-"))


def test_what_older_clients_listed_under_a_tag_is_merged_in(door):
    content = Content()
    both = refer(content, ABSENT)
    old = content.add_artifact("application/x.old")  # without a subject
    new = refer(content, ABSENT)
    door.push(content)
    door.push(listed_by_clients(old.descriptor | {"artifactType": "application/x.old"}, both.descriptor))
    for url in (f"referrers/{ABSENT}", f"referrers/{ABSENT}?n=1", f"referrers/{ABSENT}?n=2"):
        found = [entry["digest"] for page in pages(door.client, door.url(url), "manifests") for entry in page]
        assert found == sorted([both.digest, old.digest, new.digest])
    filtered = door.client.get(door.url(f"referrers/{ABSENT}"), {"artifactType": "application/x.old"})
    assert [entry["digest"] for entry in filtered.json()["manifests"]] == [old.digest]


def test_a_sha512_subjects_tag_is_cut_to_64_characters(door):
    subject = str(Digest.of(b"nobody pushed this", "sha512"))
    content = door.push(image(tag=None))
    listed = Content()
    listed.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [content.top.descriptor]})
    door.push(listed.tag("sha512-" + subject[7:71]))
    assert len(door.get(f"referrers/{subject}").json()["manifests"]) == 1


def test_an_image_that_happens_to_bear_the_tag_lists_nothing(door):
    content = image(tag=ABSENT.replace(":", "-"))
    door.push(content)
    assert door.get(f"referrers/{ABSENT}").json()["manifests"] == []


def test_referrers_are_paged_by_links_with_the_filter_kept(door):
    content = Content()
    made = [refer(content, ABSENT, "application/x.a+b") for _ in range(5)]
    door.push(content)
    first = door.client.get(door.url(f"referrers/{ABSENT}"), {"artifactType": "application/x.a+b", "n": "2"})
    rest = pages(door.client, next_page(first), "manifests")
    digests = [entry["digest"] for page in [first.json()["manifests"], *rest] for entry in page]
    assert digests == sorted(manifest.digest for manifest in made)
    assert [len(page) for page in rest] == [2, 1]


def test_more_referrers_than_are_read_at_once(door):
    content = Content()
    made = [refer(content, ABSENT, layer=b"{}", annotations={"n": str(number)}) for number in range(45)]
    door.push(content)
    expected = sorted(manifest.digest for manifest in made)
    for query in ("", "?n=20", "?n=21", "?n=44", "?n=45"):
        found = pages(door.client, door.url(f"referrers/{ABSENT}{query}"), "manifests")
        assert [entry["digest"] for page in found for entry in page] == expected


def test_a_page_of_referrers_stays_below_4_mib(door, upstream):
    content = Content()
    for _ in range(6):
        refer(content, ABSENT, annotations={"x": "y" * 1_000_000})
    door.push(content)
    url, seen = door.url(f"referrers/{ABSENT}"), 0
    while url:
        answer = door.client.get(url)
        assert len(answer.content) < 4 * 1024 * 1024
        seen += len(json.loads(answer.content)["manifests"])
        url = next_page(answer)
    assert seen == 6


def test_referrers_are_the_repositorys_own(door):
    elsewhere = Door(f"library/{unique()}")
    content = Content()
    refer(content, ABSENT)
    elsewhere.push(content)
    assert door.get(f"referrers/{ABSENT}").json()["manifests"] == []


def test_referrers_need_pull(door):
    assert error_of(Door(door.repository, "push").get(f"referrers/{ABSENT}")) == (401, "UNAUTHORIZED")
    assert error_of(door.get("referrers/sha256:x")) == (400, "DIGEST_INVALID")
    assert Project.objects.exists()
