"""How far a planning has come, as its execution keeps it, and what of it was refused and may come again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from django.db.models import QuerySet

from replication.models import Execution, Operation, Task

REFUSED = ""  # the reference of a task that stands for a repository which can't be replicated at all


@dataclass(slots=True)
class Place:
    """How far the planning has come: through `repository` up to `after`; `left` artifacts are left alone because their
    tags are on something else at the destination. `again`: the repositories that were refused come once more, after the
    list; `listed`: that is over, and they are what it has come through."""

    repository: str = ""
    after: str = ""
    left: int = 0
    again: bool = False
    listed: bool = False

    @classmethod
    def parse(cls, text: str) -> Place:
        return cls(**json.loads(text)) if text else cls()

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def refused(execution: Execution) -> QuerySet[Task]:
    return Task.objects.filter(execution=execution, operation=Operation.COPY, reference=REFUSED)


def plan_again(execution: Execution) -> str:
    """Where the planning of an execution that has ended begins once more, as its cursor, "" where there is nothing to
    plan: it goes on where it broke off, and comes to what was refused."""
    broke_off = execution.attempts > 0 and not execution.dry_run
    place = Place.parse(execution.cursor)
    place.again = not execution.dry_run and refused(execution).exists()
    if not broke_off or place.listed:
        place = Place(left=place.left, again=place.again, listed=True)
    return str(place) if broke_off or place.again else ""
