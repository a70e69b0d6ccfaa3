from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditRecord
from rbac import actions
from rbac.actors import Actor
from rbac.errors import GroupUnknown, InvalidName, InvalidPassword, NameTaken, Protected, UserUnknown
from rbac.models import Group, GroupUser, User
from rbac.names import is_plausible, parse_groupname, parse_username
from rbac.passwords import check_rules
from tests.people import CONTEXT, PASSWORD, make_group, make_user

ROOT = Actor(kind="user", name="root", user_id=1, is_admin=True)
BY: dict[str, Any] = {"actor": ROOT, "context": CONTEXT}


def recorded():
    return [
        (r.actor, r.operation, r.resource_type, r.resource, r.address) for r in AuditRecord.objects.order_by("at", "id")
    ]


@pytest.mark.django_db
def test_it_creates_a_user_and_records_who_did():
    user = actions.create_user("alice", PASSWORD, email="a@example.org", is_admin=True, **BY)

    stored = User.objects.get(username="alice")
    assert stored.check_password(PASSWORD)
    assert (stored.pk, stored.email, stored.is_admin) == (user.pk, "a@example.org", True)
    assert recorded() == [("root", "create", "user", "alice", "192.0.2.7")]


@pytest.mark.django_db
def test_it_refuses_a_second_user_of_a_name_and_leaves_the_transaction_usable():
    make_user("alice")

    with pytest.raises(NameTaken):
        actions.create_user("alice", PASSWORD, **BY)

    assert User.objects.count() == 1
    assert recorded() == []


@pytest.mark.django_db
def test_every_change_of_a_user_is_recorded():
    user, group = make_user("alice"), actions.create_group("crew", **BY)
    actions.set_password(user, "Another-Horse-9", **BY)
    actions.lock_user(user, **BY)
    actions.unlock_user(user, **BY)
    actions.set_admin(user, True, **BY)
    assert actions.add_to_group(group, user, **BY)
    assert not actions.add_to_group(group, user, **BY)
    assert actions.remove_from_group(group, user, **BY)
    assert not actions.remove_from_group(group, user, **BY)
    actions.delete_group(group, **BY)
    actions.delete_user(user, **BY)

    assert [(operation, kind, name) for _, operation, kind, name, _ in recorded()] == [
        ("create", "group", "crew"),
        ("update", "user", "alice"),
        ("update", "user", "alice"),
        ("update", "user", "alice"),
        ("update", "user", "alice"),
        ("update", "group", "crew"),
        ("update", "group", "crew"),
        ("delete", "group", "crew"),
        ("delete", "user", "alice"),
    ]
    assert PASSWORD not in str(list(AuditRecord.objects.values()))
    assert "Another-Horse-9" not in str(list(AuditRecord.objects.values()))


@pytest.mark.django_db
def test_a_lock_changes_what_sessions_are_tied_to():
    user = make_user("alice")
    before = user.get_session_auth_hash()

    actions.lock_user(user, **BY)
    actions.unlock_user(user, **BY)

    assert User.objects.get().get_session_auth_hash() != before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "deed",
    [
        lambda user: actions.lock_user(user, **BY),
        lambda user: actions.delete_user(user, **BY),
        lambda user: actions.set_admin(user, False, **BY),
    ],
)
def test_the_first_administrator_stays(deed):
    user = make_user("admin", id=1, is_admin=True)

    with pytest.raises(Protected):
        deed(user)

    assert User.objects.filter(pk=1, is_active=True, is_admin=True).exists()


@pytest.mark.django_db
def test_a_deleted_user_leaves_its_groups():
    user = make_user("alice")
    make_group("crew", user)

    actions.delete_user(user, **BY)

    assert not GroupUser.objects.exists()
    assert Group.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["nobody", "", "\x00", "\ud800"])
def test_it_says_when_there_is_no_such_user_or_group(name):
    with pytest.raises(UserUnknown):
        actions.find_user(name)
    with pytest.raises(GroupUnknown):
        actions.find_group(name)


@pytest.mark.parametrize(
    "password", ["Short1A", "lowercase1", "UPPERCASE1", "NoDigitsHere", "A1" + "a" * 127, "Tab\tTab1234"]
)
def test_it_refuses_a_password_that_breaks_the_rules(password):
    with pytest.raises(InvalidPassword) as refusal:
        check_rules(password)

    assert password not in str(refusal.value)


@pytest.mark.parametrize("password", ["Abcdefg1", "A1" + "a" * 126, "Zwölf-Äpfel 12"])
def test_it_takes_a_password_that_keeps_them(password):
    check_rules(password)


@pytest.mark.parametrize("character", ',"~#%$')
def test_a_user_name_holds_none_of_harbors_forbidden_characters(character):
    with pytest.raises(InvalidName):
        parse_username(f"a{character}b")


@pytest.mark.parametrize(
    "name", ["", " ", "\t", " alice", "alice ", "a\nb", "a\x00b", "a\u202eb", "x" * 256, "a:b", "Anonymous", "system"]
)
def test_it_refuses_a_user_name_nobody_can_use(name):
    with pytest.raises(InvalidName):
        parse_username(name)


@pytest.mark.parametrize("name", ["a", "Alice Liddell", "jürgen", "alice@example.org", "x" * 255, "日本"])
def test_it_takes_a_user_name(name):
    assert parse_username(name) == name


def test_a_group_may_be_called_by_its_distinguished_name():
    assert parse_groupname("cn=devs,ou=groups,dc=example") == "cn=devs,ou=groups,dc=example"


@given(st.text(max_size=300))
def test_a_name_that_parses_is_one_that_can_be_stored(text):
    try:
        name = parse_username(text)
    except InvalidName:
        return
    assert is_plausible(name)
    assert "\x00" not in name
    name.encode()
