"""The adapter for Harbor, before our own REST API and registry: what it meets at another Roadstead."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client

from artifacts.models import ArtifactLabel, Manifest, Repository, Tag
from audit import Context
from oci.errors import Denied, NameInvalid, Unauthorized
from oci.listener import Listener, Reply
from projects.models import Label, Project
from rbac.actors import SYSTEM
from rbac.models import User
from replication import endpoints
from replication.adapters import Access
from replication.adapters.harbor import Adapter
from replication.endpoints import Settings
from tests.people import PASSWORD, make_project, make_user
from tests.replication.played import Played

pytestmark = pytest.mark.django_db(transaction=True)

_IMAGE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"


class Roadstead:
    """This installation on a port: each request is a call of Django's, in a thread of the server's."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.listener = Listener(self._answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.port}"

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        self.asked.append(f"{method} {target}")
        named = {name: value for name, value in headers.items() if name not in {"content-length", "content-type"}}
        kind = headers.get("content-type", "application/json")
        try:
            answer = Client(raise_request_exception=False).generic(method, target, body, kind, headers=named)
            told = {name: value for name, value in answer.items() if name.lower() != "content-length"}
            return Reply(answer.status_code, told, answer.content)
        finally:
            connection.close()


@pytest.fixture
def there() -> Iterator[Roadstead]:
    running = Roadstead()
    yield running
    running.listener.stop()


@pytest.fixture
def admin():
    return make_user("boss", is_admin=True)


def adapter(there: Roadstead, user: User | None = None, password: str = PASSWORD) -> Adapter:
    name = user.username if user else ""
    return Adapter(Access(there.url, name, password if user else "", private=True, tries=1, timeout=20.0))


def push(name: str, *tags: str, labels: tuple[str, ...] = (), subject: str = "") -> str:
    project = Project.objects.get(name=name.partition("/")[0])
    repository, _ = Repository.objects.get_or_create(name=name, defaults={"project": project})
    digest = f"sha256:{Manifest.objects.count():064x}"
    manifest = Manifest.objects.create(
        repository=repository, digest=digest, media_type=_IMAGE, artifact_type=_CONFIG, size=7, subject=subject,
        payload=json.dumps({"schemaVersion": 2, "mediaType": _IMAGE}).encode(), listed=not subject, attributes={},
    )  # fmt: skip
    for tag in tags:
        Tag.objects.create(repository=repository, name=tag, manifest=manifest)
    for label in labels:
        found, _ = Label.objects.get_or_create(name=label)
        ArtifactLabel.objects.create(manifest=manifest, label=found)
    return digest


def test_it_is_healthy_for_a_right_password_and_not_for_a_wrong_one(there, admin):
    adapter(there, admin).check()
    with pytest.raises(Unauthorized):
        adapter(there, admin, "Wrong-Password-1").check()


def test_it_lists_by_projects_page_by_page(there, admin):
    for project in ("team", "42", "other"):
        make_project(project)
    for number in range(103):
        push(f"team/a{number:03}")
    push("42/app")
    push("other/deep/er/app")
    found = adapter(there, admin)
    assert len(list(found.repositories(["team/**"]))) == 103
    assert sorted(found.repositories(["{42,other}/**"])) == ["42/app", "other/deep/er/app"]
    assert list(found.repositories(["none/**"])) == []
    assert len(list(found.repositories(["**"]))) == 105
    assert list(found.repositories(["team/app"])) == ["team/app"]


def test_it_tells_artifacts_with_tags_labels_and_whether_something_hangs_on_them(there, admin):
    make_project("team")
    signed = push("team/deep/app", "v1", "latest", labels=("qa", "prod"))
    plain = push("team/deep/app")
    push("team/deep/app", "sig", subject=signed)
    found = {each.digest: each for each in adapter(there, admin).artifacts("team/deep/app")}
    assert [each.tags for digest, each in found.items() if digest not in {signed, plain}] == [("sig",)]
    assert sorted(found[signed].tags) == ["latest", "v1"]
    assert sorted(found[signed].labels) == ["prod", "qa"]
    assert (found[signed].kind, found[signed].size, found[signed].has_referrers) == ("IMAGE", 7, True)
    assert (found[plain].tags, found[plain].has_referrers) == ((), False)
    assert list(adapter(there, admin).artifacts("team/none")) == []


def test_it_makes_a_project_once_as_public_as_the_source(there, admin):
    found = adapter(there, admin)
    for name in ("new/app", "new/web", "open/app"):
        found.prepare(name, public=name.startswith("open"))
    assert {each.name: each.public for each in Project.objects.exclude(name="library")} == {"new": False, "open": True}
    assert sum(each.startswith("HEAD") for each in there.asked) == 2
    assert (found.is_public("open/app"), found.is_public("new/app"), found.is_public("none/app")) == (
        True,
        False,
        False,
    )
    adapter(there, admin).prepare("new/app", public=False)
    with pytest.raises(NameInvalid):
        found.prepare("app", public=False)


def test_who_may_make_no_project_may_push_to_one_that_is_there_and_else_is_told():
    """A robot of one project isn't shown any by the list of them."""
    uploads = "/v2/team/app/blobs/uploads/"
    answers = {
        "POST /api/v2.0/projects": (403, {"errors": [{"code": "FORBIDDEN", "message": "Only system admin"}]}),
        f"POST {uploads}": (202, {}, {"Location": f"{uploads}1"}),
        f"DELETE {uploads}1": (204, None),
        "POST /v2/new/app/blobs/uploads/": (403, {"errors": [{"code": "DENIED", "message": "no"}]}),
    }
    with Played(answers) as played:
        found = Adapter(played.access(access_key="robot$team+push", secret="s"))
        found.prepare("team/app", public=False)
        assert played.asked[-1] == f"DELETE {uploads}1"
        with pytest.raises(Denied, match=r"no project new .* Only system admin"):
            found.prepare("new/app", public=False)


def test_it_knows_where_a_blob_can_be_mounted_from(there, admin):
    assert adapter(there, admin).holders(f"sha256:{'a' * 64}") == []
    assert adapter(there, admin, "Wrong-Password-1").holders(f"sha256:{'a' * 64}") == []


def test_it_tells_the_labels_there_are(there, admin, monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_REPLICATION_LOCAL_ADDRESSES", "true")
    make_project("team")
    for name in ("qa", "prod"):
        Label.objects.create(name=name)
    Label.objects.create(name="of the project's", project=Project.objects.get(name="team"))
    assert sorted(adapter(there, admin).labels()) == ["prod", "qa"]
    wanted = Settings("there", "harbor", there.url, access_key="boss", secret=PASSWORD)
    made = endpoints.create(wanted, actor=SYSTEM, context=Context())
    assert sorted(endpoints.labels_of(made)) == ["prod", "qa"]
    there.listener.stop()
    assert endpoints.labels_of(made) == []


def test_it_tells_when_a_tag_or_an_artifact_was_put_there(there, admin):
    make_project("team")
    digest = push("team/app", "v1", "v2")
    at = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
    Tag.objects.filter(name="v1").update(pushed_at=at)
    found = adapter(there, admin)
    assert found.put_at("team/app", "v1") == found.put_at("team/app", digest) == at
    assert found.put_at("team/app", "v2") not in {at, None}
    assert found.put_at("team/app", "v3") is None
    assert adapter(there, admin, "Wrong-Password-1").put_at("team/app", "v1") is None
