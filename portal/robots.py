"""Robots, of a project or of the installation: made, refreshed, switched off and deleted. A secret is shown once."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal import confirming, errors
from portal.forms import TYPED, PortalForm, Text
from portal.lists import page_of
from portal.scopes import Scope, entered
from portal.undo import Facts, Undo, way
from portal.visit import Visit, visited
from projects import grants, robots
from projects.grants import Permissions
from projects.models import Robot, RobotGrant
from rbac import grantable
from rbac.policy import ALL_PROJECTS, held
from rbac.reach import SYSTEM
from rbac.roles import known_permissions

PULL, PUSH, CHOSEN = "pull", "push", "chosen"
_PRESETS = {PULL: ("repository:pull",), PUSH: ("repository:pull", "repository:push")}
_OVERLAP = timedelta(days=1)  # that the secret before stays good, if that is wanted


class NewRobot(PortalForm):
    name = Text(
        label=gettext_lazy("Name"), max_length=255,
        help_text=gettext_lazy("Lower-case letters and digits, with single . _ or - between them."),
        widget=forms.TextInput(attrs=TYPED),
    )  # fmt: skip
    description = Text(label=gettext_lazy("Description"), required=False, max_length=255)
    duration = forms.IntegerField(
        label=gettext_lazy("Days it lives"), initial=robots.usual_days,
        help_text=gettext_lazy("-1 is for ever, 0 what the configuration says."),
    )  # fmt: skip
    preset = forms.ChoiceField(
        label=gettext_lazy("What it may do"), widget=forms.RadioSelect, initial=PUSH,
        choices=[
            (PULL, gettext_lazy("Pull")), (PUSH, gettext_lazy("Pull and push")),
            (CHOSEN, gettext_lazy("What is chosen below")),
        ],
    )  # fmt: skip


@visited("GET", "HEAD")
def robots_of(visit: Visit, name: str = "") -> HttpResponse:
    scope = entered(visit, name, "robot:list")
    q = visit.asked("q")
    rows = _rows(scope).order_by("-pk")
    page = page_of(visit, rows.filter(name__icontains=q.removeprefix(robots.prefix())) if q else rows)
    now = timezone.now()
    entries = [
        (
            robot,
            robots.login_name(robot.name),
            robots.permissions_of(robot),
            robot.expires_at and robot.expires_at < now,
        )
        for robot in page.rows
    ]
    return scope.show("robots", "robots", {"page": page, "entries": entries, "q": q})


def _rows(scope: Scope) -> QuerySet[Robot]:
    grants_of = Prefetch("grants", RobotGrant.objects.select_related("project"))
    return Robot.objects.filter(project=scope.project).select_related("project").prefetch_related(grants_of)


@visited("GET", "HEAD", "POST")
def new(visit: Visit, name: str = "") -> HttpResponse:
    scope = entered(visit, name, "robot:create")
    form = NewRobot(visit.posted)

    def create(given: dict[str, str]) -> tuple[Robot, str]:
        return robots.create(
            given["name"],
            _permissions(scope, given["preset"]),
            project=scope.project,
            duration=int(given["duration"]),
            description=given["description"],
            actor=visit.actor,
            context=visit.context,
        )

    if visit.is_post and (made := form.attempt(create)):
        return _secret(scope, *made)
    chosen = set(visit.request.POST.getlist("grants")) | set(visit.request.POST.getlist("system"))
    facts = {"form": form, "offered": _offered(scope), "chosen": chosen}
    return scope.show("new_robot", "robots", facts, status=form.status)


def _offered(scope: Scope) -> list[tuple[str, str, list[tuple[str, list[str]]]]]:
    """What can be chosen: the field's name, its title, and permissions by resource. Nobody gives what they lack."""
    visit = scope.visit
    in_projects = held(visit.actor, known_permissions(), scope.project or ALL_PROJECTS)
    found = [("grants", _("In the project") if scope.room else _("In every project"), _grouped(in_projects))]
    if not scope.room:
        found.append(("system", _("Of the installation itself"), _grouped(scope.rights & grantable.at(SYSTEM))))
    return found


def _grouped(permissions: frozenset[str]) -> list[tuple[str, list[str]]]:
    resources = sorted({permission.partition(":")[0] for permission in permissions})
    return [(each, sorted(found for found in permissions if found.partition(":")[0] == each)) for each in resources]


def _permissions(scope: Scope, preset: str) -> Permissions:
    sent = scope.visit.request.POST
    if preset in _PRESETS:
        return {scope.project: _PRESETS[preset]}
    chosen: dict[grants.Place, list[str]] = {scope.project: sent.getlist("grants")[:500]}
    if scope.project is None and sent.getlist("system"):
        chosen[SYSTEM] = sent.getlist("system")[:500]
    return {place: granted for place, granted in chosen.items() if granted or scope.project}


def _secret(scope: Scope, robot: Robot, secret: str) -> HttpResponse:
    """The one page that shows it."""
    login = robots.login_name(robot.name)
    command = f"docker login -u '{login}' --password-stdin {scope.visit.request.get_host()}"
    return scope.show("robot_secret", "robots", {"login": login, "secret": secret, "command": command})


@visited("GET", "HEAD", "POST")
def refresh(visit: Visit, robot_id: int, name: str = "") -> HttpResponse:
    """Another secret. The one before may stay good for a day, for machines that are told later."""
    scope = entered(visit, name, "robot:update")
    robot = _find(scope, robot_id)
    if visit.is_post:
        overlap = _OVERLAP if visit.request.POST.get("overlap") == "true" else timedelta()
        secret = robots.refresh(robot, overlap=overlap, actor=visit.actor, context=visit.context)
        return _secret(scope, robot, secret)
    return scope.show("refresh_robot", "robots", {"login": robots.login_name(robot.name)})


@visited("POST")
def switch(visit: Visit, robot_id: int, name: str = "") -> HttpResponse:
    """Off, or on again."""
    scope = entered(visit, name, "robot:update")
    robot = _find(scope, robot_id)
    disabled = visit.request.POST.get("disabled") == "true"
    robots.update(robot, disabled=disabled, actor=visit.actor, context=visit.context)
    said = _("The robot is switched off.") if disabled else _("The robot works again.")
    undo = Undo("switch-robot", scope.place, {"project": name, "robot": robot.pk, "disabled": not disabled})
    return visit.to_path(scope.url("robots"), said=said, undo=undo)


@way("switch-robot", "robot:update")
def _switch_back(visit: Visit, facts: Facts) -> str:
    robot = _find(entered(visit, facts["project"], "robot:update"), facts["robot"])
    disabled = bool(facts["disabled"])
    robots.update(robot, disabled=disabled, actor=visit.actor, context=visit.context)
    return _("The robot is switched off again.") if disabled else _("The robot works again.")


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, robot_id: int, name: str = "") -> HttpResponse:
    scope = entered(visit, name, "robot:delete")
    robot = _find(scope, robot_id)
    login = robots.login_name(robot.name)
    return confirming.confirmed(
        visit,
        lambda: robots.delete(robot, actor=visit.actor, context=visit.context),
        name=login,
        title=_("Delete the robot %(name)s") % {"name": login},
        words=_("Whatever signs in as it is refused from now on. Switching it off does the same, and can be undone."),
        back=scope.url("robots"),
        button=_("Delete the robot"),
        then=scope.url("robots"),
        said=_("The robot %(name)s is deleted.") % {"name": login},
        section=scope.section("robots"),
    )


def _find(scope: Scope, robot_id: int) -> Robot:
    found = _rows(scope).filter(pk=robot_id).first()
    if found is None:
        raise errors.NoPage(_("There is no such robot."))
    return found
