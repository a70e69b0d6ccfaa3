"""Two whole installations and a plain Distribution kept in step: what is pushed to one is pulled from another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flows.clients import Docker, Skopeo
from tests.flows.conformance import pushes
from tests.flows.conformance.referrers import entries, referrers_path
from tests.flows.conformance.shapes import KIND_A, SHAPES, WITH_SUBJECT
from tests.flows.content import OCI_MANIFEST, Content, image
from tests.flows.harbor import unused
from tests.flows.replicating import Site, assert_the_same, digest_at
from tests.flows.stacks import eventually
from tests.flows.wire import Wire

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


@pytest.fixture(scope="module")
def shapes(near: Site) -> dict[str, Content]:
    """A repository of each kind of content, in one project of the near site."""
    made = {f"{shape.name}": shape.make() for shape in SHAPES} | {"chart": chart(), "signed": signed()}
    project = unused("shapes")
    for name, content in made.items():
        near.push(f"{project}/{name}", content)
    return {f"{project}/{name}": content for name, content in made.items()}


def chart() -> Content:
    content = Content()
    config = content.add_blob(b'{"name":"app","version":"1.2.3","apiVersion":"v2"}', CHART_CONFIG)
    layer = content.add_blob(os.urandom(3000), CHART_LAYER)
    content.add_manifest({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]})
    return content.tag("1.2.3")


def signed() -> Content:
    """An index of two platforms with an SBOM by its subject, which is signed in turn, and cosign's tags on top."""
    content = Content()
    parts = [content.add_image(architecture=name) for name in ("amd64", "arm64")]
    whole = content.add_index(parts)
    content.tag("v1", whole).tag("latest", whole)
    sbom = content.add_artifact(KIND_A, subject=whole.descriptor)
    content.add_artifact(KIND_A, subject=sbom.descriptor)
    for kind in ("sig", "att"):
        content.add_artifact(KIND_A)
        content.tag(f"{whole.digest.replace(':', '-')}.{kind}")
    return content


def project_of(shapes: dict[str, Content]) -> str:
    return next(iter(shapes)).partition("/")[0]


def assert_arrived(wire: Wire, shapes: dict[str, Content], project: str = "") -> None:
    for repository, content in shapes.items():
        name = repository.partition("/")[2]
        assert_the_same(wire, f"{project}/{name}" if project else repository, content)


def assert_referrers(wire: Wire, repository: str, content: Content) -> None:
    """Every manifest with a subject is listed with it."""
    for manifest in content.manifests:
        subject = pushes.get_manifest(wire, repository, manifest.digest).expect(200).json().get("subject")
        if subject:
            listed = entries(wire.request("GET", referrers_path(repository, subject["digest"])))
            assert manifest.digest in {each["digest"] for each in listed}


def test_every_kind_of_content_is_pushed_to_another_site(near: Site, far: Site, shapes: dict[str, Content]):
    project = project_of(shapes)
    policy = near.policy(f"{project}/**", to=near.endpoint_of(far))
    found = near.run(policy)
    assert found["total"] == found["succeed"] > len(SHAPES)
    assert_arrived(far.wire, shapes)
    for shape in WITH_SUBJECT:
        assert_referrers(far.wire, f"{project}/{shape.name}", shapes[f"{project}/{shape.name}"])
    assert_referrers(far.wire, f"{project}/signed", shapes[f"{project}/signed"])


def test_every_kind_of_content_is_pulled_from_another_site(near: Site, far: Site, shapes: dict[str, Content]):
    project = project_of(shapes)
    pulled = unused("pulled")
    policy = far.policy(
        f"{project}/**", by=far.endpoint_of(near), dest_namespace=pulled, dest_namespace_replace_count=1
    )
    far.run(policy)
    assert_arrived(far.wire, shapes, pulled)
    assert_referrers(far.wire, f"{pulled}/signed", shapes[f"{project}/signed"])


def test_distribution_takes_every_kind_of_content_and_gives_it_back(
    near: Site, distribution: str, shapes: dict[str, Content]
):
    """Out to a registry without an API of its own, and in again under another name."""
    project, back = project_of(shapes), unused("back")
    # It names manifests by SHA-256 alone.
    taken = {name: each for name, each in shapes.items() if each.algorithm == "sha256"}
    elsewhere = near.endpoint(distribution, kind="docker-registry")
    near.run(near.policy(f"{project}/{{[!s]*,signed}}", to=elsewhere))
    plain = Wire(distribution)
    assert_arrived(plain, taken)
    near.run(near.policy(f"{project}/**", by=elsewhere, dest_namespace=back, dest_namespace_replace_count=1))
    # Its catalog knows repositories by their blobs.
    assert_arrived(near.wire, {name: each for name, each in taken.items() if each.blobs}, back)
    assert_referrers(near.wire, f"{back}/signed", shapes[f"{project}/signed"])


def test_what_is_there_is_not_sent_again(near: Site, far: Site):
    """Neither the same artifact by another execution, nor a blob that any repository of the far site has."""
    project = unused("again")
    content = near.push(f"{project}/app", image(size=100_000))
    policy = near.policy(f"{project}/**", to=near.endpoint_of(far))
    near.run(policy)
    found = near.run(policy)
    assert found["total"] == 0
    near.push(f"{project}/other", content)
    found = near.run(policy)
    assert (found["total"], found["succeed"], found["bytes_sent"]) == (1, 1, 0)
    assert_the_same(far.wire, f"{project}/other", content)


def test_only_what_the_filters_match_comes_and_under_the_name_it_is_to_have(near: Site, far: Site):
    project, wanted = unused("some"), unused("wanted")
    content = near.push(f"{project}/team/app", image().tag("v1").tag("v2").tag("dev"))
    near.push(f"{project}/team/other", image())
    policy = near.policy(
        f"{project}/team/a*", to=near.endpoint_of(far), tags="v*", dest_namespace=wanted, dest_namespace_replace_count=2
    )
    near.run(policy)
    assert (
        digest_at(far.wire, f"{wanted}/app", "v1") == digest_at(far.wire, f"{wanted}/app", "v2") == content.top.digest
    )
    assert not digest_at(far.wire, f"{wanted}/app", "dev")
    assert not digest_at(far.wire, f"{wanted}/other", "latest")


def test_a_tag_that_is_on_something_else_is_moved_only_where_that_is_allowed(near: Site, far: Site):
    project = unused("moved")
    before = far.push(f"{project}/app", image())
    after = near.push(f"{project}/app", image())
    endpoint = near.endpoint_of(far)
    near.run(near.policy(f"{project}/**", to=endpoint, override=False))
    assert far.holds(f"{project}/app", before)
    near.run(near.policy(f"{project}/**", to=endpoint))
    assert far.holds(f"{project}/app", after)


def test_a_dry_run_says_what_would_be_moved_and_moves_nothing(near: Site, far: Site):
    project = unused("dry")
    content = near.push(f"{project}/app", image(size=50_000))
    policy = near.policy(f"{project}/**", to=near.endpoint_of(far))
    found = near.finished(near.made("/replication/executions", {"policy_id": policy, "dry_run": True}))
    (task,) = near.tasks(found["id"])
    assert task["references"] == ["latest", content.top.digest]
    assert found["bytes_total"] >= max(map(len, content.blobs.values()))
    assert not digest_at(far.wire, f"{project}/app", "latest")
    assert far.api.exchange("HEAD", f"/projects?project_name={project}", None).status == 404


def test_events_are_followed_within_seconds(near: Site, far: Site):
    """A push, a tag that moves, a tag and an artifact that are deleted."""
    project, endpoint = unused("live"), near.endpoint_of(far)
    near.policy(f"{project}/**", to=endpoint, trigger="event_based", deletion=True, replicate_deletion=True)
    repository = f"{project}/app"
    first = near.push(repository, image())
    far.comes_to_hold(repository, first)
    second = near.push(repository, image())
    far.comes_to_hold(repository, second)
    path = f"/projects/{project}/repositories/app/artifacts/{first.top.digest}"
    near.api.call("POST", f"{path}/tags", status=201, body={"name": "kept"})
    eventually(lambda: digest_at(far.wire, repository, "kept") == first.top.digest, "the new tag did not come")
    near.api.call("DELETE", f"{path}/tags/kept")
    eventually(lambda: not digest_at(far.wire, repository, "kept"), "the tag was not deleted")
    assert digest_at(far.wire, repository, first.top.digest)
    near.api.call("DELETE", path)
    eventually(lambda: not digest_at(far.wire, repository, first.top.digest), "the artifact was not deleted")
    assert far.holds(repository, second)


def test_what_is_deleted_here_stays_there_unless_deletions_are_replicated(near: Site, far: Site):
    project = unused("kept")
    policy = near.policy(f"{project}/**", to=near.endpoint_of(far), trigger="event_based")
    content = near.push(f"{project}/app", image())
    far.comes_to_hold(f"{project}/app", content)
    near.api.call("DELETE", f"/projects/{project}/repositories/app/artifacts/{content.top.digest}")
    later = near.push(f"{project}/app", image().tag("later"))
    far.comes_to_hold(f"{project}/app", Content(tags={"later": later.top.digest}))
    assert digest_at(far.wire, f"{project}/app", content.top.digest)
    assert {each["trigger"] for each in near.executions(policy)} == {"event_based"}


def test_two_sites_that_follow_each_other_come_to_rest(near: Site, far: Site):
    """What came from there isn't sent back: the event that it raises here finds everything there."""
    project = unused("ring")
    out = near.policy(f"{project}/**", to=near.endpoint_of(far), trigger="event_based")
    back = far.policy(f"{project}/**", to=far.endpoint_of(near), trigger="event_based")
    for place in range(2):
        content = near.push(f"{project}/out{place}", image())
        far.comes_to_hold(f"{project}/out{place}", content)
        content = far.push(f"{project}/back{place}", image())
        near.comes_to_hold(f"{project}/back{place}", content)
    runs = [each for site, policy in ((near, out), (far, back)) for each in site.executions(policy)]
    assert sum(each["total"] for each in runs) == 4, "each was copied once"
    assert len(runs) <= 8, "each push was followed once at either site, and no further"


def test_a_schedule_fires(near: Site, far: Site, scheduled: tuple[int, str, Content]):
    """Made as the first test began, so that its minute has passed by now, or nearly."""
    policy, repository, content = scheduled
    far.comes_to_hold(repository, content, seconds=90)
    assert {each["trigger"] for each in near.executions(policy)} == {"scheduled"}


@pytest.fixture(scope="module", autouse=True)
def scheduled(near: Site, far: Site) -> tuple[int, str, Content]:
    project = unused("minute")
    content = near.push(f"{project}/app", image())
    policy = near.policy(f"{project}/**", to=near.endpoint_of(far), trigger="scheduled", cron="0 * * * * *")
    return policy, f"{project}/app", content


def test_docker_and_skopeo_use_what_was_replicated(
    docker: Docker, skopeo: Skopeo, near: Site, far: Site, tmp_path: Path
):
    project = unused("used")
    near.api.call("POST", "/projects", status=201, body={"project_name": project})
    docker.login(near.stack.host, "admin", near.stack.admin_password)
    image_id = docker.build(f"{near.stack.host}/{project}/app:v1", ("/data", os.urandom(300_000)))
    docker.run("push", f"{near.stack.host}/{project}/app:v1")
    near.run(near.policy(f"{project}/**", to=near.endpoint_of(far)))
    docker.run("image", "rm", "-f", f"{near.stack.host}/{project}/app:v1")
    docker.login(far.stack.host, "admin", far.stack.admin_password)
    docker.run("pull", f"{far.stack.host}/{project}/app:v1")
    assert docker.image_id(f"{far.stack.host}/{project}/app:v1") == image_id
    skopeo.login(far.stack.host, "admin", far.stack.admin_password)
    skopeo.copy(f"docker://{far.stack.host}/{project}/app:v1", f"dir:{tmp_path / 'copied'}")
