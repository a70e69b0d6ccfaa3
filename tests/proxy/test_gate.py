"""The gate nginx asks before it sends a blob: an answer that rests on the token alone."""

import jwt
import pytest

from tests.door import Door, bearer, error_of, sign, unique
from tests.roundtrips import counted
from tokens import keys


def ask(door: Door, repository: str | None = None):
    return door.client.get("/internal/gate/pull", headers={"X-Repository": repository or door.repository})


def test_it_lets_the_bearer_pull_from_where_the_token_says(door):
    answer = ask(door)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["X-Accel-Expires"] == "60"


def test_nginx_may_go_by_the_answer_no_longer_than_the_token_lives(door, client):
    token = sign((door.repository, ["pull"]), lifetime=7)
    headers = {"Authorization": f"Bearer {token}", "X-Repository": door.repository}
    answer = client.get("/internal/gate/pull", headers=headers)
    assert answer.status_code == 204
    assert int(answer["X-Accel-Expires"]) <= 7


@pytest.mark.parametrize("gate", ["pull", "push"])
def test_a_token_for_one_repository_opens_no_other(door, gate):
    for forged in (f"library/{unique()}", door.repository + "/x", door.repository[:-1], "library/" + "a" * 20):
        answer = door.client.get(f"/internal/gate/{gate}", headers={"X-Repository": forged})
        assert error_of(answer) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("gate", ["pull", "push"])
@pytest.mark.parametrize(
    "forged", ["", "..", "library/../x", "library//x", "LIBRARY/x", "library/x\xff", "x" * 300, "a"]
)
def test_what_is_no_repository_is_refused(door, gate, forged):
    answer = door.client.get(f"/internal/gate/{gate}", headers={"X-Repository": forged})
    assert error_of(answer) == (400, "NAME_INVALID")


@pytest.mark.parametrize(
    ("gate", "actions", "status"),
    [
        ("pull", ["pull"], 204),
        ("pull", ["push", "delete"], 401),
        ("push", ["pull"], 401),
        ("push", ["push"], 401),
        ("push", ["pull", "push"], 204),
    ],
)
def test_it_asks_for_the_right_the_deed_needs(door, gate, actions, status):
    client = bearer((door.repository, actions))
    assert client.get(f"/internal/gate/{gate}", headers={"X-Repository": door.repository}).status_code == status


@pytest.mark.parametrize("gate", ["pull", "push"])
def test_without_a_token_it_refuses(door, client, gate):
    assert client.get(f"/internal/gate/{gate}", headers={"X-Repository": door.repository}).status_code == 401


def test_another_scope_type_is_no_repository(door):
    token = sign((door.repository, ["pull"]))
    claims = jwt.decode(token, options={"verify_signature": False})
    claims["access"][0]["type"] = "registry"
    signer = keys.current()
    other = jwt.encode(claims, signer.private_key, algorithm="ES256", headers={"kid": signer.kid})
    answer = door.client.get(
        "/internal/gate/pull", headers={"X-Repository": door.repository, "Authorization": f"Bearer {other}"}
    )
    assert answer.status_code == 401


@pytest.mark.django_db(transaction=True)
def test_it_costs_no_round_trip_to_the_database(door):
    ask(door)
    with counted() as trips:
        assert ask(door).status_code == 204
    assert trips() == 0


def test_it_answers_get_only(door):
    assert error_of(door.client.post("/internal/gate/pull")) == (405, "UNSUPPORTED")
