"""Whom the provider vouches for, as our own rows."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditRecord
from rbac import accounts, actions, credentials, onboarding
from rbac.actors import SYSTEM
from rbac.errors import InvalidName, NameTaken, Protected
from rbac.models import Group, Identity, Newcomer, User
from rbac.oidc import Person
from tests.people import CONTEXT, PASSWORD, make_group, make_user
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

ISSUER = "https://login.example.com"
ALICE = Person(ISSUER, "s-1", name="alice", email="alice@example.com", realname="Alice Example")
BY: Any = {"actor": SYSTEM, "context": CONTEXT}


@pytest.fixture
def automatic(configure) -> Any:
    """Newcomers are on-boarded by themselves; further items may be set."""
    configure(auth_mode="oidc_auth", oidc_auto_onboard=True, oidc_groups_claim="groups")
    return configure


def sign_in(person: Person = ALICE) -> User:
    account = onboarding.sign_in(person, context=CONTEXT)
    assert account
    return User.objects.get(pk=account.id)


def groups_of(user: User) -> list[str]:
    return sorted(user.user_groups.values_list("name", flat=True))


# --- who it is


def test_the_first_sign_in_makes_a_user_and_later_ones_find_it(automatic):
    user = sign_in()
    assert (user.username, user.email, user.realname) == ("alice", "alice@example.com", "Alice Example")
    assert not user.has_usable_password()
    assert sign_in() == user
    record = AuditRecord.objects.get(operation="create", resource_type="user")
    assert (record.resource, record.detail) == ("alice", {"issuer": ISSUER, "subject": "s-1"})


def test_nothing_but_issuer_and_subject_says_who_it_is(automatic):
    alice = sign_in()
    renamed = sign_in(replace(ALICE, name="alicia", email="new@example.com", realname="A. Example"))
    assert (renamed.pk, renamed.username, renamed.email, renamed.realname) == (
        alice.pk, "alice", "new@example.com", "A. Example",
    )  # fmt: skip
    for other in (replace(ALICE, subject="s-2"), replace(ALICE, issuer="https://other.example.com")):
        with pytest.raises(NameTaken):
            onboarding.sign_in(other, context=CONTEXT)
    assert sign_in(replace(ALICE, subject="s-2", name="alice2", email="alice@example.com")) != alice


@pytest.mark.parametrize("name", ["bob", "BOB", "Bob"])
def test_a_user_that_is_there_is_never_taken_over(automatic, name):
    bob = make_user("bob", email="bob@example.com")
    with pytest.raises(NameTaken):
        onboarding.sign_in(replace(ALICE, name=name, email="bob@example.com"), context=CONTEXT)
    assert not Identity.objects.exists()
    bob.refresh_from_db()
    assert bob.has_usable_password()


@pytest.mark.parametrize("name", ["admin", "Admin", "ADMIN"])
def test_nobody_is_the_first_administrator(automatic, name):
    with pytest.raises(NameTaken):
        onboarding.sign_in(replace(ALICE, name=name), context=CONTEXT)


@pytest.mark.parametrize("name", ["", "system", "anonymous", "robot$x", "a:b", "a~b", "\u202eecila", "x" * 256])
def test_a_name_that_nobody_can_have_is_refused(automatic, name):
    with pytest.raises(InvalidName):
        onboarding.sign_in(replace(ALICE, name=name), context=CONTEXT)
    assert not User.objects.exists()


def test_a_real_name_becomes_a_user_name_as_in_harbor(automatic):
    assert sign_in(replace(ALICE, name="Example, Alice")).username == "Example__Alice"


def test_a_locked_user_is_not_followed_nor_signed_in(automatic):
    user = sign_in()
    actions.lock_user(user, **BY)
    account = onboarding.sign_in(replace(ALICE, email="new@example.com"), context=CONTEXT)
    assert account
    assert not account.is_active
    user.refresh_from_db()
    assert user.email == "alice@example.com"


def test_a_deleted_user_comes_back_as_another_one(automatic):
    before = sign_in()
    actions.delete_user(before, **BY)
    assert sign_in().pk != before.pk


def test_it_has_no_password_and_is_given_none(automatic, configure):
    user = sign_in()
    with pytest.raises(Protected):
        actions.set_password(user, PASSWORD, **BY)
    for password in ("", "!", user.password, PASSWORD):
        with pytest.raises(credentials.InvalidCredentials):
            credentials.authenticate("alice", password, address="192.0.2.1")


def test_the_account_of_an_identity_costs_one_round_trip(automatic):
    user = sign_in()
    with counted() as trips:
        account = onboarding.account_of(ISSUER, "s-1")
    assert trips() == 1
    assert account
    assert account == accounts.read("alice")
    assert account.id == user.pk
    assert onboarding.account_of(ISSUER, "s-2") is None
    assert onboarding.account_of("https://other.example.com", "s-1") is None


@pytest.mark.django_db(transaction=True)
def test_the_same_newcomer_in_many_windows_is_one_user(transactional_db, configure):
    configure(auth_mode="oidc_auth", oidc_auto_onboard=True)
    found: list[Any] = []

    def come(person: Person) -> None:
        try:
            found.append(onboarding.sign_in(person, context=CONTEXT))
        except Exception as error:
            found.append(error)
        finally:
            connection.close()

    people = [ALICE, replace(ALICE, groups=("builders",))] * 4 + [replace(ALICE, subject="s-2")] * 2
    threads = [threading.Thread(target=come, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.count() == Identity.objects.count() == 1
    subject = Identity.objects.get().subject
    refused = [each for each in found if isinstance(each, NameTaken)]
    assert len(refused) == (2 if subject == "s-1" else 8)
    assert all(isinstance(each, accounts.Account | NameTaken) for each in found)


# --- choosing a name


def test_without_automatic_on_boarding_a_name_is_chosen_first(configure):
    configure(auth_mode="oidc_auth")
    assert onboarding.sign_in(ALICE, context=CONTEXT) is None
    secret = onboarding.remember(replace(ALICE, groups=("builders",)))
    person = onboarding.newcomer(secret)
    assert person == replace(ALICE, groups=("builders",))
    assert onboarding.onboard(person, "alice.e", context=CONTEXT).username == "alice.e"
    assert groups_of(User.objects.get()) == ["builders"]
    assert sign_in() == User.objects.get()


def test_what_the_provider_said_meanwhile_is_sealed_and_short_lived(db):
    secret = onboarding.remember(ALICE)
    stored = str(list(Newcomer.objects.values()))
    assert "alice" not in stored
    assert secret not in stored
    for other in ("", "x", "\x00", "\ud800"):
        assert onboarding.newcomer(other) is None
    assert onboarding.forget_newcomers() == 0
    Newcomer.objects.update(created_at=datetime.now(UTC) - timedelta(minutes=11))
    assert onboarding.newcomer(secret) is None
    assert onboarding.forget_newcomers() == 1


def test_another_installations_newcomer_is_nobody(db, settings):
    secret = onboarding.remember(ALICE)
    settings.SECRET_KEY = "another"
    assert onboarding.newcomer(secret) is None


# --- groups


def test_groups_are_made_and_followed_at_each_sign_in(automatic):
    user = sign_in(replace(ALICE, groups=("admins", "builders")))
    assert groups_of(user) == ["admins", "builders"]
    assert set(Group.objects.values_list("kind", flat=True)) == {"oidc"}
    assert AuditRecord.objects.filter(operation="create", resource_type="group").count() == 2
    sign_in(replace(ALICE, groups=("builders", "testers")))
    assert groups_of(user) == ["builders", "testers"]
    sign_in(ALICE)
    assert groups_of(user) == []


def test_a_group_made_beforehand_is_the_providers_too(automatic):
    actions.create_group("builders", kind=Group.Kind.OIDC, **BY)
    assert groups_of(sign_in(replace(ALICE, groups=("builders",)))) == ["builders"]
    with pytest.raises(Protected):
        actions.add_to_group(Group.objects.get(), make_user("bob"), **BY)


def test_groups_of_another_kind_are_not_the_providers_to_fill_or_empty(automatic):
    mine = make_group("builders")
    Group.objects.create(name="staff", kind=Group.Kind.LDAP, ldap_dn="cn=staff")
    user = sign_in(replace(ALICE, groups=("builders", "staff", "testers")))
    assert groups_of(user) == ["testers"]
    actions.add_to_group(mine, user, **BY)
    sign_in(ALICE)
    assert groups_of(user) == ["builders"]


def test_a_filter_passes_what_it_finds_something_in(automatic):
    automatic(oidc_group_filter="^harbor-|^qa$")
    user = sign_in(replace(ALICE, groups=("harbor-dev", "my-harbor-x", "qa", "qa2")))
    assert groups_of(user) == ["harbor-dev", "qa"]
    assert Group.objects.count() == 2


@pytest.mark.parametrize("pattern", ["(a+)+$", "((a|a)*)*b", r"(a*)*\1b", "(?=(a+))a*b", "^(a|aa)+$"])
def test_a_filter_without_end_is_stopped(automatic, pattern):
    automatic(oidc_group_filter=pattern)
    groups = tuple(sorted(f"{'a' * 230}!{number}" for number in range(500)))
    began = time.monotonic()
    sign_in(replace(ALICE, groups=groups))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("pattern", ["(?P<name>x)", "a{1,300}|x"])
def test_a_filter_that_postgresql_does_not_understand_lets_nobody_into_a_group(automatic, pattern):
    user = sign_in(replace(ALICE, groups=("x", "b")))
    assert groups_of(user) == ["b", "x"]
    automatic(oidc_group_filter=pattern)
    sign_in(replace(ALICE, groups=("x", "b")))
    assert groups_of(user) == []


def test_more_groups_than_anybody_is_in_cost_little(automatic):
    groups = tuple(sorted(f"group-{number}" for number in range(20_000)))
    actions.create_group("group-10001", kind=Group.Kind.OIDC, **BY)
    user = sign_in(replace(ALICE, groups=groups))
    assert 200 <= user.user_groups.count() <= 201
    assert Group.objects.count() == 201


# --- the admin group


def test_the_admin_group_makes_administrators_as_long_as_they_are_in_it(automatic):
    automatic(oidc_admin_group="admins", oidc_group_filter="^nothing$")
    user = sign_in(replace(ALICE, groups=("admins",)))
    assert (user.is_admin, user.admin_by_group) == (True, True)
    user = sign_in(ALICE)
    assert (user.is_admin, user.admin_by_group) == (False, False)


def test_who_was_made_an_administrator_by_hand_stays_one(automatic):
    automatic(oidc_admin_group="admins")
    user = sign_in()
    actions.set_admin(user, True, **BY)
    sign_in(replace(ALICE, groups=("admins",)))
    assert sign_in(ALICE).is_admin


@pytest.mark.parametrize("admin_group", ["", "admin", "Admins", "admins "])
def test_another_group_makes_no_administrators(automatic, admin_group):
    automatic(oidc_admin_group=admin_group)
    assert not sign_in(replace(ALICE, groups=("admins", " "))).is_admin
