"""Who presents a secret that the installation made: one statement, one hash, and what its bearer may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from projects import access
from projects.access import Grant, Reading, reach_of
from projects.models import PersonalToken, Robot
from projects.robots import is_robot, login_name, prefix
from rbac import chosen, secret
from rbac.accounts import Account
from rbac.actors import ANONYMOUS, Actor
from rbac.credentials import Verified
from rbac.names import is_plausible

USED_WITHIN = timedelta(minutes=5)  # how exact `used_at` is: it isn't worth a write per request

ROBOT = (
    "b.id, b.name, b.disabled, b.expires_at, b.used_at, b.secret, b.previous_secret, b.previous_until,"
    " b.system_permissions"
)
_ROBOT = Reading(
    who=ROBOT,
    source="LEFT JOIN projects_robot b ON b.name = %s",
    held="""NULL::bigint[], CASE WHEN p.id IS NOT NULL THEN ARRAY(
        SELECT unnest(g.permissions) FROM projects_robotgrant g
        WHERE g.robot_id = b.id AND (g.project_id = p.id OR g.project_id IS NULL)
    ) END""",
)


PERSONAL = "t.id, t.session_epoch, t.expires_at, t.used_at, t.system_permissions"
_PERSONAL_HELD = f"""{access.ROLES}, CASE WHEN p.id IS NOT NULL THEN ARRAY(
    SELECT unnest(g.permissions) FROM projects_personaltokengrant g
    WHERE g.token_id = t.id AND (g.project_id = p.id OR g.project_id IS NULL)
) END"""  # noqa: S608
_PERSONAL_BY_DIGEST, _PERSONAL_BY_ID = (
    Reading(
        who=f"{access.ACCOUNT}, {PERSONAL}",
        source=f"LEFT JOIN projects_personaltoken t ON t.{key} = %s"
        " LEFT JOIN rbac_user a ON a.id = t.user_id AND a.username = %s",
        held=_PERSONAL_HELD,
    )
    for key in ("digest", "id")
)


@dataclass(frozen=True, slots=True)
class RobotRow:
    """A robot as stored at the moment of the question: the columns ROBOT."""

    id: int
    name: str
    disabled: bool
    expires_at: datetime | None
    used_at: datetime | None
    secret: str
    previous_secret: str
    previous_until: datetime | None
    system: Sequence[str]

    def is_alive(self, now: datetime) -> bool:
        return not self.disabled and (self.expires_at is None or now < self.expires_at)

    def secrets(self, now: datetime) -> list[str]:
        """What is kept of those that are good now."""
        overlapping = self.previous_until is not None and now < self.previous_until
        return [self.secret, self.previous_secret] if overlapping else [self.secret]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A personal access token likewise: the columns PERSONAL."""

    id: int
    session_epoch: int
    expires_at: datetime | None
    used_at: datetime | None
    system: Sequence[str]

    def is_good(self, account: Account, now: datetime) -> bool:
        """Whether `account` may sign in by it: its user, or nobody (of columns that are all null)."""
        if account.id is None or not account.is_active or self.session_epoch != account.session_epoch:
            return False
        return self.expires_at is None or now < self.expires_at


def verify_robot(
    username: str, presented: str, repositories: Sequence[str], *, address: str
) -> tuple[Verified, list[Grant]]:
    """The robot that `username` and the secret stand for, with its reach as far as the repositories' projects.

    `fresh` once in a while: when its last use was noted. Raises InvalidCredentials, BackOff.
    """
    row, found = _read_robot(username, repositories)
    robot, fresh = admit_robot(row, username, presented, address=address)
    return Verified(_actor(robot, found), fresh=fresh), found


def admit_robot(robot: RobotRow | None, username: str, presented: str, *, address: str) -> tuple[RobotRow, bool]:
    """The robot, if the secret is its own, and whether this use was noted. Raises InvalidCredentials, BackOff."""
    now = datetime.now(UTC)
    if robot is None or not robot.is_alive(now) or not _matches(robot, presented, username, now, address=address):
        raise secret.refuse(username, address=address)
    stale = _is_stale(robot.used_at, now)
    if stale:
        Robot.objects.filter(pk=robot.id).update(used_at=now)
    return robot, stale


def _matches(robot: RobotRow, presented: str, username: str, now: datetime, *, address: str) -> bool:
    digests = robot.secrets(now)
    if secret.matches(presented, digests):
        return True
    return chosen.matches(robot.id, presented, digests, name=username, address=address)


def verify_token(
    username: str, presented: str, repositories: Sequence[str], *, address: str
) -> tuple[Verified, list[Grant]]:
    """The user `username`, bounded by the personal access token that was presented for a password.

    `fresh` once in a while: when the token's last use was noted. Raises InvalidCredentials, BackOff.
    """
    name = username if is_plausible(username) else None
    row, found = _PERSONAL_BY_DIGEST.read((secret.digest_of(presented), name), repositories)
    account, token = _owner_and_token(row)
    fresh = admit_token(account, token, username, address=address)
    return Verified(_token_actor(account, token, found), fresh=fresh), found


def admit_token(account: Account, token: TokenRow, username: str, *, address: str) -> bool:
    """Whether this use of a token was noted. Raises InvalidCredentials, BackOff for one that is no good."""
    now = datetime.now(UTC)
    if not token.is_good(account, now):
        raise secret.refuse(username, address=address)
    stale = _is_stale(token.used_at, now)
    if stale:
        PersonalToken.objects.filter(pk=token.id).update(used_at=now)
    return stale


def _is_stale(used_at: datetime | None, now: datetime) -> bool:
    """Whether a use is worth being noted."""
    return used_at is None or now - used_at > USED_WITHIN


def standing(subject: str, repositories: Sequence[str], *, token: int | None) -> tuple[Actor, list[Grant]]:
    """Who the bearer of verified claims ("" for anonymous) is by now, and what it is where `repositories` are.

    `token` is the personal access token that the claims were had by.
    """
    if token is not None:
        row, found = _PERSONAL_BY_ID.read((token, subject), repositories)
        owner, facts = _owner_and_token(row)
        if facts.is_good(owner, datetime.now(UTC)):
            return _token_actor(owner, facts, found), found
        return ANONYMOUS, access.grants(None, repositories)[1]
    if is_robot(subject):
        robot, found = _read_robot(subject, repositories)
        if robot is not None and robot.is_alive(datetime.now(UTC)):
            return _actor(robot, found), found
        return ANONYMOUS, found
    account, found = access.grants(subject or None, repositories)
    return (account.actor if account else ANONYMOUS), found


def visible_projects(subject: str, *, token: int | None) -> list[int] | None:
    """Ids of the projects whose repositories the bearer of verified claims may list; None means every project."""
    if token is not None:
        return access.visible_to_token(subject, token)
    if is_robot(subject):
        return access.visible_to_robot(subject.removeprefix(prefix()))
    return access.visible_projects(subject or None)


def _read_robot(username: str, repositories: Sequence[str]) -> tuple[RobotRow | None, list[Grant]]:
    row, found = _ROBOT.read((bare_name(username),), repositories)
    return (RobotRow(*row) if row[0] is not None else None), found


def bare_name(username: str) -> str | None:
    """What a robot of this name at a login is stored as; None for what is nobody's name."""
    return username.removeprefix(prefix()) if is_plausible(username) else None


def _actor(robot: RobotRow, found: Sequence[Grant]) -> Actor:
    reach = reach_of(found, held=True, system=robot.system)
    return Actor(kind="robot", name=login_name(robot.name), reach=reach)


def _owner_and_token(row: tuple[Any, ...]) -> tuple[Account, TokenRow]:
    return Account(*row[:6]), TokenRow(*row[6:])


def _token_actor(account: Account, token: TokenRow, found: Sequence[Grant]) -> Actor:
    """The user as far as the token reaches. An administrator is none beyond it."""
    reach = reach_of(found, held=account.is_admin, token=token.id, system=token.system)
    return Actor(kind="user", name=account.username, user_id=account.id, reach=reach)
