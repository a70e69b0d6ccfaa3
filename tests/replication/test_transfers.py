"""A blob is sent to a site by one process at a time, and where it broke off another goes on."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from oci.digest import Digest
from replication import transfers
from replication.models import Transfer
from replication.transfers import FAVOUR, Claims, Grant, Hint

BLOB = Digest.of(b"a blob")
FRESH = Grant("", 0)

pytestmark = pytest.mark.django_db(transaction=True)


def claim(repository="a/x", claim="one", *, endpoint=None, seen=None):
    found = transfers.claim(endpoint, {BLOB: 6}, repository, claim=claim, seen=seen).get(BLOB)
    return found if isinstance(found, Grant) else None


def hint_of() -> Hint:
    found = transfers.claim(None, {BLOB: 6}, "a/z", claim="curious")[BLOB]
    assert isinstance(found, Hint)
    return found


def expire(seconds=1.0):
    Transfer.objects.update(lease_until=Now() - timedelta(seconds=seconds))


def test_of_many_that_would_send_a_blob_one_does():
    def take(number: int) -> bool:
        try:
            return claim(f"a/x{number}", str(number)) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(take, range(6))) == [False] * 5 + [True]


def test_who_finds_it_done_needs_not_send_it():
    claim()
    assert transfers.busy(None, [BLOB]) == {BLOB}
    assert not transfers.claim(None, {BLOB: 6}, "a/y", claim="two")
    transfers.done(None, BLOB, "one")
    assert not transfers.busy(None, [BLOB])
    assert hint_of().repository == "a/x"
    assert claim("a/y", "two") is None


def test_what_the_site_has_lost_is_sent_again_by_one_of_those_who_noticed():
    claim()
    transfers.done(None, BLOB, "one")
    seen = hint_of().done_at
    assert claim("a/y", "two", seen=seen) == FRESH
    assert claim("a/z", "three", seen=seen) is None


def test_an_upload_that_broke_off_is_gone_on_with_where_it_is():
    claim()
    transfers.note(None, BLOB, "one", location="/upload/1", offset=3)
    assert claim(claim="two") is None
    expire()
    assert claim(claim="two") == Grant("/upload/1", 3)


def test_who_wants_it_elsewhere_waits_a_moment_longer_and_begins_anew():
    claim()
    transfers.note(None, BLOB, "one", location="/upload/1", offset=3)
    expire()
    assert claim("a/y", "two") is None
    expire(FAVOUR + 1)
    assert claim("a/y", "two") == FRESH


def test_what_is_let_go_of_is_free_at_once_and_its_old_holder_changes_nothing_any_more():
    claim()
    transfers.note(None, BLOB, "one", location="/upload/1", offset=3)
    transfers.release("one")
    assert claim(claim="two") == Grant("/upload/1", 3)
    transfers.note(None, BLOB, "one", location="/upload/2", offset=5)
    transfers.done(None, BLOB, "one")
    assert transfers.busy(None, [BLOB]) == {BLOB}


def test_a_task_claims_some_of_its_blobs_at_a_time_and_leaves_the_others_to_whoever_comes():
    blobs = [Digest.of(bytes([number])) for number in range(12)]
    claims = Claims(None, "a/x", "one", dict.fromkeys(blobs, 6))
    assert claims.of(blobs[0]) == FRESH
    others = transfers.claim(None, dict.fromkeys(blobs, 6), "a/y", claim="two")
    assert 0 < len(others) < len(blobs)
    assert [claims.of(blob) for blob in blobs] == [None if blob in others else FRESH for blob in blobs]


def test_who_claims_many_in_another_order_waits_for_nobody_for_ever():
    blobs = [Digest.of(bytes([number])) for number in range(50)]

    def take(number: int) -> int:
        try:
            wanted = blobs[:: 1 if number % 2 else -1]
            return len(transfers.claim(None, dict.fromkeys(wanted, 6), "a/x", claim=str(number)))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take, range(6))) == len(blobs)


def test_old_hints_are_forgotten():
    claim()
    transfers.done(None, BLOB, "one")
    assert transfers.forget() == 0
    Transfer.objects.update(done_at=Now() - timedelta(days=8))
    assert transfers.forget() == 1
