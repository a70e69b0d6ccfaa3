"""Active Directory: a real domain controller with nested groups, and accounts that are out of use."""

import os
from collections.abc import Iterator

import pytest

from rbac import directory as rows
from rbac import ldap, servers
from rbac.actors import SYSTEM
from rbac.credentials import InvalidCredentials, authenticate
from rbac.errors import DirectoryUnavailable
from rbac.memory import memory
from rbac.models import User
from tests import samba
from tests.people import CONTEXT
from tests.samba import PASSWORD, ActiveDirectory, group_dn

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(os.geteuid() != 0, reason="a domain controller's ports are root's"),
]


@pytest.fixture(scope="module")
def controller(tmp_path_factory) -> Iterator[ActiveDirectory]:
    with samba.running_samba(tmp_path_factory.mktemp("samba")) as server:
        yield server


@pytest.fixture
def domain(configure, controller):
    """People sign in by the domain, as a company sets it up."""
    configure(
        auth_mode="ldap_auth",
        ldap_url=controller.url,
        ldap_ca_file=str(controller.ca),
        ldap_search_dn=samba.SEARCH,
        ldap_search_password=PASSWORD,
        ldap_base_dn=samba.BASE,
        ldap_uid="sAMAccountName",
        ldap_filter="(&(objectClass=user)(!(objectClass=computer)))",
        ldap_group_base_dn=samba.GROUPS,
        ldap_group_search_filter="(objectClass=group)",
        ldap_timeout=10,
    )
    return controller


def sign_in(username="lena", password=PASSWORD):
    return authenticate(username, password, address="192.0.2.7")


def import_groups(*names):
    return {rows.import_group(group_dn(name), actor=SYSTEM, context=CONTEXT).name for name in names}


def groups_of(username):
    return set(User.objects.get(username=username).user_groups.values_list("name", flat=True))


@pytest.mark.usefixtures("domain")
def test_people_sign_in_by_their_account_name():
    assert sign_in().name == "lena"
    assert sign_in("RUTH").name == "ruth"

    user = User.objects.get(username="lena")
    assert (user.email, user.realname, user.ldap_dn) == (
        "lena@example.com",
        "Lena Example",
        f"CN=lena,{samba.STAFF}",
    )
    for password in ("wrong", "", PASSWORD + " "):
        with pytest.raises(InvalidCredentials):
            sign_in(password=password)


@pytest.mark.usefixtures("domain")
def test_people_may_sign_in_by_their_principal_name(configure):
    configure(ldap_uid="userPrincipalName")
    assert sign_in(f"lena@{samba.DOMAIN}").name == f"lena@{samba.DOMAIN}"


@pytest.mark.usefixtures("domain")
@pytest.mark.parametrize("username", ["*", "l*", "lena)(cn=*", "DC1$", "Administrator)(|(cn=*", "EXAMPLE\\lena"])
def test_a_name_is_a_name_and_no_filter(username):
    with pytest.raises(InvalidCredentials):
        sign_in(username)


@pytest.mark.usefixtures("domain")
@pytest.mark.parametrize("username", ["disabled", "expired", "stale"])
def test_an_account_that_is_out_of_use_is_refused(username):
    assert ldap.find(servers.configured(), username)
    with pytest.raises(InvalidCredentials):
        sign_in(username)
    assert not User.objects.exists()


@pytest.mark.usefixtures("domain")
def test_an_account_that_the_domain_locked_is_refused_with_the_right_password():
    assert ldap.login(servers.configured(), "locked", PASSWORD)
    for _ in range(3):
        assert ldap.login(servers.configured(), "locked", "wrong") is None

    with pytest.raises(InvalidCredentials):
        sign_in("locked")


@pytest.mark.usefixtures("domain")
def test_groups_are_those_one_is_in_directly():
    assert import_groups("team", "builders", "makers") == {"team", "builders", "makers"}
    sign_in()
    assert groups_of("lena") == {"team"}


def test_nested_groups_are_found_by_the_domains_own_rule(domain, configure):
    configure(ldap_group_nested=True)
    import_groups("team", "builders", "makers", "admins")
    sign_in()
    sign_in("otto")
    assert groups_of("lena") == {"team", "builders", "makers"}
    assert groups_of("otto") == set()


def test_an_administrator_may_be_one_by_a_group_within_the_admin_group(domain, configure):
    configure(ldap_group_admin_dn=group_dn("bosses"))
    assert not sign_in("ruth").is_admin

    configure(ldap_group_nested=True)
    memory.forget()
    account = rows.sign_in("ruth", PASSWORD, context=CONTEXT)
    assert account
    assert account.is_admin
    assert not sign_in("otto").is_admin


@pytest.mark.usefixtures("domain")
def test_people_and_groups_are_searched_and_tried():
    ldap.test(servers.configured())
    assert [person.name for person in ldap.search(servers.configured(), "otto")] == ["otto"]
    (group,) = ldap.search_groups(servers.configured(), name="builders")
    assert group.dn == group_dn("builders")
    assert set(ldap.find_all(servers.configured(), ["lena", "Otto", "nobody"])) == {"lena", "Otto"}


def test_a_controller_takes_no_password_in_clear_and_says_so(domain, configure):
    configure(ldap_url=domain.plain_url)
    with pytest.raises(DirectoryUnavailable, match="strongerAuthRequired"):
        sign_in()

    configure(ldap_start_tls=True)
    assert sign_in().name == "lena"
