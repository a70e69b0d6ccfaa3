"""Groups as administrators keep them: the directory's, the provider's, and our own."""

from django.db import IntegrityError, transaction

import audit
from audit import Context
from rbac import actions, directory
from rbac.actors import Actor
from rbac.errors import GroupUnknown, InvalidDN, NameTaken, Protected
from rbac.models import Group, GroupUser
from rbac.names import parse_groupname


def create(kind: Group.Kind, name: str, *, dn: str = "", actor: Actor, context: Context) -> Group:
    """A new group. One of the directory's has to be there under its DN, which it is known by.

    Raises InvalidName, NameTaken, InvalidDN, NoDirectory, DirectoryUnavailable.
    """
    if kind != Group.Kind.LDAP:
        return actions.create_group(name, kind=kind, actor=actor, context=context)
    if not dn:
        raise InvalidDN("a group of the directory needs its DN")
    parse_groupname(name)
    try:
        return directory.import_group(dn, name=name, actor=actor, context=context)
    except GroupUnknown as error:
        raise InvalidDN(str(error)) from error


@transaction.atomic
def rename(group: Group, name: str, *, actor: Actor, context: Context) -> None:
    """Another name. A group of the provider's is known by it: who is in the one of the new name will be seen at their
    logins. Raises InvalidName, NameTaken, GroupUnknown, and Protected for a robot or a token that would so choose other
    people."""
    if not Group.objects.select_for_update().filter(pk=group.pk):
        raise GroupUnknown(f"the group {group.name} is gone")
    before, group.name = group.name, parse_groupname(name)
    if group.name == before:
        return
    if group.kind == Group.Kind.OIDC:
        if actor.reach is not None:
            raise Protected("a robot or a personal access token doesn't choose who is in a group")
        GroupUser.objects.filter(group=group).delete()
    try:
        with transaction.atomic():
            group.save(update_fields=["name", "updated_at"])
    except IntegrityError as error:
        raise NameTaken(f"there is a group {name} already") from error
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="group",
        resource=group.name,
        context=context,
        detail={"was": before},
    )


@transaction.atomic
def delete(group: Group, *, actor: Actor, context: Context) -> None:
    """The group, with its memberships of projects. GroupUnknown if somebody else has just deleted it."""
    if not Group.objects.select_for_update().filter(pk=group.pk):
        raise GroupUnknown(f"the group {group.name} is gone")
    actions.delete_group(group, actor=actor, context=context)
    directory.forget()
