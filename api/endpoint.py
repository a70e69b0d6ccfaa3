"""What every operation has in common: the caller, Harbor's envelope, always JSON, 501 for what comes later."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import audit
from api import callers, errors
from configuration import values
from rbac import csrf
from rbac.actors import ANONYMOUS, Actor
from rbac.policy import Scope, can
from rbac.sessions import Carried

_UNREADABLE = "\x00"
_SAFE = {"GET", "HEAD"}


class AlwaysJson(BaseContentNegotiation):
    """Answers JSON to every Accept, as Harbor does: clients ask for all sorts of things."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser | None:
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Any,
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class Endpoint(APIView):
    """One path of the contract; its methods are the operations. `later` are those of Harbor's that are yet to come."""

    content_negotiation_class = AlwaysJson
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    later: ClassVar[frozenset[str]] = frozenset()
    open_to_all: ClassVar[bool] = False  # true: no credential is looked at
    works_in_read_only: ClassVar[bool] = False
    actor: Actor = ANONYMOUS
    session: Carried | None = None  # by which the actor was found

    def perform_authentication(self, request: Request) -> None:
        if any(_UNREADABLE in value for _, given in request.query_params.lists() for value in given):
            raise errors.BadRequest("a parameter holds a NUL character")
        if not self.open_to_all:
            self._identify(request)
        changes = request.method not in _SAFE and not self.works_in_read_only
        if changes and self.actor.kind != "anonymous" and values.flag("read_only"):
            raise errors.Denied("the system is in read only mode. Any modification is prohibited.")

    def _identify(self, request: Request) -> None:
        self.session = callers.session_of(request._request)
        if self.session is None:
            self.actor = callers.identify(request._request)
            return
        # The browser sends the cookie by itself, whoever made it do so: only a page of ours has the token.
        token = request.headers.get(csrf.HEADER, "")
        if request.method not in _SAFE and not csrf.matches(self.session.secret, token):
            raise errors.Forbidden(f"CSRF token invalid: {csrf.HEADER} is expected, as answered to a GET")
        self.actor = self.session.actor

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if self.session:
            response[csrf.HEADER] = csrf.token(self.session.secret)
            response["Cache-Control"] = "no-store"
            if response.status_code == HTTPStatus.FORBIDDEN and request.method not in _SAFE:
                # Terraform's provider tries again, with the token, only if this cookie of Harbor's comes along.
                response.set_cookie("_gorilla_csrf", "none", httponly=True, samesite="Lax", secure=request.is_secure())
        return super().finalize_response(request, response, *args, **kwargs)

    def get_exception_handler(self) -> Callable[..., Response]:
        return errors.answer

    def http_method_not_allowed(self, request: Request | HttpRequest, *args: Any, **kwargs: Any) -> Response:
        if (request.method or "").lower() in self.later:
            raise errors.NotThere
        raise errors.MethodNotAllowed(f"{request.method} isn't allowed here")

    @property
    def context(self) -> audit.Context:
        return audit.context_of(self.request._request)

    def require(self, permission: str, scope: Scope) -> None:
        """Go on if the caller may do `permission` in `scope`; else Unauthorized or Forbidden."""
        if not can(self.actor, permission, scope):
            raise self.refusal()

    def require_somebody(self) -> None:
        """Go on unless the caller is anonymous."""
        if self.actor.kind == "anonymous":
            raise errors.Unauthorized

    def refusal(self) -> errors.ApiError:
        """The one no to a caller: 401 says that a credential might help, 403 that this one doesn't."""
        return errors.Unauthorized() if self.actor.kind == "anonymous" else errors.Forbidden()


class Later(Endpoint):
    """A path that this version doesn't have: 501 to every method."""

    open_to_all = True
    later = frozenset(Endpoint.http_method_names)
