"""Clients of Harbor's that can't be installed here, by the requests they send: terraform's provider, harbor-cli (whose
client go-swagger generated) and the Ansible collection. Paths, bodies and queries are as those programs write them, and
each answer is held to the status they insist on and to the document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from tests.flows.stacks import Running
from tests.flows.strict import BASE, Document, Exchange
from tests.flows.wire import TIMEOUT

LEFT_OUT: Any = object()
PASSWORD = "Correct-Horse-7"


@dataclass
class Program:
    """One of the programs: what all of them have in common."""

    stack: Running
    document: Document
    headers: Mapping[str, str]

    def exchange(self, method: str, path: str, body: bytes | None, **more: str) -> Exchange:
        headers = dict(self.headers) | {name.replace("_", "-"): value for name, value in more.items()}
        # urllib3 would tidy up the path: it goes out as it is.
        host, _, port = self.stack.host.partition(":")
        pool = urllib3.HTTPConnectionPool(host, int(port), timeout=TIMEOUT)
        answer = pool.urlopen(method, BASE + path, body=body, headers=headers, redirect=False, retries=False)
        found = Exchange(method, self.stack.url + BASE + path, answer.status, answer.headers, answer.data)
        self.document.check(found)
        return found

    def expect(self, status: int, found: Exchange) -> Any:
        assert found.status == status, found.what
        return json.loads(found.body) if found.body else None


@dataclass
class Terraform(Program):
    """Every request says that it is JSON, and those without a payload carry `null`, as older versions of it do."""

    def send(self, method: str, path: str, payload: Any = None, status: int = 200) -> Any:
        return self.expect(status, self.exchange(method, path, json.dumps(payload).encode() + b"\n"))

    def make(self, path: str, payload: Any) -> str:
        """The path of what was made: Location without /api/v2.0."""
        found = self.exchange("POST", path, json.dumps(payload).encode() + b"\n")
        self.expect(201, found)
        return found.headers["Location"].replace("/api", "").replace("/v2.0", "")


@dataclass
class GoClient(Program):
    """What go-swagger generates: parts of a path are escaped once, all that has a pointer is in the query."""

    def call(self, method: str, path: str, *, status: int = 200, body: Any = LEFT_OUT, **query: Any) -> Any:
        headers = {"X_Is_Resource_Name": "true"} if query.pop("by_name", False) else {}
        if query:
            words = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in query.items()}
            path += "?" + urlencode(words)
        if body is LEFT_OUT:
            return self.expect(status, self.exchange(method, path, None, **headers))
        sent = json.dumps(body).encode() + b"\n"
        return self.expect(status, self.exchange(method, path, sent, Content_Type="application/json", **headers))
