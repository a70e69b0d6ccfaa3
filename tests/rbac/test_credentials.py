import socket
import time

import pytest
from django.contrib.auth.hashers import identify_hasher

from rbac import accounts, actions, credentials
from rbac.actors import SYSTEM
from rbac.backoff import BackOff
from rbac.credentials import InvalidCredentials, authenticate
from rbac.memory import Memory, memory, proof_of
from rbac.models import LoginFailure
from tests.people import CONTEXT, PASSWORD, make_user

pytestmark = pytest.mark.django_db

HERE = "192.0.2.7"


def sign_in(username="alice", password=PASSWORD, address=HERE):
    return authenticate(username, password, address=address)


def is_remembered(username="alice", password=PASSWORD):
    account = accounts.read(username)
    return not credentials.verify(account, username, password, address=HERE).fresh


def test_it_knows_a_user_by_the_password():
    user = make_user(is_admin=True)

    actor = sign_in()

    assert (actor.kind, actor.name, actor.user_id, actor.is_admin) == ("user", "alice", user.pk, True)


@pytest.mark.parametrize("password", ["", "correct-horse-9", PASSWORD + " ", "x" * 5000, "\x00", "\ud800"])
def test_it_refuses_a_wrong_password(password):
    make_user()

    with pytest.raises(InvalidCredentials):
        sign_in(password=password)


@pytest.mark.parametrize("username", ["", "bob", "ALICE", "alice ", "a\x00b", "a\ud800b", "x" * 5000])
def test_it_refuses_an_unknown_user_with_the_same_words(username):
    make_user()

    with pytest.raises(InvalidCredentials, match=r"^incorrect username or password$"):
        sign_in(username=username)


def test_a_password_is_argon2id_with_rfc_9106s_second_parameters():
    user = make_user()
    actions.set_password(user, "Another-Horse-8", actor=SYSTEM, context=CONTEXT)

    assert user.password.startswith("argon2$argon2id$v=19$m=65536,t=3,p=4$")
    assert identify_hasher(user.password).algorithm == "argon2"


def test_a_verified_credential_is_remembered():
    make_user()
    assert not is_remembered()

    assert is_remembered()


def test_a_wrong_password_is_not_remembered_and_not_taken_for_the_right_one():
    make_user()
    sign_in()

    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            sign_in(password="Wrong-Horse-9")


def test_another_process_learns_of_a_verified_credential_through_redis():
    make_user()
    sign_in()

    memory.forget()

    assert is_remembered()


def test_redis_holds_neither_password_nor_name_nor_hash():
    user = make_user()
    proof = proof_of(user.pk, user.password, PASSWORD)

    assert len(proof) == 64
    assert proof != proof_of(user.pk, user.password, PASSWORD + "x")
    assert proof != proof_of(user.pk + 1, user.password, PASSWORD)


def test_the_memory_ends(settings):
    settings.CREDENTIAL_MEMORY = settings.CREDENTIAL_MEMORY / 600
    make_user()
    sign_in()
    time.sleep(0.15)

    assert not is_remembered()


def test_a_changed_password_is_forgotten_at_once():
    user = make_user()
    sign_in()

    actions.set_password(user, "Another-Horse-9", actor=SYSTEM, context=CONTEXT)

    with pytest.raises(InvalidCredentials):
        sign_in()
    assert sign_in(password="Another-Horse-9").name == "alice"


def test_a_locked_user_is_out_at_once():
    user = make_user()
    sign_in()

    actions.lock_user(user, actor=SYSTEM, context=CONTEXT)

    with pytest.raises(InvalidCredentials):
        sign_in()
    actions.unlock_user(user, actor=SYSTEM, context=CONTEXT)
    assert sign_in().name == "alice"


def test_a_deleted_user_is_out_at_once():
    user = make_user()
    sign_in()

    actions.delete_user(user, actor=SYSTEM, context=CONTEXT)

    with pytest.raises(InvalidCredentials):
        sign_in()


def test_an_administrator_who_is_demoted_is_none_at_once():
    user = make_user(is_admin=True)
    assert sign_in().is_admin

    actions.set_admin(user, False, actor=SYSTEM, context=CONTEXT)

    assert not sign_in().is_admin


def test_login_goes_on_without_redis(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    make_user()

    assert sign_in().name == "alice"
    assert is_remembered()


def test_a_redis_that_hangs_is_asked_once_and_then_left_alone(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        silent.settimeout(0.1)
        cold = Memory()
        for n in range(20):
            assert not cold.holds(f"{n}")
            cold.remember(f"{n}")
            assert cold.holds(f"{n}")

        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()


def test_the_memory_of_a_process_is_bounded(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    crowded = Memory()
    for n in range(5000):
        crowded.remember(f"{n}")

    assert not crowded.holds("0")
    assert crowded.holds("4999")


def test_a_remembered_credential_is_not_blocked_by_failures():
    make_user()
    sign_in()
    with pytest.raises(InvalidCredentials):
        sign_in(password="wrong")
    LoginFailure.objects.update(failures=30)
    with pytest.raises(BackOff):
        sign_in(password="wrong")

    assert sign_in().name == "alice"


def test_a_success_forgets_the_failures():
    make_user()
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            sign_in(password="wrong")

    sign_in()

    assert not LoginFailure.objects.exists()
