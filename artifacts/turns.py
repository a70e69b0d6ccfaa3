"""One deed at a time changes what a repository holds: each waits for its turn at the repository's row.

Pulls wait for nobody. Whoever has the turn sees all that the deeds before did, in each statement that comes after.
"""

from django.utils import timezone

from artifacts.models import Repository
from db.prepared import fetch
from projects.immutability import lock_of
from projects.models import Project

# Locks as `db.locks.transaction_lock` does, shared, with no round trip of its own.
_ENTER = """
UPDATE artifacts_repository SET updated_at = %s WHERE id = %s
RETURNING pg_advisory_xact_lock_shared(hashtextextended(%s, 0))
"""


def enter(project: Project, name: str) -> Repository:
    """The row of a repository to push to, made when it isn't there. Until the transaction ends nobody else changes
    what it holds, and the project's immutable tag rules stay as they are."""
    row, created = Repository.objects.get_or_create(name=name, defaults={"project": project})
    if not created:  # else nobody sees it yet, and it has no tag that a rule could speak of
        fetch(_ENTER, (timezone.now(), row.pk, lock_of(row.project_id)))
    return row


def take(name: str) -> Repository | None:
    """The row of a repository that is there, held until the transaction ends."""
    return Repository.objects.select_for_update(no_key=True).filter(name=name).first()
