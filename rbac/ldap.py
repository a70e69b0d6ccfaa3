"""LDAP and Active Directory: the only module that speaks to the directory. It knows nothing of our own rows."""

import logging
import ssl
import time
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ldap3 import ANONYMOUS, AUTO_BIND_NONE, BASE, LEVEL, NONE, SIMPLE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPCommunicationError, LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from rbac import turnstile
from rbac.deadline import within, words
from rbac.errors import DirectoryUnavailable, InvalidDN
from rbac.servers import Directory

_TEST = 10  # seconds that a test takes at most
_REST = 15.0  # seconds a server that failed is left alone
_GROUPS_REMEMBERED = 60.0  # seconds
_GROUPS_KEPT = 4096  # people
_AT_ONCE = 50  # names that one search looks for
_MATCHES = 200  # entries a search by an administrator shows at most
_SCOPES = (BASE, LEVEL, SUBTREE)
_IN_CHAIN = "1.2.840.113556.1.4.1941"  # Active Directory's matching rule for groups within groups
_EMAIL, _REALNAME = ("mail", "email"), ("displayName", "cn")

# RFC 4511 appendix A: what a bind or search comes to. Of a person's bind whatever isn't listed is a refusal.
_SUCCESS, _SIZE_LIMIT, _NO_SUCH_OBJECT = 0, 4, 32
_SERVER_TROUBLE = {1, 2, 3, 51, 52, 80}  # operations, protocol, time limit, busy, unavailable, other

T = TypeVar("T")

logger = logging.getLogger(__name__)


class _NoSuchBase(DirectoryUnavailable):
    pass


@dataclass(frozen=True, slots=True)
class Person:
    """An entry that somebody signs in by. `groups` are DNs in their normal form; None where nobody looked for them."""

    dn: str
    name: str
    email: str = ""
    realname: str = ""
    groups: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    dn: str
    name: str


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


def find_all(directory: Directory, names: Sequence[str]) -> dict[str, Person]:
    """The one entry of each of these names, for those that have one. Groups aren't searched for."""

    def work(connection: Connection) -> dict[str, Person]:
        found: list[Person] = []
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            text = "".join(f"({directory.uid}={escape_filter_chars(name)})" for name in some)
            found += _people(directory, connection, f"(|{text})", _MATCHES)
        by_name = {name: [each for each in found if _is_name(each.name, name)] for name in names}
        return {name: people[0] for name, people in by_name.items() if len(people) == 1}

    return _ask(directory, work)


def search(directory: Directory, name: str) -> list[Person]:
    """Entries whose name holds `name`, one that is it first; without one all of them, as far as a search shows."""
    text = f"({directory.uid}={_part(name)})"
    found = _ask(directory, lambda connection: _people(directory, connection, text, _MATCHES))
    return sorted(found, key=lambda person: person.name.casefold() != name.casefold())


def search_groups(directory: Directory, *, name: str = "", dn: str = "") -> list[DirectoryGroup]:
    """Groups whose name holds `name`, one that is it first, or the one with this DN, if it is below the groups' base.

    Raises InvalidDN.
    """
    if dn and not _is_below(dn, directory.groups_base):
        return []

    def work(connection: Connection) -> list[DirectoryGroup]:
        base, scope = (dn, BASE) if dn else (directory.groups_base, _SCOPES[directory.group_scope])
        text = _both(directory.group_filter, f"({directory.group_name}={_part(name)})")
        try:
            entries = _search(connection, base, text, scope, attributes=[directory.group_name], most=_MATCHES)
        except _NoSuchBase:
            if dn:
                return []
            raise
        return [DirectoryGroup(entry["dn"], _first(entry, (directory.group_name,))) for entry in entries]

    return sorted(_ask(directory, work), key=lambda group: group.name.casefold() != name.casefold())


def test(directory: Directory) -> None:
    """Connect to every server, bind as the search account and look for the base; DirectoryUnavailable says what failed.

    What is only tried keeps nobody from signing in: it has a turn of its own, and lets no server rest.
    """
    if not directory.urls:
        raise DirectoryUnavailable("the directory is not available: no server of it is set up")
    try:
        with turnstile.turn("directory-test"):
            _test(directory)
    except turnstile.Busy as error:
        raise DirectoryUnavailable("somebody else is trying a directory just now") from error


def _test(directory: Directory) -> None:
    seconds = max(0.1, min(directory.timeout, _TEST) / len(directory.urls))
    for url in directory.urls:
        try:
            talk = partial(_talk, directory, url, seconds, partial(_look_for_base, directory))
            within(seconds, talk, name="directory")
        except (LDAPException, OSError) as error:
            raise DirectoryUnavailable(f"the directory is not available: {url}: {words(error)}") from error


def _look_for_base(directory: Directory, connection: Connection) -> None:
    if directory.base_dn:
        _search(connection, directory.base_dn, "(objectClass=*)", BASE, attributes=["1.1"], most=1)


def _part(name: str) -> str:
    return f"*{escape_filter_chars(name)}*" if name else "*"


def _is_below(dn: str, base: str) -> bool:
    """Whether the entry `dn` is `base` or in the tree below it; InvalidDN."""
    inner, outer = _parsed(dn), _parsed(base) if base else []
    return inner[len(inner) - len(outer) :] == outer if len(inner) >= len(outer) else False


def _parsed(dn: str) -> list[tuple[str, str]]:
    try:
        return [(attribute.casefold(), value.casefold()) for attribute, value, _ in parse_dn(dn, strip=True)]
    except LDAPException as error:
        raise InvalidDN(f"{dn} is no distinguished name") from error


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
    found = _people(directory, connection, f"({directory.uid}={escape_filter_chars(name)})", 2)
    if len(found) != 1:
        if found:
            logger.warning("more than one entry of the directory is called %s: none of them can sign in", ascii(name))
        return None
    (person,) = found
    if not _is_name(person.name, name):  # the directory's matching is laxer than a name may be
        return None
    if person.groups is not None:
        return person
    return replace(person, groups=_groups_by_search(directory, connection, person))


def _is_name(held: str, presented: str) -> bool:
    """Whether both are one name, whatever the letters' case and however a keyboard composes them."""
    return unicodedata.normalize("NFC", held).casefold() == unicodedata.normalize("NFC", presented).casefold()


def _people(directory: Directory, connection: Connection, wanted: str, most: int) -> list[Person]:
    text = _both(directory.filter, wanted)
    attributes = [directory.uid, *_EMAIL, *_REALNAME, *filter(None, [directory.membership])]
    entries = _search(connection, directory.base_dn, text, _SCOPES[directory.scope], attributes=attributes, most=most)
    return [_person(directory, entry) for entry in entries]


def _person(directory: Directory, entry: dict[str, Any]) -> Person:
    told = bool(directory.membership) and not directory.nested
    return Person(
        dn=entry["dn"],
        name=_first(entry, (directory.uid,)),
        email=_first(entry, _EMAIL),
        realname=_first(entry, _REALNAME),
        groups=frozenset(map(normal_dn, _texts(entry, directory.membership))) if told else None,
    )


def _groups_by_search(directory: Directory, connection: Connection, person: Person) -> frozenset[str]:
    known = _groups.get(directory, person.dn)
    if known is not None:
        return known
    text = _both(directory.group_filter, _membership_filter(directory, person))
    scope = _SCOPES[directory.group_scope]
    entries = _search(connection, directory.groups_base, text, scope, attributes=[directory.group_name], most=0)
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
    if code == _NO_SUCH_OBJECT:
        raise _NoSuchBase(f"the directory can't be searched: {base} does not exist there")
    if code not in {_SUCCESS, _SIZE_LIMIT}:
        raise DirectoryUnavailable(f"the directory can't be searched: {connection.result['description']}")
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


def _ask(directory: Directory, work: Callable[[Connection], T]) -> T:
    """What `work` makes of a connection to the first server that is well. A server that fails rests afterwards, and
    isn't asked meanwhile. All servers together take no longer than the configured time."""
    failure = "no server of it is set up"
    try:
        with turnstile.turn() as rests:
            ready = [url for url in directory.urls if rests.get(url, 0) <= time.time()]
            failure = "it failed a moment ago" if directory.urls and not ready else failure
            end = time.monotonic() + directory.timeout
            for place, url in enumerate(ready):
                seconds = max(0.1, (end - time.monotonic()) / (len(ready) - place))
                try:
                    found = within(seconds, partial(_talk, directory, url, seconds, work), name="directory")
                except (LDAPException, OSError) as error:
                    rests[url] = time.time() + _REST
                    failure = f"{url}: {words(error)}"
                    logger.warning("the directory does not answer: %s", failure)
                else:
                    rests.pop(url, None)
                    return found
    except turnstile.Busy:
        failure = "it is busy"
    raise DirectoryUnavailable(f"the directory is not available: {failure}")


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
