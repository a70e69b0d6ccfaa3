"""The wire of GET and POST /service/token."""

import base64
import time
from datetime import datetime

import jwt
import pytest
from django.db import OperationalError
from django.test import Client

from audit import restraint
from configuration import actions, values
from rbac.models import LoginFailure
from tests.people import CONTEXT, PASSWORD, join, make_project, make_user
from tests.tokens.service import SERVICE, access_in, basic, get, post, trail

pytestmark = pytest.mark.django_db


def error_in(response):
    (error,) = response.json()["errors"]
    return response.status_code, error["code"]


def claims_in(response):
    return jwt.decode(response.json()["access_token"], options={"verify_signature": False})


def test_the_answer_is_as_the_token_specification_has_it():
    user = make_user()
    join(make_project(), user, "developer")
    before = int(time.time())

    response = get("repository:team/app:pull,push", user="alice", account="alice", client_id="docker")

    body = response.json()
    assert body.keys() == {"token", "access_token", "expires_in", "issued_at"}
    assert body["token"] == body["access_token"]
    assert body["expires_in"] == 300
    assert before <= datetime.fromisoformat(body["issued_at"]).timestamp() <= time.time()
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"


def test_the_token_holds_the_claims_of_the_specification():
    join(make_project(), make_user(), "developer")

    response = get("repository:team/app:pull,push", user="alice")

    claims = claims_in(response)
    assert claims.keys() == {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "access"}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("harbor-token-issuer", "alice", SERVICE)
    assert claims["exp"] - claims["iat"] == 300
    assert claims["nbf"] == claims["iat"]
    assert claims["access"] == [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}]
    header = jwt.get_unverified_header(response.json()["token"])
    assert (header["alg"], header["typ"]) == ("ES256", "JWT")
    assert claims_in(get("repository:team/app:pull,push", user="alice"))["jti"] != claims["jti"]


def test_a_login_without_scope_gets_a_token_for_nothing():
    make_user()

    response = get(user="alice")

    assert access_in(response) == {}
    assert claims_in(response)["sub"] == "alice"


def test_anonymous_is_nobody_in_the_token():
    assert claims_in(get("repository:team/app:pull"))["sub"] == ""


def test_without_credentials_and_scope_it_is_401():
    response = get()

    assert error_in(response) == (401, "UNAUTHORIZED")
    assert response["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("", ""), ("alice", "")])
@pytest.mark.parametrize("scopes", [(), ("repository:team/app:pull",)])
def test_wrong_credentials_are_401_whatever_is_asked(user, password, scopes):
    make_user()
    make_project(public=True)

    response = get(*scopes, user=user, password=password)

    assert error_in(response) == (401, "UNAUTHORIZED")
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"a\x00b:x").decode(),
        "Bearer abc",
        "Negotiate x",
        "\x00",
        "Basic " + "A" * 20000,
    ],
)
def test_an_authorization_that_cannot_be_read_is_401(header):
    response = Client().get("/service/token", {"scope": "repository:team/app:pull"}, headers={"authorization": header})

    assert error_in(response) == (401, "UNAUTHORIZED")


def test_a_password_may_hold_colons_and_umlauts():
    user = make_user()
    user.set_password("Äpfel:und:Birnen-9")
    user.save()

    assert get(user="alice", password="Äpfel:und:Birnen-9").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "scope=garbage",
        "scope=repository:team/app",
        "scope=repository:team/app:",
        "scope=repository:../app:pull",
        "scope=repository:Team/App:pull",
        "scope=repository:localhost:5000/team/app:pull",
        "scope=repository:team/app:PULL",
        "scope=repository:team/a%0d%0apb:pull",
        "scope=repository:team/%C3%A4:pull",
        "scope=%FF%FE",
        "scope=repository:" + "a/" * 200 + "a:pull",
        "&".join(f"scope=repository:team/app{n}:pull" for n in range(150)),
        "&".join(f"x{n}=y" for n in range(1000)),
        "service=somebody-else&scope=repository:team/app:pull",
    ],
)
def test_a_malformed_request_is_400(query):
    assert error_in(Client().get(f"/service/token?{query}")) == (400, "BAD_REQUEST")


def test_the_service_may_be_left_out():
    assert Client().get("/service/token?scope=repository:team/app:pull").status_code == 200


@pytest.mark.parametrize("method", ["put", "delete", "patch", "head", "options"])
def test_other_methods_are_405(method):
    response = getattr(Client(), method)("/service/token")

    assert response.status_code == 405
    assert response["Allow"] == "GET, POST"


def fail_for_minutes(address="127.0.0.1"):
    get(user="alice", password="wrong")
    assert LoginFailure.objects.filter(address=address, username="alice").update(failures=30) == 1


def test_failures_back_off_and_say_for_how_long():
    make_user()
    fail_for_minutes()

    response = get(user="alice", password="wrong")

    assert error_in(response) == (429, "TOOMANYREQUESTS")
    assert int(response["Retry-After"]) > 100
    assert [result for *_, result in trail()] == ["failure", "denied"]


def test_the_back_off_is_for_one_address():
    make_user()
    fail_for_minutes()

    headers = {"authorization": basic("alice"), "x-real-ip": "198.51.100.9"}
    assert Client().get("/service/token", headers=headers).status_code == 200


def test_a_locked_user_gets_no_token():
    make_user(is_active=False)

    assert error_in(get(user="alice")) == (401, "UNAUTHORIZED")


def test_post_takes_a_password():
    join(make_project(), make_user(), "guest")

    response = post(grant_type="password", username="alice", password=PASSWORD, scope="repository:team/app:pull,push")

    assert response.json().keys() == {"access_token", "scope", "token_type", "expires_in", "issued_at"}
    assert response["Cache-Control"] == "no-store"
    assert access_in(response) == {}


def test_post_says_which_scope_was_granted():
    join(make_project(), make_user(), "developer")

    response = post(
        grant_type="password", username="alice", password=PASSWORD, scope="repository:team/app:pull,push,delete"
    )

    assert response.json()["scope"] == "repository:team/app:pull,push"
    assert access_in(response) == {"repository:team/app": {"pull", "push"}}


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({"grant_type": "password", "username": "alice", "password": "wrong"}, 401, "invalid_grant"),
        ({"grant_type": "password"}, 401, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 401, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x" * 1000}, 401, "invalid_grant"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
        ({"grant_type": "password", "service": "somebody-else"}, 400, "invalid_request"),
        ({"grant_type": "password", "scope": "garbage"}, 400, "invalid_request"),
    ],
)
def test_post_refuses_in_both_languages(fields, status, word):
    make_user()

    response = post(**fields)

    assert response.status_code == status
    assert response.json()["error"] == word
    assert response.json()["error_description"]
    assert len(response.json()["errors"]) == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"", ""),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"grant_type=%FF", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 70000, "application/x-www-form-urlencoded"),
    ],
)
def test_post_refuses_what_is_no_form(body, content_type):
    response = Client().post("/service/token", body, content_type)

    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


def test_without_the_database_it_is_503(monkeypatch):
    make_user()
    get(user="alice")

    def away(*_, **__):
        raise OperationalError("connection refused")

    monkeypatch.setattr("tokens.views.grants", away)
    response = get("repository:team/app:pull", user="alice")

    assert error_in(response) == (503, "UNAVAILABLE")
    assert response["Retry-After"]
    assert b"refused" not in response.content


def test_what_nobody_foresaw_is_500_and_masked(monkeypatch):
    def explode(*_, **__):
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("tokens.views.grants", explode)
    response = get("repository:team/app:pull")

    assert error_in(response) == (500, "UNKNOWN")
    assert b"secret" not in response.content


def test_without_redis_tokens_go_on(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    join(make_project(), make_user(), "developer")

    for _ in range(3):
        assert access_in(get("repository:team/app:push", user="alice"))


def test_logins_and_refusals_are_recorded_and_a_remembered_pull_is_not():
    join(make_project(), make_user(), "developer")

    get(user="alice")
    get(user="alice")
    get("repository:team/app:pull", user="alice")
    get(user="alice", password="wrong")
    get("repository:team/app:delete", user="alice")
    get("repository:team/app:pull", "registry:catalog:*")

    assert trail() == [
        ("alice", "login", "user", "alice", "success"),
        ("alice", "login", "user", "alice", "success"),
        ("alice", "login", "user", "alice", "failure"),
        ("alice", "create", "token", "repository:team/app:delete", "denied"),
        ("anonymous", "create", "token", "repository:team/app:pull registry:catalog:*", "denied"),
    ]


def test_the_refused_part_of_what_was_asked_is_recorded():
    join(make_project(), make_user(), "developer")
    asked = ["repository:team/app:pull,push,delete", "repository:team/other:*", "repository:others/app:pull"]

    assert access_in(get(*asked, user="alice")) == {
        "repository:team/app": {"pull", "push"},
        "repository:team/other": {"pull", "push"},
    }

    [_, refused] = trail()
    assert refused == (
        "alice", "create", "token", "repository:team/app:delete repository:others/app:pull", "denied"
    )  # fmt: skip


def test_refusals_without_end_are_no_records_without_end():
    for number in range(100):
        get(f"repository:team/app{number}:pull")
        post(grant_type="refresh_token", refresh_token=f"guess-{number}")

    recorded = [(operation, result) for _, operation, _, _, result in trail()]

    assert recorded.count(("create", "denied")) == restraint.EACH
    assert recorded.count(("login", "failure")) == restraint.EACH


def test_a_fresh_login_with_a_scope_is_recorded():
    join(make_project(), make_user(), "developer")

    get("repository:team/app:push", user="alice")
    get("repository:team/app:push", user="alice")

    assert trail() == [("alice", "login", "user", "alice", "success")]


def test_without_a_spool_nobody_logs_in(settings, tmp_path):
    make_user()
    settings.AUDIT_SPOOL = tmp_path / "missing" / "spool"

    assert error_in(get(user="alice")) == (503, "UNAVAILABLE")


def test_the_configuration_says_how_long_a_token_is_good():
    given = get("repository:library/app:pull")
    actions.update({"token_expiration": 90}, actor="admin", context=CONTEXT)
    values.forget()

    answer = get("repository:library/app:pull")

    claims = claims_in(answer)
    assert (answer.json()["expires_in"], claims["exp"] - claims["iat"]) == (5400, 5400)
    assert access_in(given) == access_in(answer)
