"""A company signs in with its directory: docker and skopeo log in, push and are refused."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from harborapi import HarborAsyncClient
from harborapi.exceptions import BadRequest, NotFound
from harborapi.models import Configurations, ProjectReq, UserGroup

from tests import slapd as servers
from tests.audit.collector import Collector, collector
from tests.flows.chromium import Chromium, running_chromium
from tests.flows.clients import Docker, Skopeo
from tests.flows.stacks import Running, eventually, running_stack
from tests.flows.test_portal import fill, submit
from tests.slapd import PASSWORD, Slapd, group_dn


@pytest.fixture(scope="module")
def slapd(workspace: Path) -> Iterator[Slapd]:
    with servers.running_slapd(workspace / "slapd") as server:
        yield server


@pytest.fixture(scope="module")
def syslog() -> Iterator[Collector]:
    with collector() as server:
        yield server


@pytest.fixture(scope="module")
def company(workspace: Path, slapd: Slapd, syslog: Collector) -> Iterator[Running]:
    """A stack of its own, that takes the directory's people over TLS; `builders` build in the project `yard`.

    What Harbor has an item for an administrator sets over the API, but for the syslog server: that is to be told of
    what happens at once, and a change counts in every process only seconds later.
    """
    with running_stack(
        workspace / "company",
        ROADSTEAD_CONFIG_LDAP_CA_FILE=str(slapd.ca),
        ROADSTEAD_CONFIG_AUDIT_LOG_FORWARD_ENDPOINT=syslog.url.removeprefix("tcp://"),
    ) as running:
        asyncio.run(_set_up(running, slapd))
        running.wait_until_it_answers()
        yield running


def administrator(running: Running) -> HarborAsyncClient:
    return HarborAsyncClient(f"{running.url}/api/v2.0", username="admin", secret=running.admin_password)


async def _set_up(running: Running, slapd: Slapd) -> None:
    client = administrator(running)
    items: dict[str, Any] = {
        "ldap_url": slapd.tls_url,
        "ldap_search_dn": servers.SEARCH,
        "ldap_search_password": servers.SEARCH_PASSWORD,
        "ldap_base_dn": servers.BASE,
        "ldap_group_search_filter": "objectClass=groupOfNames",
        "ldap_uid": "uid",
        "ldap_timeout": 2,
    }
    await client.update_config(Configurations(**items))
    tried = await client.ping_ldap()
    assert tried.success, tried.message
    await client.update_config(Configurations(auth_mode="ldap_auth"))
    await client.create_project(ProjectReq(project_name="yard"))
    await client.add_project_member_group("yard", group_dn("builders"), role_id=2)


def test_an_administrator_works_with_harborapi_as_with_harbor(company: Running, slapd: Slapd):
    async def work() -> None:
        client = administrator(company)
        items = await client.get_config()
        assert items.auth_mode
        assert (items.auth_mode.value, items.auth_mode.editable) == ("ldap_auth", True)
        assert "search-secret" not in items.model_dump_json()
        assert [each.username for each in await client.search_ldap_users("otto")] == ["otto"]
        await client.import_ldap_users(["otto"])
        with pytest.raises(NotFound):
            await client.import_ldap_users(["nobody"])
        assert [each.ldap_group_dn for each in await client.search_ldap_groups("builders")] == [group_dn("builders")]
        await client.create_usergroup(UserGroup(group_name="bosses", group_type=1, ldap_group_dn=group_dn("admins")))
        assert [each.group_name for each in await client.get_usergroups()] == ["builders", "bosses"]
        assert [each.group_name for each in await client.search_usergroups("boss")] == ["bosses"]
        assert {each.entity_name for each in await client.get_project_members("yard")} == {"admin", "builders"}
        info = await client.get_system_info()
        assert (info.auth_mode, info.registry_storage_provider_name) == ("ldap_auth", "filesystem")
        (volume,) = (await client.get_system_volume_info()).storage or []
        assert volume.total
        with pytest.raises(BadRequest):  # otto is somebody besides the first administrator now
            await client.update_config(Configurations(auth_mode="db_auth"))

    asyncio.run(work())


def test_somebody_of_the_directory_signs_in_in_a_browser(company: Running, workspace: Path):
    """The first time, and finds the project that a group of the directory builds in."""

    def known() -> list[str]:
        wire = company.wire()
        found = wire.send("GET", f"{company.url}/api/v2.0/users/search?username=lena", wire.basic()).expect(200)
        return [row["username"] for row in found.json()]

    with running_chromium(workspace / "directory") as browser:
        browser.emulate(1280, 800)
        _sign_in(browser, company, "wrong")
        assert "Incorrect user name or password." in browser.text
        assert browser.evaluate("document.activeElement.id") == "password"
        assert browser.evaluate("document.querySelector('#principal').value") == "lena"
        assert known() == []
        _sign_in(browser, company, PASSWORD)
        assert known() == ["lena"]
        assert browser.evaluate("document.querySelector('a[href=\"/projects/yard\"]') !== null")
        browser.go(f"{company.url}/projects?show=mine")
        assert "Developer" in browser.evaluate("document.querySelector('#list tbody').innerText")
        browser.go(f"{company.url}/projects/yard")
        assert "docker push" in browser.text  # a developer's empty project says how to begin
        assert "Settings" not in browser.evaluate("document.querySelector('.tabs').innerText")
        browser.go(f"{company.url}/account")
        assert "lena@example.com" in browser.evaluate("document.querySelector('[name=email]').value")


def _sign_in(browser: Chromium, company: Running, password: str) -> None:
    browser.go(f"{company.url}/account/sign-in")
    fill(browser, principal="lena", password=password)
    submit(browser)


def test_docker_logs_in_by_the_directory_and_pushes_by_a_group(company: Running, docker: Docker):
    assert "Login Succeeded" in docker.login(company.host, "lena", PASSWORD)
    image = f"{company.host}/yard/app:1"
    docker.build(image, ("/hello", b"ahoy"))
    docker.run("push", image)

    docker.login(company.host, "ruth", PASSWORD)
    assert "denied" in docker.refused("pull", image).lower()


def test_skopeo_is_refused_with_a_wrong_password(company: Running, skopeo: Skopeo):
    assert "Login Succeeded" in skopeo.login(company.host, "lena", PASSWORD)
    skopeo.login_refused(company.host, "lena", "wrong")
    skopeo.login_refused(company.host, "twin", PASSWORD)


def test_who_is_local_logs_in_while_the_directory_is_away(company: Running, skopeo: Skopeo, slapd: Slapd):
    slapd.stop()
    try:
        assert "Login Succeeded" in skopeo.login(company.host, "admin", company.admin_password)
        assert "503" in skopeo.login_refused(company.host, "otto", PASSWORD)
    finally:
        slapd.start()


def test_who_is_local_logs_in_while_the_directory_hangs(company: Running, slapd: Slapd, tmp_path: Path):
    clients = [Skopeo(tmp_path / f"skopeo{n}") for n in range(6)]
    with servers.silent_server() as url, ThreadPoolExecutor() as pool:
        company.manage("configure", "ldap_url", url)
        try:
            waiting = [pool.submit(each.login_refused, company.host, "otto", PASSWORD) for each in clients[1:]]
            assert "Login Succeeded" in clients[0].login(company.host, "admin", company.admin_password)
            assert all("503" in each.result() for each in waiting)
        finally:
            company.manage("configure", "ldap_url", slapd.tls_url)


def test_what_happens_is_told_to_the_companys_syslog_server(company: Running, skopeo: Skopeo, syslog: Collector):
    skopeo.login(company.host, "lena", PASSWORD)
    skopeo.login_refused(company.host, "lena", "wrong")

    def told() -> bool:
        records = [(each["operation"], each["resource"], each["result"]) for each in syslog.records(1)]
        return {("login", "lena", "success"), ("login", "lena", "failure"), ("create", "yard", "success")} <= set(
            records
        )

    eventually(told, "the syslog server isn't told of a login")
