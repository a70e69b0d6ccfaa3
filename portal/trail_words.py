"""Words of the audit trail, and the names of the system's pieces, in the reader's language. In English, the API's."""

from django.utils.translation import gettext_lazy as _

DEEDS = {
    "pull": _("pull"),
    "create": _("create"),
    "update": _("update"),
    "delete": _("delete"),
    "login": _("login"),
    "logout": _("logout"),
    "start": _("start"),
    "stop": _("stop"),
    "retry": _("retry"),
    "move": _("move"),
}
THINGS = {
    "artifact": _("artifact"),
    "artifact-label": _("artifact-label"),
    "audit": _("audit"),
    "configuration": _("configuration"),
    "cve-allowlist": _("cve-allowlist"),
    "group": _("group"),
    "immutable-tag-rule": _("immutable-tag-rule"),
    "label": _("label"),
    "member": _("member"),
    "project": _("project"),
    "quota": _("quota"),
    "registry": _("registry"),
    "replication": _("replication"),
    "replication-policy": _("replication-policy"),
    "repository": _("repository"),
    "robot": _("robot"),
    "role": _("role"),
    "tag": _("tag"),
    "token": _("token"),
    "user": _("user"),
}
PIECES = {
    "core": _("core"),
    "database": _("database"),
    "redis": _("redis"),
    "registry": _("registry"),
}
