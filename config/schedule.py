"""What the clock does when: a plain table of Celery tasks, and room for the schedules that users keep."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Schedule:
    """One Celery task, sent every so many seconds (at once when first registered) or by a cron expression in UTC."""

    name: str
    task: str
    every: int | None = None  # seconds
    cron: str | None = None
    args: tuple[Any, ...] = field(default=())

    def __post_init__(self) -> None:
        if (self.every is None) == (self.cron is None):
            raise ValueError(f"schedule {self.name}: either `every` or `cron`")

    @property
    def lifetime(self) -> int:
        """Seconds after which a tick that no worker took is void: the next one has come by then."""
        return max(self.every or HOUR, MINUTE)

    @property
    def fingerprint(self) -> str:
        """Differs when anything about the schedule does."""
        return json.dumps([self.task, self.every, self.cron, self.args])


FIXED = (
    Schedule("audit-drain", "audit.drain", every=5),
    Schedule("audit-forward", "audit.forward", every=5),
    # By interval, not by cron: a clock that was down at midnight does it when it is back.
    Schedule("audit-partitions", "audit.keep_partitions", every=DAY),
    Schedule("usage-fold", "projects.fold_usage", every=10),
    Schedule("blob-commits", "artifacts.forget_commits", every=DAY),
    Schedule("configs", "artifacts.read_configs", every=MINUTE),
    Schedule("figures", "artifacts.measure", every=10 * MINUTE),
    Schedule("replication-endpoints", "replication.check_endpoints", every=MINUTE),
    Schedule("replication-sweep", "replication.sweep", every=3),
    Schedule("replication-forget", "replication.forget", every=DAY),
    Schedule("sessions", "rbac.forget_sessions", every=HOUR),
)


def _replications() -> Iterable[Schedule]:
    """Of the policies that are carried out on schedule."""
    from replication import scheduling  # noqa: PLC0415 - once Django is set up

    for policy_id, crons in scheduling.due():
        for place, cron in enumerate(crons):
            yield Schedule(
                f"replication-{policy_id}-{place}", "replication.run_scheduled", cron=cron, args=(policy_id,)
            )


# Each answers the schedules that users edit, from its rows (replication policies, scans, …), when the clock asks. One
# that fails (the database is away) leaves what it answered last in force.
Source = Callable[[], Iterable[Schedule]]
SOURCES: tuple[Source, ...] = (_replications,)
