"""What harbor-cli and the Ansible collection for Harbor ask for."""

import os
from typing import Any
from urllib.parse import quote

import pytest

from tests.flows.conformance import pushes
from tests.flows.content import image
from tests.flows.harbor import unused
from tests.flows.programs import PASSWORD, GoClient, Terraform
from tests.flows.stacks import Running
from tests.flows.strict import Document

ZERO = "0001-01-01T00:00:00.000Z"  # Go's empty time, which it sends along


@pytest.fixture
def cli(stack: Running, document: Document) -> GoClient:
    return GoClient(stack, document, stack.wire().basic() | {"Accept": "application/json"})


@pytest.fixture
def ansible(stack: Running, document: Document) -> Terraform:
    """`fetch_url` with `json.dumps(data)`, the data of a GET being None: on the wire it's what terraform does."""
    return Terraform(stack, document, stack.wire().basic() | {"Content-Type": "application/json"})


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
    cli.call("GET", "/quotas", page=0, page_size=0, reference="", reference_id="", sort="")
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


def test_the_cli_looks_after_groups_and_the_allowlist(cli: GoClient):
    name = unused("cli")
    cli.call("POST", "/usergroups", status=201, body={"group_name": name, "group_type": 2})
    cli.call("POST", "/usergroups", status=409, body={"group_name": name, "group_type": 2})
    (found,) = [each for each in cli.call("GET", "/usergroups", page_size=100) if each["group_name"] == name]
    assert cli.call("GET", "/usergroups/search", groupname=name)[0]["id"] == found["id"]
    cli.call("PUT", f"/usergroups/{found['id']}", body={"group_name": f"{name}-2", "group_type": 2})
    assert cli.call("GET", f"/usergroups/{found['id']}")["group_name"] == f"{name}-2"
    cli.call("DELETE", f"/usergroups/{found['id']}")
    cves = {"expires_at": 0, "items": [{"cve_id": "CVE-2024-0003"}], "creation_time": ZERO, "update_time": ZERO}
    cli.call("PUT", "/system/CVEAllowlist", body=cves)
    assert cli.call("GET", "/system/CVEAllowlist")["items"] == [{"cve_id": "CVE-2024-0003"}]
    cli.call("PUT", "/system/CVEAllowlist", body={"items": []})


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


def test_ansible_sets_a_projects_quota(ansible: Terraform):
    name = unused("ansible")
    ansible.send("POST", "/projects", {"project_name": name, "metadata": {}, "storage_limit": 1024**3}, 201)
    (project,) = ansible.send("GET", f"/projects?name={name}")
    quota = ansible.send("GET", f"/quotas?reference_id={project['project_id']}")[0]
    assert quota["hard"]["storage"] == 1024**3
    ansible.send("PUT", f"/quotas/{quota['id']}", {"hard": {"storage": 2 * 1024**3}})
    assert ansible.send("GET", f"/quotas?reference_id={project['project_id']}")[0]["hard"]["storage"] == 2 * 1024**3


def test_ansible_changes_what_differs_of_the_configuration(ansible: Terraform):
    before = ansible.send("GET", "/configurations")
    assert before["robot_token_duration"]["editable"] is True
    ansible.send("PUT", "/configurations", {"robot_token_duration": 7})
    after = ansible.send("GET", "/configurations")
    assert after["robot_token_duration"]["value"] == 7
    ansible.send("PUT", "/configurations", {"robot_token_duration": before["robot_token_duration"]["value"]})


def test_it_is_told_apart_who_may_not(document: Document, stack: Running):
    name = f"nobody{os.urandom(3).hex()}"
    stranger = Terraform(stack, document, stack.wire(name, "Wrong-Horse-7").basic())
    stranger.send("GET", "/projects", status=401)
    password = stack.create_user(name)
    stranger = Terraform(stack, document, stack.wire(name, password).basic())
    stranger.send("GET", "/configurations", status=403)
    stranger.send("GET", "/users", status=403)
