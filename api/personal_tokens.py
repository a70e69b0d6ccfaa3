"""`/users/{…}/tokens`: personal access tokens. Harbor has none, so these operations are ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from django.db.models import Prefetch
from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, grants, places
from api.document import Moment, Query, operation
from api.endpoint import Endpoint
from api.errors import Forbidden, NotFound
from api.grants import RobotPermissionShape
from api.paging import paged
from api.query import Field, Listing, a_number, a_time
from api.times import written
from projects import personal
from projects.grants import held_by
from projects.models import PersonalToken, PersonalTokenGrant
from rbac.models import User
from rbac.policy import SYSTEM_SCOPE
from rbac.reach import ANYTHING

_CURRENT = "current"
_OWNER = Query(
    "user_id", place="path", about="a user's id, or `current`: one's own", more={"pattern": "^([0-9]{1,18}|current)$"}
)

_TOKENS = Listing(
    fields={"id": Field("id", a_number), "name": Field("name"), "creation_time": Field("created_at", a_time)},
    order=["-id"],
)


class PersonalTokenShape(TypedDict):
    """`expires_at` in Unix seconds, -1 for never; `last_used_time` to within some minutes."""

    id: int
    name: str
    permissions: list[RobotPermissionShape]
    expires_at: int
    creation_time: Moment
    last_used_time: Moment | None


class PersonalTokenCreatedShape(TypedDict):
    """The one answer that shows the token."""

    id: int
    name: str
    token: str
    expires_at: int
    creation_time: Moment


def _shape(token: PersonalToken) -> PersonalTokenShape:
    return {
        "id": token.pk,
        "name": token.name,
        "permissions": grants.shape(held_by(token)),
        "expires_at": _expiry(token),
        "creation_time": written(token.created_at),
        "last_used_time": written(token.used_at) if token.used_at else None,
    }


def _shapes(tokens: Sequence[PersonalToken]) -> list[PersonalTokenShape]:
    return [_shape(token) for token in tokens]


def _expiry(token: PersonalToken) -> int:
    return int(token.expires_at.timestamp()) if token.expires_at else personal.NEVER


class _TokenEndpoint(Endpoint):
    def owner(self, user_id: str, permission: str) -> User:
        """The user of the path, for that user and for administrators. Not by a token, nor for a robot: one that leaked
        must neither make another, which outlives it, nor end those that are good."""
        self.require_somebody()
        if self.actor.reach is not None:
            raise Forbidden("tokens are looked after by their user, signed in by password or session")
        wanted = self.actor.user_id if user_id == _CURRENT else places.number(user_id, "user_id")
        if wanted != self.actor.user_id:
            self.require(permission, SYSTEM_SCOPE)
        found = User.objects.filter(pk=wanted or 0).first()
        if found is None:
            raise NotFound(f"there is no user {user_id}")
        return found


class PersonalTokens(_TokenEndpoint):
    @operation(
        "listPersonalTokens",
        group="user",
        answers=list[PersonalTokenShape],
        query=[_OWNER, *_TOKENS.parameters],
        refuses=[403, 404],
    )
    def get(self, request: Request, user_id: str) -> Response:
        """listPersonalTokens: one's own, and anybody's for administrators."""
        held = Prefetch("grants", PersonalTokenGrant.objects.select_related("project"))
        rows = self.owner(user_id, "user:read").personal_tokens.prefetch_related(held)
        rows = _TOKENS.narrow(rows, request.query_params.get("q", ""))
        return paged(request, _TOKENS.sort(rows, request.query_params.get("sort", "")), _shapes)

    @operation(
        "createPersonalToken",
        group="user",
        body=bodies.NewPersonalToken,
        answers=PersonalTokenCreatedShape,
        status=201,
        query=[_OWNER],
        refuses=[403, 404, 409],
    )
    def post(self, request: Request, user_id: str) -> Response:
        """createPersonalToken: for oneself. It is good for what is named as far as its user may that at each use; for
        all in every project, if nothing is named. `duration` in days, 90 unless named, -1 for ever."""
        user = self.owner(user_id, "user:update")
        if user.pk != self.actor.user_id:
            raise Forbidden("a token is made by its own user alone")
        body = bodies.read(bodies.NewPersonalToken, request)
        given = body["permissions"]
        token, secret = personal.create(
            user,
            body["name"],
            {None: [ANYTHING]} if given is None else grants.read(self, given, whole=True),
            duration=personal.USUAL if body["duration"] is None else body["duration"],
            actor=self.actor,
            context=self.context,
        )
        answer: PersonalTokenCreatedShape = {
            "id": token.pk,
            "name": token.name,
            "token": secret,
            "expires_at": _expiry(token),
            "creation_time": written(token.created_at),
        }
        place = f"/api/v2.0/users/{user.pk}/tokens/{token.pk}"
        return Response(answer, status=201, headers={"Location": place})


class OnePersonalToken(_TokenEndpoint):
    @operation("deletePersonalToken", group="user", query=[_OWNER], refuses=[403, 404])
    def delete(self, request: Request, user_id: str, token_id: str) -> Response:
        """deletePersonalToken: it is worth nothing from now on."""
        user = self.owner(user_id, "user:update")
        token = user.personal_tokens.select_related("user").filter(pk=places.number(token_id, "token_id")).first()
        if token is None:
            raise NotFound(f"{user.username} has no token {token_id}")
        personal.revoke(token, actor=self.actor, context=self.context)
        return Response()
