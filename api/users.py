"""`/users`: accounts and what they may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies, places
from api.document import PAGED, Moment, Query, operation
from api.endpoint import Endpoint
from api.errors import Forbidden, NotFound, PreconditionFailed, Unprocessable
from api.paging import paged
from api.query import Field, Listing, a_flag, a_number, a_time
from api.times import written
from projects import personal
from projects.models import Project
from rbac import actions, grantable, onboarding, own_account, profiles, registration, sessions
from rbac.models import Identity, User
from rbac.policy import SYSTEM_SCOPE, can, held
from rbac.reach import SYSTEM
from rbac.roles import known_permissions

_USERS = Listing(
    fields={
        "user_id": Field("id", a_number),
        "username": Field("username"),
        "email": Field("email"),
        "realname": Field("realname"),
        "sysadmin_flag": Field("is_admin", a_flag),
        "creation_time": Field("created_at", a_time),
        "update_time": Field("updated_at", a_time),
    },
    order=["id"],
)


class OIDCUserInfoShape(TypedDict):
    """Who somebody is at the OpenID provider: subject and issuer in one, as Harbor writes them. No secret is shown."""

    id: int
    user_id: int
    subiss: str
    creation_time: Moment
    update_time: Moment


class UserRespShape(TypedDict):
    user_id: int
    username: str
    email: str
    realname: str
    comment: str
    sysadmin_flag: bool
    admin_role_in_auth: bool
    creation_time: Moment
    update_time: Moment
    oidc_user_meta: NotRequired[OIDCUserInfoShape]


class UserSearchRespItemShape(TypedDict):
    user_id: int
    username: str


class PermissionShape(TypedDict):
    resource: str
    action: str


def _shape(user: User) -> UserRespShape:
    return {
        "user_id": user.pk,
        "username": user.username,
        "email": user.email,
        "realname": user.realname,
        "comment": user.comment,
        "sysadmin_flag": user.is_admin,
        "admin_role_in_auth": False,
        "creation_time": written(user.created_at),
        "update_time": written(user.updated_at),
    }


def _whole(user: User) -> UserRespShape:
    """One user, with what a list leaves out."""
    found = _shape(user)
    identity = Identity.objects.filter(user=user).first()
    if identity:
        found["oidc_user_meta"] = {
            "id": identity.pk,
            "user_id": user.pk,
            "subiss": f"{identity.subject}{identity.issuer}",
            "creation_time": written(identity.created_at),
            "update_time": written(identity.updated_at),
        }
    return found


def _shapes(users: Sequence[User]) -> list[UserRespShape]:
    return [_shape(user) for user in users]


class Users(Endpoint):
    @operation("listUsers", answers=list[UserRespShape], query=_USERS.parameters, refuses=[403])
    def get(self, request: Request) -> Response:
        """listUsers"""
        self.require("user:list", SYSTEM_SCOPE)
        rows = _USERS.narrow(User.objects.all(), request.query_params.get("q", ""))
        return paged(request, _USERS.sort(rows, request.query_params.get("sort", "")), _shapes)

    @operation("createUser", body=bodies.NewUser, status=201, refuses=[403, 409])
    def post(self, request: Request) -> Response:
        """createUser: by administrators, and where people may register by whoever comes with a page's cookie (as in
        Harbor, where that is how a page is told from a script)."""
        administers = can(self.actor, "user:create", SYSTEM_SCOPE)
        if not administers:
            self._require_page(request)
        given = bodies.read(bodies.NewUser, request)
        if administers:
            user = registration.create(**given, actor=self.actor, context=self.context)
        else:
            user = registration.register(**given, context=self.context)
        return Response(status=201, headers={"Location": f"/api/v2.0/users/{user.pk}"})

    def _require_page(self, request: Request) -> None:
        if not registration.is_open():
            raise self.refusal()
        if not request.COOKIES.get(sessions.COOKIE):
            raise Forbidden("people register on a page, not by the API")


class UserSearch(Endpoint):
    @operation(
        "searchUsers",
        answers=list[UserSearchRespItemShape],
        query=[Query("username", required=True, more={"minLength": 1}), *PAGED],
    )
    def get(self, request: Request) -> Response:
        """searchUsers: names alone, for whoever looks for a member."""
        self.require_somebody()
        wanted = request.query_params.get("username", "")
        if not wanted:
            raise Unprocessable("username in query is required")
        rows = User.objects.filter(username__icontains=wanted, is_active=True).order_by("username")
        return paged(request, rows, lambda found: [{"user_id": row.pk, "username": row.username} for row in found])


class CurrentUser(Endpoint):
    @operation("getCurrentUserInfo", answers=UserRespShape, refuses=[412])
    def get(self, request: Request) -> Response:
        """getCurrentUserInfo: a robot is no user."""
        self.require_somebody()
        if self.actor.user_id is None:
            raise PreconditionFailed("the caller is a robot, no user")
        user = _find(self.actor.user_id)
        shape: UserRespShape = {**_whole(user), "admin_role_in_auth": user.admin_by_group}
        return Response(shape)


class CurrentPermissions(Endpoint):
    @operation(
        "getCurrentUserPermissions",
        answers=list[PermissionShape],
        query=[
            Query("scope", about="/project/<id> or /system"),
            Query("relative", bool, "without the scope in each resource"),
        ],
    )
    def get(self, request: Request) -> Response:
        """getCurrentUserPermissions: what the caller may do in `scope`, /project/<id> or /system. `relative`
        leaves that off."""
        self.require_somebody()
        scope = request.query_params.get("scope", "").rstrip("/")
        relative = request.query_params.get("relative", "").lower() in {"true", "1"}
        prefix = "" if relative else f"{scope}/"
        return Response(
            [
                {"resource": f"{prefix}{resource}", "action": action}
                for resource, _, action in (granted.partition(":") for granted in self._granted(scope))
            ]
        )

    def _granted(self, scope: str) -> list[str]:
        root, _, project_id = scope.lstrip("/").partition("/")
        if (root, project_id) == ("system", ""):
            return sorted(held(self.actor, grantable.at(SYSTEM), SYSTEM_SCOPE))
        if root != "project" or not (project_id.isascii() and project_id.isdigit()) or len(project_id) > 18:  # noqa: PLR2004
            return []
        project = Project.objects.filter(pk=int(project_id)).first()
        if project is None:
            return []
        return sorted(held(self.actor, known_permissions(), project))


class _UserEndpoint(Endpoint):
    def subject(self, user_id: str, permission: str) -> User:
        """The user of the path, for administrators and for that user; by a token it may only be read."""
        wanted = places.number(user_id, "user_id")
        bounded = self.actor.reach is not None and permission != "user:read"
        if wanted != self.actor.user_id or bounded:
            self.require(permission, SYSTEM_SCOPE)
        return _find(wanted)


class OneUser(_UserEndpoint):
    @operation("getUser", answers=UserRespShape, refuses=[403, 404])
    def get(self, request: Request, user_id: str) -> Response:
        """getUser"""
        return Response(_whole(self.subject(user_id, "user:read")))

    @operation("updateUserProfile", body=bodies.Profile, refuses=[403, 404])
    def put(self, request: Request, user_id: str) -> Response:
        """updateUserProfile"""
        user = self.subject(user_id, "user:update")
        body = bodies.read(bodies.Profile, request)
        profiles.update(
            user,
            email=body["email"],
            realname=body["realname"],
            comment=body["comment"] or "",
            actor=self.actor,
            context=self.context,
        )
        return Response()

    @operation("deleteUser", refuses=[403, 404])
    def delete(self, request: Request, user_id: str) -> Response:
        """deleteUser"""
        self.require("user:delete", SYSTEM_SCOPE)
        user = _find(places.number(user_id, "user_id"))
        actions.delete_user(user, actor=self.actor, context=self.context)
        return Response()


class UserPassword(_UserEndpoint):
    @operation("updateUserPassword", body=bodies.Password, refuses=[403, 404])
    def put(self, request: Request, user_id: str) -> Response:
        """updateUserPassword: one's own with the old one, anybody's as an administrator."""
        user = self.subject(user_id, "user:update")
        body = bodies.read(bodies.Password, request)
        new = body["new_password"]
        if user.pk == self.actor.user_id:
            by: Any = {"actor": self.actor, "context": self.context}
            own_account.change_password(user, body["old_password"], new, session=self.session, **by)
        else:
            actions.set_password(user, new, actor=self.actor, context=self.context)
        return Response()


class UserCliSecret(_UserEndpoint):
    @operation("setCliSecret", body=bodies.CliSecret, refuses=[403, 404, 412])
    def put(self, request: Request, user_id: str) -> Response:
        """setCliSecret: the personal access token called `cli`, whose secret the client brings along; for oneself."""
        user = self.subject(user_id, "user:update")
        if not onboarding.is_on() or not Identity.objects.filter(user=user).exists():
            raise PreconditionFailed("CLI secrets are for users of the OpenID provider's: others have passwords")
        if user.pk != self.actor.user_id:
            raise Forbidden("a CLI secret is set by its own user alone")
        given = bodies.read(bodies.CliSecret, request)
        personal.set_cli_secret(user, given["secret"], actor=self.actor, context=self.context)
        return Response()


class UserSysAdmin(Endpoint):
    @operation("setUserSysAdmin", body=bodies.SysAdmin, refuses=[403, 404])
    def put(self, request: Request, user_id: str) -> Response:
        """setUserSysAdmin"""
        self.require("user:update", SYSTEM_SCOPE)
        user = _find(places.number(user_id, "user_id"))
        flag = bodies.read(bodies.SysAdmin, request)["sysadmin_flag"]
        actions.set_admin(user, flag, actor=self.actor, context=self.context)
        return Response()


def _find(user_id: int | None) -> User:
    user = None if user_id is None else User.objects.filter(pk=user_id).first()
    if user is None:
        raise NotFound(f"there is no user {user_id}")
    return user
