"""Holds answers of a running stack to its own OpenAPI document, as a generated client does: status, head and body."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from tests.flows.wire import TIMEOUT

BASE = "/api/v2.0"


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, whatever client made them."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def what(self) -> str:
        return f"{self.method} {self.url} -> {self.status} {self.body[:300]!r}"


class Document:
    """The document, and the question whether an answer is as it says; test_contract holds the document to Harbor's."""

    def __init__(self, url: str) -> None:
        answer = urllib3.request("GET", f"{url}{BASE}/openapi.json", timeout=TIMEOUT)
        assert answer.status == 200
        self.whole = json.loads(answer.data)
        # The longest first, since a repository's name may hold slashes; words before names.
        patterns = [(re.compile(_pattern(path)), path) for path in self.whole["paths"]]
        self.paths = sorted(patterns, key=lambda each: (-each[1].count("/"), each[1].count("{")))
        self.seen: set[str] = set()

    def operation(self, method: str, url: str) -> dict[str, Any]:
        path = urlsplit(url).path.removeprefix(BASE).rstrip("/")
        for pattern, template in self.paths:
            if pattern.fullmatch(path) and method.lower() in self.whole["paths"][template]:
                found: dict[str, Any] = self.whole["paths"][template][method.lower()]
                return found
        raise AssertionError(f"the document has no {method} {path}")

    def check(self, exchange: Exchange) -> None:
        """AssertionError when the answer isn't one that a client made from the document can read."""
        operation = self.operation(exchange.method, exchange.url)
        self.seen.add(operation["operationId"])
        assert exchange.headers.get("X-Request-Id"), f"{exchange.what}: no X-Request-Id"
        promised = self._follow(operation["responses"].get(str(exchange.status)))
        assert promised is not None, f"{exchange.what}: {operation['operationId']} has no such status"
        for name, header in promised.get("headers", {}).items():
            if header.get("required") or name == "Location":
                assert exchange.headers.get(name), f"{exchange.what}: no {name}"
        if exchange.method != "HEAD":
            self._check_body(exchange, promised.get("content", {}))

    def _check_body(self, exchange: Exchange, content: Mapping[str, Any]) -> None:
        if not content:
            assert not exchange.body, f"{exchange.what}: a body where none is promised"
            return
        media_type = exchange.headers.get("Content-Type", "").partition(";")[0]
        assert media_type in content, f"{exchange.what}: sent as {media_type}, not {', '.join(content)}"
        if media_type == "application/json":
            schema = content[media_type]["schema"] | {"components": self.whole["components"]}
            validator = OAS30Validator(schema, format_checker=oas30_format_checker)
            problems = [
                f"{problem.json_path}: {problem.message}"
                for problem in validator.iter_errors(json.loads(exchange.body))
            ]
            assert not problems, f"{exchange.what}: {'; '.join(problems)}"

    def _follow(self, part: Any) -> Any:
        if isinstance(part, dict) and "$ref" in part:
            found = self.whole
            for step in part["$ref"].removeprefix("#/").split("/"):
                found = found[unquote(step)]
            return found
        return part


def _pattern(path: str) -> str:
    """A path of the document as a regular expression."""
    parts = [
        ".+" if part == "{repository_name}" else "[^/]+" if "{" in part else re.escape(part) for part in path.split("/")
    ]
    return "/".join(parts).rstrip("/")
