"""Clients of Harbor's that can't be installed here, by the requests they send: terraform's provider, harbor-cli (whose
client go-swagger generated) and the Ansible collection. Paths, bodies and queries are as those programs write them, and
each answer is held to the status they insist on and to the document."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import urllib3

from tests.flows.conformance import pushes
from tests.flows.content import image
from tests.flows.harbor import unused
from tests.flows.stacks import Running
from tests.flows.strict import BASE, Document, Exchange

LEFT_OUT: Any = object()
ZERO = "0001-01-01T00:00:00.000Z"  # Go's empty time, which it sends along
PASSWORD = "Correct-Horse-7"


@dataclass
class Program:
    """One of the programs: what all of them have in common."""

    stack: Running
    document: Document
    headers: Mapping[str, str]

    def exchange(self, method: str, path: str, body: bytes | None, **more: str) -> Exchange:
        headers = dict(self.headers) | {name.replace("_", "-"): value for name, value in more.items()}
        # urllib3 would tidy up the path: it goes out as it is.
        pool = urllib3.HTTPConnectionPool(*self.stack.host.split(":"))  # type: ignore[arg-type]
        answer = pool.urlopen(method, BASE + path, body=body, headers=headers, redirect=False, retries=False)
        found = Exchange(method, self.stack.url + BASE + path, answer.status, answer.headers, answer.data)
        self.document.check(found)
        return found

    def expect(self, status: int, found: Exchange) -> Any:
        assert found.status == status, found.what
        return json.loads(found.body) if found.body else None


@dataclass
class Terraform(Program):
    """Every request says that it is JSON, and those without a payload carry `null`, as older versions of it do."""

    def send(self, method: str, path: str, payload: Any = None, status: int = 200) -> Any:
        return self.expect(status, self.exchange(method, path, json.dumps(payload).encode() + b"\n"))

    def make(self, path: str, payload: Any) -> str:
        """The path of what was made: Location without /api/v2.0."""
        found = self.exchange("POST", path, json.dumps(payload).encode() + b"\n")
        self.expect(201, found)
        return found.headers["Location"].replace("/api", "").replace("/v2.0", "")


@dataclass
class GoClient(Program):
    """What go-swagger generates: parts of a path are escaped once, all that has a pointer is in the query."""

    def call(self, method: str, path: str, *, status: int = 200, body: Any = LEFT_OUT, **query: Any) -> Any:
        headers = {"X_Is_Resource_Name": "true"} if query.pop("by_name", False) else {}
        if query:
            words = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in query.items()}
            path += "?" + urlencode(words)
        if body is LEFT_OUT:
            return self.expect(status, self.exchange(method, path, None, **headers))
        sent = json.dumps(body).encode() + b"\n"
        return self.expect(status, self.exchange(method, path, sent, Content_Type="application/json", **headers))


@pytest.fixture
def admin(stack: Running) -> dict[str, str]:
    return stack.wire().basic()


@pytest.fixture
def terraform(stack: Running, document: Document, admin: dict[str, str]) -> Terraform:
    return Terraform(stack, document, admin | {"Content-Type": "application/json"})


@pytest.fixture
def cli(stack: Running, document: Document, admin: dict[str, str]) -> GoClient:
    return GoClient(stack, document, admin | {"Accept": "application/json"})


@pytest.fixture
def ansible(stack: Running, document: Document, admin: dict[str, str]) -> Terraform:
    """`fetch_url` with `json.dumps(data)`, the data of a GET being None: on the wire it's what terraform does."""
    return Terraform(stack, document, admin | {"Content-Type": "application/json", "User-Agent": "ansible-httpget"})


def harbor_project(name: str, *, public: bool = False, **metadata: str) -> dict[str, Any]:
    """The body of terraform's harbor_project: the same for POST and PUT, empty structures included."""
    switches = ("auto_scan", "enable_content_trust", "enable_content_trust_cosign", "auto_sbom_generation")
    return {
        "project_name": name,
        "cve_allowlist": {},
        "storage_limit": -1,
        "metadata": dict.fromkeys(switches, "false")
        | {"public": str(public).lower(), "severity": "low", "prevent_vul": "false", "proxy_speed_kb": "-1"}
        | {"reuse_sys_cve_allowlist": "true"}
        | metadata,
    }


# terraform


def test_terraform_keeps_a_project(terraform: Terraform):
    name = unused("tf")
    place = terraform.make("/projects", harbor_project(name))
    assert place.startswith("/projects/")
    read = terraform.send("GET", place)
    assert (read["name"], read["metadata"]["public"], read["metadata"]["auto_scan"]) == (name, "false", "false")
    assert str(read["project_id"]) == place.removeprefix("/projects/")
    terraform.send("PUT", place, harbor_project(name, public=True, severity="high", prevent_vul="true"))
    read = terraform.send("GET", place)
    assert (read["metadata"]["public"], read["metadata"]["severity"]) == ("true", "high")
    assert all(isinstance(value, str) for value in read["metadata"].values())
    terraform.send("DELETE", place)
    terraform.send("GET", place, status=404)


def test_terraform_reads_a_project_by_its_name(terraform: Terraform):
    name = unused("tf")
    for each in (name, f"{name}-more"):
        terraform.make("/projects", harbor_project(each))
    found = terraform.send("GET", f"/projects?name={name}")
    assert {each["name"] for each in found} == {name, f"{name}-more"}
    for each in found:
        terraform.send("DELETE", f"/projects/{each['project_id']}")


def all_pages(terraform: Terraform, path: str) -> list[dict[str, Any]]:
    """As its data sources read a list: page after page, until one is empty."""
    found: list[dict[str, Any]] = []
    page = 1
    while rows := terraform.send("GET", f"{path}{'&' if '?' in path else '?'}page={page}"):
        found, page = found + rows, page + 1
    return found


def test_terraform_reads_lists_to_their_ends(terraform: Terraform):
    name = unused("tf")
    for number in range(11):
        terraform.make("/projects", harbor_project(f"{name}-{number}"))
    ours = [each for each in all_pages(terraform, "/projects") if each["name"].startswith(name)]
    assert len(ours) == 11
    assert "admin" in [each["username"] for each in all_pages(terraform, "/users")]
    for each in ours:
        terraform.send("DELETE", f"/projects/{each['project_id']}")


def test_terraform_keeps_a_user(terraform: Terraform, stack: Running):
    name = unused("tf")
    form = {"username": name, "password": PASSWORD, "realname": "T", "email": f"{name}@example.com"}
    form |= {"new_password": PASSWORD}
    place = terraform.make("/users", form)
    read = terraform.send("GET", place)
    assert (read["username"], read["realname"], read["sysadmin_flag"]) == (name, "T", False)
    # One body for all three; of a flag that is false it says nothing.
    terraform.send("PUT", place, form | {"realname": "T. F.", "sysadmin_flag": True})
    terraform.send("PUT", f"{place}/sysadmin", form | {"sysadmin_flag": True})
    terraform.send("PUT", f"{place}/password", form)
    assert terraform.send("GET", place)["sysadmin_flag"] is True
    terraform.send("PUT", f"{place}/sysadmin", form)
    read = terraform.send("GET", place)
    assert (read["realname"], read["sysadmin_flag"]) == ("T. F.", False)
    found = terraform.send("GET", f"/users?page=1&q=username={name},email={name}@example.com")
    assert [each["username"] for each in found] == [name]
    terraform.send("DELETE", place)
    terraform.send("GET", place, status=404)


def test_terraform_keeps_a_member(terraform: Terraform, stack: Running):
    project, user = unused("tf"), unused("tf")
    place = terraform.make("/projects", harbor_project(project))
    stack.create_user(user)
    body: dict[str, Any] = {"role_id": 2, "member_group": {}, "member_user": {"username": user}}
    member = terraform.make(f"{place}/members", body)
    assert member.startswith(f"{place}/members/")
    read = terraform.send("GET", member)
    assert (read["entity_name"], read["role_id"], read["entity_type"]) == (user, 2, "u")
    terraform.send("PUT", member, body | {"role_id": 4})
    assert terraform.send("GET", member)["role_id"] == 4
    members = all_pages(terraform, f"{place}/members")
    assert [each["entity_name"] for each in members if each["entity_type"] == "u"] == ["admin", user]
    terraform.send("DELETE", member)
    terraform.send("DELETE", place)


def test_terraform_keeps_a_label(terraform: Terraform):
    body = {"description": "", "color": "#FFFFFF", "deleted": False, "scope": "g", "project_id": 0, "id": 0}
    name = unused("tf")
    place = terraform.make("/labels", body | {"name": name})
    terraform.send("PUT", place, body | {"name": name, "description": "changed"})
    read = terraform.send("GET", place)
    assert (read["name"], read["description"], read["color"], read["scope"]) == (name, "changed", "#FFFFFF", "g")
    terraform.send("DELETE", place)


def test_terraform_keeps_a_rule_of_immutable_tags(terraform: Terraform):
    project = terraform.make("/projects", harbor_project(unused("tf")))
    repository = {"kind": "doublestar", "decoration": "repoExcludes", "pattern": "dev/**"}
    tag = {"kind": "doublestar", "decoration": "matches", "pattern": "v*"}
    body = {"disabled": False, "scope_selectors": {"repository": [repository]}, "tag_selectors": [tag]}
    body |= {"action": "immutable", "template": "immutable_template"}
    place = terraform.make(f"{project}/immutabletagrules", body)
    rule_id = int(place.rpartition("/")[2])
    # It finds its rule in the list by the id, and looks at the first selector of each kind.
    (rule,) = terraform.send("GET", f"{project}/immutabletagrules")
    assert (rule["id"], rule["disabled"], rule["tag_selectors"][0]["pattern"]) == (rule_id, False, "v*")
    assert rule["scope_selectors"]["repository"][0]["decoration"] == "repoExcludes"
    terraform.send("PUT", place, body | {"id": rule_id, "disabled": True})
    assert terraform.send("GET", f"{project}/immutabletagrules")[0]["disabled"] is True
    terraform.send("DELETE", place)
    terraform.send("DELETE", project)


def test_terraform_keeps_the_configuration(terraform: Terraform):
    """Structures and flags of its own, some of which no Harbor has any longer, come with each of its resources."""
    always = {
        "oidc_verify_cert": False,
        "oidc_auto_onboard": False,
        "self_registration": False,
        "scan_all_policy": {"parameter": {}},
        "read_only": False,
        "quota_per_project_enable": True,
        "email_insecure": False,
        "email_ssl": False,
    }
    before = terraform.send("GET", "/configurations")
    body = {"project_creation_restriction": "adminonly", "robot_token_duration": 14, "robot_name_prefix": "robot$"}
    terraform.send("PUT", "/configurations", always | body)
    read = terraform.send("GET", "/configurations")
    assert {name: read[name]["value"] for name in body} == body
    assert set(read["read_only"]) == {"value", "editable"}
    terraform.send("PUT", "/configurations", {name: before[name]["value"] for name in body})


def robot_body(name: str, project: str, **more: Any) -> dict[str, Any]:
    access = [{"action": action, "resource": "repository", "effect": "allow"} for action in ("pull", "push")]
    permission = {"access": access, "kind": "project", "namespace": project}
    return {"name": name, "level": "project", "duration": -1, "permissions": [permission]} | more


def test_terraform_keeps_a_robot(terraform: Terraform, stack: Running):
    project = unused("tf")
    home = terraform.make("/projects", harbor_project(project))
    made = terraform.send("POST", "/robots", robot_body("ci", project, description="of terraform"), 201)
    place = f"/robots/{made['id']}"
    assert made["secret"]
    read = terraform.send("GET", place)
    prefix = terraform.send("GET", "/configurations")["robot_name_prefix"]["value"]
    assert read["name"].removeprefix(prefix).split("+")[1] == "ci"
    assert (read["level"], read["duration"], read["disable"]) == ("project", -1, False)
    assert read["permissions"] == robot_body("ci", project)["permissions"]

    # The name that it read goes back with each change; what is false or empty is left out.
    terraform.send("PUT", place, robot_body(read["name"], project, disable=True))
    read = terraform.send("GET", place)
    assert (read["disable"], read["description"]) == (True, "")
    terraform.send("PUT", place, robot_body(read["name"], project))
    assert terraform.send("GET", place)["disable"] is False
    terraform.send("PATCH", place, {"secret": "Chosen-Secret-9"})
    assert stack.wire(read["name"], "Chosen-Secret-9").token_for(challenge(stack, f"{project}/app"))

    query = f"Level=project,ProjectID={home.rpartition('/')[2]}"
    assert [each["id"] for each in all_pages(terraform, f"/robots?q={query}")] == [made["id"]]
    assert all_pages(terraform, "/robots?q=Level=system") == all_pages(terraform, "/robots")
    terraform.send("DELETE", place)
    terraform.send("GET", place, status=404)
    terraform.send("DELETE", home)


def challenge(stack: Running, repository: str) -> dict[str, str]:
    scope = f"repository:{repository}:pull,push"
    return {"realm": f"{stack.url}/service/token", "service": "harbor-registry", "scope": scope}


def test_terraform_empties_a_project_before_it_deletes_it(terraform: Terraform, stack: Running):
    """`force_destroy`: each repository by its name without the project's, slashes twice encoded."""
    project = unused("tf")
    home = terraform.make("/projects", harbor_project(project))
    for path in ("app", "team/web/app"):
        pushes.push_content(stack.wire(), f"{project}/{path}", image(layers=1))
    terraform.send("DELETE", home, status=412)
    for page in (1, 2):
        for each in terraform.send("GET", f"/projects/{project}/repositories?page={page}&page_size=100"):
            path = each["name"].removeprefix(f"{project}/").replace("/", "%252F")
            terraform.send("DELETE", f"/projects/{project}/repositories/{path}")
    terraform.send("DELETE", home)


def test_terraform_keeps_a_group(terraform: Terraform):
    body = {"group_name": unused("tf"), "group_type": 2}
    place = terraform.make("/usergroups", body)
    read = terraform.send("GET", place)
    assert (read["group_name"], read["group_type"]) == (body["group_name"], 2)
    assert body["group_name"] in [each["group_name"] for each in all_pages(terraform, "/usergroups")]
    project = terraform.make("/projects", harbor_project(unused("tf")))
    group = {"group_type": 2, "group_name": body["group_name"]}
    member = terraform.make(f"{project}/members", {"role_id": 3, "member_group": group, "member_user": {}})
    assert terraform.send("GET", member)["entity_type"] == "g"
    terraform.send("DELETE", member)
    terraform.send("DELETE", place)
    terraform.send("DELETE", project)


# harbor-cli


def test_the_cli_asks_with_all_that_nobody_said(cli: GoClient):
    """An empty text, a false and a 0 each stand in the query."""
    nothing: dict[str, Any] = {"page": 0, "page_size": 0, "q": "", "sort": ""}
    assert cli.call("GET", "/projects", **nothing, name="", public=False) is not None
    assert "library" in [each["name"] for each in cli.call("GET", "/projects", **nothing, name="")]
    assert "admin" in [each["username"] for each in cli.call("GET", "/users", **nothing)]
    cli.call("GET", "/labels", **nothing, scope="g", project_id=0)
    cli.call("GET", "/projects/library/repositories", **nothing)
    cli.call("GET", "/projects/library/members", by_name=True, entityname="", page=0, page_size=0)
    cli.call("GET", "/audit-logs", **nothing)
    cli.call("GET", "/projects/library/auditlog-exts", **nothing)
    cli.call("GET", "/robots", **nothing)
    for path in ("/health", "/systeminfo", "/systeminfo/volumes", "/statistics", "/configurations", "/permissions"):
        cli.call("GET", path)


def test_the_cli_makes_a_project_and_deletes_it_by_force(cli: GoClient, stack: Running):
    name = unused("cli")
    body: dict[str, Any] = {"metadata": {"public": "false"}, "project_name": name, "public": False}
    cli.call("POST", "/projects", status=201, body=body | {"storage_limit": -1})
    whole = cli.call("GET", f"/projects/{name}", by_name=True)
    assert cli.call("GET", f"/projects/{whole['project_id']}")["name"] == name
    cli.call("PUT", f"/projects/{name}", by_name=True, body={"metadata": {"public": "true", "severity": "high"}})
    assert cli.call("GET", f"/projects/{name}/metadatas/", by_name=True)["severity"] == "high"
    selector = {"decoration": "matches", "pattern": "v*"}  # of no kind
    scope = {"repository": [{"decoration": "repoMatches", "pattern": "**"}]}
    rule = {"scope_selectors": scope, "tag_selectors": [selector]}
    cli.call("POST", f"/projects/{name}/immutabletagrules", status=201, body=rule)
    for path in ("app", "team/app"):
        pushes.push_content(stack.wire(), f"{name}/{path}", image(layers=1))
    cli.call("DELETE", f"/projects/{name}", status=412, by_name=True)

    for each in cli.call("GET", f"/projects/{name}/immutabletagrules"):
        cli.call("DELETE", f"/projects/{name}/immutabletagrules/{each['id']}")
    for each in cli.call("GET", f"/projects/{name}/repositories", page=0, page_size=0, q="", sort=""):
        path = each["name"].removeprefix(f"{name}/")
        cli.call("DELETE", f"/projects/{name}/repositories/{quote(path, safe='')}")  # a/b as a%2Fb
    cli.call("DELETE", f"/projects/{name}", by_name=True)


def test_the_cli_looks_after_artifacts_and_tags(cli: GoClient, stack: Running):
    name = unused("cli")
    cli.call("POST", "/projects", status=201, body={"project_name": name, "metadata": {"public": "true"}})
    content = image()
    pushes.push_content(stack.wire(), f"{name}/team/app", content)
    for encoded in ("team%2Fapp", "team%252Fapp"):
        home = f"/projects/{name}/repositories/{encoded}"
        whole = cli.call("GET", home)
        assert whole["name"] == f"{name}/team/app"
        # The whole row goes back; a description that is empty is left out.
        cli.call("PUT", home, body=whole | {"description": "changed"})
        del whole["description"]
        cli.call("PUT", home, body=whole)
        assert cli.call("GET", home)["description"] == ""
        artifacts = f"{home}/artifacts"
        (found,) = cli.call("GET", artifacts, page=1, page_size=10, q="", sort="")
        assert found["digest"] == cli.call("GET", f"{artifacts}/latest")["digest"] == content.top.digest
        tag = {"name": "v1", "pull_time": ZERO, "push_time": ZERO}
        cli.call("POST", f"{artifacts}/latest/tags", status=201, body=tag)
        cli.call("POST", f"{artifacts}/latest/tags", status=409, body=tag)
        assert len(cli.call("GET", f"{artifacts}/{content.top.digest}/tags")) == 2
        cli.call("DELETE", f"{artifacts}/latest/tags/v1")
        label = {"name": unused("cli"), "scope": "g", "color": "#FFFFFF", "creation_time": ZERO, "update_time": ZERO}
        cli.call("POST", "/labels", status=201, body=label)
        (made,) = cli.call("GET", "/labels", scope="g", q=f"name={label['name']}")
        cli.call("POST", f"{artifacts}/latest/labels", body=made)
        cli.call("DELETE", f"{artifacts}/latest/labels/{made['id']}")
        cli.call("PUT", f"/labels/{made['id']}", body={"name": made["name"], "scope": "g", "creation_time": ZERO})
        cli.call("DELETE", f"/labels/{made['id']}")
    cli.call("DELETE", f"/projects/{name}/repositories/team%252Fapp/artifacts/latest")
    cli.call("GET", f"/projects/{name}/repositories/team%252Fapp/artifacts/latest", status=404)


def test_the_cli_switches_a_rule_off_and_on(cli: GoClient):
    """`disabled` has omitempty: false is left out."""
    name = unused("cli")
    cli.call("POST", "/projects", status=201, body={"project_name": name})
    rules = f"/projects/{name}/immutabletagrules"
    selector = {"kind": "doublestar", "decoration": "matches", "pattern": "v*"}
    body = {"scope_selectors": {"repository": [selector | {"decoration": "repoMatches"}]}, "tag_selectors": [selector]}
    cli.call("POST", rules, status=201, body=body | {"disabled": True})
    (rule,) = cli.call("GET", rules)
    assert rule["disabled"] is True
    cli.call("PUT", f"{rules}/{rule['id']}", body=body | {"id": rule["id"]})
    assert cli.call("GET", rules)[0]["disabled"] is False


def test_the_cli_looks_after_robots(cli: GoClient, stack: Running):
    name = unused("cli")
    cli.call("POST", "/projects", status=201, body={"project_name": name})
    project = cli.call("GET", f"/projects/{name}", by_name=True)
    query = f"Level=project,ProjectID={project['project_id']}"
    assert cli.call("GET", "/robots", page=0, page_size=0, q=query, sort="") == []
    permission = {
        "access": [{"action": "push", "resource": "repository"}],
        "kind": "project",
        "namespace": name,
    }
    body = {"name": "ci", "level": "project", "duration": 30, "disable": False, "permissions": [permission]}
    made = cli.call("POST", "/robots", status=201, body=body)
    assert set(made) >= {"id", "name", "secret", "creation_time", "expires_at"}
    (found,) = cli.call("GET", "/robots", page=0, page_size=0, q=query, sort="")
    assert found["name"] == f"robot${name}+ci"
    change = {key: found[key] for key in ("id", "name", "level", "duration", "editable", "permissions")}
    change |= {"description": "changed", "disable": False, "creation_time": ZERO, "update_time": ZERO}
    cli.call("PUT", f"/robots/{found['id']}", body=change)
    assert cli.call("GET", f"/robots/{found['id']}")["description"] == "changed"
    renewed = cli.call("PATCH", f"/robots/{found['id']}", body={"secret": ""})
    assert renewed["secret"] not in {"", made["secret"]}
    cli.call("DELETE", f"/robots/{found['id']}")


def test_the_cli_looks_after_users_and_members(cli: GoClient):
    name, project = unused("cli"), unused("cli")
    form = {"comment": "c", "email": f"{name}@example.com", "password": PASSWORD, "realname": "C", "username": name}
    cli.call("POST", "/users", status=201, body=form)
    cli.call("POST", "/users", status=409, body=form)
    (user,) = [each for each in cli.call("GET", "/users", page=1, page_size=100) if each["username"] == name]
    place = f"/users/{user['user_id']}"
    cli.call("PUT", f"{place}/sysadmin", body={"sysadmin_flag": True})
    cli.call("PUT", f"{place}/password", body={"new_password": "Staple-Battery-8"})
    cli.call("POST", "/projects", status=201, body={"project_name": project})
    members = f"/projects/{project}/members"
    body = {"role_id": 2, "member_user": {"username": name}, "member_group": {}}
    cli.call("POST", members, status=201, body=body, by_name=True)
    (member,) = cli.call("GET", members, entityname=name, by_name=True)
    cli.call("PUT", f"{members}/{member['id']}", body={"role_id": 3}, by_name=True)
    assert cli.call("GET", f"{members}/{member['id']}", by_name=True)["role_name"] == "guest"
    cli.call("DELETE", f"{members}/{member['id']}", by_name=True)
    cli.call("DELETE", place)


# Ansible


def test_ansible_keeps_a_project_and_its_members(ansible: Terraform, stack: Running):
    name, user = unused("ansible"), unused("ansible")
    stack.create_user(user)
    assert ansible.send("GET", f"/projects?name={name}") == []
    metadata = {"auto_scan": "false", "enable_content_trust": "false", "public": "false"}
    ansible.send("POST", "/projects", {"project_name": name, "metadata": metadata, "storage_limit": -1}, 201)
    (project,) = ansible.send("GET", f"/projects?page=1&page_size=1&name={name}")
    place = f"/projects/{project['project_id']}"
    ansible.send("PUT", place, {"metadata": {"public": "true"}})
    assert ansible.send("GET", place)["metadata"] == metadata | {"public": "true"}
    ansible.send("POST", f"{place}/members", {"role_id": 4, "member_user": {"username": user}}, 201)
    (member,) = [each for each in ansible.send("GET", f"{place}/members") if each["entity_name"] == user]
    assert (member["entity_type"], member["role_id"]) == ("u", 4)
    ansible.send("PUT", f"{place}/members/{member['id']}", {"role_id": 1})
    ansible.send("DELETE", f"{place}/members/{member['id']}")
    ansible.send("DELETE", place)


def test_ansible_changes_what_differs_of_the_configuration(ansible: Terraform):
    before = ansible.send("GET", "/configurations")
    assert before["robot_token_duration"]["editable"] is True
    ansible.send("PUT", "/configurations", {"robot_token_duration": 7})
    after = ansible.send("GET", "/configurations")
    assert after["robot_token_duration"]["value"] == 7
    ansible.send("PUT", "/configurations", {"robot_token_duration": before["robot_token_duration"]["value"]})


def test_terraform_signs_in_by_a_session(stack: Running, document: Document):
    """`session_id`: a refusal holds the token and the cookie that its second try has to bring along."""
    form = urlencode({"principal": "admin", "password": stack.admin_password})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    signed = urllib3.request("POST", f"{stack.url}/c/login", body=form, headers=headers, redirect=False)
    sid = next(word for word in signed.headers["Set-Cookie"].split("; ") if word.startswith("sid="))
    session = Terraform(stack, document, {"Content-Type": "application/json", "Cookie": sid})
    assert session.send("GET", "/users/current")["username"] == "admin"
    body = json.dumps(harbor_project(unused("tf"))).encode()
    refused = session.exchange("POST", "/projects", body)
    assert refused.status == 403
    cookie = refused.headers["Set-Cookie"].split(";")[0]
    assert cookie.startswith("_gorilla_csrf=")
    token = refused.headers["X-Harbor-CSRF-Token"]
    again = session.exchange("POST", "/projects", body, X_Harbor_CSRF_Token=token, Cookie=f"{sid}; {cookie}")
    assert again.status == 201, again.what


def test_it_is_told_apart_who_may_not(document: Document, stack: Running):
    name = f"nobody{os.urandom(3).hex()}"
    stranger = Terraform(stack, document, stack.wire(name, "Wrong-Horse-7").basic())
    stranger.send("GET", "/projects", status=401)
    password = stack.create_user(name)
    stranger = Terraform(stack, document, stack.wire(name, password).basic())
    stranger.send("GET", "/configurations", status=403)
    stranger.send("GET", "/users", status=403)
