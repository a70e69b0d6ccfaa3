"""What kinds of deeds there are in the trail: a record's event type is its operation and its resource's type."""

from audit.entry import Entry

# Harbor's, which its clients list and switch off. Whatever else is recorded here can be switched off by its name too.
EVENT_TYPES = (
    "create_artifact",
    "delete_artifact",
    "pull_artifact",
    "create_project",
    "update_project",
    "delete_project",
    "delete_repository",
    "login_user",
    "logout_user",
    "create_user",
    "update_user",
    "delete_user",
    "create_member",
    "update_member",
    "delete_member",
    "create_robot",
    "delete_robot",
    "update_configuration",
)


def event_type(entry: Entry) -> str:
    return f"{entry.operation}_{entry.resource_type}"
