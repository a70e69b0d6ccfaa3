"""Forwarding to a syslog server: what it is sent, and what happens when it is not well."""

import logging
import re
import socket
import threading
from datetime import UTC, datetime

import pytest

import audit
from audit import Context, forward, routing, syslog
from audit.entry import Entry, from_line, to_line
from audit.models import AuditRecord, OutgoingRecord
from audit.routing import Routing
from db.locks import advisory_lock
from tests.audit.collector import collector, deaf_server

pytestmark = pytest.mark.django_db

ENTRY = Entry(
    datetime(2026, 7, 31, 12, 0, 0, 250001, tzinfo=UTC), "älice", "192.0.2.7", "docker/24", "r1", "delete",
    "artifact", "library/app:1", "library", "success", {"tag": "1"},
)  # fmt: skip


@pytest.fixture
def send_to(monkeypatch):
    monkeypatch.setattr(forward._State, "failing", False)

    def route(endpoint, **fields):
        monkeypatch.setattr(routing._Followed, "source", staticmethod(lambda: Routing(endpoint=endpoint, **fields)))

    return route


def record(*resources):
    for resource in resources:
        audit.record(
            actor="alice", operation="delete", resource_type="tag", resource=resource, context=Context("192.0.2.7")
        )


def waiting():
    return [from_line(row.line).resource for row in OutgoingRecord.objects.order_by("pk")]


def kept():
    return [row.resource for row in AuditRecord.objects.order_by("id")]


def test_an_entry_is_written_as_a_line_and_read_back():
    assert from_line(to_line(ENTRY)) == ENTRY


def test_a_message_has_the_form_of_rfc_5424():
    line = syslog.message(ENTRY).decode("ascii")
    head, _, told = line.partition("{")
    assert re.fullmatch(r"<110>1 2026-07-31T12:00:00\.250001Z [!-~]+ roadstead - delete_artifact - ", head)
    assert '"actor": "\\u00e4lice"' in told
    assert '"at": "2026-07-31T12:00:00.250001+00:00"' in told
    assert syslog.message(ENTRY._replace(result="denied")).startswith(b"<108>1 ")


def test_a_message_is_one_line_and_bounded():
    long = syslog.message(ENTRY._replace(detail={"a": "x\n" * 8000}, resource="r" * 1024))
    assert len(long) < syslog.LONGEST
    assert b"\n" not in long
    assert b"omitted" in long


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_what_waits_is_sent_in_order_and_waits_no_longer(send_to, protocol):
    with collector(protocol) as server:
        send_to(server.url)
        record("one", "two", "three")

        assert forward.forward() == 3

        sent = server.records(3)
    assert [each["resource"] for each in sent] == ["one", "two", "three"]
    assert (sent[0]["actor"], sent[0]["address"], sent[0]["operation"]) == ("alice", "192.0.2.7", "delete")
    assert waiting() == []
    assert kept() == ["one", "two", "three"]
    assert forward.forward() == 0


def test_many_are_sent_in_batches(send_to, monkeypatch):
    monkeypatch.setattr(forward, "BATCH", 10)
    with collector() as server:
        send_to(server.url)
        record(*map(str, range(35)))
        assert forward.forward() == 35
        assert [each["resource"] for each in server.records(35)] == list(map(str, range(35)))


def test_an_address_without_a_scheme_is_tcp(send_to):
    with collector() as server:
        send_to(server.url.removeprefix("tcp://"))
        record("one")
        assert forward.forward() == 1
        assert server.records(1)[0]["resource"] == "one"


def test_what_a_server_does_not_take_waits_until_it_is_back(send_to, caplog):
    with collector() as server:
        port = int(server.url.rpartition(":")[2])
    send_to(server.url)
    record("one", "two")
    with caplog.at_level(logging.INFO, "audit.forward"):
        for _ in range(3):
            assert forward.forward() == 0
        assert waiting() == ["one", "two"]
        with collector(port=port) as server:
            assert forward.forward() == 2
            assert len(server.records(2)) == 2
    assert [entry.levelname for entry in caplog.records] == ["WARNING", "INFO"]


def test_a_server_that_has_hung_up_takes_no_more():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = syslog.Endpoint("tcp", *listener.getsockname())
        with syslog.connected(endpoint) as sender:
            sender.send([b"taken"])
            connection, _ = listener.accept()
            assert connection.recv(100) == b"taken\n"
            connection.close()
            with pytest.raises(ConnectionResetError):
                sender.send([b"lost"])


def test_a_server_that_reads_nothing_is_given_up_in_bounded_time(send_to, monkeypatch):
    monkeypatch.setattr(syslog, "SEND_SECONDS", 0.3)
    with deaf_server() as endpoint:
        send_to(endpoint)
        detail = {"text": "x" * 6000}
        for number in range(1500):
            audit.record(
                actor="alice", operation="delete", resource_type="tag", resource=str(number), context=Context(),
                detail=detail,
            )  # fmt: skip
        sent = forward.forward()  # as much as the kernels hold between them
    assert sent + len(waiting()) == 1500
    assert waiting()


def test_the_oldest_are_given_up_and_are_in_the_trail_all_the_same(send_to, monkeypatch, caplog):
    monkeypatch.setattr(forward, "MOST", 3)
    monkeypatch.setattr(forward, "BATCH", 2)
    send_to("127.0.0.1:9", kept=False)
    record(*"abcdefgh")
    assert kept() == []

    assert forward.forward() == 0

    assert waiting() == ["f", "g", "h"]
    assert kept() == ["a", "b", "c", "d", "e"]
    assert "5 records were not forwarded" in caplog.text


def test_what_waits_when_forwarding_ends_is_in_the_trail_once(send_to):
    send_to("127.0.0.1:9", kept=False)
    record("only sent")
    send_to("127.0.0.1:9")
    record("kept too")

    send_to("")
    assert forward.forward() == 0

    assert waiting() == []
    assert kept() == ["kept too", "only sent"]


def test_one_process_forwards_at_a_time(send_to, django_db_blocker):
    with collector() as server:
        send_to(server.url)
        record("one")
        holds, done = threading.Event(), threading.Event()

        def hold():
            from django.db import connection  # noqa: PLC0415

            with advisory_lock("audit forwarding"):
                holds.set()
                done.wait(20)
            connection.close()

        with django_db_blocker.unblock():
            holder = threading.Thread(target=hold)
            holder.start()
            try:
                assert holds.wait(20)
                assert forward.forward() == 0
                assert waiting() == ["one"]
            finally:
                done.set()
                holder.join()
        assert forward.forward() == 1
        assert server.records(1)


def test_a_name_that_is_nowhere_is_a_server_that_is_away(send_to):
    send_to("collector.invalid:514")
    record("one")
    assert forward.forward() == 0
    assert waiting() == ["one"]


@pytest.mark.parametrize(
    ("text", "protocol", "host", "port"),
    [
        ("harbor-log:10514", "tcp", "harbor-log", 10514),
        ("tcp://a.example.com:601", "tcp", "a.example.com", 601),
        ("udp://[2001:db8::1]:514", "udp", "2001:db8::1", 514),
    ],
)
def test_an_endpoint_is_read(text, protocol, host, port):
    assert syslog.parse(text) == syslog.Endpoint(protocol, host, port)


@pytest.mark.parametrize(
    "text",
    ["", "host", "host:", ":514", "host:0", "host:99999", "http://host:80", "tcp://a@b:1", "a:1/x", "a:1?x", "[:1"],
)
def test_what_is_no_endpoint(text):
    assert syslog.parse(text) is None


def test_a_server_over_ipv6_is_reached():
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        listener.listen()
        with syslog.connected(syslog.Endpoint("tcp", "::1", listener.getsockname()[1])) as sender:
            sender.send([b"x"])
            assert listener.accept()[0].recv(10) == b"x\n"
