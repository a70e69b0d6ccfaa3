import io
import sys

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from rbac.models import Group, User
from tests.people import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def typed(monkeypatch):
    """Puts a password on standard input."""

    def type_in(text):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return type_in


def test_it_creates_a_user_with_the_password_from_standard_input(typed):
    typed(PASSWORD + "\n")

    assert "user alice created" in run("createuser", "alice", "--password-stdin", "--admin")

    user = User.objects.get(username="alice")
    assert user.is_admin
    assert user.check_password(PASSWORD)
    assert AuditRecord.objects.get().actor == "system"


def test_it_asks_for_a_terminal_or_the_option(typed):
    typed(PASSWORD)

    with pytest.raises(CommandError, match="--password-stdin"):
        run("createuser", "alice")


@pytest.mark.parametrize(("name", "password"), [("alice", "short"), ("a,b", PASSWORD), ("bob", PASSWORD)])
def test_it_says_in_one_line_what_is_wrong(typed, name, password):
    make_user("bob")
    typed(password + "\n")

    with pytest.raises(CommandError) as error:
        run("createuser", name, "--password-stdin")

    assert len(str(error.value).splitlines()) == 1
    assert User.objects.count() == 1


def test_it_resets_a_password(typed):
    make_user("alice")
    typed("Another-Horse-9\n")

    run("resetpassword", "alice", "--password-stdin")

    assert User.objects.get().check_password("Another-Horse-9")


def test_it_locks_and_unlocks():
    make_user("alice")

    run("lockuser", "alice")
    assert not User.objects.get().is_active

    run("lockuser", "alice", "--unlock")
    assert User.objects.get().is_active


def test_it_makes_administrators_and_unmakes_them():
    make_user("alice")

    run("setadmin", "alice")
    assert User.objects.get().is_admin

    run("setadmin", "alice", "--revoke")
    assert not User.objects.get().is_admin


def test_it_deletes_a_user():
    make_user("alice")

    run("deleteuser", "alice")

    assert not User.objects.exists()


def test_it_manages_groups():
    alice, bob = make_user("alice"), make_user("bob")

    run("creategroup", "crew", "alice")
    run("groupmember", "crew", "bob")
    run("groupmember", "crew", "alice", "--remove")

    assert list(Group.objects.get().users.all()) == [bob]
    assert alice.user_groups.count() == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("lockuser", "nobody"),
        ("deleteuser", "nobody"),
        ("setadmin", "nobody"),
        ("resetpassword", "nobody", "--password-stdin"),
        ("creategroup", "crew", "nobody"),
        ("creategroup", " "),
        ("groupmember", "nowhere", "nobody"),
    ],
)
def test_it_refuses_what_does_not_exist(arguments):
    with pytest.raises(CommandError):
        run(*arguments)

    assert not AuditRecord.objects.exists()


def test_djangos_own_ways_to_set_a_password_heed_our_rules(typed):
    user = make_user("alice")
    typed("weak\n")
    with pytest.raises(CommandError, match="8 to 128"):
        run("changepassword", "alice", "--password-stdin")
    typed("Staple-Battery-7\n")
    run("changepassword", "alice", "--password-stdin")
    user.refresh_from_db()
    assert user.check_password("Staple-Battery-7")
    assert AuditRecord.objects.get().operation == "update"
    with pytest.raises(CommandError, match="createuser"):
        run("createsuperuser")
    assert User.objects.count() == 1
