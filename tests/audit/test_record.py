"""One record in the transaction of its deed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.db.transaction import TransactionManagementError

import audit
from audit.models import AuditRecord, SpoolFile


def create(context: audit.Context, **more: Any) -> None:
    deed: dict[str, Any] = {"actor": "alice", "operation": "create", "resource_type": "project", "resource": "team"}
    audit.record(context=context, **deed | more)


@pytest.mark.django_db
def test_it_keeps_who_when_from_where_what_on_what_and_the_result(context):
    before = datetime.now(UTC)
    create(context, project="team", result="denied", detail={"public": True, "at": before})
    record = AuditRecord.objects.get()
    assert before <= record.at <= datetime.now(UTC)
    assert (record.actor, record.address, record.user_agent) == ("alice", "192.0.2.7", "docker/24.0")
    assert (record.request_id, record.operation, record.resource_type) == ("7f3a", "create", "project")
    assert (record.resource, record.project, record.result) == ("team", "team", "denied")
    assert record.detail == {"public": True, "at": str(before)}


def test_it_goes_when_the_deed_is_rolled_back(committed, context):
    def deed() -> None:
        with transaction.atomic():
            create(context)
            assert AuditRecord.objects.count() == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        deed()
    assert AuditRecord.objects.count() == 0


def test_a_deed_whose_record_fails_fails(committed, context):
    def deed() -> None:
        with transaction.atomic():
            SpoolFile.objects.create(name="the deed", offset=1)
            create(context, result="perhaps")

    with pytest.raises(ValueError, match="perhaps"):
        deed()
    assert SpoolFile.objects.count() == 0


def test_it_refuses_a_record_outside_a_transaction(committed, context):
    with pytest.raises(TransactionManagementError):
        create(context)
    assert AuditRecord.objects.count() == 0


@pytest.mark.django_db
def test_rows_can_be_neither_changed_nor_deleted(context):
    create(context)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditRecord.objects.update(actor="mallory")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditRecord.objects.all().delete()
    assert AuditRecord.objects.get().actor == "alice"


@pytest.mark.django_db
def test_hostile_text_is_kept_bounded_and_printable():
    agent = "curl\x1b[2J\r\n2026-01-01 forged line\x00\u202e\udcff" + "x" * 10_000
    create(
        audit.Context("203.0.113.9", agent, "r"),
        resource="a" * 5000,
        detail={"reason\x00": ["\x00", {"deep": "\ud800"}]},
    )
    record = AuditRecord.objects.get()
    assert record.user_agent.startswith(r"curl\u001b[2J\u000d\u000a2026-01-01 forged line\u0000\u202e\udcff")
    assert record.user_agent.isprintable()
    assert (len(record.user_agent), len(record.resource)) == (512, 1024)
    assert record.detail == {r"reason\u0000": [r"\u0000", {"deep": r"\ud800"}]}


@pytest.mark.django_db
def test_an_oversized_detail_is_left_out_and_the_record_kept(context):
    create(context, detail={"names": ["x" * 100] * 1000})
    assert list(AuditRecord.objects.get().detail) == ["omitted"]


class Request:
    def __init__(self, **meta: str) -> None:
        self.META = meta


def test_the_address_is_the_one_nginx_saw():
    request = Request(HTTP_X_REAL_IP="198.51.100.4", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="10.0.0.1")
    assert audit.context_of(request).address == "198.51.100.4"
    assert audit.context_of(Request(REMOTE_ADDR="127.0.0.1")).address == "127.0.0.1"
    assert audit.context_of(Request()) == audit.Context()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("4bf92f3577b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("a" * 65, ""),
        ("a b", ""),
        ("abc\n", ""),
        ("<script>", ""),
        ("", ""),
    ],
)
def test_only_a_sane_request_id_is_kept(sent, kept):
    assert audit.context_of(Request(HTTP_X_REQUEST_ID=sent)).request_id == kept
