"""The ldap_ items as Harbor's administrators write them."""

import pytest

from rbac import ldap, servers
from rbac.credentials import authenticate
from tests.slapd import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ()),
        ("ldap.example.com", ("ldap://ldap.example.com",)),
        ("ldap.example.com:389", ("ldap://ldap.example.com:389",)),
        ("ldap.example.com:636 ldaps://b.example.com", ("ldaps://ldap.example.com:636", "ldaps://b.example.com")),
        ("ldap://ldap.example.com:636/", ("ldaps://ldap.example.com:636/",)),
        ("[::1]:636", ("ldaps://[::1]:636",)),
    ],
)
def test_a_server_needs_no_scheme_and_port_636_is_tls(written, read):
    assert servers.urls_of(written) == read


@pytest.mark.parametrize(
    "text", ["objectClass=inetOrgPerson", " (objectClass=inetOrgPerson) ", "&(objectClass=*)(uid=lena)"]
)
def test_a_filter_needs_no_parentheses(directory, configure, text):
    configure(ldap_filter=text, ldap_group_search_filter="objectClass=groupOfNames", ldap_group_attribute_name="")

    assert authenticate("lena", PASSWORD, address="192.0.2.7").name == "lena"
    assert [group.name for group in ldap.search_groups(servers.configured(), name="build")] == ["builders"]
