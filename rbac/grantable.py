"""What can be granted to a robot or a personal access token: in projects, and of the installation itself. As data."""

from collections.abc import Collection, Mapping

from rbac.errors import InvalidPermission
from rbac.reach import SYSTEM
from rbac.roles import known_permissions

# Harbor's list. Some of it is for operations that are yet to come. Whoever may set the configuration may make itself
# an administrator, and so that isn't here.
_SYSTEM = {
    "audit-log": "list",
    "catalog": "read",
    "garbage-collection": "create list read stop update",
    "jobservice-monitor": "list stop",
    "label": "create delete list read update",
    "ldap-user": "create list",
    "preheat-instance": "create delete list read update",
    "project": "create list",
    "purge-audit": "create list read stop update",
    "quota": "list read update",
    "registry": "create delete list read update",
    "replication": "create list read",
    "replication-adapter": "list",
    "replication-policy": "create delete list read update",
    "robot": "create delete list read update",
    "scan-all": "create read stop update",
    "scanner": "create delete list read update",
    "security-hub": "list read",
    "system-volumes": "read",
    "user": "create delete list read update",
    "user-group": "create delete list read update",
}
_IN_THE_SYSTEM = frozenset(
    f"{resource}:{action}" for resource, actions in _SYSTEM.items() for action in actions.split()
)


def at(place: str) -> frozenset[str]:
    """Every "resource:action" that can be granted at a place, as a `rbac.reach.Reach` calls it."""
    return _IN_THE_SYSTEM if place == SYSTEM else known_permissions()


def check(permissions: Mapping[str, Collection[str]], *, beside: Collection[str] = ()) -> None:
    """Raise InvalidPermission unless all of these, by place, can be granted there.

    Those `beside` can too, but not of the system, where each is named: of it not everything can be granted.
    """
    for place, wanted in permissions.items():
        known = at(place) if place == SYSTEM else at(place).union(beside)
        if unknown := sorted(set(wanted) - known):
            where = "of the system itself" if place == SYSTEM else "in a project"
            raise InvalidPermission(
                f"there is no permission {unknown[0][:130]} {where}: resource:action expected, as {min(at(place))}"
            )
