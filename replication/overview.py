"""What lists and pictures tell of many policies at once: the last time that each was carried out, and what goes on."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from replication.models import Execution, Policy


def latest(policies: Sequence[int]) -> dict[int, Execution]:
    """The last execution of each of the policies (ids) that was no dry run. Two queries."""
    newest = Execution.objects.filter(policy=OuterRef("pk"), dry_run=False).order_by("-started_at", "-id")
    wanted = Policy.objects.filter(pk__in=policies).values_list(Subquery(newest.values("pk")[:1]), flat=True)
    ids = [pk for pk in wanted if pk is not None]
    return {row.policy_id: row for row in Execution.objects.filter(pk__in=ids)}


def going(most: int) -> list[Execution]:
    """Some of those that go on, the newest first, with their policies and endpoints."""
    rows = Execution.objects.filter(ended_at=None).order_by("-pk")
    return list(rows.select_related("policy__source", "policy__destination")[:most])


def policies_of(endpoints: Sequence[int]) -> dict[int, int]:
    """How many policies replicate to or from each of the endpoints (ids) that any does. One query."""
    either = Policy.objects.filter(Q(source__in=endpoints) | Q(destination__in=endpoints))
    either = either.annotate(endpoint=Coalesce("source", "destination"))
    return dict(either.values_list("endpoint").annotate(Count("pk")).order_by())
