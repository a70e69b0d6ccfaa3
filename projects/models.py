"""Projects and their members."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models
from django.db.models import Q
from django.utils import timezone

from rbac.actors import Actor
from rbac.matrix import PUBLIC
from rbac.models import Group, Role, User


def _held_by(actor: Actor) -> Q:
    """The memberships that give `actor` a role, its own and its groups'. A locked user holds none."""
    return Q(user=actor.user_id, user__is_active=True) | Q(
        group__group_users__user=actor.user_id, group__group_users__user__is_active=True
    )


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, actor: Actor) -> ProjectQuerySet:
        """The projects whose existence `actor` may know of: the public ones and its own; an administrator, all."""
        if actor.is_admin or actor.kind == "system":
            return self
        if actor.user_id is None:
            return self.filter(public=True)
        own = Member.objects.filter(_held_by(actor)).values("project")
        return self.filter(Q(public=True) | Q(pk__in=own))


class Project(models.Model):
    """A namespace of repositories with its own members. A public one can be pulled by anybody."""

    name = models.CharField(max_length=255, unique=True, db_collation="C")
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="owned_projects")
    public = models.BooleanField(default=False)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def roles_of(self, actor: Actor) -> Collection[int]:
        """Ids of the roles that `actor` holds here (see `rbac.policy.Scope`)."""
        roles = {PUBLIC} if self.public else set()
        if actor.user_id is not None:
            roles.update(self.members.filter(_held_by(actor)).values_list("role_id", flat=True))
        return roles


class Member(models.Model):
    """A user or a group (exactly one of the two) with a role in a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, related_name="memberships")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="memberships")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="member_user_once"),
            models.UniqueConstraint(fields=["project", "group"], name="member_group_once"),
            models.CheckConstraint(
                condition=Q(user__isnull=False, group__isnull=True) | Q(user__isnull=True, group__isnull=False),
                name="member_user_or_group",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.group} as {self.role}"
