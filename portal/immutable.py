"""Rules on tags that neither move nor go, with what they would cover shown as they are written."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import previews
from portal import confirming, errors, rooms
from portal.forms import TYPED, PortalForm, Text
from portal.rooms import Room
from portal.undo import Facts, Undo, way
from portal.visit import Visit, visited
from projects import immutability
from projects.errors import InvalidImmutableRule
from projects.immutability import Selector
from projects.models import ImmutableRule


class RuleForm(PortalForm):
    repository_decoration = forms.ChoiceField(
        label=gettext_lazy("Repositories"),
        initial="repoMatches",
        choices=[("repoMatches", gettext_lazy("that match")), ("repoExcludes", gettext_lazy("that don't match"))],
    )
    repository_pattern = Text(label=gettext_lazy("Pattern of repositories"), initial="**", strip=False,
                              widget=forms.TextInput(attrs=TYPED))  # fmt: skip
    tag_decoration = forms.ChoiceField(
        label=gettext_lazy("Tags"),
        initial="matches",
        choices=[("matches", gettext_lazy("that match")), ("excludes", gettext_lazy("that don't match"))],
    )
    tag_pattern = Text(
        label=gettext_lazy("Pattern of tags"), initial="v*", strip=False, widget=forms.TextInput(attrs=TYPED),
        help_text=gettext_lazy("* is anything but a slash, ** anything, ? one character, {a,b} either."),
    )  # fmt: skip


def _selectors(given: Any) -> tuple[Selector, Selector]:
    return (
        Selector(str(given.get("repository_decoration", "")), str(given.get("repository_pattern", ""))),
        Selector(str(given.get("tag_decoration", "")), str(given.get("tag_pattern", ""))),
    )


def _shown(rule: ImmutableRule) -> dict[str, str]:
    """The rule as the form has it."""
    return {field: getattr(rule, field) for field in RuleForm.base_fields}


@visited("GET", "HEAD")
def rules(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "immutable-tag:list")
    found = list(room.project.immutable_rules.order_by("pk")[: immutability.MOST])
    return room.show("rules", "rules", {"rules": found})


@visited("GET", "HEAD")
def preview(visit: Visit, name: str) -> HttpResponse:
    """What the rule that is being written would cover."""
    room = rooms.enter(visit, name, "immutable-tag:create")
    return visit.show("parts/preview", _previewed(room, _selectors(visit.request.GET)))


def _previewed(room: Room, selectors: tuple[Selector, Selector]) -> dict[str, Any]:
    try:
        return {"preview": previews.covered(room.project, immutability.draft(*selectors))}
    except InvalidImmutableRule as error:
        told = errors.tellable(error)
        return {"wrong": told.message if told else ""}


@visited("GET", "HEAD", "POST")
def new(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "immutable-tag:create")
    form = RuleForm(visit.posted)

    def create(given: dict[str, str]) -> ImmutableRule:
        return immutability.create(room.project, *_selectors(given), actor=visit.actor, context=visit.context)

    if visit.is_post and form.attempt(create) is not None:
        return visit.to("rules", name, said=_("The rule is in force."))
    return _form(room, form, _("New rule"))


@visited("GET", "HEAD", "POST")
def edit(visit: Visit, name: str, rule_id: int) -> HttpResponse:
    room = rooms.enter(visit, name, "immutable-tag:update")
    rule = _find(room, rule_id)
    form = RuleForm(visit.posted, initial=_shown(rule))

    def change(given: dict[str, str]) -> bool:
        repositories, tags = _selectors(given)
        immutability.change(
            room.project, rule.pk, repositories=repositories, tags=tags, actor=visit.actor, context=visit.context
        )
        return True

    if visit.is_post and form.attempt(change):
        return visit.to("rules", name, said=_("The rule is saved."))
    return _form(room, form, _("Edit the rule"))


def _form(room: Room, form: RuleForm, title: str) -> HttpResponse:
    typed = {field: form[field].value() or "" for field in RuleForm.base_fields}
    facts = {"form": form, "title": title, **_previewed(room, _selectors(typed))}
    return room.show("rule_form", "rules", facts, status=form.status)


@visited("POST")
def switch(visit: Visit, name: str, rule_id: int) -> HttpResponse:
    room = rooms.enter(visit, name, "immutable-tag:update")
    disabled = visit.request.POST.get("disabled") == "true"
    immutability.change(room.project, rule_id, disabled=disabled, actor=visit.actor, context=visit.context)
    said = _("The rule is switched off.") if disabled else _("The rule is in force.")
    undo = Undo("switch-rule", room.project, {"project": name, "rule": rule_id, "disabled": not disabled})
    return visit.to("rules", name, said=said, undo=undo)


@way("switch-rule", "immutable-tag:update")
def _switch_back(visit: Visit, facts: Facts) -> str:
    room = rooms.enter(visit, facts["project"], "immutable-tag:update")
    disabled = bool(facts["disabled"])
    immutability.change(room.project, facts["rule"], disabled=disabled, actor=visit.actor, context=visit.context)
    return _("The rule is switched off again.") if disabled else _("The rule is in force again.")


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, name: str, rule_id: int) -> HttpResponse:
    room = rooms.enter(visit, name, "immutable-tag:delete")
    rule = _find(room, rule_id)
    return confirming.confirmed(
        visit,
        lambda: immutability.remove(room.project, rule.pk, actor=visit.actor, context=visit.context),
        name=rule.tag_pattern,
        title=_("Delete the rule for %(pattern)s") % {"pattern": rule.tag_pattern},
        words=_("Tags that it alone covers can be moved and deleted again."),
        back=reverse("rules", args=[name]),
        button=_("Delete the rule"),
        then=reverse("rules", args=[name]),
        said=_("The rule is deleted."),
        section="projects",
        undo=Undo("delete-rule", room.project, {"project": name, **_kept(rule)}),
    )


def _kept(rule: ImmutableRule) -> dict[str, Any]:
    return {"disabled": rule.disabled, "priority": rule.priority, **_shown(rule)}


@way("delete-rule", "immutable-tag:create")
def _create_again(visit: Visit, facts: Facts) -> str:
    room = rooms.enter(visit, facts["project"], "immutable-tag:create")
    more: Any = {"disabled": facts["disabled"], "priority": facts["priority"]}
    immutability.create(room.project, *_selectors(facts), **more, actor=visit.actor, context=visit.context)
    return _("The rule is there again, switched off.") if facts["disabled"] else _("The rule is in force again.")


def _find(room: Room, rule_id: int) -> ImmutableRule:
    found = ImmutableRule.objects.filter(project=room.project, pk=rule_id).first()
    if found is None:
        raise errors.NoPage(_("There is no such rule."))
    return found
