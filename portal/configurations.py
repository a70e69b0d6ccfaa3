"""The configuration items, by what they are about: shown, changed, and a directory or a provider tried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpResponse, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from configuration import actions, guards, reach, values
from configuration.items import Item, find
from portal import errors
from portal.domain_words import told
from portal.forms import PortalForm
from portal.item_words import CHOICES, HELP, TITLES
from portal.visit import Visit, visited
from projects import quotas
from projects.errors import InvalidQuota
from rbac import trial
from rbac.policy import SYSTEM_SCOPE, can

SECTION = "configuration"


@dataclass(frozen=True, slots=True)
class Part:
    title: str | Promise
    items: tuple[str, ...]


PARTS = {
    "sign-in": Part(
        gettext_lazy("Signing in"), ("auth_mode", "primary_auth_mode", "self_registration", "session_timeout")
    ),
    "ldap": Part(
        gettext_lazy("LDAP"),
        (
            "ldap_url", "ldap_start_tls", "ldap_verify_cert", "ldap_ca_file", "ldap_search_dn", "ldap_search_password",
            "ldap_base_dn", "ldap_filter", "ldap_uid", "ldap_scope", "ldap_timeout", "ldap_group_base_dn",
            "ldap_group_search_filter", "ldap_group_attribute_name", "ldap_group_search_scope",
            "ldap_group_membership_attribute", "ldap_group_nested", "ldap_group_admin_dn",
        ),
    ),
    "oidc": Part(
        gettext_lazy("OpenID Connect"),
        (
            "oidc_name", "oidc_endpoint", "oidc_client_id", "oidc_client_secret", "oidc_scope", "oidc_verify_cert",
            "oidc_ca_file", "oidc_auto_onboard", "oidc_user_claim", "oidc_groups_claim", "oidc_group_filter",
            "oidc_admin_group", "oidc_extra_redirect_parms", "oidc_logout", "oidc_timeout",
        ),
    ),
    "projects": Part(
        gettext_lazy("Projects and robots"),
        (
            "project_creation_restriction", "quota_per_project_enable", "storage_per_project", "robot_name_prefix",
            "robot_token_duration", "token_expiration",
        ),
    ),
    "audit": Part(
        gettext_lazy("Audit"),
        ("audit_log_forward_endpoint", "skip_audit_log_database", "disabled_audit_log_event_types"),
    ),
    "system": Part(gettext_lazy("System"), ("read_only", "banner_message")),
}  # fmt: skip


class _Items(PortalForm):
    """One field an item. A secret is never shown: left empty it stays as it is."""

    def changes(self, given: dict[str, Any]) -> dict[str, Any]:
        """What is to be set: not the frozen, nor secrets that were left empty."""
        named = {name: value for name, value in given.items() if not self.fields[name].disabled}
        return {name: find(name).accept(value) for name, value in named.items() if value or not find(name).secret}


class _Limit(forms.CharField):
    """A storage limit as people write it; the item holds bytes."""

    def prepare_value(self, value: Any) -> Any:
        return quotas.written(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        try:
            return quotas.parse(super().clean(value))
        except InvalidQuota as error:
            raise forms.ValidationError(told(error, str(error))) from error


def _form_of(part: Part, data: QueryDict | None) -> _Items:
    shown = guards.shown()
    fields = {
        name: _field(find(name), editable=values.is_editable(name) and shown.get(name, _ANY)["editable"])
        for name in part.items
    }
    made: type[_Items] = type("Items", (_Items,), fields)
    return made(data, initial={name: each["value"] for name, each in shown.items()})


_ANY: values.Shown = {"value": "", "editable": True}  # secrets aren't shown


def _field(item: Item, *, editable: bool) -> forms.Field:
    title: Any = TITLES.get(item.name, item.name)
    words: Any = HELP.get(item.name, "")
    if not editable:
        words = gettext_lazy("This is set elsewhere, or has to stay as it is, and can't be changed here.")
    common: dict[str, Any] = {"label": title, "help_text": words, "required": False, "disabled": not editable}
    if item.secret:
        hint = {"autocomplete": "new-password", "placeholder": _("unchanged") if values.get(item.name) else ""}
        return forms.CharField(widget=forms.PasswordInput(attrs=hint), strip=False, max_length=4096, **common)
    if item.name in CHOICES:
        return forms.TypedChoiceField(choices=CHOICES[item.name], coerce=item.kind, **common)
    if item.kind is bool:
        return forms.BooleanField(**common)
    if item.kind is int:
        number = _Limit if item.name == "storage_per_project" else forms.IntegerField
        return number(**{**common, "required": editable})
    if item.name == "banner_message":
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4096, **common)
    return forms.CharField(widget=forms.TextInput(attrs={"spellcheck": "false"}), max_length=4096, **common)


@visited("GET", "HEAD", "POST", works_in_read_only=True)
def configuration(visit: Visit, part: str = "sign-in") -> HttpResponse:
    visit.require("configuration:read", SYSTEM_SCOPE)
    if part not in PARTS:
        raise errors.NoPage
    form = _form_of(PARTS[part], visit.posted)
    tried = ""
    permission, try_out = _TRIALS.get(part, ("", None))
    if visit.is_post and visit.request.POST.get("try"):
        if try_out is None:
            raise errors.Malformed
        visit.require(permission, SYSTEM_SCOPE)
        tried = form.attempt(lambda given: try_out(form.changes(given))) or ""
    elif visit.is_post:
        visit.require("configuration:update", SYSTEM_SCOPE)
        if form.attempt(lambda given: _save(visit, form.changes(given))):
            return visit.to(
                "configuration-part", part, said=_("The configuration is saved. It counts everywhere in seconds.")
            )
    facts = {
        "section": SECTION, "form": form, "parts": PARTS.items(), "part": part,
        "title": PARTS[part].title, "tried": tried,
        "can_try": try_out is not None and can(visit.actor, permission, SYSTEM_SCOPE),
    }  # fmt: skip
    return visit.show("configuration", facts, form.status)


def _save(visit: Visit, changes: dict[str, Any]) -> bool:
    reach.check(changes)
    actions.update(changes, actor=visit.actor.name, context=visit.context)
    return True


def _tried_provider(changes: dict[str, Any]) -> str:
    given = {name: value for name, value in changes.items() if (name, value) != ("oidc_endpoint", "")}
    failure = trial.failure_of_provider(trial.described_provider(given))
    if failure:
        raise errors.Refused(_("The provider could not be used: %(why)s") % {"why": failure}, 400)
    return _("The provider answers, and can be used.")


def _tried(changes: dict[str, Any]) -> str:
    """What came of it, in words."""
    failure = trial.failure(trial.described({name: value for name, value in changes.items() if value != ""}))
    if failure:
        raise errors.Refused(_("The directory could not be used: %(why)s") % {"why": failure}, 400)
    return _("The directory answers, and takes the search account.")


# With what each takes, as in the API.
_TRIALS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "ldap": ("configuration:read", _tried),
    "oidc": ("configuration:update", _tried_provider),
}
