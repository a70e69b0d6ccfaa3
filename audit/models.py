"""The audit trail's rows: records, by month; how far each spool file was carried into them; what waits to be sent."""

from __future__ import annotations

from django.db import models


class AuditRecord(models.Model):
    """One deed. Rows are only ever added (a trigger refuses UPDATE and DELETE); whole months are dropped by age.

    The table is partitioned by month on `at` (see the first migration), so its primary key in PostgreSQL is (at, id):
    that is also the key its lists are paged by. `id` comes from one sequence and is unique by itself.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor = models.TextField()
    address = models.TextField()
    user_agent = models.TextField()
    request_id = models.TextField()
    operation = models.TextField()
    resource_type = models.TextField()
    resource = models.TextField()
    project = models.TextField()
    result = models.TextField()
    detail = models.JSONField()

    class Meta:
        db_table = "audit_record"
        indexes = [
            models.Index(fields=["project", "at", "id"], name="audit_record_project"),
            models.Index(fields=["actor", "at", "id"], name="audit_record_actor"),
            models.Index(fields=["operation", "resource_type", "at", "id"], name="audit_record_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%dT%H:%M:%SZ} {self.actor} {self.operation} {self.resource_type} {self.resource}"


class SpoolFile(models.Model):
    """How many bytes of one spool file are in the table. Moved in the transaction that adds the records."""

    name = models.TextField(primary_key=True)
    offset = models.BigIntegerField()

    class Meta:
        db_table = "audit_spool_file"

    def __str__(self) -> str:
        return f"{self.name} up to {self.offset}"


class OutgoingRecord(models.Model):
    """A record that waits to be sent to a syslog server. `kept` is false for one that isn't in the trail."""

    line = models.TextField(help_text="as `audit.entry.to_line` writes it")
    kept = models.BooleanField()

    class Meta:
        db_table = "audit_outgoing"

    def __str__(self) -> str:
        return self.line
