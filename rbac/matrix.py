"""The permissions of Harbor's roles, as data: what the seed migration writes and what a flushed database gets back.

Read at installation only. From then on the rows of `rbac.Role` and `rbac.RolePermission` are the truth, and a
custom role is one more of them.
"""

from collections.abc import Iterator

PROJECT_ADMIN, DEVELOPER, GUEST, MAINTAINER, LIMITED_GUEST = 1, 2, 3, 4, 5  # Harbor's ids
PUBLIC = 6  # what anybody may do in a public project; never assigned to a member
FIRST_CUSTOM_ROLE = 100

NAMES = {
    PROJECT_ADMIN: "projectAdmin",
    DEVELOPER: "developer",
    GUEST: "guest",
    MAINTAINER: "maintainer",
    LIMITED_GUEST: "limitedGuest",
    PUBLIC: "public",
}

_PUBLIC = {
    "project": "read",
    "label": "read list",
    "repository": "list pull",
    "scan": "read",
    "scanner": "read",
    "tag": "list",
    "artifact": "read list",
    "artifact-addition": "read",
    "accessory": "list",
}

# Each step holds all of the steps before it.
_LADDER: list[tuple[int, dict[str, str]]] = [
    (
        LIMITED_GUEST,
        {
            "project": "read",
            "quota": "read",
            "configuration": "read",
            "repository": "list read pull",
            "artifact": "list read",
            "artifact-addition": "read",
            "tag": "list",
            "accessory": "list",
            "scan": "read",
            "scanner": "read",
            "sbom": "read",
        },
    ),
    (GUEST, {"member": "list read", "label": "list read", "robot": "list read"}),
    (
        DEVELOPER,
        {
            "repository": "create update push",
            "artifact": "create",
            "tag": "create",
            "artifact-label": "create delete",
            "tag-retention": "create read update delete list operate",
            "export-cve": "create read list",
        },
    ),
    (
        MAINTAINER,
        {
            "repository": "delete",
            "artifact": "delete",
            "tag": "delete",
            "label": "create update delete",
            "immutable-tag": "create update delete list",
            "metadata": "read",
            "notification-policy": "read list",
            "scan": "create stop",
            "sbom": "create stop",
        },
    ),
    (
        PROJECT_ADMIN,
        {
            "project": "update delete",
            "member": "create update delete",
            "metadata": "create update delete list",
            "log": "list",
            "configuration": "update",
            "robot": "create update delete",
            "notification-policy": "create update delete",
            "scanner": "create",
            "preheat-policy": "create read update delete list",
        },
    ),
]


def _pairs(table: dict[str, str]) -> Iterator[tuple[str, str]]:
    for resource, actions in table.items():
        for action in actions.split():
            yield resource, action


def permissions() -> dict[int, frozenset[tuple[str, str]]]:
    """Role id → the (resource, action) pairs it grants."""
    held: frozenset[tuple[str, str]] = frozenset()
    granted = {PUBLIC: frozenset(_pairs(_PUBLIC))}
    for role, added in _LADDER:
        held |= frozenset(_pairs(added))
        granted[role] = held
    return granted
