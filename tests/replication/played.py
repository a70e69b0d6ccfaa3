"""A vendor's API played on loopback: recorded answers, by method and target, and what was asked.

None of these vendors can be reached from here. Their answers are written from their public API documentation, which
each test names; they haven't been tried against the vendors themselves.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from oci.listener import Listener, Reply
from replication.adapters import Access


class Played:
    """Use it in a `with`. `answers` by "GET /target"; without the query where that has none of its own. An answer is
    (status, JSON), and perhaps headers, or a function of the body that gives it. "{url}" in a header is our own."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers: dict[str, Any] = dict(answers)
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    def __enter__(self) -> "Played":
        self._listener = Listener(self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.port}"

    def access(self, **fields: Any) -> Access:
        return Access(**{"url": self.url, "private": True, "tries": 1, "timeout": 5.0, **fields})

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        self.asked.append(f"{method} {target}")
        self.headers.append(headers)
        self.bodies.append(body)
        answer = self.answers.get(f"{method} {target}") or self.answers.get(f"{method} {target.partition('?')[0]}")
        if answer is None:
            return Reply(404, {"Content-Type": "application/json"}, b'{"message": "nothing is played there"}')
        status, document, *more = answer(body) if callable(answer) else answer
        payload = b"" if document is None else json.dumps(document).encode()
        given = {name: value.replace("{url}", self.url) for name, value in (more[0] if more else {}).items()}
        return Reply(status, {"Content-Type": "application/json", **given}, payload)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
