"""The form of a replication policy, and the policy that it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.forms import TYPED, PortalForm, Text
from replication.filters import ARTIFACT, CHART, EXCLUDES, IMAGE, LABEL, MATCHES, NAME, RESOURCE, TAG
from replication.models import Endpoint, Policy, Trigger
from replication.policies import LEGACY, Content

PUSH, PULL = "push", "pull"
_HOW = [(MATCHES, gettext_lazy("only these")), (EXCLUDES, gettext_lazy("all but these"))]
_DIRECTIONS = [
    (PUSH, gettext_lazy("Push: from here to the registry")),
    (PULL, gettext_lazy("Pull: from the registry to here")),
]
_TRIGGERS = [
    (Trigger.MANUAL, gettext_lazy("When somebody starts it")),
    (Trigger.SCHEDULED, gettext_lazy("On a schedule")),
    (Trigger.EVENT_BASED, gettext_lazy("At every push and deletion here")),
]
_KINDS = [
    (ARTIFACT, gettext_lazy("Everything")), (IMAGE, gettext_lazy("Images")), (CHART, gettext_lazy("Helm charts")),
]  # fmt: skip
CRONS = {
    "0 0 * * * *": gettext_lazy("every hour"),
    "0 0 2 * * *": gettext_lazy("every night at 2:00 UTC"),
    "0 0 2 * * 6": gettext_lazy("every Saturday at 2:00 UTC"),
}
_LEVELS = 3  # that are offered to be replaced, one by one


def _registries() -> list[tuple[str, str]]:
    rows = Endpoint.objects.order_by("name").values_list("pk", "name")[:2000]
    return [("", _("Choose a registry")), *((str(pk), name) for pk, name in rows)]


class _Any(forms.MultipleChoiceField):
    """Its choices are the policy's."""

    def valid_value(self, value: Any) -> bool:
        return str(value).isdecimal()


class PolicyForm(PortalForm):
    """`kept` is the policy that is changed. Filters that this form has no field for stay, unless they are unticked."""

    name = Text(label=gettext_lazy("Name"), widget=forms.TextInput(TYPED))
    description = Text(label=gettext_lazy("Description"), required=False)
    direction = forms.ChoiceField(label=gettext_lazy("Direction"), choices=_DIRECTIONS, widget=forms.RadioSelect)
    registry = forms.ChoiceField(label=gettext_lazy("Registry"), choices=_registries)
    repositories = Text(
        label=gettext_lazy("Repositories"), required=False, widget=forms.TextInput({**TYPED, "placeholder": "web/**"}),
        help_text=gettext_lazy("A pattern: * is anything but /, ** anything, {a,b} either. Empty: all."),
    )  # fmt: skip
    tags = Text(
        label=gettext_lazy("Tags"), required=False, widget=forms.TextInput({**TYPED, "placeholder": "v*"}),
        help_text=gettext_lazy("A pattern, as v* or {latest,stable}. Empty: all."),
    )  # fmt: skip
    tags_how = forms.ChoiceField(label=gettext_lazy("Of the tags"), choices=_HOW)
    labels = Text(
        label=gettext_lazy("Labels"), required=False, widget=forms.TextInput(TYPED),
        help_text=gettext_lazy("Names with commas between them; an artifact has all of them."),
    )  # fmt: skip
    labels_how = forms.ChoiceField(label=gettext_lazy("Of the labelled ones"), choices=_HOW)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=_KINDS)
    more = _Any(
        label=gettext_lazy("Further filters"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Set by the API. Those that you untick are dropped."),
    )  # fmt: skip
    namespace = Text(
        label=gettext_lazy("Put below"), required=False, widget=forms.TextInput({**TYPED, "placeholder": "mirror"}),
        help_text=gettext_lazy("A project, or a path. Empty: the names stay as they are."),
    )  # fmt: skip
    flatten = forms.IntegerField(label=gettext_lazy("Which replaces"), required=False, widget=forms.Select)
    trigger = forms.ChoiceField(label=gettext_lazy("When"), choices=_TRIGGERS, widget=forms.RadioSelect)
    cron = Text(
        label=gettext_lazy("Schedule"), required=False,
        widget=forms.TextInput({**TYPED, "list": "crons", "placeholder": "0 0 2 * * *"}),
        help_text=gettext_lazy("Six fields in UTC: second (0), minute, hour, day of the month, month, weekday."),
    )  # fmt: skip
    override = forms.BooleanField(label=gettext_lazy("Move tags that are there on something else"), required=False)
    deletion = forms.BooleanField(
        label=gettext_lazy("Delete there what is deleted here"), required=False,
        help_text=gettext_lazy("At every deletion; for policies that follow pushes and deletions."),
    )  # fmt: skip
    single_active = forms.BooleanField(label=gettext_lazy("One execution at a time"), required=False)
    by_chunk = forms.BooleanField(
        label=gettext_lazy("Send layers in pieces"), required=False,
        help_text=gettext_lazy("For a registry, or a proxy before it, that limits how much one request may carry."),
    )  # fmt: skip
    speed = forms.IntegerField(
        label=gettext_lazy("Speed limit, KiB/s"), required=False,
        help_text=gettext_lazy("Shared by all that the policy copies at once. Empty: none."),
    )  # fmt: skip
    enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False)

    def __init__(self, data: QueryDict | None = None, *, kept: Policy | None = None, registry: str = "") -> None:
        self.kept = kept
        self.further = _further(kept)
        initial = _initial(kept, self.further) if kept else {**_NEW, "registry": registry}
        super().__init__(data, initial=initial)
        # What is offered is known now; what is taken, the domain says.
        self.fields["flatten"].widget = forms.Select(
            {"class": "form-select"}, choices=_levels(kept.flatten if kept else LEGACY)
        )
        further = [(str(place), words_of(each)) for place, each in enumerate(self.further)]
        self.fields["more"].widget = forms.CheckboxSelectMultiple({"class": "form-check-input"}, choices=further)
        if not self.further:
            del self.fields["more"]

    def filters(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        """As Harbor writes them."""
        found: list[dict[str, Any]] = []
        if given["repositories"]:
            found.append({"type": NAME, "value": given["repositories"]})
        if given["tags"]:
            found.append({"type": TAG, "value": given["tags"], "decoration": given["tags_how"]})
        if names := [name for each in given["labels"].split(",") if (name := each.strip())]:
            found.append({"type": LABEL, "value": names, "decoration": given["labels_how"]})
        if given["kind"] != ARTIFACT:
            found.append({"type": RESOURCE, "value": given["kind"]})
        kept = {int(place) for place in given.get("more", [])}
        return found + [each for place, each in enumerate(self.further) if place in kept]

    def content(self, given: Mapping[str, Any]) -> Content:
        """InvalidPolicy."""
        registry, is_push = int(given["registry"]), given["direction"] == PUSH
        plain = ("name", "description", "namespace", "trigger", "cron", "override", "deletion")
        return Content(
            source_id=None if is_push else registry,
            destination_id=registry if is_push else None,
            filters=self.filters(given),
            flatten=LEGACY if given["flatten"] is None else given["flatten"],
            enabled=given["enabled"],
            speed=given["speed"] or -1,
            by_chunk=given["by_chunk"],
            single_active=given["single_active"],
            **{name: given[name] for name in plain},
        )


_NEW = {
    "direction": PUSH, "tags_how": MATCHES, "labels_how": MATCHES, "kind": ARTIFACT, "trigger": Trigger.MANUAL,
    "flatten": LEGACY, "enabled": True, "override": True,
}  # fmt: skip


def _levels(now: int) -> list[tuple[str, str]]:
    found = {LEGACY: _("the whole path but the last part"), 0: _("nothing: it comes before the name")}
    found[1] = _("the first part of the path")
    for level in sorted({*range(2, _LEVELS + 1), now} - found.keys()):
        found[level] = _("the first %(number)s parts") % {"number": level}
    return [(str(level), words) for level, words in found.items()]


def _fields(filters: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The filters that the form has fields for, by their types: the first of each."""
    first: dict[str, Mapping[str, Any]] = {}
    for each in filters:
        if each.get("value"):
            first.setdefault(str(each.get("type")), each)
    return first


def _further(kept: Policy | None) -> list[dict[str, Any]]:
    filters = kept.filters if kept else []
    shown = list(_fields(filters).values())
    return [each for each in filters if each.get("value") and not any(each is one for one in shown)]


def _initial(kept: Policy, further: Sequence[object]) -> dict[str, Any]:
    first = _fields(kept.filters)
    plain = ("name", "description", "namespace", "flatten", "trigger", "cron", "override", "deletion", "single_active",
             "by_chunk", "enabled")  # fmt: skip
    return {name: getattr(kept, name) for name in plain} | {
        "direction": PUSH if kept.destination_id else PULL,
        "registry": str(kept.destination_id or kept.source_id),
        "repositories": first.get(NAME, {}).get("value", ""),
        "tags": first.get(TAG, {}).get("value", ""),
        "tags_how": first.get(TAG, {}).get("decoration") or MATCHES,
        "labels": ", ".join(first.get(LABEL, {}).get("value", [])),
        "labels_how": first.get(LABEL, {}).get("decoration") or MATCHES,
        "kind": first.get(RESOURCE, {}).get("value", ARTIFACT),
        "speed": kept.speed if kept.speed > 0 else None,
        "more": [str(place) for place in range(len(further))],
    }


_NAMES = {
    NAME: gettext_lazy("Repositories"), TAG: gettext_lazy("Tags"), LABEL: gettext_lazy("Labels"),
    RESOURCE: gettext_lazy("Kind"),
}  # fmt: skip


def words_of(given: Mapping[str, Any]) -> str:
    """A filter for people: `Tags: all but rc*`."""
    value = given.get("value")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    words = _("all but %(pattern)s") % {"pattern": text} if given.get("decoration") == EXCLUDES else text
    return f"{_NAMES.get(str(given.get('type')), given.get('type'))}: {words}"
