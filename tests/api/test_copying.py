"""CopyArtifact: who may, what is answered."""

import pytest

from artifacts.models import Repository, Tag
from tests.api.caller import NOBODY, Caller, error_of, make_caller
from tests.door import Door, image, unique
from tests.flows.content import Content
from tests.people import join, make_project
from tests.rules import make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def name() -> str:
    return f"apps/{unique()}"


@pytest.fixture
def pushed(upstream, project, name) -> Content:
    return Door(f"library/{name}").push(image(tag="v1"))


@pytest.fixture
def dev(project) -> Caller:
    """A developer of the private project `team`, and nobody in the public `library`."""
    caller, user = make_caller("dev")
    join(make_project("team"), user, "developer")
    return caller


def copy(caller: Caller, source: str, repository: str = "mirror%252Fx", project: str = "team"):
    return caller.post(f"projects/{project}/repositories/{repository}/artifacts?from={source}")


def test_a_copy_is_answered_with_where_it_is(dev, pushed, name):
    for source in (f"library/{name}:v1", f"library/{name}@{pushed.top.digest}"):
        answer = copy(dev, source)
        assert answer.status_code == 201
        home = f"/api/v2.0/projects/team/repositories/mirror%252Fx/artifacts/{pushed.top.digest}"
        assert answer["Location"] == home
    artifact = dev.get(answer["Location"].removeprefix("/api/v2.0/")).json()
    assert [tag["name"] for tag in artifact["tags"]] == ["v1"]
    assert artifact["repository_name"] == "team/mirror/x"
    assert Door("team/mirror/x").get("manifests/v1").content == pushed.top.payload


def test_a_copy_needs_to_push_to_the_one_and_to_pull_from_the_other(dev, pushed, name):
    hidden = make_project("hidden")
    Door("hidden/x").push(image(tag="v1"))
    guest, user = make_caller("guest")
    join(hidden, user, "developer")
    assert error_of(copy(NOBODY, f"library/{name}:v1"))[0] == 401
    assert error_of(copy(guest, f"library/{name}:v1")) == (403, "FORBIDDEN")
    assert error_of(copy(dev, f"library/{name}:v1", project="library")) == (403, "FORBIDDEN")
    refused = [copy(dev, source) for source in ("hidden/x:v1", "hidden/none:v1", "nowhere/x:v1")]
    assert [error_of(answer) for answer in refused] == [(403, "FORBIDDEN")] * 3
    assert len({answer.content for answer in refused}) == 1
    assert not Repository.objects.filter(project__name="team").exists()
    assert copy(guest, f"library/{name}:v1", project="hidden").status_code == 201


def test_what_is_not_there_is_not_found(dev, root, pushed, name):
    for source in (f"library/{name}:v2", "library/none:v1", f"library/{name}@sha256:{'0' * 64}"):
        assert error_of(copy(dev, source)) == (404, "NOT_FOUND")
    assert error_of(copy(root, "nowhere/x:v1")) == (404, "NOT_FOUND")
    assert error_of(copy(root, f"library/{name}:v1", project="nowhere")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("", 422),
        ("library", 400),
        ("library/x", 400),
        ("library:v1", 400),
        ("library/x@v1", 400),
        ("library/x@sha256:1", 400),
        ("library/x:sha256:" + "0" * 64, 400),
        ("library/x:-", 400),
        ("library/x:" + "v" * 200, 400),
        ("Library/x:v1", 400),
        ("library/../team/x:v1", 400),
        ("library/x%00:v1", 400),
        ("library/%ED%A0%80:v1", 400),
    ],
)
def test_what_is_no_source_is_refused(dev, pushed, source, status):
    assert error_of(copy(dev, source))[0] == status


@pytest.mark.parametrize("repository", ["UPPER", "a%252F..%252Fb", "x" * 300, "%252F"])
def test_what_is_no_repository_is_refused(dev, pushed, name, repository):
    assert error_of(copy(dev, f"library/{name}:v1", repository))[0] == 400


def test_a_copy_moves_no_immutable_tag(dev, pushed, name):
    copy(dev, f"library/{name}:v1")
    make_rule(Repository.objects.get(name="team/mirror/x").project)
    assert copy(dev, f"library/{name}:v1").status_code == 201
    Door(f"library/{name}").push(image(tag="v1"))
    assert error_of(copy(dev, f"library/{name}:v1")) == (412, "PRECONDITION")
    assert Tag.objects.get(repository__name="team/mirror/x").manifest.digest == pushed.top.digest
