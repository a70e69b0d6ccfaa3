"""A Harbor that has this registry as an endpoint: the requests of its replication, of both directions."""

import json
import os
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

from tests.flows.conformance import pushes
from tests.flows.conformance.shapes import KIND_A
from tests.flows.content import Content
from tests.flows.harbor import unused
from tests.flows.programs import GoClient
from tests.flows.stacks import Running
from tests.flows.strict import BASE, Document

_KNOWN = {"signature.cosign", "signature.notation", "accessory.nydus", "harbor.sbom", "subject.accessory", "base"}


@pytest.fixture
def harbor(stack: Running, document: Document) -> GoClient:
    return GoClient(stack, document, stack.wire().basic())


def all_pages(harbor: GoClient, path: str) -> list[Any]:
    """Along the links, as it does: each is a path of this host."""
    found: list[Any] = []
    while path:
        answer = harbor.exchange("GET", path, None)
        found += harbor.expect(200, answer)
        following = [link for link in answer.headers.get("Link", "").split(" , ") if link.endswith('rel="next"')]
        path = following[0].partition(">")[0].lstrip("<").removeprefix(BASE) if following else ""
    return found


def test_it_asks_which_api_there_is(stack: Running):
    answer = urllib3.request("GET", f"{stack.url}/api/version")
    assert (answer.status, answer.json()) == (200, {"version": "v2.0"})
    assert answer.headers["Content-Type"] == "application/json"


def test_it_prepares_projects_and_pushes_with_mounts(harbor: GoClient, stack: Running):
    wanted = [unused("rep"), "1234" + os.urandom(3).hex()]
    q = quote("name={" + " ".join(f"'{name}'" for name in wanted) + "}")  # quoted, so that a number is a text
    assert all_pages(harbor, f"/projects?q={q}&with_detail=false") == []
    for name in wanted:
        harbor.call("POST", "/projects", status=201, body={"project_name": name, "metadata": {"public": "true"}})
        harbor.call("POST", "/projects", status=409, body={"project_name": name, "metadata": None})
    assert {each["name"] for each in all_pages(harbor, f"/projects?q={q}&with_detail=false")} == set(wanted)

    content = Content()
    content.add_image()
    wire, (first, second) = stack.wire(), wanted
    pushes.push_content(wire, f"{first}/app", content.tag("v1"))
    for digest in content.blobs:
        (holder,) = harbor.call("GET", f"/repositories?q=blob_digest={digest}&page_size=1&page_number=1")
        mount = {"mount": digest, "from": holder["name"]}
        wire.request("POST", pushes.uploads(f"{second}/app"), query=mount, headers={"Content-Length": "0"}).expect(201)
    assert harbor.call("GET", f"/repositories?q=blob_digest=sha256:{'0' * 64}&page_size=1&page_number=1") == []
    pushes.put_manifest(wire, f"{second}/app", "v1", content.top).expect(201)


def test_it_reads_what_there_is_and_deletes_what_went_away(harbor: GoClient, stack: Running):
    project = unused("rep")
    harbor.call("POST", "/projects", status=201, body={"project_name": project})
    content = Content()
    whole = content.add_index([content.add_image(architecture=name) for name in ("amd64", "arm64")])
    content.add_artifact(KIND_A, subject=whole.descriptor)
    pushes.push_content(stack.wire(), f"{project}/team/app", content.tag("v1", whole).tag("v2", whole))
    harbor.call("GET", "/labels?scope=g")
    assert project in [each["name"] for each in all_pages(harbor, f"/projects?name={project}")]
    (repository,) = all_pages(harbor, f"/projects/{project}/repositories")
    path = repository["name"].removeprefix(f"{project}/").replace("/", "%252F")
    home = f"/projects/{project}/repositories/{path}/artifacts"
    (artifact,) = all_pages(harbor, f"{home}?with_label=true&with_accessory=true")
    assert sorted(tag["name"] for tag in artifact["tags"]) == ["v1", "v2"]
    (accessory,) = artifact["accessories"]
    assert accessory["type"] in _KNOWN  # of any other kind it would give the whole list up
    assert all_pages(harbor, f"{home}/{accessory['digest']}/tags") == []
    for part in artifact["references"]:
        found = harbor.call("GET", f"{home}/{part['child_digest']}?with_accessory=true")
        assert found["digest"] == part["child_digest"]
    harbor.call("DELETE", f"{home}/v1/tags/v1")
    assert [tag["name"] for tag in json.loads(harbor.exchange("GET", f"{home}/v2/tags", None).body)] == ["v2"]
