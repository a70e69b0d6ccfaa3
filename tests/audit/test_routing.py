"""Event types that are switched off, and records that are only sent elsewhere."""

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

import audit
from audit import Context, drain, spool
from audit.entry import Entry
from audit.models import AuditRecord, OutgoingRecord
from configuration import actions, values
from configuration.models import Setting

pytestmark = pytest.mark.django_db


def configure(**items):
    actions.update(items, actor="root", context=Context())
    values.forget()


def record(operation, resource_type, resource="x"):
    audit.record(actor="alice", operation=operation, resource_type=resource_type, resource=resource, context=Context())


def spooled(operation, resource_type, resource="x"):
    spool.write(
        {
            "actor": "alice",
            "operation": operation,
            "resource_type": resource_type,
            "resource": resource,
            "context": Context(),
        }
    )


def event_types():
    return [f"{each.operation}_{each.resource_type}" for each in AuditRecord.objects.order_by("id")]


def test_a_switched_off_event_is_not_recorded_and_all_others_are():
    configure(disabled_audit_log_event_types="delete_artifact, login_user,create_immutable-tag-rule")
    for operation, resource_type in [("delete", "artifact"), ("delete", "tag"), ("create", "immutable-tag-rule")]:
        record(operation, resource_type)
    for operation, resource_type in [("login", "user"), ("logout", "user"), ("pull", "artifact")]:
        spooled(operation, resource_type)

    assert spool.drain() == 3

    assert event_types() == ["update_configuration", "delete_tag", "logout_user", "pull_artifact"]


def test_a_switched_off_pull_is_counted_nevertheless():
    configure(disabled_audit_log_event_types="pull_artifact")
    seen: list[Entry] = []
    drain._consumers.append(seen.extend)
    spooled("pull", "artifact", "library/app:1")

    spool.drain()

    assert [entry.resource for entry in seen] == ["library/app:1"]
    assert event_types() == ["update_configuration"]


def test_that_records_are_switched_off_is_recorded():
    configure(disabled_audit_log_event_types="update_configuration")
    configure(banner_message="unseen")
    assert [each.resource for each in AuditRecord.objects.all()] == ["disabled_audit_log_event_types"]

    configure(disabled_audit_log_event_types="")
    configure(banner_message="seen")
    assert [each.resource for each in AuditRecord.objects.order_by("id")][1:] == ["banner_message"]


def test_a_change_by_a_process_that_knew_nothing_yet_is_recorded_too():
    values.forget()  # so that the rule is read in the transaction of the change
    actions.update({"disabled_audit_log_event_types": "update_configuration"}, actor="root", context=Context())
    assert event_types() == ["update_configuration"]


def test_a_record_that_is_switched_off_still_belongs_in_a_transaction(monkeypatch):
    configure(disabled_audit_log_event_types="delete_artifact")
    monkeypatch.setattr(transaction.get_connection(), "in_atomic_block", False)
    with pytest.raises(TransactionManagementError):
        record("delete", "artifact")


def test_records_are_sent_as_well_or_only_sent():
    configure(audit_log_forward_endpoint="127.0.0.1:9")
    record("delete", "tag", "both")
    spooled("pull", "artifact", "both")
    spool.drain()
    assert OutgoingRecord.objects.filter(kept=True).count() == 2
    assert event_types()[1:] == ["delete_tag", "pull_artifact"]

    configure(skip_audit_log_database=True)
    OutgoingRecord.objects.all().delete()
    before = AuditRecord.objects.count()
    record("delete", "tag", "sent")
    spooled("pull", "artifact", "sent")
    spool.drain()
    assert OutgoingRecord.objects.filter(kept=False).count() == 2
    assert AuditRecord.objects.count() == before


def test_without_a_server_records_are_kept_whatever_else_is_set():
    Setting.objects.create(name="skip_audit_log_database", value="true")
    values.forget()
    record("delete", "tag")
    assert event_types() == ["delete_tag"]
    assert not OutgoingRecord.objects.exists()
