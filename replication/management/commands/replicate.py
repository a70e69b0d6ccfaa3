"""`manage.py replicate`: the policies there are, one of them carried out, and how far that comes."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT, one_line
from replication import absence, executions
from replication.errors import PolicyUnknown, ReplicationError
from replication.executions import Progress
from replication.journal import size_words
from replication.models import Execution, Policy, State, Task

_EVERY = 1.0  # seconds between two looks
_MOST = 20  # failures that are told


class Command(BaseCommand):
    help = (
        "List the replication policies; or carry out the one that is named, and follow it to its end. Exits with 1 "
        "unless it succeeds. Interrupted, it leaves the execution to the workers: --follow takes it up again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("policy", nargs="?", help="its name")
        parser.add_argument("--dry-run", action="store_true", help="plan it, say what would move, and move nothing")
        parser.add_argument("--detach", action="store_true", help="begin it, and don't follow it")
        parser.add_argument("--follow", type=int, metavar="EXECUTION", help="follow one that was begun before")
        parser.add_argument("--stop", type=int, metavar="EXECUTION", help="stop one that goes on")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(ReplicationError):
            if options["stop"] is not None:
                executions.stop(executions.find(options["stop"]), actor=SYSTEM, context=CONTEXT)
            elif options["follow"] is not None:
                self._follow(executions.find(options["follow"]))
            elif options["policy"]:
                self._start(options["policy"], dry_run=options["dry_run"], detach=options["detach"])
            else:
                self._list()

    def _list(self) -> None:
        rows = Policy.objects.select_related("source", "destination").order_by("name")
        for policy in rows.iterator(chunk_size=500):
            self.stdout.write(_line(policy))

    def _start(self, name: str, *, dry_run: bool, detach: bool) -> None:
        policy = Policy.objects.filter(name=name).first()
        if policy is None:
            raise PolicyUnknown(f"there is no replication policy {name}")
        execution = executions.start(policy, actor=SYSTEM, context=CONTEXT, dry_run=dry_run)
        self.stderr.write(f"execution {execution.pk}")
        if not detach:
            self._follow(execution)

    def _follow(self, execution: Execution) -> None:
        told = ""
        while True:
            row = executions.find(execution.pk)
            waits = absence.words([row]).get(row.pk, "")
            if (line := waits or _progress(row, executions.progress(row))) != told:
                told = line
                self.stderr.write(line)
            if row.ended_at is not None:
                return self._end(row)
            time.sleep(_EVERY)

    def _end(self, execution: Execution) -> None:
        self.stdout.write(f"{execution.state}: {execution.text}")
        tasks = Task.objects.filter(execution=execution).order_by("pk")
        told = tasks if execution.dry_run else tasks.filter(state=State.FAILED)[:_MOST]
        for task in told.iterator(chunk_size=500):
            what = ",".join(task.tags) or task.reference
            self.stdout.write(f"  {task.operation} {task.source}:{what} -> {task.destination}: {task.text}")
        if execution.state != State.SUCCEED:
            raise CommandError(f"the execution {execution.pk} ended as {execution.state}")


def _line(policy: Policy) -> str:
    way = f"from {policy.source}" if policy.source else f"to {policy.destination}"
    when = f"{policy.trigger} {policy.cron}".rstrip()
    return "  ".join([policy.name, "enabled" if policy.enabled else "disabled", way, when])


def _progress(execution: Execution, now: Progress) -> str:
    facts = [
        "planned" if execution.planned else "being planned",
        f"{now.tasks_over} of {now.tasks_total} tasks",
        f"{size_words(now.bytes_done)} of {size_words(now.bytes_total)}",
        *([f"{execution.unchanged} unchanged"] if execution.unchanged else []),
        *([f"{size_words(now.rate)}/s"] if now.rate else []),
        *([f"{now.seconds_left} s left"] if now.seconds_left is not None else []),
    ]
    return ", ".join(facts)
