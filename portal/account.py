"""One's own account: the profile, the password, and personal access tokens."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

import audit
from configuration import values
from portal import confirming, errors, flash, origin
from portal.forms import PortalForm, Text
from portal.pages import page, show
from portal.users import NewUser, Password, Profile
from portal.visit import Visit, visited
from projects import grants, personal
from projects.models import PersonalToken
from rbac import own_account, profiles, registration
from rbac.models import User
from rbac.reach import ANYTHING

SECTION = "account"
_EVERYTHING, _PUSH, _PULL = "everything", "push", "pull"


class OwnPassword(Password):
    field_order = ["old", "password"]
    old = Text(label=gettext_lazy("The password now"), strip=False,
               widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))  # fmt: skip


class NewToken(PortalForm):
    name = Text(label=gettext_lazy("Name"), max_length=64, help_text=gettext_lazy("What it is for, as laptop or ci."))
    duration = forms.IntegerField(label=gettext_lazy("Days it lives"), initial=personal.USUAL,
                                  help_text=gettext_lazy("-1 is for ever."))  # fmt: skip
    reach = forms.ChoiceField(
        label=gettext_lazy("What it may do"), widget=forms.RadioSelect, initial=_PUSH,
        choices=[
            (_PULL, gettext_lazy("Pull, wherever I may")), (_PUSH, gettext_lazy("Pull and push, wherever I may")),
            (_EVERYTHING, gettext_lazy("All that I may in projects")),
        ],
    )  # fmt: skip


_REACHES = {_PULL: ["repository:pull"], _PUSH: ["repository:pull", "repository:push"], _EVERYTHING: [ANYTHING]}


def _me(visit: Visit) -> User:
    visit.require_somebody()
    return User.objects.get(pk=visit.actor.user_id or 0)


@page("GET", "HEAD", "POST")
def register(request: HttpRequest) -> HttpResponse:
    """An account that somebody makes for themselves, where the configuration lets them; then they sign in by it."""
    if not registration.is_open():
        raise errors.NoPage
    form = NewUser(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        if origin.is_foreign(request):
            raise errors.Foreign
        if values.flag("read_only"):
            raise errors.ReadOnly
        context = audit.context_of(request)
        made = form.attempt(lambda given: registration.register(**given, comment="", context=context))
        if made:
            response = HttpResponseRedirect(reverse("sign-in"))
            flash.say(request, response, _("Your account is there: sign in."))
            return response
    return show(request, "register", {"form": form}, status=form.status)


@visited("GET", "HEAD", "POST")
def account(visit: Visit) -> HttpResponse:
    me = _me(visit)
    form = Profile(visit.posted, initial={name: getattr(me, name) for name in ("email", "realname", "comment")})

    def save(given: dict[str, str]) -> bool:
        profiles.update(me, **given, actor=visit.actor, context=visit.context)
        return True

    if visit.is_post and form.attempt(save):
        return visit.to("account", said=_("The profile is saved."))
    facts = {
        "section": SECTION, "form": form, "me": me, "has_password": own_account.has_password(me),
        "tokens": [(token, grants.words(grants.held_by(token))) for token in _tokens(me)],
    }  # fmt: skip
    return visit.show("account", facts, form.status)


def _tokens(me: User) -> list[PersonalToken]:
    return list(me.personal_tokens.prefetch_related("grants__project").order_by("-pk"))


@visited("GET", "HEAD", "POST")
def password(visit: Visit) -> HttpResponse:
    me = _me(visit)
    form = OwnPassword(visit.posted)

    def change(given: dict[str, str]) -> bool:
        own_account.change_password(
            me, given["old"], given["password"], session=visit.session, actor=visit.actor, context=visit.context
        )
        return True

    if visit.is_post and form.attempt(change):
        return visit.to(
            "account", said=_("The password is another one now. You stay signed in here, and nowhere else.")
        )
    return _form(visit, form, _("Another password"), _("Change the password"))


def _form(visit: Visit, form: PortalForm, title: str, button: str) -> HttpResponse:
    facts = {"section": SECTION, "form": form, "title": title, "button": button, "back": reverse("account")}
    return visit.show("form", facts, form.status)


@visited("GET", "HEAD", "POST")
def new_token(visit: Visit) -> HttpResponse:
    me = _me(visit)
    form = NewToken(visit.posted)

    def create(given: dict[str, str]) -> tuple[PersonalToken, str]:
        permissions: grants.Permissions = {None: _REACHES[given["reach"]]}
        duration = int(given["duration"])
        return personal.create(
            me, given["name"], permissions, duration=duration, actor=visit.actor, context=visit.context
        )

    if visit.is_post and (made := form.attempt(create)):
        command = f"docker login -u '{me.username}' --password-stdin {visit.request.get_host()}"
        facts = {"section": SECTION, "login": made[0].name, "secret": made[1], "command": command}
        return visit.show("token_secret", facts)
    return _form(visit, form, _("New access token"), _("Create the token"))


@visited("GET", "HEAD", "POST")
def revoke(visit: Visit, token_id: int) -> HttpResponse:
    me = _me(visit)
    token = me.personal_tokens.select_related("user").filter(pk=token_id).first()
    if token is None:
        raise errors.NoPage(_("There is no such token."))
    return confirming.confirmed(
        visit,
        lambda: personal.revoke(token, actor=visit.actor, context=visit.context),
        name=token.name,
        title=_("Revoke the token %(name)s") % {"name": token.name},
        words=_("Whatever signs in with it is refused from now on."),
        back=reverse("account"),
        button=_("Revoke the token"),
        then=reverse("account"),
        said=_("The token %(name)s is revoked.") % {"name": token.name},
        section=SECTION,
    )
