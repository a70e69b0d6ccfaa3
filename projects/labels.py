"""Labels: words to mark artifacts with, of one project or (global ones) for all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

import audit
from audit import Context
from projects import actions
from projects.errors import InvalidLabel, LabelExists, LabelUnknown
from projects.models import Label, Project
from rbac.actors import Actor

_LONGEST_NAME = 128
_LONGEST_DESCRIPTION = 4096  # it comes along with each artifact that is marked
_COLOR = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class Text:
    """What a label says; raises InvalidLabel for what it can't."""

    name: str
    description: str = ""
    color: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > _LONGEST_NAME or not self.name.isprintable():
            raise InvalidLabel(f"a label's name has 1 to {_LONGEST_NAME} printable characters")
        if len(self.description) > _LONGEST_DESCRIPTION:
            raise InvalidLabel(f"a label's description has up to {_LONGEST_DESCRIPTION} characters")
        if self.color and not _COLOR.fullmatch(self.color):
            raise InvalidLabel("a label's colour is written as #RRGGBB")


def usable_in(project_id: int) -> QuerySet[Label]:
    """Those that the project's artifacts can have: its own and the global ones."""
    return Label.objects.filter(Q(project=None) | Q(project=project_id))


@transaction.atomic
def create(text: Text, *, project: Project | None, actor: Actor, context: Context) -> Label:
    """A new label of the project, or a global one. Raises LabelExists, ProjectUnknown."""
    if project is not None:
        actions.hold(project)
    label = Label(project=project)
    _write(label, text)
    _record(actor, "create", label, context)
    return label


@transaction.atomic
def update(label: Label, text: Text, *, actor: Actor, context: Context) -> None:
    """Let the label say something else from now on, wherever it is. Raises LabelExists, LabelUnknown."""
    before = _locked(label).name
    _write(label, text)
    _record(actor, "update", label, context, **({"before": before} if before != text.name else {}))


@transaction.atomic
def delete(label: Label, *, actor: Actor, context: Context) -> None:
    """Delete the label, and so take it off every artifact. LabelUnknown if it isn't there any more."""
    # Locked first: whoever marks an artifact with it waits, and then finds it gone.
    _locked(label).delete()
    _record(actor, "delete", label, context)


def _locked(label: Label) -> Label:
    row = Label.objects.select_for_update(of=("self",)).filter(pk=label.pk).first()
    if row is None:
        raise LabelUnknown(f"there is no label {label.pk}")
    return row


def _write(label: Label, text: Text) -> None:
    label.name, label.description, label.color = text.name, text.description, text.color
    try:
        with transaction.atomic():
            label.save()
    except IntegrityError as error:
        where = f"the project {label.project.name}" if label.project else "the system"
        raise LabelExists(f"{where} has a label {text.name} already") from error


def _record(actor: Actor, operation: str, label: Label, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="label",
        resource=label.name,
        project=label.project.name if label.project else "",
        context=context,
        detail=detail,
    )
