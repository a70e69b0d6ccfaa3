"""Projects, their quotas, members and labels, the robots that work in them, and tokens bounded by them."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Upper
from django.utils import timezone

from db.searching import AnyOf
from oci.pattern import LONGEST
from rbac.actors import Actor
from rbac.matrix import PUBLIC
from rbac.models import Group, GroupUser, Role, User
from rbac.policy import SYSTEM_SCOPE, can, roles_with
from rbac.reach import EVERYWHERE

_FEW = 1000  # memberships whose projects' ids go into a list's condition


def _memberships(actor: Actor) -> models.QuerySet[Member]:
    """Those that give `actor` a role, its own and its groups'. A locked user holds none."""
    alive = User.objects.filter(pk=actor.user_id or 0, is_active=True)
    groups = GroupUser.objects.filter(user=actor.user_id).values("group")
    return Member.objects.filter(Exists(alive), Q(user=actor.user_id) | Q(group__in=groups))


def _among(memberships: models.QuerySet[Member]) -> Q:
    """The projects of `memberships`, for a condition on projects.

    PostgreSQL can't tell how many a subquery finds. Few are read beforehand, so that an index finds them among any
    number of projects; of many, each project is asked in turn, and one of the next will do.
    """
    ids = list(memberships.values_list("project", flat=True)[: _FEW + 1])
    if len(ids) > _FEW:
        return Q(Exists(memberships.filter(project=OuterRef("pk"))))
    return Q(AnyOf("pk", ids)) if ids else _NONE


def _reached_by(actor: Actor, permission: str | None = None) -> Q:
    """The projects that `actor` isn't kept from by its reach, as to `permission` or (None) as to anything."""
    if actor.reach is None:
        return _ANY
    places = actor.reach.places if permission is None else actor.reach.where(permission)
    return _ANY if EVERYWHERE in places else Q(name__in=places)


_ANY, _NONE = Q(pk__isnull=False), Q(pk__in=[])


def _own(actor: Actor) -> Q | None:
    """The projects whose existence `actor` may know of though they may be private; None for all there are."""
    if can(actor, "project:list", SYSTEM_SCOPE):
        return None
    reached = _reached_by(actor)
    if actor.reach is not None and actor.reach.held:
        return reached
    return _NONE if actor.user_id is None else _among(_memberships(actor)) & reached


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, actor: Actor) -> ProjectQuerySet:
        """The projects whose existence `actor` may know of: the public ones and its own; an administrator, all."""
        own = _own(actor)
        return self if own is None else self.filter(Q(public=True) | own)

    def joined_by(self, actor: Actor) -> ProjectQuerySet:
        """Those of which `actor` is a member, itself or by a group."""
        return self.filter(_among(_memberships(actor)) & _reached_by(actor))

    def private_to(self, actor: Actor) -> ProjectQuerySet:
        """Those of them that aren't public, which are found without looking through the public ones."""
        own = _own(actor)
        return self.filter(public=False) if own is None else self.filter(own, public=False)

    def with_permission(self, actor: Actor, permission: str) -> ProjectQuerySet:
        """The projects in which `actor` may do `permission`: what `rbac.policy.can` says, for a list over all."""
        if actor.is_admin or actor.kind == "system":
            return self
        roles = roles_with(permission)
        anybody = Q(public=True) if PUBLIC in roles else _NONE
        reached = _reached_by(actor, permission)
        if actor.reach is not None and actor.reach.held:
            return self.filter(anybody | reached)
        if actor.user_id is None:
            return self.filter(anybody)
        return self.filter(anybody | (_among(_memberships(actor).filter(role__in=roles)) & reached))

    def holding(self) -> Q:
        """A condition on what belongs to a project: to one of these.

        Of few, which are read beforehand, an index finds it among anything. All the projects there are need none.
        """
        if not self.query.where and not self.query.is_sliced:
            return Q()
        ids = list(self.values_list("pk", flat=True)[: _FEW + 1])
        return Q(AnyOf("project", ids)) if len(ids) <= _FEW else Q(project__in=self)


class Project(models.Model):
    """A namespace of repositories with its own members. A public one can be pulled by anybody."""

    name = models.CharField(max_length=255, unique=True, db_collation="C")
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="owned_projects")
    public = models.BooleanField(default=False)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        indexes = [
            # What anybody may see, found among any number of private ones.
            models.Index(fields=["id"], name="project_public", condition=Q(public=True)),
            GinIndex(OpClass(Upper("name"), "gin_trgm_ops"), name="project_name_parts"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> str:
        """What a `rbac.reach.Reach` calls it."""
        return self.name

    def roles_of(self, actor: Actor) -> Collection[int]:
        """Ids of the roles that `actor` holds here (see `rbac.policy.Scope`)."""
        roles = {PUBLIC} if self.public else set()
        if actor.user_id is not None:
            roles.update(_memberships(actor).filter(project=self).values_list("role_id", flat=True))
        return roles


class Quota(models.Model):
    """How many bytes a project may hold, and how many it did when changes were last folded in: `projects.quotas`."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="quota")
    hard = models.BigIntegerField(default=-1, help_text="the limit, bytes; -1: none")
    used = models.BigIntegerField(default=0, help_text="bytes, but for the changes that aren't folded in yet")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now, help_text="of the limit")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(hard=-1) | Q(hard__gt=0), name="quota_hard")]
        indexes = [
            models.Index(fields=["used", "id"], name="quota_by_used"),
            models.Index(fields=["hard", "id"], name="quota_by_hard"),
        ]

    def __str__(self) -> str:
        return f"{self.hard} for {self.project_id}"


class UsageChange(models.Model):
    """Bytes that a project came to hold, or no longer does (negative): written by each push and deletion, until folded.

    The key isn't the database's to check: that locks the project's row, which all pushes of a project have in common.
    """

    project = models.ForeignKey(Project, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    bytes = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.bytes:+} in {self.project_id}"


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


class Favourite(models.Model):
    """A project that a user wants to find first."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="favourites", db_index=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="favourites")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "project"], name="favourite_once")]

    def __str__(self) -> str:
        return f"{self.project_id} of {self.user_id}"


class ImmutableRule(models.Model):
    """Tags that, once there, neither move nor go: see `projects.immutability`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="immutable_rules")
    repository_decoration = models.CharField(max_length=16)
    repository_pattern = models.CharField(max_length=LONGEST)
    tag_decoration = models.CharField(max_length=16)
    tag_pattern = models.CharField(max_length=LONGEST)
    disabled = models.BooleanField(default=False)
    priority = models.IntegerField(default=0, help_text="kept for clients, of no effect")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.tag_decoration} {self.tag_pattern} in {self.repository_decoration} {self.repository_pattern}"


class Label(models.Model):
    """A word to mark artifacts with: of one project, or (project null) for all of them."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="labels", db_index=False)
    name = models.CharField(max_length=128)
    description = models.TextField(blank=True, default="")
    color = models.CharField(max_length=7, blank=True, default="", help_text="#RGB or #RRGGBB, or none")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], nulls_distinct=False, name="label_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class CVEAllowlist(models.Model):
    """Vulnerabilities that are put up with: in one project, or (project null) by default. See `projects.allowlists`."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="allowlists", db_index=False)
    items = ArrayField(models.CharField(max_length=128), default=list)
    expires_at = models.BigIntegerField(null=True, help_text="seconds since 1970; null: never")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project"], nulls_distinct=False, name="allowlist_once")]

    def __str__(self) -> str:
        return f"{len(self.items)} in {self.project_id or 'the system'}"


class Robot(models.Model):
    """An account for machines, of one project or of the whole system. It holds its own permissions and no roles.

    Of its secrets, of which two can be good for a while, only digests are kept (see `rbac.secret`).
    """

    name = models.CharField(
        max_length=255, unique=True, db_collation="C", help_text="after the prefix: `NAME`, or `PROJECT+NAME`"
    )
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, related_name="robots", help_text="null: of the whole system"
    )
    description = models.CharField(max_length=255, blank=True, default="")
    creator = models.CharField(max_length=255, blank=True, default="", help_text="the maker's name at that time")
    creator_kind = models.CharField(max_length=16, default="system", help_text="as `rbac.actors.Actor.kind`")
    creator_ref = models.BigIntegerField(default=0, help_text="the id of that user or robot")
    system_permissions = ArrayField(
        models.CharField(max_length=128), default=list, help_text="held of the installation itself"
    )
    secret = models.CharField(max_length=255)
    previous_secret = models.CharField(max_length=255, blank=True, default="")
    previous_until = models.DateTimeField(null=True)
    duration = models.IntegerField(default=-1, help_text="days from its creation; -1: for ever")
    expires_at = models.DateTimeField(null=True)
    disabled = models.BooleanField(default=False)
    used_at = models.DateTimeField(null=True, help_text="to within some minutes")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class RobotGrant(models.Model):
    """What a robot holds in one project, or in all of them (project null), as "resource:action"."""

    robot = models.ForeignKey(Robot, on_delete=models.CASCADE, related_name="grants")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="robot_grants")
    permissions = ArrayField(models.CharField(max_length=128))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["robot", "project"], nulls_distinct=False, name="robot_grant_once")
        ]

    def __str__(self) -> str:
        return f"{self.robot_id} in {self.project_id or EVERYWHERE}: {', '.join(self.permissions)}"


class PersonalToken(models.Model):
    """A user's password for one purpose: bounded, expiring, and revoked by deleting it. Only its digest is kept.

    It outlives changes of the password and any identity provider's session, but no lock: that raises the epoch.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="personal_tokens")
    name = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret, hexadecimal")
    session_epoch = models.PositiveIntegerField(help_text="the user's at its creation")
    system_permissions = ArrayField(
        models.CharField(max_length=128), default=list, help_text="how far it reaches into the installation itself"
    )
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True, help_text="to within some minutes")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="personal_token_name_once")]

    def __str__(self) -> str:
        return self.name


class PersonalTokenGrant(models.Model):
    """How far a token reaches in one project, or in all of them (project null): "resource:action", or "*" for any."""

    token = models.ForeignKey(PersonalToken, on_delete=models.CASCADE, related_name="grants")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="token_grants")
    permissions = ArrayField(models.CharField(max_length=128))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "project"], nulls_distinct=False, name="personal_token_grant_once")
        ]

    def __str__(self) -> str:
        return f"{self.token_id} in {self.project_id or EVERYWHERE}: {', '.join(self.permissions)}"
