"""One deed at a time changes what a repository holds: each waits for its turn at the repository's row.

Pulls wait for nobody. Whoever has the turn sees all that the deeds before did, in each statement that comes after.
"""

from functools import cache

from django.utils import timezone

from artifacts import changes
from artifacts.models import Repository
from db.prepared import fetch
from projects.immutability import lock_of
from projects.models import Project


@cache
def _enter() -> str:
    """Locks as `db.locks.transaction_lock` does, shared, and asks whether changes are followed, with no round trips of
    their own."""
    return f"""
UPDATE artifacts_repository SET updated_at = %s WHERE id = %s
RETURNING pg_advisory_xact_lock_shared(hashtextextended(%s, 0)), {changes.wanted()}
"""  # noqa: S608 - of conditions in the code


def enter(project: Project, name: str) -> tuple[Repository, bool]:
    """The row of a repository to push to, made when it isn't there, and whether `artifacts.changes` is to be told.

    Until the transaction ends nobody else changes what it holds, and the project's immutable tag rules stay as they
    are.
    """
    row, created = Repository.objects.get_or_create(name=name, defaults={"project": project})
    if created:  # nobody sees it yet, and it has no tag that a rule could speak of
        return row, True
    return row, fetch(_enter(), (timezone.now(), row.pk, lock_of(row.project_id)))[0][1]


def take(name: str) -> Repository | None:
    """The row of a repository that is there, held until the transaction ends."""
    return Repository.objects.select_for_update(no_key=True).filter(name=name).first()
