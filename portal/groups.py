"""Groups, for administrators: our own, the directory's and the provider's."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import confirming, errors
from portal.forms import PortalForm, Text
from portal.lists import page_of
from portal.undo import Facts, Undo, way
from portal.visit import Visit, visited
from rbac import actions, groups
from rbac.models import Group
from rbac.policy import SYSTEM_SCOPE

SECTION = "groups"
KINDS = {
    Group.Kind.LOCAL: gettext_lazy("Our own"),
    Group.Kind.LDAP: gettext_lazy("The directory's"),
    Group.Kind.OIDC: gettext_lazy("The provider's"),
}


class NewGroup(PortalForm):
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), widget=forms.RadioSelect, choices=list(KINDS.items()),
                             initial=Group.Kind.LOCAL)  # fmt: skip
    name = Text(label=gettext_lazy("Name"), max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    dn = Text(label=gettext_lazy("DN"), required=False, help_text=gettext_lazy("Of a group of the directory."))


class Name(PortalForm):
    name = Text(label=gettext_lazy("Name"), max_length=255)


class Somebody(PortalForm):
    username = Text(
        label=gettext_lazy("User name"), max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


def _show(visit: Visit, template: str, facts: dict[str, Any], status: int = 200) -> HttpResponse:
    return visit.show(template, {"section": SECTION, "may": visit.deeds("user-group"), **facts}, status)


@visited("GET", "HEAD")
def list_groups(visit: Visit) -> HttpResponse:
    visit.require("user-group:list", SYSTEM_SCOPE)
    q = visit.asked("q")
    rows = Group.objects.order_by("name")
    page = page_of(visit, rows.filter(name__icontains=q) if q else rows)
    return _show(visit, "groups", {"page": page, "q": q, "kinds": KINDS})


@visited("GET", "HEAD", "POST")
def new(visit: Visit) -> HttpResponse:
    visit.require("user-group:create", SYSTEM_SCOPE)
    form = NewGroup(visit.posted)

    def create(given: dict[str, str]) -> Group:
        kind = Group.Kind(given["kind"])
        return groups.create(kind, given["name"], dn=given["dn"], actor=visit.actor, context=visit.context)

    if visit.is_post and (made := form.attempt(create)):
        return visit.to("group", made.pk, said=_("The group %(name)s is there.") % {"name": made.name})
    facts = {"form": form, "title": _("New group"), "back": reverse("groups"), "button": _("Create the group")}
    return _show(visit, "form", facts, form.status)


@visited("GET", "HEAD", "POST")
def group(visit: Visit, group_id: int) -> HttpResponse:
    """Who is in it, and somebody more. Of the directory's and the provider's groups we only see who has signed in."""
    visit.require("user-group:read", SYSTEM_SCOPE)
    found = _find(group_id)
    form = Somebody(visit.posted)

    def add(given: dict[str, str]) -> bool:
        visit.require("user-group:update", SYSTEM_SCOPE)
        actions.add_to_group(found, actions.find_user(given["username"]), actor=visit.actor, context=visit.context)
        return True

    if visit.is_post and form.attempt(add):
        return visit.to(
            "group", found.pk, said=_("%(name)s is in the group now.") % {"name": form.cleaned_data["username"]}
        )
    page = page_of(visit, found.users.defer("password").order_by("username"))
    facts = {"group": found, "page": page, "form": form, "kind": KINDS[Group.Kind(found.kind)],
             "is_ours": found.kind == Group.Kind.LOCAL}  # fmt: skip
    return _show(visit, "group", facts, form.status)


@visited("POST")
def take_out(visit: Visit, group_id: int) -> HttpResponse:
    visit.require("user-group:update", SYSTEM_SCOPE)
    found = _find(group_id)
    user = actions.find_user(visit.request.POST.get("username", ""))
    actions.remove_from_group(found, user, actor=visit.actor, context=visit.context)
    undo = Undo("take-out", SYSTEM_SCOPE, {"group": found.pk, "username": user.username})
    return visit.to("group", found.pk, said=_("%(name)s is out of the group.") % {"name": user.username}, undo=undo)


@way("take-out", "user-group:update")
def _put_in_again(visit: Visit, facts: Facts) -> str:
    visit.require("user-group:update", SYSTEM_SCOPE)
    user = actions.find_user(facts["username"])
    actions.add_to_group(_find(facts["group"]), user, actor=visit.actor, context=visit.context)
    return _("%(name)s is in the group again.") % {"name": user.username}


@visited("GET", "HEAD", "POST")
def rename(visit: Visit, group_id: int) -> HttpResponse:
    visit.require("user-group:update", SYSTEM_SCOPE)
    found = _find(group_id)
    form = Name(visit.posted, initial={"name": found.name})

    def save(given: dict[str, str]) -> bool:
        groups.rename(found, given["name"], actor=visit.actor, context=visit.context)
        return True

    if visit.is_post and form.attempt(save):
        return visit.to("group", found.pk, said=_("The group has its new name."))
    facts = {
        "form": form,
        "title": _("Rename the group"),
        "back": reverse("group", args=[group_id]),
        "button": _("Save"),
    }
    return _show(visit, "form", facts, form.status)


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, group_id: int) -> HttpResponse:
    visit.require("user-group:delete", SYSTEM_SCOPE)
    found = _find(group_id)
    return confirming.confirmed(
        visit,
        lambda: groups.delete(found, actor=visit.actor, context=visit.context),
        name=found.name,
        title=_("Delete the group %(name)s") % {"name": found.name},
        words=_("What its members may do in projects by it is over at once."),
        back=reverse("group", args=[group_id]),
        button=_("Delete the group"),
        then=reverse("groups"),
        said=_("The group %(name)s is deleted.") % {"name": found.name},
        section=SECTION,
    )


def _find(group_id: int) -> Group:
    found = Group.objects.filter(pk=group_id).first()
    if found is None:
        raise errors.NoPage(_("There is no such group."))
    return found
