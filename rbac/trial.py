"""A directory or a provider tried out before, or after, the configuration says that it is the one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from configuration.items import find, in_parentheses
from rbac import ldap, oidc, servers
from rbac.errors import DirectoryUnavailable, ProviderUnavailable
from rbac.oidc import Provider
from rbac.servers import Directory

# What each item is of a Directory. The servers themselves, `ldap_url`, decide about the password besides.
_FIELDS = {
    "ldap_search_dn": "search_dn",
    "ldap_search_password": "search_password",
    "ldap_base_dn": "base_dn",
    "ldap_filter": "filter",
    "ldap_uid": "uid",
    "ldap_scope": "scope",
    "ldap_timeout": "timeout",
    "ldap_verify_cert": "verify_cert",
    "ldap_start_tls": "start_tls",
    "ldap_ca_file": "ca_file",
}
# What each item is of a Provider, as far as a trial needs it: no secret of ours goes there.
_OF_PROVIDER = {
    "oidc_endpoint": "endpoint",
    "oidc_verify_cert": "verify_cert",
    "oidc_ca_file": "ca_file",
    "oidc_timeout": "timeout",
}


def described(given: Mapping[str, object]) -> Directory:
    """The configured directory with what `given`, by item, says otherwise. Raises InvalidValue.

    The password that is kept goes along to the servers that it is kept for, and to no others.
    """
    configured = servers.configured()
    changes: dict[str, Any] = {
        _FIELDS[name]: find(name).accept(value) for name, value in given.items() if name in _FIELDS
    }
    if "filter" in changes:
        changes["filter"] = in_parentheses(changes["filter"])
    if given.get("ldap_url"):
        urls = servers.urls_of(str(find("ldap_url").accept(given["ldap_url"])))
        kept = {} if set(urls) <= set(configured.urls) else {"search_password": ""}
        changes = {"urls": urls, **kept, **changes}
    return replace(configured, **changes)


def failure(directory: Directory) -> str:
    """What fails, for an administrator; "" when the servers answer and take the search account."""
    if directory.search_dn and not directory.search_password:
        return "ldap_search_password is needed: one that is kept goes to its servers only"
    try:
        ldap.test(directory)
    except DirectoryUnavailable as error:
        return str(error)
    return ""


def described_provider(given: Mapping[str, object]) -> Provider:
    """The configured provider with what `given`, by item, says otherwise. Raises InvalidValue."""
    configured = oidc.configured()
    facts: dict[str, Any] = {field: getattr(configured, field) for field in _OF_PROVIDER.values()}
    facts |= {_OF_PROVIDER[name]: find(name).accept(value) for name, value in given.items() if name in _OF_PROVIDER}
    return Provider(**{**facts, "endpoint": facts["endpoint"].rstrip("/")})


def failure_of_provider(provider: Provider) -> str:
    """What fails, for an administrator; "" when it answers and can be used."""
    try:
        oidc.test(provider)
    except ProviderUnavailable as error:
        return str(error)
    return ""
