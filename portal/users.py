"""Users, for administrators: who there is, new ones, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import confirming, errors
from portal.forms import TYPED, PortalForm, Text
from portal.lists import ordered, page_of
from portal.undo import Facts, Undo, way
from portal.visit import Visit, visited
from rbac import actions, profiles, registration
from rbac.models import Identity, User
from rbac.policy import SYSTEM_SCOPE

SECTION = "users"
ORDERS = {"name": ["username"], "created": ["id"]}
_SECRET = forms.PasswordInput(attrs={"autocomplete": "new-password"})
_PASSWORD_RULE = gettext_lazy("8 to 128 characters, with an upper-case letter, a lower-case one and a digit.")


class Profile(PortalForm):
    email = Text(label=gettext_lazy("E-mail"), required=False, max_length=255)
    realname = Text(label=gettext_lazy("Full name"), required=False, max_length=255)
    comment = Text(label=gettext_lazy("Comment"), required=False, max_length=255)


class NewUser(PortalForm):
    username = Text(label=gettext_lazy("User name"), max_length=255, widget=forms.TextInput(attrs=TYPED))
    email = Text(label=gettext_lazy("E-mail"), max_length=255)
    realname = Text(label=gettext_lazy("Full name"), required=False, max_length=255)
    password = Text(label=gettext_lazy("Password"), strip=False, widget=_SECRET, help_text=_PASSWORD_RULE)


class Password(PortalForm):
    password = Text(label=gettext_lazy("New password"), strip=False, widget=_SECRET, help_text=_PASSWORD_RULE)


def _show(visit: Visit, template: str, facts: dict[str, Any], status: int = 200) -> HttpResponse:
    return visit.show(template, {"section": SECTION, "may": visit.deeds("user"), **facts}, status)


@visited("GET", "HEAD")
def users(visit: Visit) -> HttpResponse:
    visit.require("user:list", SYSTEM_SCOPE)
    q = visit.asked("q")
    rows = User.objects.defer("password", "comment")
    rows, order = ordered(visit, rows.filter(username__icontains=q) if q else rows, ORDERS, "name")
    page = page_of(visit, rows)
    provided = set(Identity.objects.filter(user__in=[row.pk for row in page.rows]).values_list("user", flat=True))
    facts = {
        "page": page, "q": q, "order": order, "provided": provided, "kept": {"sort": visit.asked("sort")},
        "creates": registration.is_possible(),
    }  # fmt: skip
    return _show(visit, "users", facts)


@visited("GET", "HEAD", "POST")
def new(visit: Visit) -> HttpResponse:
    visit.require("user:create", SYSTEM_SCOPE)
    form = NewUser(visit.posted)

    def create(given: dict[str, str]) -> User:
        return registration.create(**given, comment="", actor=visit.actor, context=visit.context)

    if visit.is_post and (made := form.attempt(create)):
        return visit.to("user", made.pk, said=_("The user %(name)s is there.") % {"name": made.username})
    facts = {"form": form, "title": _("New user"), "back": reverse("users"), "button": _("Create the user")}
    return _show(visit, "form", facts, form.status)


@visited("GET", "HEAD", "POST")
def user(visit: Visit, user_id: int) -> HttpResponse:
    """One user: the profile, and the deeds that there are."""
    visit.require("user:read", SYSTEM_SCOPE)
    found = _find(user_id)
    form = Profile(visit.posted, initial={name: getattr(found, name) for name in ("email", "realname", "comment")})

    def save(given: dict[str, str]) -> bool:
        visit.require("user:update", SYSTEM_SCOPE)
        profiles.update(found, **given, actor=visit.actor, context=visit.context)
        return True

    if visit.is_post and form.attempt(save):
        return visit.to("user", found.pk, said=_("The profile is saved."))
    facts = {
        "form": form, "user": found, "is_me": found.pk == visit.actor.user_id,
        "is_first": found.pk == actions.FIRST_ADMINISTRATOR, "identity": Identity.objects.filter(user=found).first(),
        "groups": list(found.user_groups.order_by("name")[:50]),
    }  # fmt: skip
    return _show(visit, "user", facts, form.status)


@visited("GET", "HEAD", "POST")
def password(visit: Visit, user_id: int) -> HttpResponse:
    visit.require("user:update", SYSTEM_SCOPE)
    found = _find(user_id)
    form = Password(visit.posted)

    def change(given: dict[str, str]) -> bool:
        actions.set_password(found, given["password"], actor=visit.actor, context=visit.context)
        return True

    if found.pk == visit.actor.user_id:
        return visit.to("account")
    if visit.is_post and form.attempt(change):
        return visit.to("user", found.pk, said=_("The password is another one now; its sessions have ended."))
    facts = {"form": form, "title": _("A new password for %(name)s") % {"name": found.username},
             "back": reverse("user", args=[found.pk]), "button": _("Set the password")}  # fmt: skip
    return _show(visit, "form", facts, form.status)


@visited("POST")
def change(visit: Visit, user_id: int) -> HttpResponse:
    """A lock, or an administrator's rights: given or taken."""
    visit.require("user:update", SYSTEM_SCOPE)
    found = _find(user_id)
    deed = visit.request.POST.get("deed", "")
    if deed not in _DEEDS:
        raise errors.Malformed
    said = _change(visit, found, deed)
    undo = Undo("change-user", SYSTEM_SCOPE, {"user": found.pk, "deed": _DEEDS[deed]})
    return visit.to("user", found.pk, said=said, undo=undo)


_DEEDS = {"lock": "unlock", "unlock": "lock", "promote": "demote", "demote": "promote"}  # each with what takes it back


def _change(visit: Visit, found: User, deed: str) -> str:
    by: Any = {"actor": visit.actor, "context": visit.context}
    deeds: dict[str, tuple[Callable[[], object], str]] = {
        "lock": (lambda: actions.lock_user(found, **by), _("%(name)s is locked.")),
        "unlock": (lambda: actions.unlock_user(found, **by), _("%(name)s may sign in again.")),
        "promote": (lambda: actions.set_admin(found, True, **by), _("%(name)s is a system administrator now.")),
        "demote": (lambda: actions.set_admin(found, False, **by), _("%(name)s is no system administrator any more.")),
    }
    act, said = deeds[deed]
    act()
    return said % {"name": found.username}


@way("change-user", "user:update")
def _change_back(visit: Visit, facts: Facts) -> str:
    visit.require("user:update", SYSTEM_SCOPE)
    return _change(visit, _find(facts["user"]), facts["deed"])


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, user_id: int) -> HttpResponse:
    visit.require("user:delete", SYSTEM_SCOPE)
    found = _find(user_id)
    return confirming.confirmed(
        visit,
        lambda: actions.delete_user(found, actor=visit.actor, context=visit.context),
        name=found.username,
        title=_("Delete the user %(name)s") % {"name": found.username},
        words=_("Memberships and tokens go too; projects stay, without an owner. This can't be undone, unlike a lock."),
        back=reverse("user", args=[found.pk]),
        button=_("Delete the user"),
        then=reverse("users"),
        said=_("The user %(name)s is deleted.") % {"name": found.username},
        section=SECTION,
    )


def _find(user_id: int) -> User:
    found = User.objects.filter(pk=user_id).first()
    if found is None:
        raise errors.NoPage(_("There is no such user."))
    return found
