"""A project's members: users and groups, their roles, who comes and who goes."""

from __future__ import annotations

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import confirming, errors, rooms
from portal.forms import TYPED, PortalForm, Text
from portal.groups import KINDS
from portal.lists import page_of
from portal.rooms import Room
from portal.templatetags.portal import role as role_words
from portal.undo import Facts, Undo, way
from portal.visit import Visit, id_in, visited
from projects import actions
from projects.models import Member
from rbac import matrix, parties
from rbac.models import Group, Role, User

USER, GROUP = "user", "group"


def roles() -> list[tuple[int, str]]:
    """Those that a member can hold, the company's own last."""
    return [(role.pk, role_words(role.name)) for role in Role.objects.filter(assignable=True).order_by("pk")]


class NewMember(PortalForm):
    kind = forms.ChoiceField(
        label=gettext_lazy("Who"), widget=forms.RadioSelect, initial=USER,
        choices=[(USER, gettext_lazy("A user")), (GROUP, gettext_lazy("A group"))],
    )  # fmt: skip
    name = Text(
        label=gettext_lazy("Name"), max_length=1024, widget=forms.TextInput(attrs=TYPED),
        help_text=gettext_lazy("Of a group of the directory its DN will do too. Whom the directory knows is added."),
    )  # fmt: skip
    # Who overlooks it gives little away.
    role = forms.TypedChoiceField(label=gettext_lazy("Role"), coerce=int, choices=roles, initial=matrix.GUEST)


@visited("GET", "HEAD")
def members(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "member:list")
    q = visit.asked("q")
    rows = room.project.members.select_related("user", "group", "role").order_by("pk")
    if q:
        rows = rows.filter(Q(user__username__icontains=q) | Q(group__name__icontains=q))
    page = page_of(visit, rows)
    facts = {"page": page, "q": q, "roles": roles(), "kinds": KINDS, "me": visit.actor.user_id}
    return room.show("members", "members", facts)


@visited("GET", "HEAD", "POST")
def add(visit: Visit, name: str) -> HttpResponse:
    room = rooms.enter(visit, name, "member:create")
    form = NewMember(visit.posted)

    def join(given: dict[str, str]) -> Member:
        role = _role(int(given["role"]))
        who = _who(visit, given["kind"], given["name"])
        return actions.add_member(room.project, who, role, actor=visit.actor, context=visit.context)

    if visit.is_post and (made := form.attempt(join)):
        return visit.to("members", name, said=_("%(name)s is a member now.") % {"name": made.user or made.group})
    facts = {"form": form, "title": _("Add a member"), "back": reverse("members", args=[name]), "button": _("Add")}
    return room.show("form", "members", facts, status=form.status)


def _who(visit: Visit, kind: str, name: str) -> User | Group:
    if kind == GROUP:
        return parties.named_group(name, None, actor=visit.actor, context=visit.context)
    return parties.user(name, actor=visit.actor, context=visit.context)


@visited("POST")
def change_role(visit: Visit, name: str, member_id: int) -> HttpResponse:
    room = rooms.enter(visit, name, "member:update")
    member = _find(room, member_id)
    before = member.role_id
    role = _role(id_in(visit.request.POST.get("role", "")))
    actions.change_role(member, role, actor=visit.actor, context=visit.context)
    words = _("%(name)s is %(role)s now.") % {"name": _named(member), "role": role_words(role.name)}
    undo = Undo("change-role", room.project, {"project": name, "member": member.pk, "role": before})
    return visit.to("members", name, said=words, undo=undo if before != role.pk else None)


@way("change-role", "member:update")
def _change_back(visit: Visit, facts: Facts) -> str:
    member = _find(rooms.enter(visit, facts["project"], "member:update"), facts["member"])
    role = _role(facts["role"])
    actions.change_role(member, role, actor=visit.actor, context=visit.context)
    return _("%(name)s is %(role)s again.") % {"name": _named(member), "role": role_words(role.name)}


@visited("GET", "HEAD", "POST")
def remove(visit: Visit, name: str, member_id: int) -> HttpResponse:
    room = rooms.enter(visit, name, "member:delete")
    member = _find(room, member_id)
    who = _named(member)
    return confirming.confirmed(
        visit,
        lambda: actions.remove_member(member, actor=visit.actor, context=visit.context),
        name=who,
        title=_("Remove %(name)s from the project") % {"name": who},
        words=_("What the role allowed is over at once. Tokens that were given out live on for their minutes."),
        back=reverse("members", args=[name]),
        button=_("Remove"),
        then=reverse("members", args=[name]),
        said=_("%(name)s is no member any more.") % {"name": who},
        section="projects",
        undo=Undo("remove-member", room.project, {"project": name, "role": member.role_id, **_party(member)}),
    )


def _party(member: Member) -> dict[str, int]:
    return {USER: member.user_id} if member.user_id else {GROUP: member.group_id or 0}


@way("remove-member", "member:create")
def _add_again(visit: Visit, facts: Facts) -> str:
    room = rooms.enter(visit, facts["project"], "member:create")
    who = _still_there(facts)
    actions.add_member(room.project, who, _role(facts["role"]), actor=visit.actor, context=visit.context)
    return _("%(name)s is a member again.") % {"name": who}


def _still_there(facts: Facts) -> User | Group:
    user = User.objects.filter(pk=facts.get(USER, 0)).first()
    found = user or Group.objects.filter(pk=facts.get(GROUP, 0)).first()
    if found is None:
        raise errors.NoPage(_("There is no such user or group any more."))
    return found


def _find(room: Room, member_id: int) -> Member:
    rows = Member.objects.select_related("project", "user", "group", "role")
    found = rows.filter(project=room.project, pk=member_id).first()
    if found is None:
        raise errors.NoPage(_("There is no such member."))
    return found


def _named(member: Member) -> str:
    return str(member.user or member.group)


def _role(role_id: int) -> Role:
    found = Role.objects.filter(pk=role_id, assignable=True).first()
    if found is None:
        raise errors.Refused(_("There is no such role."), 400)
    return found
