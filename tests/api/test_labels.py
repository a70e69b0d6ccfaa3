"""/labels, and labels on artifacts."""

import pytest
from django.db import connection

from artifacts.models import ArtifactLabel, Manifest, Repository, Tag
from audit.models import AuditRecord
from projects.models import Label, Project
from rbac.models import User
from tests.api.caller import NOBODY, Caller, error_of, make_caller
from tests.people import join, make_project
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

_ARTIFACTS = "projects/team/repositories/app/artifacts"


@pytest.fixture
def team(db) -> Project:
    return make_project("team")


@pytest.fixture
def keeper(team) -> Caller:
    """A maintainer of `team`."""
    caller, user = make_caller("keeper")
    join(team, user, "maintainer")
    return caller


@pytest.fixture
def dev(team) -> Caller:
    caller, user = make_caller("dev")
    join(team, user, "developer")
    return caller


def make_artifact(project: Project, number: int = 1) -> Manifest:
    """An artifact `v<number>` in the project's repository `app`, without content."""
    repository = Repository.objects.get_or_create(name=f"{project.name}/app", project=project)[0]
    manifest = Manifest.objects.create(
        repository=repository,
        digest=f"sha256:{number:064x}",
        media_type="application/vnd.oci.image.index.v1+json",
        payload=b'{"schemaVersion":2,"manifests":[]}',
        size=2,
    )
    Tag.objects.create(repository=repository, name=f"v{number}", manifest=manifest)
    return manifest


def make_label(name: str, project: Project | None = None) -> Label:
    return Label.objects.create(name=name, project=project)


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()]


def test_a_global_label_is_an_administrators_to_make_and_everybodys_to_read(root, alice):
    answer = root.post("labels", {"name": "gold", "description": "the best", "color": "#FFD700", "scope": "g"})
    label = Label.objects.get()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v2.0/labels/{label.pk}")
    body = alice.get(f"labels/{label.pk}").json()
    assert {key: body[key] for key in ("id", "name", "description", "color", "scope", "project_id")} == {
        "id": label.pk, "name": "gold", "description": "the best", "color": "#FFD700", "scope": "g", "project_id": 0,
    }  # fmt: skip
    assert names(alice.get("labels", scope="g")) == ["gold"]
    assert error_of(NOBODY.get("labels", scope="g"))[0] == 401
    assert error_of(NOBODY.get(f"labels/{label.pk}"))[0] == 401
    assert error_of(alice.post("labels", {"name": "x", "scope": "g"})) == (403, "FORBIDDEN")
    assert error_of(alice.put(f"labels/{label.pk}", {"name": "x"})) == (403, "FORBIDDEN")
    assert error_of(alice.delete(f"labels/{label.pk}")) == (403, "FORBIDDEN")
    [record] = AuditRecord.objects.filter(resource_type="label")
    assert (record.actor, record.operation, record.resource, record.project) == ("admin", "create", "gold", "")


def test_a_projects_label_is_made_changed_and_deleted_by_a_maintainer(keeper, dev, team):
    body = {"name": "tested", "scope": "p", "project_id": team.pk}
    assert error_of(dev.post("labels", body)) == (403, "FORBIDDEN")
    assert keeper.post("labels", body).status_code == 201
    label = Label.objects.get()
    home = f"labels/{label.pk}"
    assert error_of(dev.put(home, {"name": "x"})) == (403, "FORBIDDEN")
    assert keeper.put(home, {"name": "approved", "color": "#0f0", "scope": "g"}).status_code == 200
    shown = dev.get(home).json()
    assert (shown["name"], shown["color"], shown["scope"], shown["project_id"]) == ("approved", "#0f0", "p", team.pk)
    assert error_of(dev.delete(home)) == (403, "FORBIDDEN")
    assert keeper.delete(home).status_code == 200
    assert error_of(keeper.get(home))[0] == 404
    assert error_of(keeper.delete(home))[0] == 404
    deeds = AuditRecord.objects.filter(resource_type="label", project="team").order_by("id")
    assert list(deeds.values_list("operation", "resource")) == [
        ("create", "tested"), ("update", "approved"), ("delete", "approved"),
    ]  # fmt: skip


def test_a_label_of_a_hidden_project_looks_like_one_that_is_not_there(alice, keeper, team):
    label = make_label("secret", team)
    for path in (f"labels/{label.pk}", "labels/999999"):
        for answer in (alice.get(path), alice.put(path, {"name": "x"}), alice.delete(path)):
            assert error_of(answer) == (404, "NOT_FOUND")
        assert error_of(NOBODY.get(path)) == (401, "UNAUTHORIZED")
    for project_id in (team.pk, 999999):
        assert error_of(alice.get("labels", scope="p", project_id=project_id)) == (403, "FORBIDDEN")
        answer = alice.post("labels", {"name": "x", "scope": "p", "project_id": project_id})
        assert error_of(answer) == (403, "FORBIDDEN")
    assert names(alice.get("labels", scope="g")) == []
    assert Label.objects.get().name == "secret"


def test_a_public_projects_labels_are_there_for_anybody(alice):
    project = make_project("open", public=True)
    label = make_label("seen", project)
    assert names(NOBODY.get("labels", scope="p", project_id=project.pk)) == ["seen"]
    assert NOBODY.get(f"labels/{label.pk}").status_code == 200
    assert error_of(alice.delete(f"labels/{label.pk}")) == (403, "FORBIDDEN")


def test_a_name_is_taken_once_in_each_scope(root, team):
    other = make_project("other")
    places = ({"scope": "g"}, {"scope": "p", "project_id": team.pk}, {"scope": "p", "project_id": other.pk})
    for place in places:
        assert root.post("labels", {"name": "x", **place}).status_code == 201
        assert error_of(root.post("labels", {"name": "x", **place})) == (409, "CONFLICT")
        assert root.post("labels", {"name": "y", **place}).status_code == 201
    label = Label.objects.filter(name="y", project=None).get()
    assert error_of(root.put(f"labels/{label.pk}", {"name": "x"})) == (409, "CONFLICT")
    assert root.put(f"labels/{label.pk}", {"name": "y", "description": "again"}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": ""}, 400),
        ({"name": "  "}, 400),
        ({"name": "x" * 129}, 400),
        ({"name": "a\x00"}, 400),
        ({"name": "a\nb"}, 400),
        ({"name": "\ud800"}, 400),
        ({"name": None}, 400),
        ({"name": ["x"]}, 400),
        ({"color": "red"}, 400),
        ({"color": "#12345"}, 400),
        ({"color": "#12345\u0661"}, 400),
        ({"description": "x" * 5000}, 400),
        ({"description": "a\x00"}, 400),
        ({"scope": "x"}, 400),
        ({"scope": None}, 400),
        ({"scope": "p"}, 400),
        ({"scope": "p", "project_id": 0}, 400),
        ({"scope": "p", "project_id": "x"}, 400),
        ({"scope": "p", "project_id": 2**70}, 400),
        ({"scope": "p", "project_id": -1}, 400),
        ({"scope": "p", "project_id": 999999}, 404),
    ],
)
def test_a_label_that_cannot_be_is_refused(root, change, status):
    assert error_of(root.post("labels", {"name": "x", "scope": "g"} | change))[0] == status
    assert not Label.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"x"', b"[" * 3000])
def test_a_body_that_is_none_is_refused(root, body):
    label = make_label("x")
    assert error_of(root.post("labels", body))[0] == 400
    assert error_of(root.put(f"labels/{label.pk}", body))[0] == 400


def test_labels_are_listed_by_name_and_scope(root, team):
    for name in ("release", "prerelease", "Other"):
        make_label(name, team)
    make_label("release-global")
    scope = {"scope": "p", "project_id": team.pk}
    assert names(root.get("labels", **scope, sort="name")) == ["Other", "prerelease", "release"]
    assert names(root.get("labels", **scope, name="RELEASE", sort="-name")) == ["release", "prerelease"]
    assert names(root.get("labels", **scope, q="name=release")) == ["release"]
    answer = root.get("labels", **scope, page_size=2)
    assert (names(answer), answer["X-Total-Count"]) == (["Other", "prerelease"], "3")
    assert names(root.get("labels", scope="g")) == ["release-global"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"scope": "x"}, 400),
        ({"scope": "p"}, 400),
        ({"scope": "p", "project_id": "x"}, 422),
        ({"scope": "p", "project_id": "9" * 25}, 404),
        ({"scope": "g", "q": "nothing=1"}, 400),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(root, query, status):
    assert error_of(root.get("labels", **query))[0] == status


def test_labels_go_with_their_project(root, team):
    make_label("x", team)
    make_label("y")
    assert root.delete("projects/team").status_code == 200
    assert list(Label.objects.values_list("name", flat=True)) == ["y"]


def test_labels_are_put_on_artifacts_and_taken_off(dev, team):
    artifact = make_artifact(team)
    own, overall = make_label("own", team), make_label("overall")
    home = f"{_ARTIFACTS}/v1/labels"
    for label in (own, overall):
        assert dev.post(home, {"id": label.pk}).status_code == 200
        assert error_of(dev.post(home, {"id": label.pk, "name": "other"})) == (409, "CONFLICT")
    by_digest = dev.get(f"{_ARTIFACTS}/{artifact.digest}", with_label="true").json()
    assert [label["name"] for label in by_digest["labels"]] == ["own", "overall"]
    assert set(by_digest["labels"][0]) == {
        "id", "name", "description", "color", "scope", "project_id", "creation_time", "update_time",
    }  # fmt: skip
    assert dev.delete(f"{home}/{own.pk}").status_code == 200
    assert error_of(dev.delete(f"{home}/{own.pk}"))[0] == 404
    [row] = dev.get(_ARTIFACTS, with_label="true").json()
    assert [label["name"] for label in row["labels"]] == ["overall"]
    assert "labels" not in dev.get(_ARTIFACTS).json()[0]
    deeds = AuditRecord.objects.filter(resource_type="artifact-label").order_by("id")
    resource = f"team/app@{artifact.digest}"
    assert [(deed.operation, deed.resource, deed.project, deed.detail["label"]) for deed in deeds] == [
        ("create", resource, "team", "own"), ("create", resource, "team", "overall"),
        ("delete", resource, "team", "own"),
    ]  # fmt: skip


def test_a_label_of_another_project_can_not_be_put_on(dev, team):
    make_artifact(team)
    foreign = make_label("foreign", make_project("other", public=True))
    for label_id in (foreign.pk, 999999, 0):
        assert error_of(dev.post(f"{_ARTIFACTS}/v1/labels", {"id": label_id})) == (404, "NOT_FOUND")
    assert not ArtifactLabel.objects.exists()


@pytest.mark.parametrize("body", [{}, {"id": None}, {"id": "x"}, {"id": 2**70}, {"id": -1}, {"id": [1]}, []])
def test_a_label_without_an_id_can_not_be_put_on(dev, team, body):
    make_artifact(team)
    assert error_of(dev.post(f"{_ARTIFACTS}/v1/labels", body))[0] == 400


def test_what_has_no_artifact_has_no_labels(dev, team):
    label = make_label("x")
    make_artifact(team)
    assert error_of(dev.post(f"{_ARTIFACTS}/none/labels", {"id": label.pk}))[0] == 404
    assert error_of(dev.delete(f"{_ARTIFACTS}/none/labels/{label.pk}"))[0] == 404
    assert error_of(dev.delete(f"{_ARTIFACTS}/v1/labels/x"))[0] == 422
    assert error_of(dev.delete(f"{_ARTIFACTS}/v1/labels/{'9' * 25}"))[0] == 404


def test_a_deleted_label_is_off_every_artifact(keeper, team):
    label = make_label("x", team)
    for number in (1, 2):
        make_artifact(team, number)
        assert keeper.post(f"{_ARTIFACTS}/v{number}/labels", {"id": label.pk}).status_code == 200
    assert keeper.delete(f"labels/{label.pk}").status_code == 200
    assert [row["labels"] for row in keeper.get(_ARTIFACTS, with_label="true").json()] == [[], []]


def test_a_labelled_repository_can_be_deleted(keeper, team):
    label = make_label("x", team)
    make_artifact(team)
    keeper.post(f"{_ARTIFACTS}/v1/labels", {"id": label.pk})
    connection.check_constraints()
    assert keeper.delete("projects/team/repositories/app").status_code == 200
    connection.check_constraints()
    assert not ArtifactLabel.objects.exists()


def test_artifacts_are_found_by_their_labels(dev, team):
    first, second = make_label("first", team), make_label("second")
    for number, labels in enumerate([(first,), (first, second), (second,), ()], start=1):
        manifest = make_artifact(team, number)
        ArtifactLabel.objects.bulk_create([ArtifactLabel(manifest=manifest, label=label) for label in labels])

    def found(labels: str) -> list[str]:
        answer = dev.get(_ARTIFACTS, q=f"labels={labels}", sort="id")
        assert answer.status_code == 200, answer.content
        assert answer["X-Total-Count"] == str(len(answer.json()))
        return [row["tags"][0]["name"] for row in answer.json()]

    assert found(f"({first.pk})") == ["v1", "v2"]
    assert found(f"({first.pk} {second.pk})") == ["v2"]
    assert found(f"{{{first.pk} {second.pk}}}") == ["v1", "v2", "v3"]
    assert found(str(second.pk)) == ["v2", "v3"]
    assert found("(999999)") == []
    assert found(f"({first.pk}),tags=v2") == ["v2"]


@pytest.mark.parametrize(
    "labels", ["x", "(x)", "~1", "[1~2]", "()", "{}", "(99999999999999999999)", "(" + " ".join(["1"] * 33) + ")"]
)
def test_a_filter_by_labels_that_is_none_is_refused(dev, team, labels):
    make_artifact(team)
    assert error_of(dev.get(_ARTIFACTS, q=f"labels={labels}"))[0] == 400


def test_a_list_with_labels_costs_the_same_for_few_and_for_many(dev, team):
    label = make_label("x", team)
    ArtifactLabel.objects.create(manifest=make_artifact(team), label=label)
    for _ in range(3):
        dev.get(_ARTIFACTS, with_label="true", page_size=50)
    with counted() as few:
        dev.get(_ARTIFACTS, with_label="true", page_size=50)
    for number in range(2, 12):
        ArtifactLabel.objects.create(manifest=make_artifact(team, number), label=label)
    with counted() as many:
        assert len(dev.get(_ARTIFACTS, with_label="true", page_size=50).json()) == 11
    assert many() == few()


def test_a_locked_member_reads_no_label(keeper, team):
    label = make_label("x", team)
    User.objects.filter(username="keeper").update(is_active=False)
    assert keeper.get(f"labels/{label.pk}").status_code == 401
