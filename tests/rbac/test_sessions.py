"""Sessions: begun, used, ended at once, forgotten."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditRecord
from configuration import actions as configuration
from configuration import values
from rbac import accounts, actions, sessions
from rbac.accounts import Account
from rbac.actors import SYSTEM
from rbac.credentials import InvalidCredentials
from rbac.models import Session, User
from rbac.sessions import Carried
from tests.people import CONTEXT, make_user
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db
BY: Any = {"actor": SYSTEM, "context": CONTEXT}


def account_of(username: str) -> Account:
    found = accounts.read(username)
    assert found
    return found


def begin(username="alice", **more) -> str:
    return sessions.begin(account_of(username), context=CONTEXT, **more)


def carried(sid: str) -> Carried:
    found = sessions.read(sid)
    assert found
    return found


def aged(**ago) -> None:
    Session.objects.update(**{name: datetime.now(UTC) - back for name, back in ago.items()})


@pytest.fixture
def alice() -> User:
    return make_user("alice", is_admin=True)


@pytest.fixture
def sid(alice) -> str:
    return begin()


def test_a_session_says_who_it_is(sid, alice):
    actor = carried(sid).actor
    assert (actor.name, actor.user_id, actor.is_admin) == ("alice", alice.pk, True)
    assert sid not in repr(carried(sid))


def test_the_secret_itself_is_kept_nowhere(sid):
    assert sid not in str(list(Session.objects.values()))


@pytest.mark.parametrize("presented", ["", "x", "a" * 129, "a" * 10**6, "\x00", "\ud800", "../..", "é" * 40])
def test_what_is_no_session_is_nobody(sid, presented):
    assert sessions.read(presented) is None


def test_it_costs_one_round_trip_and_writes_once_in_a_while(sid):
    sessions.read(sid)  # the configuration is remembered from here on
    aged(used_at=timedelta(minutes=4))
    with counted() as trips:
        assert sessions.read(sid)
    assert trips() == 1
    aged(used_at=timedelta(minutes=6))
    assert sessions.read(sid)
    assert datetime.now(UTC) - Session.objects.get().used_at < timedelta(minutes=1)


def test_it_ends_when_it_was_idle_for_too_long(sid):
    aged(used_at=timedelta(minutes=59))
    assert sessions.read(sid)
    aged(used_at=timedelta(minutes=60))
    assert sessions.read(sid) is None


def test_an_administrator_sets_how_long_that_is(sid):
    configuration.update({"session_timeout": 5}, actor="admin", context=CONTEXT)
    values.forget()
    aged(used_at=timedelta(minutes=5))
    assert sessions.read(sid) is None


def test_it_ends_after_a_day_however_much_it_is_used(sid):
    aged(created_at=timedelta(hours=23))
    assert sessions.read(sid)
    aged(created_at=timedelta(hours=24))
    assert sessions.read(sid) is None


def test_a_lock_ends_it_for_good(sid, alice):
    other = make_user("bob")
    theirs = begin("bob")
    actions.lock_user(alice, **BY)
    assert sessions.read(sid) is None
    actions.unlock_user(alice, **BY)
    assert sessions.read(sid) is None
    assert carried(theirs).actor.user_id == other.pk


def test_a_deletion_ends_it(sid, alice):
    actions.delete_user(alice, **BY)
    assert sessions.read(sid) is None


def test_another_password_ends_every_session_but_the_one_it_was_changed_in(sid, alice):
    here = begin()
    session = carried(here)
    actions.set_password(alice, "Staple-Battery-7", **BY)
    sessions.keep(session, alice)
    assert sessions.read(sid) is None
    assert sessions.read(here)


def test_a_role_that_was_taken_is_missed_at_once(sid, alice):
    actions.set_admin(alice, False, **BY)
    assert not carried(sid).actor.is_admin


def test_signing_out_ends_this_one_alone_and_is_recorded(sid):
    other = begin()
    sessions.end(carried(sid), context=CONTEXT)
    assert sessions.read(sid) is None
    assert sessions.read(other)
    record = AuditRecord.objects.get(operation="logout")
    assert (record.actor, record.resource_type, record.resource) == ("alice", "user", "alice")


def test_signing_out_everywhere_ends_all_of_one_user(sid, alice):
    begin()
    make_user("bob")
    theirs = begin("bob")
    assert sessions.end_all(alice, actor=account_of("alice").actor, context=CONTEXT) == 2
    assert sessions.read(sid) is None
    assert sessions.read(theirs)
    assert AuditRecord.objects.get(operation="logout").detail == {"sessions": 2}


def test_signing_in_takes_a_new_secret_and_ends_the_one_brought_along(sid):
    brought = begin(instead_of=sid)
    assert brought != sid
    assert sessions.read(sid) is None
    assert AuditRecord.objects.filter(operation="login", actor="alice", result="success").count() == 2


def test_one_user_has_a_hundred_sessions_at_most(alice, monkeypatch):
    monkeypatch.setattr(sessions, "_MOST", 3)
    begun = [begin() for _ in range(5)]
    assert [bool(sessions.read(sid)) for sid in begun] == [False, False, True, True, True]


def test_a_lock_between_the_password_and_the_session_ends_it(alice):
    account = account_of("alice")
    actions.lock_user(alice, **BY)
    actions.unlock_user(alice, **BY)
    assert sessions.read(sessions.begin(account, context=CONTEXT)) is None


def test_who_is_gone_by_now_does_not_sign_in(alice):
    account = account_of("alice")
    alice.delete()
    with pytest.raises(InvalidCredentials):
        sessions.begin(account, context=CONTEXT)


def test_the_clock_deletes_what_nobody_can_use(sid):
    begin()
    assert sessions.forget_idle() == 0
    Session.objects.filter(pk=carried(sid).id).update(used_at=datetime.now(UTC) - timedelta(minutes=61))
    assert sessions.forget_idle() == 1
    aged(created_at=timedelta(days=2))
    assert sessions.forget_idle() == 1
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_requests_and_logins_at_once_agree(transactional_db):
    make_user("alice")
    sid = begin()
    aged(used_at=timedelta(minutes=30))
    found: list[object] = []

    def use() -> None:
        try:
            found.append(sessions.read(sid))
            found.append(begin())
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert all(isinstance(each, Carried | str) for each in found)
    assert Session.objects.count() == 9
