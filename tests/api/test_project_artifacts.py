"""listArtifactsOfProject: those of all repositories of a project, and the newest of each."""

from urllib.parse import quote

import pytest

from artifacts.models import Manifest, Tag
from tests.api.caller import NOBODY, Caller, error_of, make_caller
from tests.api.test_paging import follow
from tests.door import Door, image, unique
from tests.flows.content import OCI_CONFIG, Content
from tests.people import join, make_project
from tests.roundtrips import counted
from tests.rules import make_rule

pytestmark = pytest.mark.django_db

PATH = "projects/library/artifacts"


@pytest.fixture
def dev(project) -> Caller:
    caller, user = make_caller("dev")
    join(project, user, "developer")
    return caller


@pytest.fixture
def doors(upstream, project) -> list[Door]:
    return [Door(f"library/apps/{unique()}") for _ in range(3)]


def digests(answer) -> list[str]:
    return [row["digest"] for row in answer.json()]


def test_the_artifacts_of_all_repositories_are_listed_the_newest_first(dev, doors):
    pushed = [door.push(image(tag=f"v{number}")).top.digest for number in range(2) for door in doors]
    make_project("other", public=True)
    Door("other/x").push(image())
    answer = dev.get(PATH, page_size=100)
    assert digests(answer) == pushed[::-1]
    assert answer["X-Total-Count"] == "6"
    assert [row["repository_name"] for row in answer.json()[:3]] == [door.repository for door in doors[::-1]]
    assert [tag["name"] for tag in answer.json()[0]["tags"]] == ["v1"]
    assert [digest for page in follow(dev, f"{PATH}?page_size=4") for digest in digests(page)] == pushed[::-1]


def test_each_is_shown_as_in_its_repository(dev, doors, project):
    make_rule(project, "v*")
    content = Content()
    first = content.add_image()
    index = content.add_index([content.add_image(), content.add_image()])
    content.add_artifact("application/vnd.cncf.notary.signature", subject=first.descriptor)
    doors[0].push(content.tag("v1", first).tag("multi", index))
    doors[1].push(Content(blobs=dict(content.blobs), manifests=list(content.manifests)))
    query = {"with_accessory": "true", "with_label": "true"}
    found = dev.get(PATH, **query).json()
    home = f"projects/library/repositories/{doors[0].repository.partition('/')[2].replace('/', '%252F')}"
    alone = dev.get(f"{home}/artifacts", **query).json()
    assert [row for row in found if row["repository_name"] == doors[0].repository] == alone
    assert {tag["immutable"] for row in alone for tag in row["tags"] if tag["name"] == "v1"} == {True}
    accessories = {row["repository_name"]: row["accessories"] for row in found if row["digest"] == first.digest}
    assert {name: each[0]["subject_artifact_repo"] for name, each in accessories.items()} == {
        door.repository: door.repository for door in doors[:2]
    }


def test_the_newest_of_each_repository_of_a_kind(dev, doors):
    newest = {}
    for number in range(2):
        for door in doors:
            newest[door.repository] = door.push(image(tag=f"v{number}")).top.digest
    odd = Content()
    odd.add_artifact("application/x.odd")
    doors[0].push(odd)
    for key in ("media_type", "artifact_type"):
        answer = dev.get(PATH, latest_in_repository="true", q=f"{key}={OCI_CONFIG}")
        assert {row["repository_name"]: row["digest"] for row in answer.json()} == newest
        assert answer["X-Total-Count"] == "3"
    assert digests(dev.get(PATH, latest_in_repository="true", q="artifact_type=application/x.odd")) == [odd.top.digest]
    assert len(dev.get(PATH, latest_in_repository="true").json()) == 7  # of no effect without a kind, as in Harbor
    assert len(dev.get(PATH, latest_in_repository="false", q=f"media_type={OCI_CONFIG}").json()) == 6
    tagged = dev.get(PATH, latest_in_repository="true", q=f"media_type={OCI_CONFIG},tags=v0")
    assert digests(tagged) == []
    q = quote(f"media_type={OCI_CONFIG}")
    pages = follow(dev, f"{PATH}?latest_in_repository=true&q={q}&page_size=2")
    assert [len(page.json()) for page in pages] == [2, 1]


@pytest.mark.parametrize(
    ("query", "count"),
    [({"q": "tags=v0"}, 3), ({"q": "tags=nil"}, 0), ({"with_tag": "false"}, 3), ({"q": "digest=x"}, 0)],
)
def test_it_is_narrowed(dev, doors, query, count):
    for door in doors:
        door.push(image(tag="v0"))
    assert len(dev.get(PATH, **query).json()) == count


def test_an_unknown_key_is_a_bad_request(dev, doors):
    assert error_of(dev.get(PATH, q="colour=red"))[0] == 400
    assert error_of(dev.get(PATH, sort="colour"))[0] == 400


def test_a_private_projects_artifacts_are_nobodys_business(dev, doors, project):
    doors[0].push(image())
    assert NOBODY.get(PATH).status_code == 200
    project.public = False
    project.save()
    assert error_of(NOBODY.get(PATH))[0] == 401
    assert error_of(make_caller("stranger")[0].get(PATH))[0] == 403
    assert dev.get(f"projects/{project.pk}/artifacts").status_code == 200


def test_it_costs_the_same_for_few_and_for_many(dev, doors):
    query = {"page_size": 50, "with_accessory": "true", "with_label": "true"}
    doors[0].push(image(tag="t0"))
    for _ in range(3):
        dev.get(PATH, **query)
    with counted() as few:
        assert len(dev.get(PATH, **query).json()) == 1
    for door in doors:
        for number in range(3):
            door.push(image(tag=f"t{number}"))
    for _ in range(3):
        dev.get(PATH, **query)
    with counted() as many:
        assert len(dev.get(PATH, **query).json()) == 10
    assert many() == few()


def test_one_artifact_with_very_many_tags_leaves_room_for_those_of_others(dev, doors):
    first, second = (door.push(image(tag="v1")) for door in doors[:2])
    row = Manifest.objects.get(digest=second.top.digest)
    Tag.objects.bulk_create(Tag(repository_id=row.repository_id, name=f"t{n:04}", manifest=row) for n in range(1200))
    shown = {each["digest"]: each["tags"] for each in dev.get(PATH).json()}
    assert (len(shown[first.top.digest]), len(shown[second.top.digest])) == (1, 100)
    assert len(dev.get(PATH, q=f"digest={second.top.digest}").json()[0]["tags"]) == 1000
