"""Who is to be a project's member: somebody who is known here, or whom the directory knows and who is so made known."""

from audit import Context
from configuration import values
from rbac import actions, directory
from rbac.actors import Actor
from rbac.errors import GroupUnknown, InvalidDN, UserUnknown
from rbac.ldap import normal_dn
from rbac.models import Group, User
from rbac.names import is_plausible


def user(username: str, *, actor: Actor, context: Context) -> User:
    """The user of this name, on-boarded from the directory if there is none yet.

    Raises UserUnknown, NameTaken, InvalidName, DirectoryUnavailable.
    """
    found = User.objects.filter(username=username).first() if is_plausible(username) else None
    if found is not None:
        return found
    if not is_plausible(username) or not directory.is_on():
        raise UserUnknown(f"there is no user {username}")
    return directory.import_user(username, actor=actor, context=context)


def directory_group(dn: str, name: str, *, actor: Actor, context: Context) -> Group:
    """The group with this DN, made known under `name` if it isn't yet; under its own name without one.

    Raises GroupUnknown, InvalidDN, InvalidName, NameTaken, DirectoryUnavailable.
    """
    known = Group.objects.filter(kind=Group.Kind.LDAP, ldap_dn=normal_dn(dn)).first()
    if known is not None:
        return known
    if not directory.is_on():
        raise GroupUnknown(f"there is no group {dn}")
    return directory.import_group(dn, name=name, otherwise=normal_dn(dn), actor=actor, context=context)


def named_group(name: str, kind: Group.Kind | None, *, actor: Actor, context: Context) -> Group:
    """The group of this name, if it is of this kind. As in Harbor one that isn't known yet is the provider's under
    `oidc_auth`, and under `ldap_auth` the name may be the DN of one of the directory's.

    Raises GroupUnknown, InvalidName, NameTaken, DirectoryUnavailable.
    """
    found = Group.objects.filter(name=name).first() if is_plausible(name) else None
    if found is not None and kind in {None, found.kind}:
        return found
    mode = values.text("auth_mode")
    if found is None and mode == "oidc_auth" and kind in {None, Group.Kind.OIDC}:
        return actions.create_group(name, kind=Group.Kind.OIDC, actor=actor, context=context)
    if mode == "ldap_auth" and kind in {None, Group.Kind.LDAP}:
        try:
            return directory_group(name, "", actor=actor, context=context)
        except InvalidDN:
            pass
    raise GroupUnknown(f"there is no group {name}")
