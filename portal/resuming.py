"""A form that is sent after its session has ended: kept, sealed, while its sender signs in again, and then sent."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from db.sealing import SealBroken, seal, unseal
from portal import errors, origin
from portal.pages import is_partial, own_path, show
from rbac.sessions import Carried

FIELD = "kept"  # of the sign-in form
_SEALED_FOR = "unsent form"
_SECONDS = 3600
_MOST = 256 * 1024  # characters


@dataclass(frozen=True, slots=True)
class Form:
    """Where a form was to go, and what it held."""

    path: str
    fields: list[tuple[str, str]]


def keep(request: HttpRequest) -> HttpResponse:
    """The sign-in page, which holds the form that couldn't be taken. A piece of a page is asked for anew by htmx: the
    whole page leads to signing in then."""
    if origin.is_foreign(request):
        raise errors.Foreign
    if is_partial(request):
        raise errors.SignInFirst
    fields = [(name, value) for name, values in request.POST.lists() for value in values if name != origin.FIELD]
    text = json.dumps({"path": request.get_full_path(), "fields": fields, "at": time.time()})
    if len(text) > _MOST:
        raise errors.SignInFirst
    facts = {FIELD: seal(text.encode(), purpose=_SEALED_FOR), "name": "", "message": ""}
    return show(request, "sign_in", facts, status=401)


def kept(sealed: str) -> Form | None:
    """The form that was kept; None for what isn't one, or has been for too long."""
    try:
        found = json.loads(unseal(sealed, purpose=_SEALED_FOR)) if sealed else None
    except SealBroken:
        return None
    if not found or not 0 <= time.time() - found["at"] <= _SECONDS:
        return None
    return Form(own_path(found["path"]), [(name, value) for name, value in found["fields"]])


def offer(request: HttpRequest, form: Form, session: Carried) -> HttpResponse:
    """The form again, for whoever has signed in: it is sent with one click, and not by itself, as it may be somebody
    else who signed in."""
    return show(request, "resume", {"form": form}, session=session)
