"""A company signs in with its directory: docker and skopeo log in, push and are refused."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import slapd as servers
from tests.flows.clients import Docker, Skopeo
from tests.flows.stacks import Running, running_stack
from tests.slapd import PASSWORD, Slapd, group_dn


@pytest.fixture(scope="module")
def slapd(workspace: Path) -> Iterator[Slapd]:
    with servers.running_slapd(workspace / "slapd") as server:
        yield server


@pytest.fixture(scope="module")
def company(workspace: Path, slapd: Slapd) -> Iterator[Running]:
    """A stack of its own, that takes the directory's people over TLS; `builders` build in the project `yard`."""
    with running_stack(workspace / "company", ROADSTEAD_CONFIG_LDAP_UID="uid") as running:
        for name, value in {
            "ldap_url": slapd.tls_url,
            "ldap_ca_file": str(slapd.ca),
            "ldap_search_dn": servers.SEARCH,
            "ldap_base_dn": servers.BASE,
            "ldap_timeout": "2",
        }.items():
            running.manage("configure", name, value)
        running.manage("configure", "ldap_search_password", "-", stdin=servers.SEARCH_PASSWORD + "\n")
        running.manage("configure", "auth_mode", "ldap_auth")
        running.create_project("yard")
        running.manage("ldap", "import", "--group", group_dn("builders"))
        running.manage("addmember", "yard", "developer", "--group", "builders")
        running.wait_until_it_answers()
        yield running


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
