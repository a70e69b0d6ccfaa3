"""Setting configuration items, several at once or none of them."""

from collections.abc import Mapping, Set

from django.db import transaction

import audit
from audit import Context
from configuration import guards, values
from configuration.errors import InvalidValue, ItemFrozen
from configuration.items import Value, find
from configuration.models import Setting
from db.locks import transaction_lock

# What must be set for people to be able to sign in that way.
_NEEDED = {
    "ldap_auth": ("ldap_url", "ldap_base_dn", "ldap_uid"),
    "oidc_auth": ("oidc_endpoint", "oidc_client_id"),
}

_TRAIL = {"skip_audit_log_database", "audit_log_forward_endpoint"}


@transaction.atomic
def update(changes: Mapping[str, object], *, actor: str, context: Context, guarded: bool = True) -> list[str]:
    """Set the items that `changes` names, and answer which of them held something else before.

    Raises UnknownItem, InvalidValue, ItemFrozen (not if the item is set to what it holds), and changes nothing then.
    Who isn't `guarded` knows what follows, as the operator at the console does.
    """
    transaction_lock("configuration")  # what the items hold together is checked against what is stored
    before = values.read()
    checked = {name: find(name).checked(value) for name, value in changes.items()}
    changed = {name: value for name, value in checked.items() if value != before[name]}
    for name in changed:
        if not values.is_editable(name):
            raise ItemFrozen(f"{name} is set by the environment ({values.variable_of(name)})")
        if guarded:
            guards.check(name)
    _check_together(before | changed, changed.keys())
    if changed:
        _record(changed, actor, context)  # by what held before: that records are switched off is recorded
    for name, value in changed.items():
        Setting.objects.update_or_create(name=name, defaults={"value": values.stored(find(name), value)})
    values.forget()  # for whoever asks within the transaction, and again once it counts for everybody
    transaction.on_commit(values.forget)
    return sorted(changed)


def _check_together(after: Mapping[str, Value], changed: Set[str]) -> None:
    for name in _NEEDED.get(str(after["auth_mode"]), ()):
        if not after[name]:
            raise InvalidValue(f"auth_mode {after['auth_mode']} needs {name}")
    if changed & _TRAIL and after["skip_audit_log_database"] and not after["audit_log_forward_endpoint"]:
        raise InvalidValue("skip_audit_log_database needs audit_log_forward_endpoint")


def _record(changed: Mapping[str, Value], actor: str, context: Context) -> None:
    audit.record(
        actor=actor,
        operation="update",
        resource_type="configuration",
        resource=", ".join(sorted(changed)),
        context=context,
        detail={"set": {name: "(secret)" if find(name).secret else value for name, value in changed.items()}},
    )
