"""The hot path's one statement: who is this, and what roles have they where they want to go?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from db.prepared import fetch
from oci.reference import project_of
from rbac import accounts
from rbac.accounts import Account
from rbac.actors import Actor
from rbac.matrix import PUBLIC
from rbac.policy import roles_with

# `artifacts_repository` belongs to artifacts, which stands above this package and can't be imported here; the
# table is named in SQL alone. A locked user comes back with no member roles.
_STATEMENT = """
SELECT a.id, a.username, a.password, a.is_active, a.is_admin, a.session_epoch,
       w.position, w.name, p.id, p.public, r.id,
       CASE WHEN p.id IS NOT NULL AND a.is_active THEN ARRAY(
           SELECT m.role_id FROM projects_member m WHERE m.project_id = p.id AND m.user_id = a.id
           UNION ALL
           SELECT m.role_id FROM rbac_groupuser g JOIN projects_member m ON m.group_id = g.group_id
           WHERE g.user_id = a.id AND m.project_id = p.id
       ) END
FROM (SELECT) one
LEFT JOIN rbac_user a ON a.username = %s
LEFT JOIN {wanted} AS w(position, name, project) ON true
LEFT JOIN projects_project p ON p.name = w.project
LEFT JOIN artifacts_repository r ON r.name = w.name
"""

# PostgreSQL plans a statement with arrays anew at each execution (it can't know how long they are), which costs
# three times the execution; with a fixed number of rows it plans once. So the usual few have statements of their own.
_FEW = 4
_OF_MANY = _STATEMENT.format(
    wanted="(SELECT position, name, project"
    " FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS u(name, project, position))"
)
_OF_FEW = [
    _STATEMENT.format(wanted=f"(VALUES {', '.join(f'({n}, %s::text, %s::text)' for n in range(count))})")
    for count in range(1, _FEW + 1)
]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one actor is in the project of one repository. Answers `rbac.policy.Scope` for the actor it was read for."""

    repository: str
    project_id: int | None
    repository_id: int | None
    public: bool
    roles: frozenset[int]

    def roles_of(self, actor: Actor) -> Collection[int]:  # noqa: ARG002
        return self.roles


def grants(username: str | None, repositories: Sequence[str]) -> tuple[Account | None, list[Grant]]:
    """The account of `username` (None: anonymous, or unknown) and, in order, what it is where `repositories` are.

    One round trip. A repository whose project doesn't exist has `project_id` None and no roles.
    """
    if not repositories:
        return (None if username is None else accounts.read(username)), []
    wanted = [(name, project_of(name)) for name in repositories]
    if len(wanted) <= _FEW:
        rows = fetch(_OF_FEW[len(wanted) - 1], (username, *(text for pair in wanted for text in pair)))
    else:
        rows = fetch(_OF_MANY, (username, [name for name, _ in wanted], [project for _, project in wanted]))
    account = Account(*rows[0][:6]) if rows[0][0] is not None else None
    return account, [_grant(*row[7:]) for row in sorted(rows, key=_position)]


def _position(row: tuple[Any, ...]) -> int:
    position: int = row[6]
    return position


def _grant(
    name: str, project: int | None, public: bool | None, repository: int | None, roles: list[int] | None
) -> Grant:
    held = frozenset(roles or ()) | ({PUBLIC} if public else frozenset())
    return Grant(name, project, repository, bool(public), held)


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
