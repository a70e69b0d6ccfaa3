"""One request to a page of the portal: who asks, what they may do, and how it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse

import audit
from configuration import values
from portal import errors, flash, origin, resuming
from portal.pages import View, is_partial, page, session_of, show
from portal.undo import Undo, seal
from rbac.actors import ANONYMOUS, Actor
from rbac.policy import SYSTEM_SCOPE, Scope, can, held
from rbac.roles import known_permissions
from rbac.sessions import Carried

_DIGITS = 18  # of an id

Names = ParamSpec("Names")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request with its session. Everything a view needs to authorise, to act and to answer."""

    request: HttpRequest
    session: Carried | None

    @property
    def actor(self) -> Actor:
        return self.session.actor if self.session else ANONYMOUS

    @property
    def context(self) -> audit.Context:
        return audit.context_of(self.request)

    @property
    def is_post(self) -> bool:
        return self.request.method == "POST"

    @property
    def posted(self) -> QueryDict | None:
        """The form's fields; None when the form is only shown."""
        return self.request.POST if self.is_post else None

    @property
    def is_partial(self) -> bool:
        return is_partial(self.request)

    def asked(self, name: str, longest: int = 255) -> str:
        """A parameter of the query, without what PostgreSQL has no room for."""
        return self.request.GET.get(name, "").replace("\x00", "").strip()[:longest]

    def require(self, permission: str, scope: Scope) -> None:
        """Go on if whoever asks may do `permission` in `scope`. Raises SignInFirst, NotAllowed."""
        if not can(self.actor, permission, scope):
            raise self.refusal()

    def require_somebody(self) -> None:
        """Go on unless nobody has signed in."""
        if self.session is None:
            raise errors.SignInFirst

    def refusal(self) -> errors.PageError:
        return errors.SignInFirst() if self.session is None else errors.NotAllowed()

    def rights(self, scope: Scope) -> frozenset[str]:
        """All that whoever asks may do in a project: one query, for pages that offer what is in it."""
        return held(self.actor, known_permissions(), scope)

    def deeds(self, resource: str) -> set[str]:
        """Which of create, update and delete whoever asks may do to such things of the installation itself."""
        deeds = ("create", "update", "delete")
        return {deed for deed in deeds if can(self.actor, f"{resource}:{deed}", SYSTEM_SCOPE)}

    def show(self, template: str, facts: Mapping[str, Any], status: int = 200) -> HttpResponse:
        """A page. `frame` is for templates that projects and the installation share: a project's pages say theirs."""
        known = {"banner": values.text("banner_message"), "frame": "portal/system.html", **facts}
        return show(self.request, template, known, status, session=self.session)

    def to(self, name: str, *args: object, said: str = "", undo: Undo | None = None) -> HttpResponse:
        """On to another page, which says what was done, and offers to take it back."""
        return self.to_path(reverse(name, args=args), said=said, undo=undo)

    def to_path(self, path: str, said: str = "", undo: Undo | None = None) -> HttpResponse:
        response: HttpResponse = HttpResponseRedirect(path)
        if self.is_partial:
            response = HttpResponse(status=204, headers={"HX-Redirect": path})
        if said:
            flash.say(self.request, response, said, seal(undo, self.actor, path) if undo else "")
        return response


VisitView = Callable[Concatenate[Visit, Names], HttpResponse]


def id_in(text: str) -> int:
    """The id of a row that a form or a query names; 0, which no row has, for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def visited(*methods: str, works_in_read_only: bool = False) -> Callable[[VisitView[Names]], View[Names]]:
    """A page of the portal. Whoever changes something is signed in, comes from a page of ours, and isn't kept from it
    by the read-only mode; the view itself says who may."""

    def decorate(view: VisitView[Names]) -> View[Names]:
        def answer(request: HttpRequest, *args: Names.args, **names: Names.kwargs) -> HttpResponse:
            visit = Visit(request, session_of(request))
            if visit.is_post:
                if visit.session is None:
                    return resuming.keep(request)
                if origin.is_foreign(request) or not origin.has_token(request, visit.session):
                    raise errors.Foreign
                if values.flag("read_only") and not works_in_read_only:
                    raise errors.ReadOnly
            return view(visit, *args, **names)

        return page(*methods)(cast(View[Names], wraps(view)(answer)))

    return decorate
