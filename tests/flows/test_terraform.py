"""What terraform's provider for Harbor asks for, resource by resource."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from tests.flows.conformance import pushes
from tests.flows.content import image
from tests.flows.harbor import unused
from tests.flows.programs import PASSWORD, Terraform
from tests.flows.stacks import Running, eventually
from tests.flows.strict import Document


@pytest.fixture
def terraform(stack: Running, document: Document) -> Terraform:
    return Terraform(stack, document, stack.wire().basic() | {"Content-Type": "application/json"})


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


def test_terraform_changes_how_much_a_project_may_hold(terraform: Terraform):
    """It looks for the quota through all the pages, and sets it by the quota's own id."""
    place = terraform.make("/projects", harbor_project(unused("tf")) | {"storage_limit": 2 * 1024**3})
    project = int(place.removeprefix("/projects/"))
    found = [each for each in all_pages(terraform, "/quotas/?page_size=100") if each["ref"]["id"] == project]
    assert [each["hard"] for each in found] == [{"storage": 2 * 1024**3}]
    for limit in (5 * 1024**3, -1):
        terraform.send("PUT", f"/quotas/{found[0]['id']}", {"hard": {"storage": limit}})
        assert terraform.send("GET", f"{place}/summary")["quota"]["hard"] == {"storage": limit}
    terraform.send("DELETE", place)
    assert terraform.send("GET", f"/quotas?reference=project&reference_id={project}") == []


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


def test_terraform_keeps_a_projects_quota(terraform: Terraform):
    gib = 1024**3
    place = terraform.make("/projects", harbor_project(unused("tf")) | {"storage_limit": 5 * gib})
    (quota,) = [each for each in all_quotas(terraform) if str(each["ref"]["id"]) == place.rpartition("/")[2]]
    assert quota["hard"]["storage"] == 5 * gib
    assert terraform.send("GET", "/configurations")["quota_per_project_enable"]["value"] is True
    terraform.send("PUT", f"/quotas/{quota['id']}", {"hard": {"storage": -1}})
    (quota,) = [each for each in all_quotas(terraform) if str(each["ref"]["id"]) == place.rpartition("/")[2]]
    assert quota["hard"]["storage"] == -1
    terraform.send("DELETE", place)


def all_quotas(terraform: Terraform) -> list[dict[str, Any]]:
    """With a slash at the end, and until a page is empty."""
    return all_pages(terraform, "/quotas/?page_size=100")


def test_terraform_keeps_the_allowlists_of_cves(terraform: Terraform):
    allowlist = "/system/CVEAllowlist"
    terraform.send("PUT", allowlist, {"items": [{"cve_id": "CVE-2024-0001"}], "expires_at": 1999999999})
    read = terraform.send("GET", allowlist)
    assert ([each["cve_id"] for each in read["items"]], read["expires_at"]) == (["CVE-2024-0001"], 1999999999)
    terraform.send("PUT", allowlist, {})  # what `destroy` sends
    assert terraform.send("GET", allowlist)["items"] == []

    body = harbor_project(unused("tf"), reuse_sys_cve_allowlist="false")
    place = terraform.make("/projects", body | {"cve_allowlist": {"items": [{"cve_id": "CVE-2024-0002"}]}})
    read = terraform.send("GET", place)
    assert [each["cve_id"] for each in read["cve_allowlist"]["items"]] == ["CVE-2024-0002"]
    assert read["metadata"]["reuse_sys_cve_allowlist"] == "false"
    terraform.send("DELETE", place)


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


def harbor_registry(url: str, name: str, **more: Any) -> dict[str, Any]:
    """The body of terraform's harbor_registry, which leaves out what is empty."""
    return {"name": name, "url": url, "type": "docker-registry", "credential": {"type": "basic"}, **more}


def test_terraform_keeps_a_registry(terraform: Terraform, distribution: str):
    name = unused("tf")
    place = terraform.make("/registries", harbor_registry(distribution, name))
    assert place.startswith("/registries/")
    read = terraform.send("GET", place)
    assert (read["name"], read["url"], read["type"], read["status"]) == (
        name,
        distribution,
        "docker-registry",
        "healthy",
    )
    terraform.send("PUT", place, {"name": name, "url": distribution, "description": "over there"})
    assert terraform.send("GET", place)["description"] == "over there"
    found = terraform.send("GET", f"/registries?name={name}")
    assert [f"/registries/{each['id']}" for each in found] == [place]
    terraform.send("DELETE", place)
    terraform.send("GET", place, status=404)


@pytest.mark.parametrize(
    "trigger",
    [
        {"type": "manual", "trigger_settings": {}},
        {"type": "scheduled", "trigger_settings": {"cron": "0 0/15 * * * *"}},
        {"type": "event_based", "trigger_settings": {}},
    ],
)
def test_terraform_keeps_a_replication(terraform: Terraform, distribution: str, trigger: dict[str, Any]):
    registry = terraform.make("/registries", harbor_registry(distribution, unused("tf")))
    name, elsewhere = unused("tf"), {"id": int(registry.rpartition("/")[2])}
    body = {
        "name": name,
        "id": 0,
        "src_registry": {},
        "dest_registry": elsewhere,
        "dest_namespace": "mirror",
        "dest_namespace_replace_count": 0,
        "trigger": trigger,
        "enabled": True,
        "override": True,
        "filters": [
            {"type": "name", "value": f"{unused('none')}/**"},
            {"type": "tag", "value": "3.*.*", "decoration": "matches"},
            {"type": "resource", "value": "artifact"},
            {"type": "label", "value": ["qa"]},
        ],
    }
    place = terraform.make("/replication/policies", body)
    read = terraform.send("GET", place)
    assert (read["src_registry"]["id"], read["dest_registry"]["id"]) == (0, elsewhere["id"])
    assert {each: read[each] for each in set(body) - {"id", "src_registry", "dest_registry"}} == {
        each: body[each] for each in set(body) - {"id", "src_registry", "dest_registry"}
    }
    terraform.send("PUT", place, body | {"enabled": False, "dest_namespace": "other"})
    read = terraform.send("GET", place)
    assert (read["enabled"], read["dest_namespace"], read["override"]) == (False, "other", True)
    terraform.send("PUT", place, body)
    terraform.make("/replication/executions", {"policy_id": read["id"]})  # execute_on_changed
    eventually(lambda: not _goes_on(terraform, read["id"]), "the execution ends")
    terraform.send("DELETE", place)
    terraform.send("GET", place, status=404)
    terraform.send("DELETE", registry)


def _goes_on(terraform: Terraform, policy_id: int) -> bool:
    found = terraform.send("GET", f"/replication/executions?policy_id={policy_id}")
    return any(each["status"] == "InProgress" for each in found)
