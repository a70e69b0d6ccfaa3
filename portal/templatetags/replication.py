"""How replication is told on pages: states, triggers and sides in words with marks, rates and times."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from artifacts import processes
from portal.executions import STATES
from portal.templatetags.portal import icon
from projects import quotas
from replication.models import Endpoint, Execution, State, Trigger

register = template.Library()

_TRIGGERS = {
    Trigger.MANUAL: gettext_lazy("by hand"),
    Trigger.SCHEDULED: gettext_lazy("on a schedule"),
    Trigger.EVENT_BASED: gettext_lazy("by events"),
}
_MARKS = {
    State.PENDING: ("", "clock"),
    State.IN_PROGRESS: ("mark-busy", "activity"),
    State.SUCCEED: ("mark-good", "circle-check"),
    State.FAILED: ("mark-bad", "alert-triangle"),
    State.STOPPED: ("mark-warn", "player-stop"),
}
_LOOKS = {
    "off": gettext_lazy("disabled"), "idle": gettext_lazy("never carried out"), "running": gettext_lazy("at work"),
    "good": gettext_lazy("done"), "failed": gettext_lazy("failed"), "stopped": gettext_lazy("stopped"),
}  # fmt: skip
_PROCESSES = {
    processes.WEB: (gettext_lazy("Web"), gettext_lazy("pages, API, tokens, manifests")),
    processes.WORKER: (gettext_lazy("Worker"), gettext_lazy("short tasks")),
    processes.REPLICATOR: (gettext_lazy("Replicator"), gettext_lazy("copies from site to site")),
    processes.CLOCK: (gettext_lazy("Clock"), gettext_lazy("schedules")),
}
_MINUTE, _HOUR = 60, 3600


@register.simple_tag
def state(row: object) -> SafeString:
    """The state of an execution or a task as a mark: colour, icon and word."""
    name = getattr(row, "state", "")
    look, picture = _MARKS[State(name)]
    words = _("Running") if isinstance(row, Execution) and name == State.IN_PROGRESS else STATES[State(name)]
    return _mark(look, picture, words)


@register.simple_tag
def health(registry: Endpoint) -> SafeString:
    if registry.healthy is None:
        return _mark("", "clock", _("Not looked at yet"))
    if registry.healthy:
        return _mark("mark-good", "circle-check", _("Answers"))
    return _mark("mark-bad", "alert-triangle", _("Unhealthy"))


def _mark(look: str, picture: str, words: object) -> SafeString:
    return format_html('<span class="mark {}">{}{}</span>', look, icon(picture), words)


@register.filter
def process(kind: str) -> str:
    """What kind of process it is, in the reader's words."""
    return str(_PROCESSES[kind][0])


@register.filter
def purpose(kind: str) -> str:
    """What such a process does."""
    return str(_PROCESSES[kind][1])


@register.filter
def trigger(name: str) -> str:
    return str(_TRIGGERS.get(Trigger(name), name)) if name in Trigger.values else name


@register.filter
def look(name: str) -> str:
    """How an arrow looks, in words."""
    return str(_LOOKS.get(name, name))


@register.filter
def rate(number: int | None) -> str:
    return "" if number is None else _("%(size)s/s") % {"size": quotas.words(int(number))}


@register.filter
def lasting(seconds: int | None) -> str:
    """A time for people, roughly: 40 seconds, 12 minutes, 3 hours."""
    if seconds is None:
        return ""
    if seconds < 2 * _MINUTE:
        return ngettext("%(number)s second", "%(number)s seconds", seconds) % {"number": seconds}
    if seconds < 2 * _HOUR:
        return _("%(number)s minutes") % {"number": seconds // _MINUTE}
    return _("%(number)s hours") % {"number": seconds // _HOUR}


@register.filter
def took(row: Execution) -> str:
    """How long it took, for one that is over."""
    return "" if row.ended_at is None else lasting(max(1, round((row.ended_at - row.started_at).total_seconds())))


@register.filter
def host(url: str) -> str:
    """What of an address people look at."""
    return url.partition("://")[2] or url


@register.filter
def cut(text: str, most: int) -> str:
    """At most so many characters, for pictures."""
    return text if len(text) <= most else text[: most - 1] + "…"


@register.filter
def plus(number: int, more: int) -> int:
    return number + more


@register.filter
def whole(number: float) -> int:
    return int(number)
