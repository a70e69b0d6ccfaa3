"""Sends records to a syslog server, from rows that wait for it: a deed never does.

A record that is to be sent is written beside the trail in the same transaction; its row goes when the server has it. So
nothing is lost when a process dies, and some is sent twice. A server that stays away costs at most `MOST` rows: the
oldest beyond them are given up, which puts those that are only sent into the trail after all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.db import transaction

from audit import journal, routing, syslog
from audit.entry import from_line
from audit.models import OutgoingRecord
from audit.syslog import Endpoint
from db.locks import try_advisory_lock

MOST = 100_000  # records that wait
BATCH = 500
SECONDS = 20.0  # of one run

logger = logging.getLogger(__name__)


class _State:
    """Whether the last run of this process failed: the log tells of changes, not of every try."""

    failing = False


def forward() -> int:
    """Send what waits; the number of records sent. Zero while another process is at it."""
    with try_advisory_lock("audit forwarding") as ours:
        if not ours:
            return 0
        endpoint = syslog.parse(routing.current().endpoint)
        if endpoint is None:
            _give_up(keep=0)
            return 0
        return _send_all(endpoint)


def _send_all(endpoint: Endpoint) -> int:
    sent, end = 0, time.monotonic() + SECONDS
    try:
        rows = _oldest(BATCH)
        if rows:
            with syslog.connected(endpoint) as sender:
                while rows and time.monotonic() < end:
                    sender.send([syslog.message(from_line(row.line)) for row in rows])
                    OutgoingRecord.objects.filter(pk__in=[row.pk for row in rows]).delete()
                    sent += len(rows)
                    rows = _oldest(BATCH)
    except OSError as error:
        if not _State.failing:
            logger.warning("Audit: %s:%d takes no records (%s); they wait", endpoint.host, endpoint.port, error)
        _State.failing = True
        _give_up(keep=MOST)
        return sent
    if _State.failing:
        logger.info("Audit: %s:%d takes records again", endpoint.host, endpoint.port)
    _State.failing = False
    return sent


def _oldest(most: int) -> Sequence[OutgoingRecord]:
    return list(OutgoingRecord.objects.order_by("pk")[:most])


def _give_up(*, keep: int) -> None:
    """Let all but the newest `keep` wait no longer."""
    newest = OutgoingRecord.objects.order_by("-pk").values_list("pk", flat=True)
    last = newest[keep : keep + 1].first()
    given_up = 0
    while last is not None and (rows := list(OutgoingRecord.objects.filter(pk__lte=last).order_by("pk")[:BATCH])):
        with transaction.atomic():
            journal.store([from_line(row.line) for row in rows if not row.kept])
            OutgoingRecord.objects.filter(pk__in=[row.pk for row in rows]).delete()
        given_up += len(rows)
    if given_up:
        logger.warning("Audit: %d records were not forwarded; they are in the database", given_up)
