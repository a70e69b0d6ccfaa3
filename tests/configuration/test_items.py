"""What an item can hold."""

import pytest

from configuration.errors import InvalidValue, UnknownItem
from configuration.items import ITEMS, find


def test_every_default_is_a_value_of_its_item():
    for item in ITEMS.values():
        assert item.checked(item.default) == item.default


def test_an_unknown_item_is_named():
    with pytest.raises(UnknownItem, match="ldap_colour"):
        find("ldap_colour")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth_mode", "kerberos"),
        ("auth_mode", 1),
        ("read_only", "true"),
        ("read_only", 1),
        ("ldap_timeout", True),
        ("ldap_timeout", 0),
        ("ldap_scope", 3),
        ("ldap_url", "https://ldap.example.com"),
        ("ldap_url", "ldap://"),
        ("ldap_url", "ldap://a:99999"),
        ("ldap_url", "ldap://user@a"),
        ("ldap_url", "ldap://a/dc=example"),
        ("ldap_filter", "a=b)(c=d"),
        ("ldap_filter", "(a=b)(c=d)"),
        ("ldap_filter", "(a=b"),
        ("ldap_uid", "uid)(cn=*"),
        ("ldap_ca_file", "ca.pem"),
        ("oidc_endpoint", "login.example.com"),
        ("oidc_endpoint", "ldap://login.example.com"),
        ("oidc_endpoint", "https://"),
        ("oidc_endpoint", "https://user:pw@login.example.com"),
        ("oidc_endpoint", "https://login.example.com?a=b"),
        ("oidc_endpoint", "https://login.example.com#a"),
        ("oidc_endpoint", "https://login.example.com:99999"),
        ("oidc_endpoint", "https://[::1"),
        ("oidc_endpoint", "https://lögin.example.com"),
        ("oidc_endpoint", "https://login.example.com/" + "a" * 1000),
        ("oidc_scope", ""),
        ("oidc_scope", "profile,email"),
        ("oidc_group_filter", "("),
        ("oidc_group_filter", "a" * 257),
        ("oidc_extra_redirect_parms", "prompt=login"),
        ("oidc_extra_redirect_parms", '["prompt"]'),
        ("oidc_extra_redirect_parms", '{"prompt": 1}'),
        ("oidc_extra_redirect_parms", "[" * 4000),
        ("oidc_timeout", 0),
        ("robot_name_prefix", ""),
        ("robot_token_duration", 0),
        ("storage_per_project", -2),
        ("banner_message", "a\x00b"),
        ("banner_message", "\ud800"),
        ("banner_message", "x" * 5000),
        ("banner_message", None),
    ],
)
def test_it_refuses_what_an_item_cannot_hold(name, value):
    with pytest.raises(InvalidValue, match=name):
        find(name).checked(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ldap_url", "ldaps://a.example.com ldap://b.example.com:3890 c.example.com:389"),
        ("ldap_url", "ldap://[::1]:389/"),
        ("ldap_filter", "(&(objectClass=person)(!(employeeType=former)))"),
        ("ldap_filter", "objectClass=person"),
        ("ldap_uid", "sAMAccountName"),
        ("ldap_uid", "1.2.840.113556.1.4.221"),
        ("oidc_endpoint", ""),
        ("oidc_endpoint", "https://sso.example.com:8443/realms/company"),
        ("oidc_endpoint", "http://127.0.0.1:9400"),
        ("oidc_scope", "openid,profile,email"),
        ("oidc_scope", "email openid"),
        ("oidc_group_filter", "^harbor-[a-z]+$"),
        ("oidc_extra_redirect_parms", ""),
        ("oidc_extra_redirect_parms", '{"prompt": "login"}'),
        ("robot_token_duration", -1),
    ],
)
def test_it_takes_what_an_item_can_hold(name, value):
    assert find(name).checked(value) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("read_only", "TRUE", True), ("read_only", "0", False), ("ldap_timeout", "7", 7), ("banner_message", "7", "7")],
)
def test_text_is_read_by_the_type_of_the_item(name, text, value):
    assert find(name).parse(text) == value
