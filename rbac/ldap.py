"""LDAP and Active Directory: the only module that speaks to the directory. It knows nothing of our own rows."""

import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ldap3 import ANONYMOUS, AUTO_BIND_NONE, BASE, LEVEL, NONE, SIMPLE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPCommunicationError, LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from configuration import values
from configuration.items import in_parentheses
from rbac import turnstile
from rbac.errors import DirectoryUnavailable

_REST = 15.0  # seconds a server that failed is left alone
_GROUPS_REMEMBERED = 60.0  # seconds
_GROUPS_KEPT = 4096  # people
_MATCHES = 200  # entries a search by an administrator shows at most
_SCOPES = (BASE, LEVEL, SUBTREE)
_IN_CHAIN = "1.2.840.113556.1.4.1941"  # Active Directory's matching rule for groups within groups
_WORDS = 300  # characters of why a server failed
_EMAIL, _REALNAME = ("mail", "email"), ("displayName", "cn")

# RFC 4511 appendix A: what a bind or search comes to. Of a person's bind whatever isn't listed is a refusal.
_SUCCESS, _SIZE_LIMIT, _NO_SUCH_OBJECT = 0, 4, 32
_SERVER_TROUBLE = {1, 2, 3, 51, 52, 80}  # operations, protocol, time limit, busy, unavailable, other

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Directory:
    """How the directory is reached and searched: the `ldap_` items of the configuration."""

    urls: tuple[str, ...]
    search_dn: str = ""
    search_password: str = field(default="", repr=False)
    base_dn: str = ""
    filter: str = ""
    uid: str = "cn"
    scope: int = 2
    timeout: int = 5
    verify_cert: bool = True
    start_tls: bool = False
    ca_file: str = ""
    group_base_dn: str = ""
    group_filter: str = ""
    group_name: str = "cn"
    group_scope: int = 2
    membership: str = "memberof"
    nested: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """An entry that somebody signs in by. `groups` are DNs in their normal form."""

    dn: str
    name: str
    email: str = ""
    realname: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    dn: str
    name: str


def configured() -> Directory:
    """The directory as the configuration items have it now."""
    return Directory(
        urls=urls_of(values.text("ldap_url")),
        search_dn=values.text("ldap_search_dn"),
        search_password=values.text("ldap_search_password"),
        base_dn=values.text("ldap_base_dn"),
        filter=in_parentheses(values.text("ldap_filter")),
        uid=values.text("ldap_uid"),
        scope=values.number("ldap_scope"),
        timeout=values.number("ldap_timeout"),
        verify_cert=values.flag("ldap_verify_cert"),
        start_tls=values.flag("ldap_start_tls"),
        ca_file=values.text("ldap_ca_file"),
        group_base_dn=values.text("ldap_group_base_dn"),
        group_filter=in_parentheses(values.text("ldap_group_search_filter")),
        group_name=values.text("ldap_group_attribute_name") or "cn",
        group_scope=values.number("ldap_group_search_scope"),
        membership=values.text("ldap_group_membership_attribute"),
        nested=values.flag("ldap_group_nested"),
    )


def urls_of(text: str) -> tuple[str, ...]:
    """The servers that `ldap_url` lists. As in Harbor none needs a scheme, and port 636 speaks TLS whatever it says."""
    return tuple(map(_url, text.split()))


def _url(text: str) -> str:
    scheme, _, rest = text.rpartition("://")
    return f"{'ldaps' if rest.rstrip('/').endswith(':636') else scheme or 'ldap'}://{rest}"


def login(directory: Directory, name: str, password: str) -> Person | None:
    """Whoever signs in with `name` and `password`: exactly one entry of that name, and its own bind succeeds.

    None for anybody else. Raises DirectoryUnavailable, in bounded time.
    """
    if not name or not password:  # a bind without a password succeeds for anybody (RFC 4513 section 5.1.2)
        return None

    def work(connection: Connection) -> Person | None:
        found = _find(directory, connection, name)
        if found is None or not _bind_person(connection, found.dn, password):
            return None
        return found

    return _ask(directory, work)


def find(directory: Directory, name: str) -> Person | None:
    """The one entry of this name, without its password being known."""
    return _ask(directory, partial(_find, directory, name=name))


def search(directory: Directory, name: str) -> list[Person]:
    """Entries whose name holds `name`; without one all of them, as far as a search shows."""
    wanted = f"*{escape_filter_chars(name)}*" if name else "*"
    return _ask(directory, lambda connection: _people(directory, connection, wanted, _MATCHES))


def search_groups(directory: Directory, *, name: str = "", dn: str = "") -> list[DirectoryGroup]:
    """Groups whose name holds `name`, or the one with this DN."""

    def work(connection: Connection) -> list[DirectoryGroup]:
        wanted = f"({directory.group_name}={f'*{escape_filter_chars(name)}*' if name else '*'})"
        base, scope = (dn, BASE) if dn else (directory.group_base_dn, _SCOPES[directory.group_scope])
        text = _both(directory.group_filter, wanted)
        entries = _search(connection, base, text, scope, attributes=[directory.group_name], most=_MATCHES)
        return [DirectoryGroup(entry["dn"], _first(entry, (directory.group_name,))) for entry in entries]

    return _ask(directory, work)


def test(directory: Directory) -> None:
    """Connect and bind as the configured search account to every server; DirectoryUnavailable says which failed."""
    for url in directory.urls or ("",):
        _ask(replace(directory, urls=tuple(filter(None, (url,)))), lambda _: None, retry=True)


def normal_dn(dn: str) -> str:
    """A DN so that equal ones are equal texts, whatever their case and spaces."""
    try:
        parts = parse_dn(dn, strip=True)
    except LDAPException:
        return dn.strip().casefold()
    return "".join(f"{attribute}={value}{separator}" for attribute, value, separator in parts).casefold()


class _Groups:
    """Who was found in which groups by a search of its own, lately: so that most logins read the directory once."""

    def __init__(self) -> None:
        self._known: dict[tuple[Directory, str], tuple[float, frozenset[str]]] = {}

    def get(self, directory: Directory, dn: str) -> frozenset[str] | None:
        until, groups = self._known.get((directory, dn), (float("-inf"), frozenset()))
        return groups if time.monotonic() < until else None

    def put(self, directory: Directory, dn: str, groups: frozenset[str]) -> None:
        if len(self._known) >= _GROUPS_KEPT:
            self._known.clear()
        self._known[directory, dn] = time.monotonic() + _GROUPS_REMEMBERED, groups

    def forget(self) -> None:
        self._known.clear()


_groups = _Groups()
forget = _groups.forget


def _find(directory: Directory, connection: Connection, name: str) -> Person | None:
    found = _people(directory, connection, escape_filter_chars(name), 2)
    if len(found) != 1:
        if found:
            logger.warning("more than one entry of the directory is called %s: none of them can sign in", ascii(name))
        return None
    (person,) = found
    if person.name.casefold() != name.casefold():  # the directory's matching is laxer than a name may be
        return None
    if directory.membership and not directory.nested:
        return person
    return replace(person, groups=_groups_by_search(directory, connection, person))


def _people(directory: Directory, connection: Connection, wanted: str, most: int) -> list[Person]:
    text = _both(directory.filter, f"({directory.uid}={wanted})")
    attributes = [directory.uid, *_EMAIL, *_REALNAME, *filter(None, [directory.membership])]
    entries = _search(connection, directory.base_dn, text, _SCOPES[directory.scope], attributes=attributes, most=most)
    return [_person(directory, entry) for entry in entries]


def _person(directory: Directory, entry: dict[str, Any]) -> Person:
    groups = _texts(entry, directory.membership) if directory.membership else []
    return Person(
        dn=entry["dn"],
        name=_first(entry, (directory.uid,)),
        email=_first(entry, _EMAIL),
        realname=_first(entry, _REALNAME),
        groups=frozenset(map(normal_dn, groups)),
    )


def _groups_by_search(directory: Directory, connection: Connection, person: Person) -> frozenset[str]:
    known = _groups.get(directory, person.dn)
    if known is not None:
        return known
    text = _both(directory.group_filter, _membership_filter(directory, person))
    base = directory.group_base_dn or directory.base_dn
    entries = _search(connection, base, text, _SCOPES[directory.group_scope], attributes=[directory.group_name], most=0)
    groups = frozenset(normal_dn(entry["dn"]) for entry in entries)
    _groups.put(directory, person.dn, groups)
    return groups


def _membership_filter(directory: Directory, person: Person) -> str:
    dn = escape_filter_chars(person.dn)
    if directory.nested:
        return f"(member:{_IN_CHAIN}:={dn})"
    return f"(|(member={dn})(uniqueMember={dn})(memberUid={escape_filter_chars(person.name)}))"


def _both(one: str, other: str) -> str:
    return f"(&{one}{other})" if one else other


def _search(
    connection: Connection, base: str, text: str, scope: str, *, attributes: Sequence[str], most: int
) -> list[dict[str, Any]]:
    """The entries found, no more than `most` (0: as many as the directory gives)."""
    connection.search(base, text, scope, attributes=list(attributes), size_limit=most)
    code = connection.result["result"]
    if code in _SERVER_TROUBLE:
        raise ConnectionError(f"the search failed: {connection.result['description']}")
    if code not in {_SUCCESS, _SIZE_LIMIT}:
        what = f"{base} does not exist there" if code == _NO_SUCH_OBJECT else connection.result["description"]
        raise DirectoryUnavailable(f"the directory can't be searched: {what}")
    return [entry for entry in connection.response if entry["type"] == "searchResEntry"]  # and no referrals


def _texts(entry: dict[str, Any], attribute: str) -> list[str]:
    """The values of an attribute, whatever case the directory writes it in."""
    for name, found in entry["raw_attributes"].items():
        if name.casefold() == attribute.casefold():
            return [value.decode("utf-8", "replace") for value in found]
    return []


def _first(entry: dict[str, Any], attributes: Sequence[str]) -> str:
    return next((text for attribute in attributes for text in _texts(entry, attribute)), "")


def _bind_person(connection: Connection, dn: str, password: str) -> bool:
    try:
        connection.rebind(user=dn, password=password, authentication=SIMPLE)
    except LDAPCommunicationError:
        raise
    except LDAPException:  # a password that can't be one (RFC 4013), or a refusal that ldap3 raises
        return False
    code = connection.result["result"]
    if code in _SERVER_TROUBLE:
        raise ConnectionError(f"passwords can't be verified: {connection.result['description']}")
    return bool(code == _SUCCESS)


def _ask(directory: Directory, work: Callable[[Connection], T], *, retry: bool = False) -> T:
    """What `work` makes of a connection to the first server that is well. A server that fails rests afterwards, and
    isn't asked meanwhile unless it is to `retry`. All servers together take no longer than the configured time."""
    failure = "no server of it is set up"
    try:
        with turnstile.turn() as rests:
            ready = [url for url in directory.urls if retry or rests.get(url, 0) <= time.time()]
            failure = "it failed a moment ago" if directory.urls and not ready else failure
            end = time.monotonic() + directory.timeout
            for place, url in enumerate(ready):
                seconds = max(0.1, (end - time.monotonic()) / (len(ready) - place))
                try:
                    found = _within(seconds, partial(_talk, directory, url, seconds, work))
                except (LDAPException, OSError) as error:
                    rests[url] = time.time() + _REST
                    failure = f"{url}: {_words(error)}"
                    logger.warning("the directory does not answer: %s", failure)
                else:
                    rests.pop(url, None)
                    return found
    except turnstile.Busy:
        failure = "it is busy"
    raise DirectoryUnavailable(f"the directory is not available: {failure}")


def _words(error: Exception) -> str:
    text = str(error).partition("\n")[0] or type(error).__name__
    return text if len(text) <= _WORDS else f"{text[:100]} … {text[100 - _WORDS :]}"  # a whole certificate, with why


def _talk(directory: Directory, url: str, seconds: float, work: Callable[[Connection], T]) -> T:
    connection = _connection(directory, url, seconds)
    try:
        connection.open(read_server_info=False)
        if directory.start_tls and not connection.server.ssl:
            connection.start_tls(read_server_info=False)
        if not connection.bind(read_server_info=False):
            said = connection.result["description"]
            raise DirectoryUnavailable(f"the directory refuses the search account: {said}")
        return work(connection)
    finally:
        with suppress(LDAPException, OSError):
            connection.unbind()


def _connection(directory: Directory, url: str, seconds: float) -> Connection:
    parts = urlsplit(url)
    secure = parts.scheme == "ldaps"
    verify = ssl.CERT_REQUIRED if directory.verify_cert else ssl.CERT_NONE
    host = parts.hostname or ""
    tls = Tls(validate=verify, ca_certs_file=directory.ca_file or None, sni=host)
    port = parts.port or (636 if secure else 389)
    server = Server(host, port, use_ssl=secure, tls=tls, get_info=NONE, connect_timeout=seconds)
    return Connection(
        server,
        user=directory.search_dn or None,
        password=directory.search_password or None,
        authentication=SIMPLE if directory.search_dn else ANONYMOUS,
        auto_bind=AUTO_BIND_NONE,
        client_strategy=SYNC,
        auto_referrals=False,  # they would carry passwords to wherever a referral points
        check_names=False,
        read_only=True,
        receive_timeout=ceil(seconds),
    )


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` answers or raises; TimeoutError when that takes too long, whatever it hangs in.

    Time-outs of sockets bound one read and no name lookup. A thread that is given up ends by them by and by.
    """
    results: list[T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # raised again below
            failures.append(error)

    thread = threading.Thread(target=run, name="directory", daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:.1f} s")
    return results[0]
