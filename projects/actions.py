"""What is done to projects and members. Each action writes its row and its audit record in one transaction."""

import re
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

import audit
from audit import Context
from configuration import values
from projects import quotas
from projects.errors import (
    GrantTooWide,
    InvalidProjectName,
    MemberExists,
    MemberUnknown,
    ProjectExists,
    ProjectNotEmpty,
    ProjectUnknown,
    RoleNotAssignable,
)
from projects.models import Member, Project, UsageChange
from rbac.actors import Actor
from rbac.errors import RoleUnknown
from rbac.matrix import PROJECT_ADMIN
from rbac.models import Group, Role, User
from rbac.policy import SYSTEM_SCOPE, can, held, permissions_of

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST = 255
_CREATE = "project:create"


def parse_name(text: str) -> str:
    """`text` as the name of a new project (Harbor's rule); InvalidProjectName if it can't be one."""
    if not 0 < len(text) <= _LONGEST:
        raise InvalidProjectName(f"a project name has 1 to {_LONGEST} characters")
    if not _NAME.fullmatch(text):
        raise InvalidProjectName(
            "a project name holds lower-case letters and digits, with single '.', '_' or '-' between them"
        )
    return text


def find(name: str) -> Project:
    """The project called `name`; ProjectUnknown."""
    project = Project.objects.filter(name=name).first() if _NAME.fullmatch(name) else None
    if project is None:
        raise ProjectUnknown(f"there is no project {name}")
    return project


def hold(project: Project) -> None:
    """Keep the project from being deleted until the transaction ends; ProjectUnknown where it is gone."""
    if not Project.objects.select_for_update(no_key=True).filter(pk=project.pk).exists():
        raise ProjectUnknown(f"there is no project {project.name}")


def find_role(name: str) -> Role:
    """The role called `name` that a member can hold; RoleUnknown names those there are."""
    roles = {role.name: role for role in Role.objects.filter(assignable=True)}
    if name not in roles:
        raise RoleUnknown(f"there is no role {name}; there are {', '.join(sorted(roles))}")
    return roles[name]


def may_create(actor: Actor) -> bool:
    """Whether `actor` may create a project: anybody with an account, unless that is reserved to administrators.

    Who is bounded needs `project:create` within its bounds.
    """
    if can(actor, _CREATE, SYSTEM_SCOPE):
        return True
    if actor.user_id is None or values.text("project_creation_restriction") == "adminonly":
        return False
    return actor.reach is None or actor.reach.covers(_CREATE, SYSTEM_SCOPE.place)


@transaction.atomic
def create(
    name: str,
    *,
    public: bool = False,
    storage_limit: int | None = None,
    owner: User | None,
    actor: Actor,
    context: Context,
) -> Project:
    """A new project; its owner becomes its projectAdmin. It may hold `storage_limit` bytes, or what the configuration
    says. Raises InvalidProjectName, InvalidQuota, ProjectExists."""
    project = Project(name=parse_name(name), public=public, owner=owner)
    try:
        with transaction.atomic():
            project.save()
    except IntegrityError as error:
        raise ProjectExists(f"there is a project {name} already") from error
    quota = quotas.create(project, storage_limit)
    if owner is not None:
        Member.objects.create(project=project, user=owner, role_id=PROJECT_ADMIN)
    limited = {} if quota.hard == quotas.UNLIMITED else {"storage_limit": quota.hard}
    _record(actor, "create", project, context, public=public, **limited)
    return project


@transaction.atomic
def set_public(project: Project, public: bool, *, actor: Actor, context: Context) -> None:
    """Open the project's content to anybody, or to its members only."""
    project.public = public
    project.save(update_fields=["public", "updated_at"])
    _record(actor, "update", project, context, public=public)


@transaction.atomic
def delete(project: Project, *, actor: Actor, context: Context) -> None:
    """The project, with its quota, memberships and robots. ProjectNotEmpty while it holds repositories."""
    robots = sorted(project.robots.values_list("name", flat=True))
    UsageChange.objects.filter(project=project).delete()  # before the quota, as folding goes
    try:
        # Repositories protect their project by their foreign key, so that nothing here needs to know of them.
        project.delete()
    except ProtectedError as error:
        raise ProjectNotEmpty(f"the project {project.name} still holds repositories: delete them first") from error
    _record(actor, "delete", project, context, **({"robots": robots} if robots else {}))
    transaction.on_commit(lambda: _deleted(project.name))


_followers: list[Callable[[str], None]] = []


def on_delete(follower: Callable[[str], None]) -> Callable[[str], None]:
    """Have `follower` called with a deleted project's name once the deletion is committed. May decorate."""
    if follower not in _followers:
        _followers.append(follower)
    return follower


def _deleted(name: str) -> None:
    for follower in _followers:
        follower(name)


@transaction.atomic
def add_member(project: Project, who: User | Group, role: Role, *, actor: Actor, context: Context) -> Member:
    """Give a user or a group a role. Raises MemberExists, RoleNotAssignable, GrantTooWide."""
    _check_role(role, project, actor)
    user, group = _user_or_group(who)
    member = Member(project=project, user=user, group=group, role=role)
    try:
        with transaction.atomic():
            member.save()
    except IntegrityError as error:
        raise MemberExists(f"{who} is a member of {project.name} already") from error
    _record_member(actor, "create", member, context)
    return member


@transaction.atomic
def change_role(member: Member, role: Role, *, actor: Actor, context: Context) -> None:
    """Give a member another role. Raises RoleNotAssignable, GrantTooWide, MemberUnknown (it is gone)."""
    _check_role(role, member.project, actor)
    member.role = role
    if not Member.objects.filter(pk=member.pk).update(role=role):
        raise MemberUnknown(f"{member.user or member.group} is no member of {member.project.name} any more")
    _record_member(actor, "update", member, context)


@transaction.atomic
def remove_member(member: Member, *, actor: Actor, context: Context) -> None:
    """Take a member's role away."""
    _record_member(actor, "delete", member, context)
    member.delete()


def find_member(project: Project, who: User | Group) -> Member:
    """The membership of a user or a group itself (not through a group); MemberUnknown."""
    user, group = _user_or_group(who)
    member = Member.objects.select_related("project", "user", "group", "role")
    found = member.filter(project=project, user=user, group=group).first()
    if found is None:
        raise MemberUnknown(f"{who} is no member of {project.name}")
    return found


def _user_or_group(who: User | Group) -> tuple[User | None, Group | None]:
    return (who, None) if isinstance(who, User) else (None, who)


def _check_role(role: Role, project: Project, actor: Actor) -> None:
    """Nobody gives what it doesn't hold itself: a robot that may add members adds no administrators."""
    if not role.assignable:
        raise RoleNotAssignable(f"the role {role} can't be given to a member")
    granted = permissions_of(role.pk)
    if lacking := sorted(granted - held(actor, granted, project)):
        raise GrantTooWide(f"{actor.name} doesn't hold {lacking[0]} in {project}, which the role {role} grants")


def _record(actor: Actor, operation: str, project: Project, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="project",
        resource=project.name,
        project=project.name,
        context=context,
        detail=detail,
    )


def _record_member(actor: Actor, operation: str, member: Member, context: Context) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="member",
        resource=str(member.user or member.group),
        project=member.project.name,
        context=context,
        detail={"role": member.role.name, "kind": "user" if member.user else "group"},
    )
