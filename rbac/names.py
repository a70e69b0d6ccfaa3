"""What a user and a group may be called."""

import re

from rbac.actors import RESERVED_NAMES
from rbac.errors import InvalidName

LONGEST = 255
_FORBIDDEN = ',"~#%$'
# Control characters, line separators, bidirectional overrides and surrogates. None of them is readable in an
# audit trail, and PostgreSQL stores neither NUL nor a surrogate.
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_plausible(text: str) -> bool:
    """Whether somebody could be called so at all: what is not needn't be looked up, and can't always be."""
    return 0 < len(text) <= LONGEST and not _UNREADABLE.search(text)


def parse_username(text: str) -> str:
    """`text` as the name of a new user; InvalidName if it can't be one (Harbor's rules, and ours on top)."""
    _parse(text, "user")
    if ":" in text:
        raise InvalidName("a user name can't hold a colon: it ends the name in HTTP's Basic authentication")
    if text.casefold() in RESERVED_NAMES:
        raise InvalidName(f"the user name {text} is the system's own")
    return text


def parse_groupname(text: str) -> str:
    """`text` as the name of a new group; InvalidName if it can't be one."""
    return _parse(text, "group")


def _parse(text: str, kind: str) -> str:
    if not text.strip():
        raise InvalidName(f"a {kind} name can't be empty")
    if len(text) > LONGEST:
        raise InvalidName(f"a {kind} name has at most {LONGEST} characters")
    if not is_plausible(text):
        raise InvalidName(f"a {kind} name can't hold control characters")
    if text != text.strip():
        raise InvalidName(f"a {kind} name can't begin or end with a space")
    if kind == "user" and any(character in text for character in _FORBIDDEN):
        raise InvalidName(f"a user name can't hold any of {_FORBIDDEN}")
    return text
