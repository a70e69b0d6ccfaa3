"""When calls are made again: what registries ask for, what may be repeated, and where patience ends."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.client import RegistryClient
from oci.digest import Digest
from oci.doorman import RateLimit
from oci.errors import TooManyRequests, Unavailable
from oci.listener import Reply
from oci.manifest import OCI_INDEX
from oci.patience import LONGEST, back_off, retry_after
from oci.registry import DROP

HELLO = b"hello, registry"
DIGEST = Digest.of(HELLO)
INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'


@pytest.fixture
def waits(monkeypatch):
    """How long the client would have waited, each time."""
    waited: list[float] = []
    monkeypatch.setattr("oci.transport.Transport.wait", lambda _, seconds: waited.append(seconds))
    monkeypatch.setattr("oci.session.time.monotonic", lambda: sum(waited))
    return waited


@pytest.fixture
def patient(memory):
    return RegistryClient(memory.url, tries=5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 9.0),
        ("Friday, 31-Dec-99 23:59:59 GMT", 9.0),
        ("Fri Dec 31 23:59:59 1999", 9.0),
        ("Fri, 31 Dec 1999 23:00:00 GMT", 0),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert retry_after(text, now=946684790.0) == seconds


@given(st.text())
def test_any_retry_after_is_a_wait_or_none(text):
    found = retry_after(text)
    assert found is None or found >= 0


def test_the_wait_doubles_up_to_a_bound():
    assert all(0.25 <= back_off(1) <= 0.75 for _ in range(100))
    assert all(1 <= back_off(3) <= 3 for _ in range(100))
    assert all(back_off(1000) <= 30 for _ in range(100))


@pytest.mark.parametrize("fault", [DROP, 502, 503, 504, 429])
def test_what_may_be_repeated_is(memory, patient, waits, fault):
    memory.faults = [fault] * (2 if fault == DROP else 4)
    assert patient.head_blob("p/r", DIGEST) is None
    assert len(waits) == len(memory.faults) + (1 if fault == DROP else 4)


@pytest.mark.parametrize("fault", [500, 501, 507])
def test_an_error_that_will_not_pass_is_not_waited_for(memory, patient, waits, fault):
    memory.faults = [fault]
    with pytest.raises(Unavailable, match=f"answered {fault}"):
        patient.head_blob("p/r", DIGEST)
    assert waits == []


def test_patience_ends(memory, patient, waits):
    memory.faults = [503] * 100
    with pytest.raises(Unavailable, match="answered 503"):
        patient.head_blob("p/r", DIGEST)
    assert len(memory.calls) == 5
    assert len(waits) == 4


def test_what_may_not_be_said_twice_is_repeated_only_when_it_was_refused(memory, patient, waits):
    for fault in (DROP, 502, 503, 504):
        memory.calls.clear()
        memory.faults = [fault]
        with pytest.raises(Unavailable):
            patient.put_manifest("p/r", "latest", OCI_INDEX, INDEX)
        assert len(memory.calls) == 1
    for refusal in (Reply(429), Reply(503, {"Retry-After": "3"})):
        memory.faults = [refusal]
        patient.put_manifest("p/r", "latest", OCI_INDEX, INDEX)


def test_a_body_that_was_streamed_is_not_sent_again_by_itself(memory, patient, waits):
    location = patient.start_upload("p/r")
    memory.faults = [Reply(429, {"Retry-After": "1"})]
    with pytest.raises(TooManyRequests) as raised:
        patient.patch_upload(location, iter([HELLO]), len(HELLO))
    assert raised.value.retry_after == 1
    assert waits == []


def test_the_registry_says_how_long_to_wait(memory, patient, waits):
    memory.faults = [Reply(429, {"Retry-After": "7"}), Reply(503, {"Retry-After": "9"})]
    assert patient.head_blob("p/r", DIGEST) is None
    assert 7 <= waits[0] <= 7.7
    assert 9 <= waits[1] <= 9.9


def test_a_wait_that_is_too_long_is_the_callers(memory, patient, waits):
    memory.faults = [Reply(429, {"Retry-After": str(int(LONGEST) + 1)}, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}')]
    with pytest.raises(TooManyRequests) as raised:
        patient.get_manifest("p/r", "latest")
    assert raised.value.retry_after == LONGEST + 1
    assert waits == []


def test_who_is_told_to_wait_makes_the_others_wait(memory):
    """A registry that lets 5 calls a second in gets few more than it lets in, from 8 threads at once."""
    memory.guard = limit = RateLimit(calls=5, seconds=1)
    client = RegistryClient(memory.url, tries=10)
    answers: list[object] = []

    def ask():
        for _ in range(2):
            answers.append(client.head_blob("p/r", DIGEST))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [None] * 16
    assert limit.refused <= 8 * 4


def test_an_upload_is_taken_up_after_a_wait(memory, patient, waits):
    memory.faults = [Reply(202, {"Location": "/v2/p/r/blobs/uploads/x"}), Reply(429, {"Retry-After": "5"}), Reply(404)]

    def source(offset):
        return iter([HELLO[offset:]])

    assert patient.upload_blob("p/r", DIGEST, len(HELLO), source) == DIGEST
    assert waits[0] == 5
