"""`/ldap`: the company's directory, tried, searched and imported from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies
from api.document import Query, operation
from api.endpoint import Endpoint
from api.errors import NotFound, Unavailable
from api.usergroups import TYPES
from rbac import directory, ldap, servers, trial
from rbac.errors import DirectoryUnavailable
from rbac.models import Group
from rbac.policy import SYSTEM_SCOPE

# The fields of a ping's body, and the items that they stand for.
_PINGED = {
    "ldap_url": "ldap_url",
    "ldap_search_dn": "ldap_search_dn",
    "ldap_search_password": "ldap_search_password",
    "ldap_base_dn": "ldap_base_dn",
    "ldap_filter": "ldap_filter",
    "ldap_uid": "ldap_uid",
    "ldap_scope": "ldap_scope",
    "ldap_connection_timeout": "ldap_timeout",
    "ldap_verify_cert": "ldap_verify_cert",
}


class LdapPingResultShape(TypedDict):
    success: bool
    message: str


class LdapUserShape(TypedDict):
    username: str
    realname: str
    email: str


class LdapGroupShape(TypedDict):
    group_name: str
    group_type: int
    ldap_group_dn: str


class LdapFailedImportUserShape(TypedDict):
    uid: str
    error: str


class Ping(Endpoint):
    @operation("pingLdap", group="Ldap", body=bodies.LdapConf, answers=LdapPingResultShape, refuses=[403])
    def post(self, request: Request) -> Response:
        """pingLdap: whether the servers answer and take the search account; as configured, but for what the body says.

        The password that is kept is shown to the servers that it is kept for, and to no others.
        """
        self.require("configuration:read", SYSTEM_SCOPE)
        failure = trial.failure(trial.described(_items(bodies.read(bodies.LdapConf, request))))
        result: LdapPingResultShape = {"success": not failure, "message": failure and f"error: {failure}"}
        return Response(result)


def _items(body: dict[str, Any]) -> dict[str, object]:
    """What the body says, by item."""
    return {item: body[field] for field, item in _PINGED.items() if body.get(field) not in {None, ""}}


class Users(Endpoint):
    @operation("searchLdapUser", group="Ldap", answers=list[LdapUserShape], query=[Query("username")], refuses=[403])
    def get(self, request: Request) -> Response:
        """searchLdapUser: whose name holds `username`, at most 200 of them."""
        self.require("ldap-user:list", SYSTEM_SCOPE)
        with _told():
            found = ldap.search(servers.required(), request.query_params.get("username", ""))
        shown: list[LdapUserShape] = [
            {"username": each.name, "realname": each.realname, "email": each.email} for each in found
        ]
        return Response(shown)


class Import(Endpoint):
    @operation(
        "importLdapUser",
        group="Ldap",
        body=bodies.LdapImportUsers,
        refuses=[403],
        also={404: list[LdapFailedImportUserShape]},
    )
    def post(self, request: Request) -> Response:
        """importLdapUser: before they sign in. 404 lists who couldn't be; the others are users now."""
        self.require("ldap-user:create", SYSTEM_SCOPE)
        names = bodies.read(bodies.LdapImportUsers, request)["ldap_uid_list"]
        with _told():
            failed = directory.import_users(names, actor=self.actor, context=self.context)
        told: list[LdapFailedImportUserShape] = [{"uid": name, "error": why} for name, why in failed.items()]
        return Response(told, status=404) if told else Response()


class Groups(Endpoint):
    @operation(
        "searchLdapGroup",
        group="Ldap",
        answers=list[LdapGroupShape],
        query=[Query("groupname"), Query("groupdn")],
        refuses=[403, 404],
    )
    def get(self, request: Request) -> Response:
        """searchLdapGroup: whose name holds `groupname`, at most 200 of them, or the one with the DN `groupdn`."""
        self.require("ldap-user:list", SYSTEM_SCOPE)
        name, dn = request.query_params.get("groupname", ""), request.query_params.get("groupdn", "")
        with _told():
            found = ldap.search_groups(servers.required(), name=name, dn="" if name else dn) if name or dn else []
        if not found:
            raise NotFound(f"the directory has no group {name or dn}")
        shown: list[LdapGroupShape] = [
            {"group_name": each.name, "group_type": TYPES[Group.Kind.LDAP], "ldap_group_dn": each.dn} for each in found
        ]
        return Response(shown)


@contextmanager
def _told() -> Iterator[None]:
    """An outage in its own words, for who may read the configuration."""
    try:
        yield
    except DirectoryUnavailable as error:
        raise Unavailable(str(error)) from error
