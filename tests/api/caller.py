"""Django's client as somebody who signs in with Basic authentication or a bearer token, before the API."""

import base64
import json
from typing import Any

from django.test import Client

from rbac.models import User
from tests.people import PASSWORD, make_user

BASE = "/api/v2.0/"


class Caller:
    """One client of the API: a user by name, whose token `bearer` is, or nobody."""

    def __init__(self, username: str | None = None, password: str = PASSWORD, *, bearer: str = "") -> None:
        self.password = bearer or password
        self.headers: dict[str, str] = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if username is not None:
            encoded = base64.b64encode(f"{username}:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {encoded}"
        self.client = Client(raise_request_exception=False, headers=self.headers)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(BASE + path, query)

    def head(self, path: str, **query: Any) -> Any:
        return self.client.head(BASE + path, query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("put", path, body, headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("patch", path, body, headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(BASE + path)

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        payload = body if isinstance(body, bytes) else json.dumps(body)
        send = getattr(self.client, method)
        return send(BASE + path, payload, content_type="application/json", headers=named)


NOBODY = Caller()


def make_caller(username: str, **fields: Any) -> tuple[Caller, User]:
    user = make_user(username, **fields)
    return Caller(username), user


def error_of(response: Any) -> tuple[int, str]:
    """Status and code of an error, whose body must be Harbor's envelope."""
    assert response["Content-Type"] == "application/json"
    body = json.loads(response.content)
    assert list(body) == ["errors"]
    assert set(body["errors"][0]) == {"code", "message"}
    assert body["errors"][0]["message"]
    return response.status_code, body["errors"][0]["code"]


def links(response: Any) -> set[str]:
    return {part.partition("rel=")[2].strip('"') for part in response.get("Link", "").split(" , ") if part}
