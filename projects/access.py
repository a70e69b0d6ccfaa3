"""The hot path's one statement: who is this, and what roles have they where they want to go?"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from db.prepared import fetch
from oci.reference import project_of
from rbac import accounts
from rbac.accounts import Account
from rbac.actors import Actor
from rbac.matrix import PUBLIC
from rbac.policy import roles_with
from rbac.reach import SYSTEM, Reach

# `artifacts_repository` belongs to artifacts, which stands above this package and can't be imported here; the
# table is named in SQL alone.
_STATEMENT = """
SELECT {who}, w.position, w.name, p.id, p.public, r.id, {held}
FROM (SELECT) one
{source}
LEFT JOIN {wanted} AS w(position, name, project) ON true
LEFT JOIN projects_project p ON p.name = w.project
LEFT JOIN artifacts_repository r ON r.name = w.name
"""

# PostgreSQL plans a statement with arrays anew at each execution (it can't know how long they are), which costs
# three times the execution; with a fixed number of rows it plans once. So the usual few have statements of their own.
_FEW = 4
_MANY = (
    "(SELECT position, name, project FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS u(name, project, position))"
)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one actor is in the project of one repository. Answers `rbac.policy.Scope` for the actor it was read for."""

    repository: str
    project_id: int | None
    repository_id: int | None
    public: bool
    roles: frozenset[int]
    permissions: frozenset[str] = frozenset()  # held in the project, or bounding the roles: see `reach_of`

    @property
    def place(self) -> str:
        """What a `rbac.reach.Reach` calls the project."""
        return project_of(self.repository)

    def roles_of(self, actor: Actor) -> Collection[int]:  # noqa: ARG002
        return self.roles


class Reading:
    """The statement that reads, in one round trip, somebody and what it is where some repositories are.

    `who` are the columns of somebody's row, which `source` joins; `held` are an array of role ids and one of
    permissions, both of the project `p`.
    """

    def __init__(self, *, who: str, source: str, held: str) -> None:
        self._width = who.count(",") + 1
        self._of_few = [self._sql(who, source, held, _few(count)) for count in range(_FEW + 1)]
        self._of_many = self._sql(who, source, held, _MANY)

    def read(self, keys: Sequence[object], repositories: Sequence[str]) -> tuple[tuple[Any, ...], list[Grant]]:
        """The row of who is found by `keys` (the parameters of `source`), and a grant for each repository, in order."""
        wanted = [(name, project_of(name)) for name in repositories]
        if len(wanted) <= _FEW:
            rows = fetch(self._of_few[len(wanted)], (*keys, *(text for pair in wanted for text in pair)))
        else:
            rows = fetch(self._of_many, (*keys, [name for name, _ in wanted], [project for _, project in wanted]))
        facts = [row[self._width :] for row in rows] if wanted else []
        return rows[0][: self._width], [_grant(row) for row in sorted(facts, key=_position)]

    @staticmethod
    def _sql(who: str, source: str, held: str, wanted: str) -> str:
        return _STATEMENT.format(who=who, source=source, held=held, wanted=wanted)


def _few(count: int) -> str:
    rows = ", ".join(f"({n}, %s::text, %s::text)" for n in range(count))
    return f"(VALUES {rows or '(0, NULL::text, NULL::text)'})"


def _position(row: tuple[Any, ...]) -> int:
    position: int = row[0]
    return position


def _grant(row: tuple[Any, ...]) -> Grant:
    _, name, project, public, repository, roles, permissions = row
    held = frozenset(roles or ()) | ({PUBLIC} if public else frozenset())
    return Grant(name, project, repository, bool(public), held, frozenset(permissions or ()))


def reach_of(grants: Sequence[Grant], *, held: bool, token: int | None = None, system: Iterable[str] = ()) -> Reach:
    """The reach of whom `grants` were read for, as far as they go, and into the `system` itself."""
    pairs = {(grant.place, permission) for grant in grants for permission in grant.permissions}
    pairs.update((SYSTEM, permission) for permission in system)
    return Reach(frozenset(pairs), held=held, token=token)


# A locked user comes back with no member roles.
ROLES = """CASE WHEN p.id IS NOT NULL AND a.is_active THEN ARRAY(
    SELECT m.role_id FROM projects_member m WHERE m.project_id = p.id AND m.user_id = a.id
    UNION ALL
    SELECT m.role_id FROM rbac_groupuser g JOIN projects_member m ON m.group_id = g.group_id
    WHERE g.user_id = a.id AND m.project_id = p.id
) END"""
ACCOUNT = "a.id, a.username, a.password, a.is_active, a.is_admin, a.session_epoch"
_USER = Reading(who=ACCOUNT, source="LEFT JOIN rbac_user a ON a.username = %s", held=f"{ROLES}, NULL::text[]")


def grants(username: str | None, repositories: Sequence[str]) -> tuple[Account | None, list[Grant]]:
    """The account of `username` (None: anonymous, or unknown) and, in order, what it is where `repositories` are.

    One round trip. A repository whose project doesn't exist has `project_id` None and no roles.
    """
    if not repositories:
        return (None if username is None else accounts.read(username)), []
    row, found = _USER.read((username,), repositories)
    return (Account(*row) if row[0] is not None else None), found


_VISIBLE = """
SELECT a.is_admin, ARRAY(
    SELECT p.id FROM projects_project p WHERE p.public
    UNION
    SELECT m.project_id FROM projects_member m
    WHERE m.role_id = ANY(%s::bigint[])
      AND (m.user_id = a.id OR m.group_id IN (SELECT g.group_id FROM rbac_groupuser g WHERE g.user_id = a.id))
)
FROM (SELECT) one
LEFT JOIN rbac_user a ON a.username = %s AND a.is_active
"""


def visible_projects(username: str | None) -> list[int] | None:
    """Ids of the projects whose repositories `username` may list (None: anonymous); None means every project."""
    is_admin, projects = fetch(_VISIBLE, (list(roles_with("repository:list")), username))[0]
    return None if is_admin else projects


_VISIBLE_TO_ROBOT = """
SELECT coalesce(bool_or(
        g.id IS NOT NULL AND g.project_id IS NULL OR 'catalog:read' = ANY(b.system_permissions)
    ), false),
    ARRAY(SELECT p.id FROM projects_project p WHERE p.public)
    || coalesce(array_agg(g.project_id) FILTER (WHERE g.project_id IS NOT NULL), '{}')
FROM projects_robot b
LEFT JOIN projects_robotgrant g ON g.robot_id = b.id AND 'repository:list' = ANY(g.permissions)
WHERE b.name = %s AND NOT b.disabled AND (b.expires_at IS NULL OR now() < b.expires_at)
"""


def visible_to_robot(name: str) -> list[int] | None:
    """The same for the robot called `name` (without prefix); one that is disabled, expired or deleted is a stranger."""
    everywhere, projects = fetch(_VISIBLE_TO_ROBOT, (name,))[0]
    return None if everywhere else projects


_VISIBLE_TO_BOUNDED = """
SELECT coalesce(bool_or(a.is_admin AND (
        g.id IS NOT NULL AND g.project_id IS NULL OR t.system_permissions::text[] && ARRAY['catalog:read', '*']
    )), false),
    ARRAY(SELECT p.id FROM projects_project p WHERE p.public)
    || coalesce(array_agg(p.id) FILTER (WHERE p.id IS NOT NULL), '{}')
FROM projects_personaltoken t
JOIN rbac_user a ON a.id = t.user_id AND a.is_active AND a.session_epoch = t.session_epoch
LEFT JOIN projects_personaltokengrant g
    ON g.token_id = t.id AND g.permissions::text[] && ARRAY['repository:list', '*']
LEFT JOIN projects_project p
    ON g.id IS NOT NULL AND (g.project_id IS NULL OR g.project_id = p.id) AND (a.is_admin OR EXISTS (
    SELECT FROM projects_member m
    WHERE m.project_id = p.id AND m.role_id = ANY(%s::bigint[])
      AND (m.user_id = a.id OR m.group_id IN (SELECT u.group_id FROM rbac_groupuser u WHERE u.user_id = a.id))
))
WHERE t.id = %s AND a.username = %s AND (t.expires_at IS NULL OR now() < t.expires_at)
"""


def visible_to_token(username: str, token: int) -> list[int] | None:
    """The same for `username` by a personal access token; one that is no good any more shows what a stranger sees."""
    roles = list(roles_with("repository:list"))
    everywhere, projects = fetch(_VISIBLE_TO_BOUNDED, (roles, token, username))[0]
    return None if everywhere else projects
