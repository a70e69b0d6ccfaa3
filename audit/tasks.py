"""Celery's entry points: carrying the spool into the table, forwarding, keeping the months. Each may run twice."""

from __future__ import annotations

import logging

from celery import shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError

from audit import forward as forwarding
from audit import partitions, spool

logger = logging.getLogger(__name__)


@shared_task(name="audit.drain", soft_time_limit=120, time_limit=150)
def drain() -> None:
    """Carry what is spooled into PostgreSQL. The clock sends this every few seconds."""
    try:
        spool.drain()
    except (OperationalError, InterfaceError) as error:  # the database is away or busy; the spool keeps, a tick follows
        logger.warning("Audit: the spool waits for the database (%s)", type(error.__cause__ or error).__name__)


@shared_task(name="audit.forward", soft_time_limit=120, time_limit=150)
def forward() -> None:
    """Send what waits to the syslog server, if one is set up. The clock sends this every few seconds."""
    try:
        forwarding.forward()
    except (OperationalError, InterfaceError) as error:
        logger.warning("Audit: forwarding waits for the database (%s)", type(error.__cause__ or error).__name__)


@shared_task(name="audit.keep_partitions")
def keep_partitions() -> None:
    """Make the coming months, and drop those older than AUDIT_RETENTION_MONTHS (0: none)."""
    for month in partitions.make_ahead():
        logger.info("Audit: made the partition of %s", f"{month:%Y-%m}")
    if settings.AUDIT_RETENTION_MONTHS > 0:
        oldest = partitions.months_later(partitions.this_month(), -settings.AUDIT_RETENTION_MONTHS)
        for month in partitions.drop_before(oldest):
            logger.info("Audit: dropped %s", f"{month:%Y-%m}")
