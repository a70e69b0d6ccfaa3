"""The directory of the tests, and Roadstead told of it."""

from collections.abc import Iterator

import pytest

from configuration import values
from configuration.items import find
from configuration.models import Setting
from rbac import ldap, oidc, turnstile
from tests import slapd as servers
from tests.slapd import Slapd


@pytest.fixture(scope="session")
def shared_slapd(tmp_path_factory) -> Iterator[Slapd]:
    with servers.running_slapd(tmp_path_factory.mktemp("slapd")) as server:
        yield server


@pytest.fixture
def slapd(shared_slapd) -> Iterator[Slapd]:
    """A directory that a test may stop."""
    yield shared_slapd
    shared_slapd.start()


@pytest.fixture
def configure(db):
    """Set configuration items, and forget what was known of the directory."""

    def set_items(**items):
        for name, value in items.items():
            kept = values.stored(find(name), find(name).checked(value))
            Setting.objects.update_or_create(name=name, defaults={"value": kept})
        values.forget()
        ldap.forget()
        turnstile.forget()
        oidc.forget()

    return set_items


@pytest.fixture
def directory(configure, slapd):
    """People sign in by the directory."""
    configure(
        auth_mode="ldap_auth",
        ldap_url=slapd.url,
        ldap_search_dn=servers.SEARCH,
        ldap_search_password=servers.SEARCH_PASSWORD,
        ldap_base_dn=servers.BASE,
        ldap_uid="uid",
        ldap_filter="(objectClass=inetOrgPerson)",
        ldap_group_base_dn=servers.GROUPS,
        ldap_group_search_filter="(objectClass=groupOfNames)",
        ldap_timeout=2,
    )
    return slapd
