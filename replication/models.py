"""Registries elsewhere, what is replicated to and from them, and how far that has come. The database is the truth."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

# A foreign key without an index of its own is the first column of an index of the row's Meta, which serves.


class Endpoint(models.Model):
    """A registry elsewhere. `kind` names its adapter (`replication.adapters`), by Harbor's word for its type."""

    name = models.CharField(max_length=256, unique=True)
    description = models.TextField(blank=True, default="")
    kind = models.CharField(max_length=64)
    url = models.CharField(max_length=512)
    credential_type = models.CharField(max_length=32, blank=True, default="basic")
    access_key = models.TextField(blank=True, default="")
    sealed_secret = models.TextField(blank=True, default="", help_text="encrypted: see db.sealing")
    insecure = models.BooleanField(default=False, help_text="its certificate isn't verified")
    ca_certificate = models.TextField(blank=True, default="", help_text="PEM; instead of the system's authorities")
    healthy = models.BooleanField(null=True, help_text="null: not looked at yet")
    problem = models.TextField(blank=True, default="", help_text="what the last look found, in words")
    checked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Trigger(models.TextChoices):
    """What starts an execution: Harbor's words, of a policy and of an execution."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    EVENT_BASED = "event_based"


class Policy(models.Model):
    """What is replicated: out of this installation (`destination` is set), or into it (`source` is)."""

    name = models.CharField(max_length=256, unique=True)
    description = models.TextField(blank=True, default="")
    source = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, related_name="pulled_by")
    destination = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, related_name="pushed_by")
    filters = models.JSONField(default=list, help_text="[{type, value, decoration?}]: Harbor's, see policies")
    namespace = models.CharField(
        max_length=255, blank=True, default="", help_text="at the destination; empty: the same"
    )
    flatten = models.SmallIntegerField(default=-1, help_text="Harbor's dest_namespace_replace_count")
    trigger = models.CharField(max_length=16, choices=Trigger.choices, default=Trigger.MANUAL)
    cron = models.CharField(max_length=128, blank=True, default="", help_text="six fields, seconds first; UTC")
    deletion = models.BooleanField(default=False, help_text="what is deleted here is deleted there, by event")
    override = models.BooleanField(default=False, help_text="a tag that is there on something else is moved")
    enabled = models.BooleanField(default=True)
    speed = models.IntegerField(
        default=-1, help_text="KiB/s shared by all the policy's tasks; up to 0: without a limit"
    )
    by_chunk = models.BooleanField(default=False)
    single_active = models.BooleanField(default=False, help_text="no execution while another one goes on")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(source__isnull=True) ^ Q(destination__isnull=True), name="policy_has_one_side_here"
            )
        ]

    def __str__(self) -> str:
        return self.name


class State(models.TextChoices):
    """Of an execution and of a task: Harbor's words."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEED = "Succeed"
    FAILED = "Failed"
    STOPPED = "Stopped"


OVER = (State.SUCCEED, State.FAILED, State.STOPPED)


class Execution(models.Model):
    """A policy is carried out once. Planned by one process at a time, which holds the lease; then its tasks go on.

    The counts of tasks that are over, and their bytes, are kept here with each task's end. Those of the tasks that go
    on stand in their own rows.
    """

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="executions", db_index=False)
    trigger = models.CharField(max_length=16, choices=Trigger.choices)
    event = models.JSONField(null=True, help_text="what happened, for one that events started: see events")
    dry_run = models.BooleanField(default=False, help_text="tasks are planned and sized, and none is carried out")
    state = models.CharField(max_length=16, choices=State.choices, default=State.IN_PROGRESS)
    text = models.TextField(blank=True, default="", help_text="why it came to that state")
    stop_asked = models.BooleanField(default=False)
    planned = models.BooleanField(default=False, help_text="no more tasks will come")
    cursor = models.TextField(blank=True, default="", help_text="how far the planning has come")
    planner = models.CharField(max_length=64, blank=True, default="", help_text="the claim of whoever plans")
    lease_until = models.DateTimeField(null=True, help_text="of the planner")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="of planning")
    failures = models.PositiveSmallIntegerField(default=0, help_text="of planning, since it came on last")
    not_before = models.DateTimeField(db_default=Now(), help_text="of the next attempt at planning")
    waits_since = models.DateTimeField(null=True, help_text="a site is away, or was lately: see Absence")
    sent_at = models.DateTimeField(null=True, help_text="to the broker, for planning, last")
    total = models.IntegerField(default=0, help_text="tasks")
    succeeded = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    stopped = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0, help_text="artifacts that were there already: no task was made")
    bytes_total = models.BigIntegerField(default=0, help_text="of all tasks planned, as far as known")
    bytes_done = models.BigIntegerField(default=0, help_text="of tasks that are over; skipped, mounted and sent")
    bytes_sent = models.BigIntegerField(default=0, help_text="of tasks that are over; over the wire")
    rate = models.BigIntegerField(default=0, help_text="bytes done a second, over the last seconds")
    measured = models.BigIntegerField(default=0, help_text="bytes done when the rate was measured")
    measured_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["policy", "started_at", "id"], name="execution_of_policy"),
            models.Index(fields=["started_at", "id"], name="execution_by_time"),
            models.Index(fields=["id"], name="execution_open", condition=Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.pk} of {self.policy_id}"


class Operation(models.TextChoices):
    """What a task does: Harbor's words."""

    COPY = "copy"
    DELETION = "deletion"


class Task(models.Model):
    """One artifact, copied with all that belongs to it, or deleted. Claimed by a conditional update, and leased."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="tasks", db_index=False)
    operation = models.CharField(max_length=16, choices=Operation.choices, default=Operation.COPY)
    resource_type = models.CharField(max_length=32, default="image", help_text="image, chart, …: Harbor's words")
    source = models.CharField(max_length=512, help_text="the repository", db_collation="C")
    destination = models.CharField(max_length=512, help_text="the repository", db_collation="C")
    reference = models.CharField(max_length=135, db_collation="C", help_text="a digest; a tag that is to be deleted")
    batch = models.CharField(
        max_length=135,
        blank=True,
        default="",
        db_collation="C",
        help_text="its place in the list: see planning",
    )
    tags = ArrayField(models.CharField(max_length=128), default=list, help_text="that are to be on it")
    disputed = ArrayField(
        models.CharField(max_length=135), null=True, help_text="tags put there that the site says are on something else"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    text = models.TextField(blank=True, default="", help_text="why it came to that state, for people")
    attempts = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="attempts that failed, since one came further")
    not_before = models.DateTimeField(default=timezone.now, help_text="of the next attempt")
    sent_at = models.DateTimeField(null=True, help_text="to the broker, last; null: it waits for its turn")
    worker = models.CharField(max_length=64, blank=True, default="", help_text="the claim of whoever is at it")
    lease_until = models.DateTimeField(null=True)
    bytes_total = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0, help_text="skipped, mounted and sent; as far as any attempt came")
    bytes_sent = models.BigIntegerField(default=0, help_text="over the wire, in all attempts")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    was_away = False  # no column: whether one of its sites was lately, when it was claimed

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["execution", "operation", "source", "reference", "batch"], name="replication_task_once"
            )
        ]
        indexes = [
            models.Index(fields=["execution", "id"], name="task_of_execution"),
            models.Index(
                fields=["execution", "not_before", "id"], name="task_waiting", condition=Q(state=State.PENDING)
            ),
            models.Index(
                fields=["execution"], name="task_sent", condition=Q(state=State.PENDING, sent_at__isnull=False)
            ),
            models.Index(
                fields=["execution", "lease_until"], name="task_at_work", condition=Q(state=State.IN_PROGRESS)
            ),
            models.Index(fields=["lease_until"], name="task_leased", condition=Q(state=State.IN_PROGRESS)),
            models.Index(
                fields=["execution", "id"], name="task_amiss", condition=Q(state__in=[State.FAILED, State.STOPPED])
            ),
            models.Index(fields=["ended_at"], name="task_ended", condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.source}@{self.reference}"


class LogLine(models.Model):
    """What a task tells of its work, for people."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="lines", db_index=False)
    at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=8, default="INFO")
    text = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["task", "id"], name="line_of_task")]

    def __str__(self) -> str:
        return self.text


class Transfer(models.Model):
    """A blob's way to one site, over all tasks: so it is sent once, and taken up where it broke off.

    `endpoint` null is this installation. While `done_at` is null one process sends it, to `repository`; then that
    holds it, and other repositories of the site mount it from there.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    digest = models.CharField(max_length=135, db_collation="C")
    repository = models.CharField(max_length=512, db_collation="C")
    size = models.BigIntegerField(default=0)
    location = models.TextField(blank=True, default="", help_text="of the upload")
    offset = models.BigIntegerField(default=0, help_text="bytes that the site was seen to have")
    worker = models.CharField(max_length=64, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "digest"], name="transfer_once", nulls_distinct=False)
        ]
        indexes = [models.Index(fields=["done_at"], name="transfer_done")]

    def __str__(self) -> str:
        return f"{self.digest} to {self.repository}"


class Absence(models.Model):
    """A site that doesn't answer: nothing is tried there but a look now and then. `endpoint` null is this installation.

    Once it is back the row stays for a while, in case the site answers looks and nothing else.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    since = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(help_text="that found it away, one after another")
    look_at = models.DateTimeField(help_text="the next look")
    text = models.TextField(help_text="what was answered, in words")
    back_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint"], name="absence_once", nulls_distinct=False)]

    def __str__(self) -> str:
        return f"{self.endpoint or 'this installation'}: {self.text}"


class Event(models.Model):
    """Something happened here that policies may follow; written in its transaction, gone when it was looked at.

    What is deleted can't be looked up any more: so its types and its labels stand here.
    """

    kind = models.CharField(max_length=16, help_text="push, delete, retag")
    repository = models.CharField(max_length=255)
    digest = models.CharField(max_length=135, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=128), default=list)
    labels = ArrayField(models.CharField(max_length=128), default=list)
    resource_type = models.TextField(
        blank=True, default="", help_text="of what was deleted: its media and artifact type"
    )
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.kind} {self.repository}@{self.digest}"


class Postponed(models.Model):
    """An event that a policy follows later: one of its sites is away, or it has enough to do."""

    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="+", db_index=False)
    event = models.JSONField(help_text="as an execution has it: see events")

    class Meta:
        indexes = [models.Index(fields=["policy", "id"], name="postponed_of_policy")]

    def __str__(self) -> str:
        return f"{self.event['kind']} {self.event['repository']} for {self.policy_id}"
