"""Sites that are full, refuse or lie: the task fails, in words that somebody can act on, and nothing is there by half.

All of it is begun together: who fails tries again a few times before it gives up.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from oci.registry import MemoryRegistry
from tests.flows import havoc
from tests.flows.conformance import pushes
from tests.flows.content import Content, image
from tests.flows.harbor import unused
from tests.flows.liars import Corrupt, Forgetful, Renaming
from tests.flows.replicating import Site, digest_at
from tests.flows.stacks import eventually, running_distribution
from tests.flows.wire import Wire

MIB = 1024 * 1024
PLAIN = "docker-registry"


@dataclass
class Story:
    """An execution that is to fail, and what it was about."""

    site: Site
    number: int
    repository: str
    content: Content
    elsewhere: Wire
    more: dict[str, Content] = field(default_factory=dict)

    def words(self) -> str:
        return self.site.fails(self.number, seconds=120)

    def is_there(self) -> bool:
        return bool(digest_at(self.elsewhere, self.repository, "latest"))


@dataclass
class Ground:
    """Where the stories take place."""

    near: Site
    far: Site
    workspace: Path
    running: ExitStack

    def pushed(self, size: int = 64) -> tuple[str, Content]:
        repository = f"{unused('no')}/app"
        return repository, self.near.push(repository, image(layers=1, size=size))

    def out(self, repository: str, content: Content, endpoint: int, wire: Wire | None = None) -> Story:
        """The near site pushes it to the endpoint."""
        number = self.near.start(self.near.policy(repository, to=endpoint))
        return Story(self.near, number, repository, content, wire or self.far.wire)

    def far_project(self, repository: str, **limit: int) -> str:
        name = repository.partition("/")[0]
        self.far.api.call("POST", "/projects", status=201, body={"project_name": name, **limit})
        return name

    def far_user(self) -> tuple[str, str]:
        name = unused("user")
        return name, self.far.stack.create_user(name)

    def runs(self, kind: type[MemoryRegistry]) -> MemoryRegistry:
        return self.running.enter_context(kind())


def full_there(ground: Ground) -> Story:
    repository, content = ground.pushed(3 * MIB)
    ground.far_project(repository, storage_limit=MIB)
    return ground.out(repository, content, ground.near.endpoint_of(ground.far))


def full_here(ground: Ground) -> Story:
    repository, content = ground.pushed(3 * MIB)
    ground.far_project(repository, storage_limit=MIB)
    number = ground.far.start(ground.far.policy(repository, by=ground.far.endpoint_of(ground.near)))
    return Story(ground.far, number, repository, content, ground.far.wire)


def full_disk(ground: Ground) -> Story:
    repository, content = ground.pushed(12 * MIB)
    disk = ground.running.enter_context(havoc.small_disk(ground.workspace / "full-distribution", "8m"))
    url = ground.running.enter_context(running_distribution(disk / "home"))
    return ground.out(repository, content, ground.near.endpoint(url, kind=PLAIN), Wire(url))


def guest(ground: Ground) -> Story:
    repository, content = ground.pushed()
    name, password = ground.far_user()
    ground.far.stack.add_member(ground.far_project(repository), name, "guest")
    return ground.out(repository, content, ground.near.endpoint(ground.far.stack.url, username=name, password=password))


def outdated(ground: Ground) -> Story:
    repository, content = ground.pushed()
    name, password = ground.far_user()
    endpoint = ground.near.endpoint(ground.far.stack.url, username=name, password=password)
    ground.far.stack.manage("resetpassword", name, "--password-stdin", stdin="Other-Horse-7\n")
    return ground.out(repository, content, endpoint)


def immutable(ground: Ground) -> Story:
    repository, content = ground.pushed()
    kept = ground.far.push(repository, image())
    rule = {
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**"}],
        "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
        "template": "immutable_template",
        "action": "immutable",
    }
    project = repository.partition("/")[0]
    ground.far.api.call("POST", f"/projects/{project}/immutabletagrules", status=201, body=rule)
    story = ground.out(repository, content, ground.near.endpoint_of(ground.far))
    story.more["kept"] = kept
    return story


def lost(ground: Ground) -> Story:
    """Of two artifacts one can't be copied."""
    project = unused("no")
    repository, content = f"{project}/lost", ground.near.push(f"{project}/lost", image(layers=1, size=5000))
    kept = ground.near.push(f"{project}/kept", image())
    name = largest(content).partition(":")[2]
    shutil.rmtree(ground.near.stack.home / f"registry/docker/registry/v2/blobs/sha256/{name[:2]}/{name}")
    number = ground.near.start(ground.near.policy(f"{project}/**", to=ground.near.endpoint_of(ground.far)))
    return Story(ground.near, number, repository, content, ground.far.wire, {f"{project}/kept": kept})


def largest(content: Content) -> str:
    return max(content.blobs, key=lambda digest: len(content.blobs[digest]))


def renaming(ground: Ground) -> Story:
    repository, content = ground.pushed()
    url = ground.runs(Renaming).url
    return ground.out(repository, content, ground.near.endpoint(url, kind=PLAIN), Wire(url))


def forgetful(ground: Ground) -> Story:
    repository, content = ground.pushed()
    url = ground.runs(Forgetful).url
    return ground.out(repository, content, ground.near.endpoint(url, kind=PLAIN), Wire(url))


def corrupt(ground: Ground) -> Story:
    repository, content = f"{unused('no')}/app", image(size=5000)
    url = ground.runs(Corrupt).url
    pushes.push_content(Wire(url), repository, content)
    number = ground.near.start(ground.near.policy(repository, by=ground.near.endpoint(url, kind=PLAIN)))
    return Story(ground.near, number, repository, content, ground.near.wire)


def gone(ground: Ground) -> Story:
    """It was there when the endpoint was made."""
    repository, content = ground.pushed()
    with MemoryRegistry() as registry:
        endpoint = ground.near.endpoint(registry.url, kind=PLAIN)
    return ground.out(repository, content, endpoint, Wire(registry.url))


STORIES: tuple[Callable[[Ground], Story], ...] = (
    *(gone, full_disk, lost, corrupt, forgetful, renaming),  # these go on for longest
    *(full_there, full_here, guest, outdated, immutable),
)


@pytest.fixture(scope="module")
def stories(near: Site, far: Site, workspace: Path) -> Iterator[dict[str, Story]]:
    with ExitStack() as running:
        ground = Ground(near, far, workspace, running)
        yield {begin.__name__: begin(ground) for begin in STORIES}


def test_a_full_project_there(stories: dict[str, Story]):
    story = stories["full_there"]
    words = story.words()
    assert "would exceed the limit of 1.0 MiB" in words
    assert story.repository in words
    assert not story.is_there()


def test_a_full_project_here(stories: dict[str, Story]):
    story = stories["full_here"]
    assert "would exceed the limit of 1.0 MiB" in story.words()
    assert not story.is_there()


def test_a_full_disk_there(stories: dict[str, Story]):
    story = stories["full_disk"]
    words = story.words()
    assert story.elsewhere.host in words
    assert "answered 500" in words
    assert "has room" in words
    assert not story.is_there()


def test_somebody_who_may_not_push_there(stories: dict[str, Story]):
    story = stories["guest"]
    words = story.words()
    assert story.repository in words
    assert "its account may do this there" in words


def test_a_credential_that_is_no_longer_right(stories: dict[str, Story]):
    assert "refuses the credential" in stories["outdated"].words()


def test_a_tag_that_may_not_be_moved_there(stories: dict[str, Story], far: Site):
    story = stories["immutable"]
    words = story.words()
    assert "configured as immutable" in words
    assert "a rule of the project there forbids it" in words
    assert far.holds(story.repository, story.more["kept"])


def test_a_blob_that_is_lost_here(stories: dict[str, Story], near: Site, far: Site):
    story = stories["lost"]
    assert largest(story.content) in story.words()
    found = near.execution(story.number)
    assert (found["succeed"], found["failed"]) == (1, 1)
    for repository, content in story.more.items():
        assert far.holds(repository, content)
    assert not story.is_there()


def test_a_destination_that_stores_something_else(stories: dict[str, Story]):
    assert "says that it has stored" in stories["renaming"].words()


def test_a_destination_that_forgets(stories: dict[str, Story]):
    story = stories["forgetful"]
    assert "blob" in story.words().lower()
    assert not story.is_there()


def test_a_source_that_gives_something_else(stories: dict[str, Story], near: Site):
    story = stories["corrupt"]
    words = story.words()
    assert any(digest in words for digest in story.content.blobs)
    assert not story.is_there()
    for digest in story.content.blobs:
        pushes.absent(near.wire, story.repository, digest)


def test_a_site_that_is_not_there_is_waited_for(stories: dict[str, Story], near: Site):
    story = stories["gone"]

    def told() -> str:
        return str(near.execution(story.number)["status_text"])

    eventually(lambda: "is away since" in told(), "it isn't said what is waited for")
    assert f"{story.elsewhere.host} refuses the connection; next try at" in told()
    near.stop(story.number)
    assert near.finished(story.number)["status"] == "Stopped"
