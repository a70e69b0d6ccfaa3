"""What immutable tags are shown as over the API, and which deeds they forbid there."""

import pytest

from artifacts.models import Repository, Tag
from tests.api.caller import Caller, error_of, make_caller
from tests.door import Door, image, unique
from tests.flows.content import Content
from tests.people import join
from tests.roundtrips import counted
from tests.rules import make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def name() -> str:
    return f"apps/{unique()}"


@pytest.fixture
def home(name) -> str:
    return f"projects/library/repositories/{name.replace('/', '%252F')}"


@pytest.fixture
def pushed(upstream, project, name) -> Content:
    """An image tagged `v1` and `latest`; `v*` is immutable below `apps`."""
    make_rule(project, "v*", "apps/**")
    return Door(f"library/{name}").push(image(tag="v1").tag("latest"))


@pytest.fixture
def keeper(project) -> Caller:
    caller, user = make_caller("keeper")
    join(project, user, "maintainer")
    return caller


def test_tags_say_whether_they_are_immutable(keeper, pushed, home):
    expected = {"v1": True, "latest": False}
    [artifact] = keeper.get(f"{home}/artifacts", with_immutable_status="true").json()
    assert {tag["name"]: tag["immutable"] for tag in artifact["tags"]} == expected
    one = keeper.get(f"{home}/artifacts/v1").json()
    assert {tag["name"]: tag["immutable"] for tag in one["tags"]} == expected
    tags = keeper.get(f"{home}/artifacts/v1/tags").json()
    assert {tag["name"]: tag["immutable"] for tag in tags} == expected


def test_an_immutable_tag_holds_its_artifact_and_its_repository(keeper, pushed, home):
    for path in (f"{home}/artifacts/v1/tags/v1", f"{home}/artifacts/latest", home):
        answer = keeper.delete(path)
        assert error_of(answer) == (412, "PRECONDITION")
        assert ":v1 is configured as immutable, cannot be deleted" in answer.json()["errors"][0]["message"]
    assert Tag.objects.count() == 2
    assert keeper.delete(f"{home}/artifacts/v1/tags/latest").status_code == 200
    [rule] = keeper.get("projects/library/immutabletagrules").json()
    assert keeper.delete(f"projects/library/immutabletagrules/{rule['id']}").status_code == 200
    assert keeper.delete(home).status_code == 200
    assert not Repository.objects.exists()


def test_a_new_tag_may_be_put_on_even_where_it_will_be_immutable(keeper, pushed, home):
    tags = f"{home}/artifacts/v1/tags"
    assert keeper.post(tags, {"name": "v2"}).status_code == 201
    assert error_of(keeper.post(tags, {"name": "v2"}))[0] == 409
    assert error_of(keeper.delete(f"{tags}/v2"))[0] == 412


def test_rules_cost_a_page_the_same_for_few_tags_and_for_many(keeper, pushed, home):
    paths = [f"{home}/artifacts", f"{home}/artifacts/v1", f"{home}/artifacts/v1/tags"]
    for _ in range(3):
        [keeper.get(path) for path in paths]
    with counted() as few:
        [keeper.get(path) for path in paths]
    for number in range(2, 7):
        keeper.post(f"{home}/artifacts/v1/tags", {"name": f"v{number}"})
    with counted() as many:
        [keeper.get(path) for path in paths]
    assert many() == few()
