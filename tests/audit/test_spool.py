"""The spool's two ends in one process."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from django.db import OperationalError

from audit import Context, drain, spool
from audit.models import AuditRecord, SpoolFile
from tests.audit import children


def pull(resource: str, **more: Any) -> None:
    event: dict[str, Any] = {"actor": "alice", "operation": "pull", "resource_type": "artifact", "resource": resource}
    spool.write(cast(spool.Record, event | {"context": Context("192.0.2.1", "docker/24\x1b", "r1")} | more))


def resources() -> list[str]:
    return list(AuditRecord.objects.order_by("id").values_list("resource", flat=True))


@pytest.mark.django_db
def test_a_spooled_record_arrives_whole():
    at = datetime(2026, 7, 31, 12, 0, 0, 250000, tzinfo=UTC)
    pull("library/alpine:3", project="library", result="failure", detail={"tag": "3"}, at=at.timestamp())
    assert spool.drain() == 1
    record = AuditRecord.objects.get()
    assert (record.at, record.actor, record.address, record.request_id) == (at, "alice", "192.0.2.1", "r1")
    assert (record.user_agent, record.project, record.result) == (r"docker/24\u001b", "library", "failure")
    assert (record.resource, record.detail) == ("library/alpine:3", {"tag": "3"})


@pytest.mark.django_db
def test_draining_again_adds_nothing_and_later_records_follow():
    pull("one")
    assert spool.drain() == 1
    assert spool.drain() == 0
    pull("two")
    assert spool.drain() == 1
    assert resources() == ["one", "two"]


@pytest.mark.django_db
def test_rotated_files_go_once_drained_and_the_open_one_stays(monkeypatch):
    monkeypatch.setattr(spool, "ROTATE_BYTES", 1000)
    for number in range(50):
        pull(str(number))
    assert len(children.spool_files()) > 3
    assert spool.drain() == 50
    assert len(children.spool_files()) == 1
    assert SpoolFile.objects.count() == 1
    assert sorted(map(int, resources())) == list(range(50))


@pytest.mark.django_db
def test_an_old_file_is_closed_at_the_next_write(monkeypatch):
    pull("one")
    monkeypatch.setattr(spool._writer, "_rotate_at", 0.0)
    pull("two")
    assert len(children.spool_files()) == 2


@pytest.mark.django_db
def test_files_are_for_the_owner_alone(spool_directory):
    pull("one")
    (file,) = children.spool_files()
    assert file.stat().st_mode & 0o777 == 0o600
    assert spool_directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.django_db
@pytest.mark.parametrize(
    "damage",
    [
        b'[1785499200.0,"alice","192',
        b"\x00" * 4096,
        b"\n\n",
        b"null\n",
        b"[]\n",
        b'["now"' + b',"x"' * 9 + b",{}]\n",
        b'[1e99,"a","b","c","d","e","f","g","h","success",{}]\n',
        b'[1,"a","b","c","d","e","f","g","h","maybe",{}]\n',
        b'[1,"a","b","c","d","e","f","g","h","success",{"x":1e999}]\n',
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_a_damaged_line_is_logged_and_passed_and_what_is_around_it_kept(caplog, spool_directory, damage):
    pull("before")
    (file,) = children.spool_files()
    line = file.read_bytes()
    file.write_bytes(line + damage.rstrip(b"\n") + b"\n" + line)
    (spool_directory / "1-dead.spool").write_bytes(line + damage)
    with caplog.at_level(logging.ERROR):
        assert spool.drain() == 3
    assert "passed over" in caplog.text
    assert "alice" not in caplog.text
    assert children.spool_files() == [file]
    assert spool.drain() == 0


@pytest.mark.django_db
def test_a_line_still_being_written_is_left_for_later():
    pull("one")
    (file,) = children.spool_files()
    whole = file.read_bytes()
    with file.open("ab") as end:
        end.write(whole[:20])
        end.flush()
        assert spool.drain() == 1
        end.write(whole[20:])
    assert spool.drain() == 1
    assert resources() == ["one", "one"]


@pytest.mark.django_db
def test_more_than_a_batch_without_a_line_end_is_passed(monkeypatch, spool_directory):
    monkeypatch.setattr(drain, "BATCH_BYTES", 1000)
    pull("one")
    (file,) = children.spool_files()
    (spool_directory / "1-dead.spool").write_bytes(b"x" * 5500 + b"\n" + file.read_bytes())
    assert spool.drain() == 2
    assert children.spool_files() == [file]


def test_without_a_place_for_the_spool_the_deed_is_refused(settings, tmp_path):
    settings.AUDIT_SPOOL = tmp_path / "missing" / "spool"
    with pytest.raises(spool.SpoolError):
        pull("one")


@pytest.mark.django_db
def test_a_spool_deleted_under_the_writer_is_made_anew(spool_directory):
    pull("lost with the directory")
    for file in children.spool_files():
        file.unlink()
    spool_directory.rmdir()
    pull("kept")
    assert spool.drain() == 1
    assert resources() == ["kept"]


def test_a_full_disk_refuses_the_record_and_leaves_only_whole_lines(spool_directory, django_db_blocker):
    with django_db_blocker.unblock():
        printed = children.run(
            """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # as a disk does: the last write() is cut short
kept = refused = 0
for number in range(40):
    try:
        pull("alice", str(number))
        kept += 1
    except spool.SpoolError:
        refused += 1
print(kept, refused)
"""
        )
    kept, refused = map(int, printed.split())
    lines = [line for file in children.spool_files() for line in file.read_bytes().splitlines(keepends=True)]
    assert refused > 0
    assert len(lines) == kept > 0
    assert all(line.endswith(b"\n") and json.loads(line) for line in lines)


@pytest.mark.django_db
def test_consumers_get_each_batch_in_its_transaction():
    seen: list[str] = []
    spool.on_drain(lambda entries: seen.extend(entry.resource for entry in entries))
    pull("one", detail={"tag": "1"})
    pull("two")
    spool.drain()
    spool.drain()
    assert seen == ["one", "two"]


@pytest.mark.django_db
def test_a_broken_consumer_does_not_keep_the_trail_from_being_carried(caplog):
    def broken(entries) -> None:
        SpoolFile.objects.create(name="half done", offset=0)
        raise KeyError("tag")

    spool.on_drain(broken)
    pull("one")
    assert spool.drain() == 1
    assert resources() == ["one"]
    assert not SpoolFile.objects.filter(name="half done").exists()
    assert "failed for 1 records" in caplog.text


def test_what_the_database_refuses_for_now_is_tried_again(committed):
    def deadlocked(entries) -> None:
        raise OperationalError("deadlock detected")

    spool.on_drain(deadlocked)
    pull("one")
    with pytest.raises(OperationalError):
        spool.drain()
    assert resources() == []
    drain._consumers.clear()
    assert spool.drain() == 1
    assert resources() == ["one"]


def test_an_unknown_result_is_refused_at_once(spool_directory):
    with pytest.raises(ValueError, match="perhaps"):
        pull("one", result="perhaps")
    assert not spool_directory.exists()
