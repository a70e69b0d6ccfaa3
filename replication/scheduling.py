"""Policies that are carried out on schedule, as the clock wants to know them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from replication.cron import five_fields
from replication.errors import InvalidPolicy
from replication.models import Policy, Trigger

logger = logging.getLogger(__name__)


def due() -> Iterator[tuple[int, tuple[str, ...]]]:
    """Ids of the enabled ones, each with the five-field crons that it is due by."""
    rows = Policy.objects.filter(enabled=True, trigger=Trigger.SCHEDULED).order_by("pk")
    for policy_id, cron in rows.values_list("pk", "cron"):
        try:
            yield policy_id, five_fields(cron)
        except InvalidPolicy as error:
            logger.warning("Replication: policy %s is never due: %s", policy_id, error)
