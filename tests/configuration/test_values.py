"""Where a value comes from, how it is kept, and what is told of a change."""

import io
import sys
import time

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from configuration import actions, values
from configuration.checks import check_environment
from configuration.errors import InvalidValue, ItemFrozen, UnknownItem
from configuration.models import Setting
from tests.people import CONTEXT
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

SECRET = "hunter2-and-more"


def change(**changes):
    try:
        return actions.update(changes, actor="admin", context=CONTEXT)
    finally:
        values.forget()  # a test's transaction is never committed


def run(*arguments):
    out = io.StringIO()
    call_command("configure", *arguments, stdout=out)
    values.forget()
    return out.getvalue()


def test_what_nobody_set_has_its_default():
    assert values.text("auth_mode") == "db_auth"
    assert values.number("ldap_timeout") == 5
    assert values.flag("read_only") is False


def test_a_change_is_kept_and_seen():
    assert change(read_only=True, ldap_timeout=9) == ["ldap_timeout", "read_only"]

    assert values.flag("read_only") is True
    assert values.shown()["ldap_timeout"] == {"value": 9, "editable": True}


def test_reading_costs_one_round_trip_and_then_none():
    values.text("auth_mode")  # prepares the statement
    values.forget()
    with counted() as trips:
        values.text("auth_mode")
    assert trips() == 1

    with counted() as trips:
        values.text("auth_mode")
        values.flag("read_only")
    assert trips() == 0


def test_a_process_learns_of_another_ones_change_when_its_memory_ends(monkeypatch):
    assert values.flag("read_only") is False
    Setting.objects.create(name="read_only", value="true")
    assert values.flag("read_only") is False

    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)

    assert values.flag("read_only") is True


def test_one_bad_value_and_nothing_is_changed():
    with pytest.raises(InvalidValue):
        change(read_only=True, ldap_timeout=0)
    with pytest.raises(UnknownItem):
        change(read_only=True, colour="blue")

    assert not Setting.objects.exists()
    assert not AuditRecord.objects.exists()


def test_ldap_is_not_chosen_before_it_is_set_up():
    with pytest.raises(InvalidValue, match="ldap_url"):
        change(auth_mode="ldap_auth")

    change(auth_mode="ldap_auth", ldap_url="ldap://ldap.example.com", ldap_base_dn="dc=example,dc=com")

    with pytest.raises(InvalidValue, match="ldap_base_dn"):
        change(ldap_base_dn="")


def test_a_secret_is_sealed_and_never_shown():
    change(ldap_search_password=SECRET)

    assert values.text("ldap_search_password") == SECRET
    assert SECRET not in Setting.objects.get(name="ldap_search_password").value
    assert SECRET not in str(values.shown())
    assert "ldap_search_password" not in values.shown()
    assert SECRET not in str(AuditRecord.objects.values())


def test_a_change_is_recorded_and_no_change_is_not():
    change(read_only=True, ldap_search_password=SECRET)
    assert change(read_only=True) == []

    (record,) = AuditRecord.objects.all()
    assert (record.actor, record.operation, record.resource_type) == ("admin", "update", "configuration")
    assert record.resource == "ldap_search_password, read_only"
    assert record.detail == {"set": {"read_only": True, "ldap_search_password": "(secret)"}}


def test_the_environment_wins_and_freezes(monkeypatch):
    change(read_only=False, ldap_timeout=9)
    monkeypatch.setenv("ROADSTEAD_CONFIG_LDAP_TIMEOUT", "12")
    values.forget()

    assert values.shown()["ldap_timeout"] == {"value": 12, "editable": False}
    with pytest.raises(ItemFrozen, match="ROADSTEAD_CONFIG_LDAP_TIMEOUT"):
        change(ldap_timeout=3)
    assert change(ldap_timeout=12) == []


def test_a_variable_no_item_can_hold_is_found_at_start_and_harmless_later(monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_LDAP_TIMEOUT", "soon")
    values.forget()

    (error,) = check_environment(None)

    assert "ROADSTEAD_CONFIG_LDAP_TIMEOUT" in error.msg
    assert values.number("ldap_timeout") == 5


def test_rows_that_cannot_be_read_count_as_not_set(settings):
    change(ldap_search_password=SECRET)
    Setting.objects.create(name="ldap_timeout", value='"soon"')
    Setting.objects.create(name="of_a_newer_release", value="1")
    settings.SECRET_KEY = "another"
    values.forget()

    assert values.text("ldap_search_password") == ""
    assert values.number("ldap_timeout") == 5


def test_the_command_lists_reads_and_sets():
    assert "auth_mode = db_auth\n" in run()
    assert run("read_only") == "false\n"
    assert run("read_only", "true") == "read_only set\n"
    assert run("read_only", "true") == "read_only held that already\n"
    assert run("read_only") == "true\n"
    with pytest.raises(CommandError, match="ldap_timeout is from 1 to 30"):
        run("ldap_timeout", "99")
    with pytest.raises(CommandError, match="no configuration item colour"):
        run("colour")


def test_the_command_takes_a_secret_by_standard_input_alone(monkeypatch):
    with pytest.raises(CommandError, match="standard input"):
        run("ldap_search_password", SECRET)
    monkeypatch.setattr(sys, "stdin", io.StringIO(SECRET + "\n"))

    assert run("ldap_search_password", "-") == "ldap_search_password set\n"
    assert run("ldap_search_password") == "(set)\n"
    assert values.text("ldap_search_password") == SECRET
