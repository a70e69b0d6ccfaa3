"""Compares our OpenAPI document with Harbor's contract (Swagger 2): what ours lacks, or has otherwise.

A finding is one line: the operation, the place in it, and what is the matter there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Key = tuple[str, str]  # method, path without its first slash

# Findings that are meant, and why; `*` stands for anything, `{a,b}` for either. docs/harbor-compatibility.md repeats
# the table: `python -m tests.api.compatibility` writes it there.
DEVIATIONS: dict[str, str] = {
    "{update,delete}ProjectMetadata 409: isn't there": "There is nothing to conflict with when one is changed.",
    "removeLabel 409: isn't there": "There is nothing to conflict with when one is taken off.",
    "searchUserGroups 409: isn't there": "There is nothing to conflict with in a search.",
    "createUserGroup body.id: *": "What a client doesn't choose is ignored.",
    "updateUserGroup body.{id,group_type,ldap_group_dn}: *": "The name is all that can be changed, as in Harbor.",
    "updateRepository body.{id,project_id,name,artifact_count,pull_count,creation_time,update_time}: *": (
        "The description is all that can be changed, as in Harbor; the rest is ignored."
    ),
    "CreateLabel body.{id,creation_time,update_time}: *": "What a client doesn't choose is ignored.",
    "UpdateLabel body.{id,scope,project_id,creation_time,update_time}: *": "What can't be changed is ignored.",
    "addLabel body.{name,description,color,scope,project_id,creation_time,update_time}: *": "The id says which.",
    "{Create,Update}ImmuRule body*.{params,extras}: *": "They mean nothing in a rule of this kind, and are ignored.",
    "ListImmuRules 200[].params.*": "The values are of any type, as from Harbor; the contract says object.",
    "{list,get}Artifact* 200*.extra_attrs.*": "The values are of any type, as from Harbor; the contract says object.",
    "{list,get}Artifact* 200*.platform.'os.{version,features}': *": "The names have no quotes around them.",
    "{list,get}Artifact* 200*.{scan,sbom}_overview: *": "There is no scanner yet.",
    "searchLdapGroup 200[].id: *": "A group of the directory has no id before it is one of ours.",
    "getAddition 200: is *": "What comes is text, Markdown or JSON, with its own content type, as from Harbor.",
    "getConfigurations 200.uaa_client_secret: *": "No secret is ever shown.",
    "getInternalconfig 200.*.value: *": "A value is of its item's type, as from Harbor; the contract says object.",
    "getProjectSummary 200.registry: *": "There are no proxy-cache projects yet.",
    "getSystemInfo 200.authproxy_settings: *": "There is no sign-in by a proxy.",
    "createRegistry body.{id,status,creation_time,update_time}: *": "What a client doesn't choose is ignored.",
    "{create,update}ReplicationPolicy body.{id,creation_time,update_time}: *": "No client chooses these.",
    "{create,update}ReplicationPolicy body.{src,dest}_registry.*": "The registry's id says which; the rest is ignored.",
    "getReplicationLog {401,403,404}: is *": "A refusal is JSON wherever it comes from, as from Harbor.",
    "{ListRobot,GetRobotByID} 200*.secret: *": "A robot's secret is shown where it is made, and nowhere else.",
    "UpdateRobot body.{id,secret,editable,expires_at,creator_type,creator_ref,creation_time,update_time}: *": (
        "What follows from the rest, or has an operation of its own (the secret), is ignored, as in Harbor."
    ),
    "{listUsers,getUser,getCurrentUserInfo} 200*.oidc_user_meta.secret: *": "No CLI secret is ever shown.",
}

_METHODS = ("get", "head", "post", "put", "patch", "delete")
_NUMBERS = {"integer", "number"}


class Reader:
    """Follows the references of one document."""

    def __init__(self, document: Json) -> None:
        self.document = document

    def operations(self) -> dict[Key, Json]:
        """Each operation with the parameters of its path among its own."""
        return {
            (method, path.lstrip("/")): {**each, "parameters": item.get("parameters", []) + each.get("parameters", [])}
            for path, item in self.document["paths"].items()
            for method, each in item.items()
            if method in _METHODS
        }

    def follow(self, value: Any) -> Json:
        """What `value` refers to, its own further fields laid over it. A lone allOf is what it holds."""
        own = {} if value is None else dict(value)
        while "$ref" in own or len(own.get("allOf", ())) == 1:
            if "$ref" in own:
                found: Any = self.document
                for part in own.pop("$ref").removeprefix("#/").split("/"):
                    found = found[part.replace("~1", "/").replace("~0", "~")]
            else:
                [found] = own.pop("allOf")
            own = {**found, **own}
        return own


def compare(contract: Json, ours: Json, claimed: set[Key]) -> Iterator[str]:
    """Every finding in the operations that we claim."""
    theirs, mine = Reader(contract), Reader(ours)
    expected, found = theirs.operations(), mine.operations()
    for key in sorted(claimed, key=lambda each: (each[1], each[0])):
        if key not in expected:
            yield f"{key[0].upper()} {key[1]}: the contract has no such operation"
            continue
        name = expected[key]["operationId"]
        if key not in found:
            yield f"{name}: isn't in the document"
            continue
        for finding in _Operation(theirs, mine, expected[key], found[key]).findings():
            yield f"{name} {finding}"


class _Operation:
    def __init__(self, theirs: Reader, mine: Reader, expected: Json, found: Json) -> None:
        self.theirs, self.mine, self.expected, self.found = theirs, mine, expected, found

    def findings(self) -> Iterator[str]:
        if self.expected["operationId"] != self.found["operationId"]:
            yield f"operationId: is {self.found['operationId']}"
        if self.expected["tags"] != self.found["tags"]:
            yield f"tags: {self.found['tags']} instead of {self.expected['tags']}"
        yield from self._parameters()
        yield from self._body()
        yield from self._answers()

    def _parameters(self) -> Iterator[str]:
        given = {(each["in"], each["name"]): each for each in map(self.mine.follow, self.found["parameters"])}
        wanted = {(each["in"], each["name"]): each for each in map(self.theirs.follow, self.expected["parameters"])}
        for (place, name), each in wanted.items():
            where = f"{place} {name}:"
            if place == "body":
                continue
            if (place, name) not in given:
                yield f"{where} isn't there"
                continue
            mine = given[place, name]
            if bool(each.get("required")) != bool(mine.get("required")):
                yield f"{where} {'is' if mine.get('required') else 'is not'} required"
            yield from self._accepts(each, mine["schema"], where)
        for (place, name), each in given.items():
            if (place, name) not in wanted and each.get("required"):
                yield f"{place} {name}: is required, and the contract doesn't have it"

    def _body(self) -> Iterator[str]:
        bodies = [each for each in map(self.theirs.follow, self.expected["parameters"]) if each["in"] == "body"]
        mine = self.mine.follow(self.found.get("requestBody"))
        if bodies and not mine:
            yield "body: isn't there"
        elif bodies:
            if mine["content"].keys() != {"application/json"}:
                yield f"body: is taken as {', '.join(mine['content'])}"
            yield from self._accepts(bodies[0]["schema"], mine["content"]["application/json"]["schema"], "body:")
        elif mine.get("required"):
            yield "body: is required, and the contract doesn't have one"

    def _accepts(self, wanted: Any, given: Any, where: str) -> Iterator[str]:
        """What a client may send by the contract and not by us."""
        theirs, mine = self.theirs.follow(wanted), self.mine.follow(given)
        if "oneOf" in mine:  # any that takes it will do
            yield from min((list(self._accepts(wanted, each, where)) for each in _options(mine)), key=len)
            return
        yield from _kind(theirs, mine, where)
        if theirs.get("x-nullable") and not mine.get("nullable"):
            yield f"{where} can't be null"
        if mine.get("enum") and not set(theirs.get("enum", ())) <= set(mine["enum"]):
            yield f"{where} takes only {', '.join(map(str, mine['enum']))}"
        for limit, tighter in (("maxLength", min), ("maximum", min), ("minLength", max), ("minimum", max)):
            if limit in mine and limit in theirs and tighter(mine[limit], theirs[limit]) != theirs[limit]:
                yield f"{where} {limit} is {mine[limit]} instead of {theirs[limit]}"
        yield from self._fields(theirs, mine, where, self._accepts)

    def _answers(self) -> Iterator[str]:
        wanted, given = self.expected["responses"], self.found["responses"]
        for status in wanted:
            if not status.startswith("5") and status not in given:
                yield f"{status}: isn't there"
        for status in given:
            if status.startswith("2") and status not in wanted:
                yield f"{status}: the contract doesn't have it"
        for status in sorted(wanted.keys() & given.keys()):
            yield from self._answer(status, self.theirs.follow(wanted[status]), self.mine.follow(given[status]))

    def _answer(self, status: str, wanted: Json, given: Json) -> Iterator[str]:
        for header in sorted(wanted.get("headers", {}).keys() - given.get("headers", {}).keys() - {"Content-Type"}):
            yield f"{status} header {header}: isn't there"
        content = given.get("content", {})
        if "schema" not in wanted:
            if content and status.startswith("2"):
                yield f"{status}: has a body, and the contract none"
            return
        if not content:
            yield f"{status}: has no body"
        types = self.expected.get("produces") or self.theirs.document["produces"]
        for media_type, each in content.items():
            if media_type not in types:
                yield f"{status}: is {media_type} instead of {', '.join(types)}"
            yield from self._gives(wanted["schema"], each["schema"], f"{status}:")

    def _gives(self, wanted: Any, given: Any, where: str) -> Iterator[str]:
        """What a client may expect by the contract and doesn't get from us."""
        theirs, mine = self.theirs.follow(wanted), self.mine.follow(given)
        if "oneOf" in mine:
            for each in _options(mine):
                yield from self._gives(wanted, each, where)
            return
        yield from _kind(theirs, mine, where)
        if mine.get("nullable") and not theirs.get("x-nullable"):
            yield f"{where} may be null"
        if theirs.get("format") == "date-time" and mine.get("format") != "date-time":
            yield f"{where} is no date-time"
        if theirs.get("enum") and not set(mine.get("enum", ["anything"])) <= set(theirs["enum"]):
            yield f"{where} may be other than {', '.join(theirs['enum'])}"
        yield from self._fields(theirs, mine, where, self._gives)

    def _fields(self, theirs: Json, mine: Json, where: str, inner: Any) -> Iterator[str]:
        base = where.rstrip(":")
        fields = mine.get("properties", {})
        for name, each in theirs.get("properties", {}).items():
            if name not in fields:
                yield f"{base}.{name}: isn't there"
            else:
                yield from inner(each, fields[name], f"{base}.{name}:")
        if theirs.get("type") == mine.get("type") == "array":
            yield from inner(theirs["items"], mine["items"], f"{base}[]:")
        if isinstance(theirs.get("additionalProperties"), Mapping):
            if not isinstance(mine.get("additionalProperties"), Mapping):
                yield f"{base}.*: isn't there"
            else:
                yield from inner(theirs["additionalProperties"], mine["additionalProperties"], f"{base}.*:")


def _kind(theirs: Json, mine: Json, where: str) -> Iterator[str]:
    wanted, given = _type(theirs), _type(mine)
    if wanted != given and {wanted, given} != _NUMBERS:
        yield f"{where} is {given} instead of {wanted}"


def _options(schema: Json) -> list[Json]:
    shared = {name: value for name, value in schema.items() if name != "oneOf"}
    return [{**each, **shared} for each in schema["oneOf"]]


def _type(schema: Json) -> str:
    if schema.get("format") == "binary":
        return "file"
    return str(schema.get("type") or ("object" if "properties" in schema else "anything"))


def unexplained(findings: list[str], deviations: Mapping[str, str] = DEVIATIONS) -> list[str]:
    """The findings that no deviation covers."""
    return [each for each in findings if not any(_covers(pattern, each) for pattern in deviations)]


def unneeded(findings: list[str], deviations: Mapping[str, str] = DEVIATIONS) -> list[str]:
    """The deviations that cover nothing any more."""
    return [pattern for pattern in deviations if not any(_covers(pattern, each) for each in findings)]


def _covers(pattern: str, finding: str) -> bool:
    text = re.escape(pattern).replace(r"\*", ".*")
    text = re.sub(r"\\{(.*?)\\}", lambda found: f"(?:{found[1].replace(',', '|')})", text)
    return re.fullmatch(text, finding) is not None
