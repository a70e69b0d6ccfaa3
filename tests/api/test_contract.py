"""The OpenAPI document against Harbor's contract: all that we claim is there, as the contract has it."""

import copy
from typing import Any

import pytest
import yaml

from api import openapi
from tests.api import compatibility, contract

_ARTIFACT = "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}"


@pytest.fixture(scope="module")
def theirs():
    compatibility.require_contract()
    return yaml.safe_load(compatibility.CONTRACT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def ours():
    return openapi.written()


@pytest.fixture(scope="module")
def claimed():
    return {operation for operation, state in compatibility.documented().items() if state == "works"}


@pytest.fixture(scope="module")
def findings(theirs, ours, claimed):
    return list(contract.compare(theirs, ours, claimed))


def test_all_that_is_claimed_is_as_the_contract_has_it(findings, claimed):
    assert len(claimed) >= 50
    assert contract.unexplained(findings) == []


def test_every_deviation_is_one(findings):
    assert contract.unneeded(findings) == []


def test_the_deviations_are_in_the_documents():
    text = compatibility.DOCUMENT.read_text(encoding="utf-8")
    assert compatibility.deviations() in text, "python -m tests.api.compatibility writes them"


# What the comparison must see: one change of the document each, and what is then found.


def _at(ours: Any, path: str, method: str, *rest: Any) -> Any:
    found = ours["paths"][path][method]
    for each in rest:
        found = found[each]
    return found


def _schema(ours: Any, name: str) -> Any:
    return ours["components"]["schemas"][name]


def _parameter(ours: Any, path: str, method: str, name: str) -> Any:
    return next(each for each in _at(ours, path, method, "parameters") if each["name"] == name)


def _without(parameters: list[Any], name: str) -> None:
    parameters[:] = [each for each in parameters if each["name"] != name]


CHANGES = {
    "listProjects: isn't in the document": lambda ours: ours["paths"]["/projects"].pop("get"),
    "getHealth: isn't in the document": lambda ours: ours["paths"].pop("/health"),
    "listProjects operationId: is listThings": lambda ours: _at(ours, "/projects", "get").update(
        operationId="listThings"
    ),
    "getLogs tags: ['logs'] instead of ['project']": lambda ours: _at(
        ours, "/projects/{project_name}/logs", "get"
    ).update(tags=["logs"]),
    "listProjects query owner: isn't there": lambda ours: _without(
        _at(ours, "/projects", "get", "parameters"), "owner"
    ),
    "getProject header X-Is-Resource-Name: isn't there": lambda ours: _without(
        _at(ours, "/projects/{project_name_or_id}", "get", "parameters"), "X-Is-Resource-Name"
    ),
    "listProjects query public: is string instead of boolean": lambda ours: _parameter(
        ours, "/projects", "get", "public"
    ).update(schema={"type": "string"}),
    "getUser path user_id: is string instead of integer": lambda ours: _parameter(
        ours, "/users/{user_id}", "get", "user_id"
    ).update(schema={"type": "string"}),
    "search query q: is not required": lambda ours: _parameter(ours, "/search", "get", "q").pop("required"),
    "listProjects query name: is required": lambda ours: _parameter(ours, "/projects", "get", "name").update(
        required=True
    ),
    "listProjects query extra: is required, and the contract doesn't have it": lambda ours: _at(
        ours, "/projects", "get", "parameters"
    ).append({"in": "query", "name": "extra", "required": True, "schema": {"type": "string"}}),
    "listProjects query page_size: maximum is 50 instead of 100": lambda ours: _parameter(
        ours, "/projects", "get", "page_size"
    )["schema"].update(maximum=50),
    "getAddition path addition: takes only files": lambda ours: _parameter(
        ours, f"{_ARTIFACT}/additions/{{addition}}", "get", "addition"
    )["schema"].update(enum=["files"]),
    "createProject 201: isn't there": lambda ours: _at(ours, "/projects", "post", "responses").pop("201"),
    "createProject 200: the contract doesn't have it": lambda ours: _at(ours, "/projects", "post", "responses").update(
        {"200": {"description": ""}}
    ),
    "createProject 409: isn't there": lambda ours: _at(ours, "/projects", "post", "responses").pop("409"),
    "createProject 201 header Location: isn't there": lambda ours: _at(
        ours, "/projects", "post", "responses", "201", "headers"
    ).pop("Location"),
    "listUsers 200 header Link: isn't there": lambda ours: _at(
        ours, "/users", "get", "responses", "200", "headers"
    ).pop("Link"),
    "getProject 404 header X-Request-Id: isn't there": lambda ours: ours["components"]["responses"]["NotFound"].pop(
        "headers"
    ),
    "getProject 404.errors[].code: isn't there": lambda ours: _schema(ours, "Problem")["properties"].pop("code"),
    "getPing 200: is application/json instead of text/plain": lambda ours: _at(
        ours, "/ping", "get", "responses", "200"
    ).update(content={"application/json": {"schema": {"type": "string"}}}),
    "getStatistic 200: has no body": lambda ours: _at(ours, "/statistics", "get", "responses", "200").pop("content"),
    "deleteUser 200: has a body, and the contract none": lambda ours: _at(
        ours, "/users/{user_id}", "delete", "responses", "200"
    ).update(content={"application/json": {"schema": {"type": "object"}}}),
    "search 200.project[].owner_name: isn't there": lambda ours: _schema(ours, "Project")["properties"].pop(
        "owner_name"
    ),
    "getProject 200.cve_allowlist.items[].cve_id: isn't there": lambda ours: _schema(ours, "CVEAllowlistItem")[
        "properties"
    ].pop("cve_id"),
    "getProject 200.deleted: is string instead of boolean": lambda ours: _schema(ours, "Project")["properties"].update(
        deleted={"type": "string"}
    ),
    "getProject 200.current_user_role_ids[]: is string instead of integer": lambda ours: _schema(ours, "Project")[
        "properties"
    ]["current_user_role_ids"].update(items={"type": "string"}),
    "getProject 200.name: may be null": lambda ours: _schema(ours, "Project")["properties"]["name"].update(
        nullable=True
    ),
    "getProject 200.creation_time: is no date-time": lambda ours: _schema(ours, "Project")["properties"][
        "creation_time"
    ].pop("format"),
    "getArtifact 200.annotations.*: is integer instead of string": lambda ours: _schema(ours, "Artifact")["properties"][
        "annotations"
    ].update(additionalProperties={"type": "integer"}),
    "createProject body: isn't there": lambda ours: _at(ours, "/projects", "post").pop("requestBody"),
    "createProject body.storage_limit: isn't there": lambda ours: _schema(ours, "NewProjectRequest")["properties"].pop(
        "storage_limit"
    ),
    "createProject body.project_name: is integer instead of string": lambda ours: _schema(ours, "NewProjectRequest")[
        "properties"
    ].update(project_name={"type": "integer"}),
    "createProject body.project_name: maxLength is 20 instead of 255": lambda ours: _schema(
        ours, "NewProjectRequest"
    )["properties"]["project_name"].update(maxLength=20),
    "createProject body.registry_id: can't be null": lambda ours: _schema(ours, "NewProjectRequest")["properties"][
        "registry_id"
    ].pop("nullable"),
    "createProject body.metadata.severity: isn't there": lambda ours: _schema(ours, "ProjectMetadataRequest")[
        "properties"
    ].pop("severity"),
    "createProject body.cve_allowlist.items[].cve_id: isn't there": lambda ours: _schema(ours, "AllowlistItemRequest")[
        "properties"
    ].pop("cve_id"),
    "updateRepository body.description: isn't there": lambda ours: _schema(ours, "RepositoryUpdateRequest")[
        "properties"
    ].pop("description"),
    "deleteUser body: is required, and the contract doesn't have one": lambda ours: _at(
        ours, "/users/{user_id}", "delete"
    ).update(requestBody={"required": True, "content": {}}),
}  # fmt: skip


@pytest.mark.parametrize("finding", CHANGES)
def test_it_sees_what_is_otherwise(theirs, ours, claimed, findings, finding):
    changed = copy.deepcopy(ours)
    CHANGES[finding](changed)
    new = set(contract.compare(theirs, changed, claimed)) - set(findings)
    assert finding in contract.unexplained(sorted(new))


def test_it_sees_a_claim_that_the_contract_does_not_have(theirs, ours):
    [finding] = contract.compare(theirs, ours, {("get", "nothing")})
    assert finding == "GET nothing: the contract has no such operation"
