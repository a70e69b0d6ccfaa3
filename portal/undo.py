"""What was just done can be taken back from the message that tells of it: by the domain's own actions, by whoever may.

A module that does something registers how that is taken back (`way`), and says with the message what that needs to know
(`Undo`). Both travel in the page, signed for the one who did it, and are good for some minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core import signing
from django.utils.translation import gettext as _

from portal import errors
from rbac.actors import Actor
from rbac.policy import Scope, can

if TYPE_CHECKING:
    from portal.visit import Visit

FIELD = "undo"
_SALT = "portal.undo"
_SECONDS = 15 * 60
_LONGEST = 2600  # characters; it is signed once more, and a cookie has some 4000 bytes

Facts = Mapping[str, Any]
Act = Callable[["Visit", Facts], str]


@dataclass(frozen=True, slots=True)
class Undo:
    """What would take a deed back: a registered way, where its permission is asked for, and what it needs to know, in
    what JSON can hold. `back`: the path where to go then, if it isn't the one that the message stands on."""

    way: str
    scope: Scope
    facts: Facts
    back: str = ""


class _Way(NamedTuple):
    permission: str
    act: Act


_ways: dict[str, _Way] = {}


def way(name: str, permission: str) -> Callable[[Act], Act]:
    """Register how something is taken back. The action asks for the permission itself, like any view, and answers what
    was done; without the permission it isn't offered."""

    def register(act: Act) -> Act:
        _ways[name] = _Way(permission, act)
        return act

    return register


def seal(undo: Undo, actor: Actor, back: str) -> str:
    """The field of the message's form, which leads to the path `back` afterwards; "" where it can't be offered: to who
    may not, or with more to know than a browser carries along."""
    if not can(actor, _ways[undo.way].permission, undo.scope):
        return ""
    what = {"way": undo.way, "facts": undo.facts, "user": actor.user_id, "back": undo.back or back}
    sealed = signing.dumps(what, salt=_SALT, compress=True)
    return sealed if len(sealed) <= _LONGEST else ""


def take_back(visit: Visit, sealed: str) -> tuple[str, str]:
    """Do it: what is to be said, and the path where to. Raises Refused, with the reason."""
    try:
        what = signing.loads(sealed, salt=_SALT, max_age=_SECONDS)
    except signing.SignatureExpired:
        raise errors.Refused(_("This was too long ago to be undone from here."), 409) from None
    except signing.BadSignature:
        raise errors.Malformed from None
    if what["user"] != visit.actor.user_id:
        raise errors.Refused(_("Somebody else did this: it is theirs to undo."), 403)
    try:
        return _ways[what["way"]].act(visit, what["facts"]), what["back"]
    except Exception as error:
        told = errors.tellable(error)
        if told is None or isinstance(error, errors.NotAllowed):
            raise
        raise errors.Refused(
            _("This can't be undone any more: %(why)s") % {"why": told.message}, told.status
        ) from error
