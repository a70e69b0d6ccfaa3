"""What takes something away is asked for twice: on a page that says what goes, and wants its name typed."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from django.utils.translation import gettext as _

from portal import errors
from portal.undo import Undo
from portal.visit import Visit


def confirmed(
    visit: Visit, deed: Callable[[], object], *, name: str, title: str, words: str, back: str, button: str, then: str,
    said: str, section: str, undo: Undo | None = None,
) -> HttpResponse:  # fmt: skip
    """Do `deed` once `name` was typed, and go on to `then`; until that, and when the domain refuses it, ask.

    `words` say what follows from it; `undo` takes it back, where the domain can.
    """
    problem, status = "", 200
    if visit.is_post:
        if visit.request.POST.get("confirm", "").strip() == name:
            told = _refused(deed)
            if told is None:
                return visit.to_path(then, said=said, undo=undo)
            problem, status = str(told.message), told.status
        else:
            problem, status = _("This isn't the name. Type %(name)s to go on.") % {"name": name}, 400
    facts = {"name": name, "title": title, "words": words, "back": back, "button": button, "problem": problem}
    return visit.show("confirm", {**facts, "section": section}, status=status)


def _refused(deed: Callable[[], object]) -> errors.PageError | None:
    try:
        deed()
    except Exception as error:
        told = errors.tellable(error)
        if told is None:
            raise
        return told
    return None
