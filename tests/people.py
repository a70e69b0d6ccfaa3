"""Users, groups and members for tests: rows made quickly, and the caches that must not outlive a test."""

from functools import cache

import argon2

from api import totals
from artifacts import limits
from audit import Context, restraint
from configuration import values
from projects.models import Member, Project, Quota
from rbac import directory, ldap, oidc, policy, strain, turnstile
from rbac.memory import memory
from rbac.models import Group, GroupUser, Role, User
from rbac.oidc.provider import TURN
from tokens import keys

PASSWORD = "Correct-Horse-9"
CONTEXT = Context(address="192.0.2.7", user_agent="pytest", request_id="t-1")


@cache
def _hash() -> str:
    """One argon2 hash for everybody, at the least cost there is: at the product's own, each sign-in would take a
    third of a second."""
    return "argon2" + argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def make_user(username="alice", **fields) -> User:
    return User.objects.create(username=username, password=_hash(), **fields)


def make_group(name, *users) -> Group:
    group = Group.objects.create(name=name)
    GroupUser.objects.bulk_create(GroupUser(group=group, user=user) for user in users)
    return group


def make_project(name="team", **roles) -> Project:
    """A private project (`public=True` opens it), without a limit."""
    project = Project.objects.create(name=name, public=roles.pop("public", False))
    Quota.objects.create(project=project)
    return project


def join(project, who, role) -> Member:
    of = {"user": who} if isinstance(who, User) else {"group": who}
    return Member.objects.create(project=project, role=Role.objects.get(name=role), **of)


def forget_everything(*, credentials=True):
    """As when a process has just started. Without `credentials`, what was verified stays so: it costs a hash."""
    limits.forget()
    totals.forget()
    values.forget()
    directory.forget()
    ldap.forget()
    turnstile.forget()
    oidc.forget()
    turnstile.forget(TURN)
    keys.forget()
    if credentials:
        memory.forget()
    policy.forget()
    restraint.forget()
    strain.forget()
