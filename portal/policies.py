"""Replication policies: their list, one with what it did, the editor with a preview; started, switched, deleted."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import confirming, errors
from portal.lists import page_of
from portal.policy_form import CRONS, PULL, PolicyForm, words_of
from portal.undo import Facts, Undo, way
from portal.visit import Visit, id_in, visited
from rbac.policy import SYSTEM_SCOPE, can
from replication import cron, executions, overview, policies, previews
from replication.errors import InvalidPolicy, ReplicationError
from replication.models import Endpoint, Execution, Policy, Trigger

_TIMES = 3  # the next ones that a schedule is due at
_DEEDS = ("replication-policy:create", "replication-policy:update", "replication-policy:delete", "replication:create")
_EXAMPLE = "team/app/image"


def rights(visit: Visit) -> set[str]:
    """What the visitor may do about replication."""
    return {deed for deed in _DEEDS if can(visit.actor, deed, SYSTEM_SCOPE)}


def show(visit: Visit, template: str, tab: str, facts: dict[str, Any], status: int = 200) -> HttpResponse:
    """A page among those of replication."""
    return visit.show(template, {"section": "policies", "tab": tab, "rights": rights(visit), **facts}, status=status)


@visited("GET", "HEAD")
def listed(visit: Visit) -> HttpResponse:
    visit.require("replication-policy:list", SYSTEM_SCOPE)
    q = visit.asked("q")
    rows = Policy.objects.select_related("source", "destination").order_by("name")
    page = page_of(visit, rows.filter(name__icontains=q) if q else rows)
    last = overview.latest([row.pk for row in page.rows])
    entries = [(row, last.get(row.pk)) for row in page.rows]
    return show(visit, "policies", "policies", {"page": page, "entries": entries, "q": q})


@visited("GET", "HEAD")
def policy(visit: Visit, policy: int) -> HttpResponse:
    visit.require("replication-policy:read", SYSTEM_SCOPE)
    found = policies.find(policy)
    page = page_of(visit, Execution.objects.filter(policy=found).order_by("-started_at", "-id"))
    facts = {
        "policy": found, "page": page, "figures": executions.progress_of(page.rows),
        "filters": [words_of(each) for each in found.filters if each.get("value")],
        "times": _times(found.cron) if found.trigger == Trigger.SCHEDULED else [],
        "example": _example(found.namespace, found.flatten),
    }  # fmt: skip
    return show(visit, "policy", "policies", facts)


def _times(text: str) -> list[object]:
    try:
        return list(cron.next_times(text, timezone.now(), _TIMES))
    except InvalidPolicy:
        return []


def _example(namespace: str, flatten: int) -> tuple[str, str] | None:
    """A name, and what it would be there; None where names stay as they are."""
    return (_EXAMPLE, policies.renamed(_EXAMPLE, namespace, min(flatten, 2))) if namespace else None


@visited("GET", "HEAD", "POST")
def new(visit: Visit) -> HttpResponse:
    visit.require("replication-policy:create", SYSTEM_SCOPE)
    form = PolicyForm(visit.posted, registry=visit.asked("registry"))

    def create(given: dict[str, Any]) -> Policy:
        return policies.create(form.content(given), actor=visit.actor, context=visit.context)

    if _deed(visit) in {"save", "try"} and (made := form.attempt(create)):
        return _saved(visit, made, _("The policy %(name)s is there.") % {"name": made.name})
    return _editor(visit, form, _("New policy"))


@visited("GET", "HEAD", "POST")
def edit(visit: Visit, policy: int) -> HttpResponse:
    visit.require("replication-policy:update", SYSTEM_SCOPE)
    kept = policies.find(policy)
    form = PolicyForm(visit.posted, kept=kept)

    def change(given: dict[str, Any]) -> bool:
        policies.update(kept.pk, form.content(given), actor=visit.actor, context=visit.context)
        return True

    if _deed(visit) in {"save", "try"} and form.attempt(change):
        return _saved(visit, kept, _("The policy is saved. What goes on already goes on as it began."))
    return _editor(visit, form, _("Edit %(name)s") % {"name": kept.name})


def _deed(visit: Visit) -> str:
    """Which of the editor's buttons was pressed."""
    return visit.request.POST.get("deed", "save") if visit.is_post else ""


def _saved(visit: Visit, found: Policy, said: str) -> HttpResponse:
    """It is saved, whatever comes of the dry run that was asked for."""
    if _deed(visit) == "try":
        try:
            return _started(visit, found, dry_run=True)
        except ReplicationError as error:
            told = errors.tellable(error)
            said = f"{said} {told.message if told else ''}"
    return visit.to("policy", found.pk, said=said)


def _editor(visit: Visit, form: PolicyForm, title: str) -> HttpResponse:
    if _deed(visit) == "preview":
        form.is_valid()
        form.errors.clear()
    facts = {
        "form": form,
        "title": title,
        "kept": form.kept,
        "crons": CRONS.items(),
        "has_registries": Endpoint.objects.exists(),
        **_preview(form),
    }
    return show(visit, "policy_form", "policies", facts, status=form.status)


@visited("POST", works_in_read_only=True)
def preview(visit: Visit) -> HttpResponse:
    """What a policy would take as it is being typed, for the editor."""
    visit.require("replication-policy:read", SYSTEM_SCOPE)
    number = id_in(visit.request.POST.get("policy", ""))
    kept = policies.find(number) if number else None
    return visit.show("parts/policy_preview", _preview(PolicyForm(visit.posted, kept=kept)))


def _preview(form: PolicyForm) -> dict[str, Any]:
    """`wrong` where what was typed so far is no policy."""
    form.is_valid()
    given = {name: form[name].initial for name in form.fields} | (form.cleaned_data if form.is_bound else {})
    given = {name: "" if value is None else value for name, value in given.items()}
    facts: dict[str, Any] = {"times": [], "wrong": "", "preview": None, "is_pull": given["direction"] == PULL}
    try:
        if given["trigger"] == Trigger.SCHEDULED and given["cron"]:
            facts["times"] = cron.next_times(given["cron"], timezone.now(), _TIMES)
        flatten = policies.LEGACY if given["flatten"] == "" else int(given["flatten"])
        policies.check_namespace(given["namespace"], flatten)
        facts["example"] = _example(given["namespace"], flatten)
        if not facts["is_pull"]:
            facts["preview"] = previews.preview(form.filters(given), given["namespace"], flatten)
    except InvalidPolicy as error:
        told = errors.tellable(error)
        facts["wrong"] = told.message if told else ""
    return facts


@visited("POST")
def start(visit: Visit, policy: int) -> HttpResponse:
    visit.require("replication:create", SYSTEM_SCOPE)
    return _started(visit, policies.find(policy), dry_run=visit.request.POST.get("dry_run") == "true")


def _started(visit: Visit, found: Policy, *, dry_run: bool) -> HttpResponse:
    visit.require("replication:create", SYSTEM_SCOPE)
    begun = executions.start(
        found, trigger=Trigger.MANUAL, actor=visit.actor, context=visit.context, dry_run=dry_run
    )  # fmt: skip
    return visit.to("execution", begun.pk)


@visited("POST")
def switch(visit: Visit, policy: int) -> HttpResponse:
    visit.require("replication-policy:update", SYSTEM_SCOPE)
    enabled = visit.request.POST.get("enabled") == "true"
    policies.switch(policy, enabled=enabled, actor=visit.actor, context=visit.context)
    said = _("The policy is enabled.") if enabled else _("The policy is disabled. What goes on already goes on.")
    undo = Undo("switch-policy", SYSTEM_SCOPE, {"policy": policy, "enabled": not enabled})
    return visit.to("policy", policy, said=said, undo=undo)


@way("switch-policy", "replication-policy:update")
def _switch_back(visit: Visit, facts: Facts) -> str:
    visit.require("replication-policy:update", SYSTEM_SCOPE)
    enabled = bool(facts["enabled"])
    policies.switch(facts["policy"], enabled=enabled, actor=visit.actor, context=visit.context)
    return _("The policy is enabled again.") if enabled else _("The policy is disabled again.")


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, policy: int) -> HttpResponse:
    visit.require("replication-policy:delete", SYSTEM_SCOPE)
    found = policies.find(policy)
    return confirming.confirmed(
        visit,
        lambda: policies.delete(found.pk, actor=visit.actor, context=visit.context),
        name=found.name,
        title=_("Delete the policy %(name)s") % {"name": found.name},
        words=_("Its executions and their logs are forgotten with it. What was replicated stays where it is."),
        back=reverse("policy", args=[found.pk]),
        button=_("Delete the policy"),
        then=reverse("policies"),
        said=_("The policy %(name)s is deleted.") % {"name": found.name},
        section="policies",
    )
