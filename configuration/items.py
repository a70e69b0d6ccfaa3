"""Every configuration item there is: its type, default, what it may hold, and whether it is a secret."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from audit import syslog
from configuration.errors import InvalidValue, UnknownItem

Value = str | int | bool

_LONGEST = 4096  # characters
_LONGEST_PATTERN, _LONGEST_ISSUER = 256, 1000
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
_EVENT = re.compile(r"[a-z]+(_[a-z0-9-]+)+")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")  # RFC 4512 section 1.4: a name or an OID
# Roadstead's own bound: no user's name can hold a $, so that nobody can be taken for a robot by its name.
_ROBOT_PREFIX = re.compile(r"(?=[^$]*\$)[a-z0-9_$.@+-]{1,32}")


@dataclass(frozen=True, slots=True)
class Item:
    """One item. `check` answers what is wrong with a value of the right type, or "". `contract` is false for what
    Harbor's document doesn't have."""

    name: str
    default: Value
    check: Callable[[Value], str] = lambda _: ""
    secret: bool = False
    contract: bool = True

    @property
    def kind(self) -> type[Value]:
        return type(self.default)

    def checked(self, value: object) -> Value:
        """`value` if the item can hold it; InvalidValue."""
        if type(value) is not self.kind or not isinstance(value, str | int | bool):
            raise InvalidValue(f"{self.name} is {_WORDS[self.kind]}")
        if isinstance(value, str) and (len(value) > _LONGEST or "\x00" in value or not _is_text(value)):
            raise InvalidValue(f"{self.name} has at most {_LONGEST} characters of text")
        if wrong := self.check(value):
            raise InvalidValue(f"{self.name} {wrong}")
        return value

    def accept(self, value: object) -> Value:
        """The value that a client means, which may write 5 as "5" or 5.0, and true as "true"; InvalidValue."""
        if isinstance(value, str) and self.kind is not str:
            return self.parse(value.strip())
        if self.kind is int and isinstance(value, float) and value.is_integer():
            return self.checked(int(value))
        return self.checked(value)

    def parse(self, text: str) -> Value:
        """The value that `text` (of a command line, of the environment) writes; InvalidValue."""
        if self.kind is bool and text.lower() in _TRUE | _FALSE:
            return self.checked(text.lower() in _TRUE)
        if self.kind is int and re.fullmatch(r"-?[0-9]{1,18}", text):
            return self.checked(int(text))
        return self.checked(text)


_WORDS: dict[type[Value], str] = {str: "text", int: "a whole number", bool: "true or false"}


def find(name: str) -> Item:
    """The item called `name`; UnknownItem."""
    try:
        return ITEMS[name]
    except KeyError:
        raise UnknownItem(f"there is no configuration item {name}") from None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _one_of(*allowed: Value) -> Callable[[Value], str]:
    words = ", ".join(map(str, allowed))
    return lambda value: "" if value in allowed else f"is one of {words}"


def _between(least: int, most: int) -> Callable[[Value], str]:
    return lambda value: "" if least <= int(value) <= most else f"is from {least} to {most}"


def _days(value: Value) -> str:
    return "" if value == -1 or 1 <= int(value) <= 36500 else "is a number of days, or -1 for ever"  # noqa: PLR2004


def _quota(value: Value) -> str:
    return "" if value == -1 or 1 <= int(value) <= 1 << 50 else "is a number of bytes, or -1 for no limit"


def _ldap_urls(value: Value) -> str:
    return "" if all(map(_is_ldap_url, str(value).split())) else "holds ldap:// or ldaps:// URLs, separated by spaces"


def _is_ldap_url(text: str) -> bool:
    try:
        parts = urlsplit(text if "://" in text else f"ldap://{text}")
        (parts.hostname or "").encode("idna")  # as a name is looked up: no label is empty or too long
        plain = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        return parts.scheme in {"ldap", "ldaps"} and bool(parts.hostname) and parts.port != 0 and plain
    except ValueError:
        return False


def in_parentheses(text: str) -> str:
    """A filter as RFC 4515 writes it. Harbor takes `objectClass=person` too."""
    text = text.strip()
    return text if not text or text.startswith("(") else f"({text})"


def _ldap_filter(value: Value) -> str:
    """RFC 4515's outer form. What lies within, the directory reads; a parenthesis in a value is escaped there."""
    text, depth = in_parentheses(str(value)), 0
    if not text:
        return ""
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth < 0 or (depth == 0 and place < len(text) - 1):
            return "is one filter in parentheses, as (objectClass=person)"
    return "" if depth == 0 and text.startswith("(") else "is one filter in parentheses, as (objectClass=person)"


def _attribute(value: Value) -> str:
    return "" if not value or _ATTRIBUTE.fullmatch(str(value)) else "is the name of an attribute"


def _robot_prefix(value: Value) -> str:
    return "" if _ROBOT_PREFIX.fullmatch(str(value)) else "is 1 to 32 of a-z 0-9 _ $ . @ + -, a $ among them"


def _path(value: Value) -> str:
    return "" if not value or str(value).startswith("/") else "is an absolute path on the server"


def _events(value: Value) -> str:
    words = filter(None, str(value).replace(" ", "").split(","))
    return "" if all(map(_EVENT.fullmatch, words)) else "holds event types as pull_artifact, separated by commas"


def _https(value: Value) -> str:
    return "" if not value or str(value).startswith(("https://", "http://")) else "is a URL"


def _issuer(value: Value) -> str:
    """OpenID Connect Discovery 1.0 section 3: without query and fragment."""
    try:
        parts = urlsplit(str(value))
        plain = not (parts.query or parts.fragment or parts.username) and parts.port != 0
        known = parts.scheme in {"https", "http"} and bool(parts.hostname) and str(value).isascii()
        plain = plain and len(str(value)) <= _LONGEST_ISSUER
    except ValueError:
        plain = known = False
    return "" if not value or (known and plain) else "is a https:// URL without query"


def scopes(text: str) -> list[str]:
    """What oidc_scope lists, by comma as Harbor does, or by space."""
    return text.replace(",", " ").split()


def _scopes(value: Value) -> str:
    return "" if "openid" in scopes(str(value)) else "holds openid, and more scopes separated by commas"


def _texts_by_name(value: Value) -> str:
    try:
        found = json.loads(str(value) or "{}")
    except (ValueError, RecursionError):
        found = None
    fits = isinstance(found, dict) and all(isinstance(each, str) for each in found.values())
    return "" if fits else 'is a JSON object of texts, as {"prompt": "login"}'


def _pattern(value: Value) -> str:
    """PostgreSQL reads it at each sign-in, within bounds; what Python can't read isn't a regular expression there."""
    try:
        re.compile(str(value))
    except (re.error, OverflowError, RecursionError):
        return "is a regular expression"
    return "" if len(str(value)) <= _LONGEST_PATTERN else f"has at most {_LONGEST_PATTERN} characters"


def _syslog(value: Value) -> str:
    return "" if not value or syslog.parse(str(value)) else "is HOST:PORT, or that behind tcp:// or udp://"


_SCOPE = _one_of(0, 1, 2)  # base, one level, subtree

ITEMS: dict[str, Item] = {
    item.name: item
    for item in (
        Item("auth_mode", "db_auth", _one_of("db_auth", "ldap_auth", "oidc_auth")),
        Item("primary_auth_mode", False),
        Item("project_creation_restriction", "everyone", _one_of("everyone", "adminonly")),
        Item("read_only", False),
        Item("self_registration", False),
        Item("token_expiration", 5, _between(1, 60 * 24)),  # minutes
        Item("robot_token_duration", 30, _days),
        Item("robot_name_prefix", "robot$", _robot_prefix),
        Item("session_timeout", 60, _between(1, 60 * 24 * 30)),  # minutes
        Item("quota_per_project_enable", True),
        Item("storage_per_project", -1, _quota),
        Item("notification_enable", True),
        Item("scanner_skip_update_pulltime", False),
        Item("skip_audit_log_database", False),
        Item("audit_log_forward_endpoint", "", _syslog),
        Item("disabled_audit_log_event_types", "", _events),
        Item("banner_message", ""),
        Item("replication_local_addresses", False, contract=False),  # loopback and link-local ones, of endpoints
        Item("ldap_url", "", _ldap_urls),
        Item("ldap_search_dn", ""),
        Item("ldap_search_password", "", secret=True),
        Item("ldap_base_dn", ""),
        Item("ldap_filter", "", _ldap_filter),
        Item("ldap_uid", "cn", _attribute),
        Item("ldap_scope", 2, _SCOPE),
        Item("ldap_timeout", 5, _between(1, 30)),  # seconds
        Item("ldap_verify_cert", True),
        Item("ldap_start_tls", False, contract=False),
        Item("ldap_ca_file", "", _path, contract=False),
        Item("ldap_group_base_dn", ""),
        Item("ldap_group_admin_dn", ""),
        Item("ldap_group_attribute_name", "cn", _attribute),
        Item("ldap_group_search_filter", "", _ldap_filter),
        Item("ldap_group_search_scope", 2, _SCOPE),
        Item("ldap_group_membership_attribute", "memberof", _attribute),
        Item("ldap_group_attach_parallel", False),
        Item("ldap_group_nested", False, contract=False),
        Item("oidc_name", ""),
        Item("oidc_endpoint", "", _issuer),
        Item("oidc_client_id", ""),
        Item("oidc_client_secret", "", secret=True),
        Item("oidc_groups_claim", ""),
        Item("oidc_admin_group", ""),
        Item("oidc_group_filter", "", _pattern),
        Item("oidc_scope", "openid", _scopes),
        Item("oidc_user_claim", ""),
        Item("oidc_verify_cert", True),
        Item("oidc_auto_onboard", False),
        Item("oidc_extra_redirect_parms", "", _texts_by_name),
        Item("oidc_ca_file", "", _path, contract=False),
        Item("oidc_timeout", 5, _between(1, 30), contract=False),  # seconds
        Item("oidc_logout", False),
        # Modes that Roadstead doesn't have: kept, so that a client that sets everything isn't refused.
        Item("http_authproxy_endpoint", "", _https),
        Item("http_authproxy_tokenreview_endpoint", "", _https),
        Item("http_authproxy_admin_groups", ""),
        Item("http_authproxy_admin_usernames", ""),
        Item("http_authproxy_verify_cert", True),
        Item("http_authproxy_skip_search", False),
        Item("http_authproxy_server_certificate", ""),
        Item("uaa_endpoint", "", _https),
        Item("uaa_client_id", ""),
        Item("uaa_client_secret", "", secret=True),
        Item("uaa_verify_cert", False),
    )
}
