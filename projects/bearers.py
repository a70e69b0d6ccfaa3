"""Who presents a secret of ours to the REST API, with all that it reaches: one statement, one hash.

`projects.machines` answers the same on the hot path, as far as some repositories.
"""

from collections.abc import Iterable
from typing import Any

from db.prepared import fetch
from projects import access, machines
from projects.machines import PERSONAL, ROBOT, RobotRow, TokenRow
from projects.robots import login_name
from rbac import secret
from rbac.accounts import Account
from rbac.actors import ANONYMOUS, Actor
from rbac.credentials import Verified
from rbac.reach import EVERYWHERE, SYSTEM, Reach

# One row a grant, or one without: who it is, the grant's id, its project, what it grants there.
_HELD = "g.id, p.name, g.permissions"
_ROBOT = f"""
SELECT {ROBOT}, {_HELD} FROM projects_robot b
LEFT JOIN projects_robotgrant g ON g.robot_id = b.id
LEFT JOIN projects_project p ON p.id = g.project_id
WHERE b.name = %s
"""  # noqa: S608
_TOKEN = f"""
SELECT {access.ACCOUNT}, {PERSONAL}, {_HELD} FROM projects_personaltoken t
JOIN rbac_user a ON a.id = t.user_id
LEFT JOIN projects_personaltokengrant g ON g.token_id = t.id
LEFT JOIN projects_project p ON p.id = g.project_id
WHERE t.digest = %s
"""  # noqa: S608

Rows = list[tuple[Any, ...]]


def robot(username: str, presented: str, *, address: str) -> Verified:
    """The robot that `username` and the secret stand for; `fresh` once in a while, when its use was noted.

    Raises InvalidCredentials, BackOff.
    """
    rows = fetch(_ROBOT, (machines.bare_name(username),))
    row = RobotRow(*rows[0][:-3]) if rows else None
    found, fresh = machines.admit_robot(row, username, presented, address=address)
    reach = Reach(_pairs(rows, found.system), held=True, until=found.expires_at)
    return Verified(Actor(kind="robot", name=login_name(found.name), reach=reach), fresh=fresh)


def token(presented: str, *, username: str | None = None, address: str) -> Verified:
    """The user whose personal access token this is, bounded by it; `fresh` as above.

    A `username` must be that user's. Raises InvalidCredentials, BackOff.
    """
    rows = fetch(_TOKEN, (secret.digest_of(presented),))
    if not rows or (username is not None and username != rows[0][1]):
        raise secret.refuse(ANONYMOUS.name if username is None else username, address=address)
    account, facts = Account(*rows[0][:6]), TokenRow(*rows[0][6:-3])
    fresh = machines.admit_token(account, facts, account.username, address=address)
    reach = Reach(_pairs(rows, facts.system), held=account.is_admin, token=facts.id, until=facts.expires_at)
    return Verified(Actor("user", account.username, account.id, reach=reach), fresh=fresh)


def _pairs(rows: Rows, of_system: Iterable[str]) -> frozenset[tuple[str, str]]:
    system = {(SYSTEM, permission) for permission in of_system}
    granted = (_grant(project, permissions) for *_, grant, project, permissions in rows if grant is not None)
    return frozenset(system.union(*granted))


def _grant(project: str | None, permissions: Iterable[str]) -> set[tuple[str, str]]:
    return {(EVERYWHERE if project is None else project, permission) for permission in permissions}
