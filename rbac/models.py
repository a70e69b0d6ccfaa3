"""People, groups and the roles they can hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone

from rbac.accounts import session_hash


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(username=username)


class User(AbstractBaseUser):
    """Somebody who can sign in. A locked user (`is_active` false) can't, and holds no right."""

    username = models.CharField(max_length=255, unique=True)
    email = models.CharField(max_length=255, blank=True, default="")
    realname = models.CharField(max_length=255, blank=True, default="")
    comment = models.CharField(max_length=255, blank=True, default="")
    is_admin = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    ldap_dn = models.TextField(
        blank=True, default="", help_text="the entry of the directory that verifies this user's password"
    )
    admin_by_group = models.BooleanField(
        default=False, help_text="an administrator because of a group elsewhere, and no longer than in it"
    )
    session_epoch = models.PositiveIntegerField(
        default=0, help_text="raised by a lock, so that sessions and refresh tokens from before it stay dead"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.username

    def get_session_auth_hash(self) -> str:
        """What sessions and refresh tokens are tied to: another one after each change of password and each lock."""
        return session_hash(self.password, self.session_epoch)

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """None: a session ends with the installation's secret key."""
        return iter(())


class Group(models.Model):
    """A set of users that can be a project's member as one. Who is in one of the directory's is known at each login."""

    class Kind(models.TextChoices):
        LOCAL = "local"
        LDAP = "ldap"
        OIDC = "oidc"  # by its name in the provider's groups claim

    name = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.LOCAL)
    ldap_dn = models.TextField(blank=True, default="", help_text="in the normal form of `rbac.ldap.normal_dn`")
    users: models.ManyToManyField[User, GroupUser] = models.ManyToManyField(
        User, through="GroupUser", related_name="user_groups"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ldap_dn"], condition=~models.Q(ldap_dn=""), name="group_ldap_dn_once")
        ]

    def __str__(self) -> str:
        return self.name


class GroupUser(models.Model):
    """One user in one group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="group_users")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="group_users")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "group"], name="group_user_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class Role(models.Model):
    """A named set of permissions. Harbor's five have its ids (see `matrix`); a custom role is one more row."""

    name = models.CharField(max_length=64, unique=True)
    assignable = models.BooleanField(
        default=True, help_text="false for `public`, what anybody may do in a public project"
    )

    def __str__(self) -> str:
        return self.name


class RolePermission(models.Model):
    """One action on one kind of resource that a role grants, such as `repository` `push`."""

    role = models.ForeignKey(Role, on_delete=models.CASCADE, related_name="permissions")
    resource = models.CharField(max_length=64)
    action = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "resource", "action"], name="role_permission_once")]

    def __str__(self) -> str:
        return f"{self.resource}:{self.action}"


class Session(models.Model):
    """Somebody signed in to the pages. The secret itself isn't kept; see `rbac.sessions`."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the cookie's secret, hexadecimal")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    session_hash = models.CharField(max_length=64, help_text="the user's at sign-in; it dies when this changes")
    id_token = models.TextField(
        blank=True, default="", help_text="the provider's, sealed, where signing out there has to name it"
    )
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.user_id} since {self.created_at:%Y-%m-%dT%H:%M:%SZ}"


class Identity(models.Model):
    """Who an OpenID provider says somebody is. A user is found by this pair, never by a name or an e-mail address."""

    issuer = models.CharField(max_length=1024)
    subject = models.CharField(max_length=255)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="identity")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_once")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class Newcomer(models.Model):
    """Somebody whom the provider has just vouched for, and who has yet to choose a name here."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the cookie's secret, hexadecimal")
    person = models.TextField(help_text="what the provider said, as JSON, sealed")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.digest[:8]} since {self.created_at:%Y-%m-%dT%H:%M:%SZ}"


class LoginFailure(models.Model):
    """Failed logins of one user name from one address, for the back-off."""

    address = models.CharField(max_length=64)
    username = models.CharField(max_length=255)
    failures = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "username"], name="login_failure_once")]

    def __str__(self) -> str:
        return f"{self.username} from {self.address}: {self.failures}"
