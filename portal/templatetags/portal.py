"""The small pieces that all pages are made of."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from artifacts import kinds
from portal import contents, telling, trail_words
from portal.icons import NAMES, SPRITE
from projects import quotas

register = template.Library()

_COLOR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_ROLES = {
    "projectAdmin": gettext_lazy("Project administrator"),
    "maintainer": gettext_lazy("Maintainer"),
    "developer": gettext_lazy("Developer"),
    "guest": gettext_lazy("Guest"),
    "limitedGuest": gettext_lazy("Limited guest"),
}
_KINDS = {
    kinds.IMAGE: gettext_lazy("Image"),
    kinds.CHART: gettext_lazy("Helm chart"),
    kinds.MODEL: gettext_lazy("AI model"),
    kinds.UNKNOWN: gettext_lazy("Other artifact"),
}
_ACCESSORIES = {
    "signature.cosign": gettext_lazy("Signature (cosign)"),
    "signature.notation": gettext_lazy("Signature (notation)"),
    "accelerator.nydus": gettext_lazy("Nydus image"),
    "sbom.harbor": gettext_lazy("SBOM"),
    "subject.accessory": gettext_lazy("Attached"),
}
_RESULTS = {
    "success": gettext_lazy("done"),
    "failure": gettext_lazy("failed"),
    "denied": gettext_lazy("denied"),
}
_LATELY = timedelta(days=30)
_DIGEST = re.compile(r"(\bsha(?:256|512):[0-9a-f]{12})[0-9a-f]{52,}")
_SHORT = 12  # digits of a digest that people are shown


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A decoration: what it means stands beside it in words."""
    if name not in NAMES:
        raise LookupError(f"{name} isn't among portal.icons")
    return format_html(
        '<svg class="icon icon-{}" aria-hidden="true" focusable="false" fill="none" stroke="currentColor"'
        ' stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><use href="{}#{}"/></svg>',
        name, static(SPRITE), name,
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def csrf(context: template.Context) -> SafeString:
    return format_html('<input type="hidden" name="csrf_token" value="{}">', context.get("csrf_token", ""))


@register.simple_tag
def copy(text: str, label: str = "") -> SafeString:
    """A button that copies `text`; only there with scripts."""
    return format_html(
        '<button class="btn btn-icon btn-ghost btn-copy js-only" type="button" data-copy="{}" data-said="{}"'
        ' aria-label="{}">{}{}</button>',
        text, _("Copied"), label or _("Copy"), icon("copy"), icon("check"),
    )  # fmt: skip


@register.filter
def moment(when: datetime | None) -> SafeString | str:
    """How long ago, with the exact time as a title; the date where that is long."""
    if when is None:
        return ""
    age = timezone.now() - when
    exact = when.astimezone(timezone.get_default_timezone()).strftime("%Y-%m-%d %H:%M:%S UTC")
    words = _("%(time)s ago") % {"time": timesince(when, depth=1)} if timedelta() <= age < _LATELY else exact[:10]
    if timedelta() <= age < timedelta(minutes=1):
        words = _("just now")
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), exact, words)


@register.filter
def size(number: int | None) -> str:
    return "" if number is None else quotas.words(number)


@register.filter
def platform(told: object) -> str:
    """Of an index's entry, as people write it."""
    return contents.platform(told)


@register.filter
def count(number: int) -> str:
    return str(number_format(number, use_l10n=True, force_grouping=True))


@register.filter
def short(digest: str) -> str:
    """A digest for people: `sha256:0123456789ab`."""
    algorithm, _, digits = digest.partition(":")
    return f"{algorithm}:{digits[:_SHORT]}"


@register.filter
def shortened(text: str) -> str:
    """A text whose digests are short."""
    return _DIGEST.sub(r"\1…", text)


@register.filter
def inside(repository: str) -> str:
    """A repository's name without its project's."""
    return repository.partition("/")[2]


@register.filter
def get(mapping: dict[object, object], key: object) -> object:
    return mapping.get(key)


@register.filter
def project(repository: str) -> str:
    """The project of a repository's name."""
    return repository.partition("/")[0]


@register.filter
def unlocalized(number: int) -> str:
    """For attributes, which know no thousands."""
    return str(number)


@register.filter
def role(name: str) -> str:
    """A role in the reader's words; one of the company's own as it is called."""
    return str(_ROLES.get(name, name))


@register.filter
def kind(name: str) -> str:
    return str(_KINDS.get(name, name))


@register.filter
def deed(name: str) -> str:
    """What was done, of the audit trail."""
    return str(trail_words.DEEDS.get(name, name))


@register.filter
def thing(name: str) -> str:
    """What it was done to, of the audit trail."""
    return str(trail_words.THINGS.get(name, name))


@register.filter
def piece(name: str) -> str:
    """A piece of the system whose health is told."""
    return str(trail_words.PIECES.get(name, name))


@register.filter
def told(text: str) -> str:
    """What the domain says, in the reader's language."""
    return telling.told(text)


@register.filter
def accessory(name: str) -> str:
    return str(_ACCESSORIES.get(name, name))


@register.filter
def fullness(figures: quotas.Figures) -> str:
    """The class of a bar that shows it."""
    if figures.is_full:
        return "bar-bad"
    return "bar-warn" if figures.used * 100 >= figures.hard * quotas.WARNING else ""


@register.simple_tag
def swatch(color: str) -> SafeString | str:
    """A label's colour as a drawing: no style is written into a page."""
    if not _COLOR.fullmatch(color):
        return ""
    return format_html(
        '<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true" focusable="false">'
        '<rect width="1" height="1" fill="{}"/></svg>',
        color,
    )


@register.simple_tag(takes_context=True)
def to(context: template.Context, name: str, *args: object) -> str:
    """The address of a page that projects and the installation have alike."""
    return str(context["scope"].url(name, *args))


@register.filter
def action(permission: str) -> str:
    """What a permission lets one do, without on what."""
    return permission.partition(":")[2]


@register.filter
def result(word: str) -> str:
    """How a deed went, in the reader's words."""
    return str(_RESULTS.get(word, word))
