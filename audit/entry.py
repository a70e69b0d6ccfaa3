"""What one audit record holds, and how text that came from outside is made safe to keep and to print."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

Result = Literal["success", "failure", "denied"]
RESULTS: tuple[Result, ...] = ("success", "failure", "denied")

# Characters each column keeps. A user agent, a failed login's name and a refused repository are whatever an
# attacker likes to send, as long as he likes.
LIMITS = {
    "actor": 255,
    "address": 64,
    "user_agent": 512,
    "request_id": 64,
    "operation": 64,
    "resource_type": 64,
    "resource": 1024,
    "project": 255,
}
DETAIL_LIMIT = 16 * 1024  # characters of JSON

# C0, DEL and C1 (terminal escapes), line separators and bidirectional overrides (a forged line in a log), and
# surrogates (which PostgreSQL's UTF-8 has no room for).
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


class HasMeta(Protocol):
    """Any request with WSGI's `META`: Django's and REST framework's both have it."""

    @property
    def META(self) -> Mapping[str, Any]: ...  # noqa: N802


@dataclass(frozen=True, slots=True)
class Context:
    """Where a deed came from. `Context()` is a deed of the system's own: a task, a command."""

    address: str = ""
    user_agent: str = ""
    request_id: str = ""


def context_of(request: HasMeta) -> Context:
    """The context of an HTTP request: the address is what nginx says (X-Real-IP), never what a client claims."""
    meta = request.META
    request_id = meta.get("HTTP_X_REQUEST_ID", "")
    return Context(
        address=meta.get("HTTP_X_REAL_IP") or meta.get("REMOTE_ADDR") or "",
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        request_id=request_id if _REQUEST_ID.fullmatch(request_id) else "",
    )


class Entry(NamedTuple):
    """One record as it is stored, in the order of the table's columns."""

    at: datetime
    actor: str
    address: str
    user_agent: str
    request_id: str
    operation: str
    resource_type: str
    resource: str
    project: str
    result: str
    detail: dict[str, Any]


def clean_entry(at: datetime, texts: Mapping[str, str], result: str, detail: Mapping[str, Any] | None) -> Entry:
    """The entry with every text bounded and printable. ValueError for a result there is no word for."""
    if result not in RESULTS:
        raise ValueError(f"{result!r} is no result of a deed: {', '.join(RESULTS)}")
    cleaned = {name: clean_text(texts[name], limit) for name, limit in LIMITS.items()}
    return Entry(at=at.astimezone(UTC), result=result, detail=clean_detail(detail or {}), **cleaned)


def clean_text(text: str, limit: int) -> str:
    """`text` with unprintable characters written as `\\uXXXX`, cut to `limit` characters.

    For people to read: a client that sends the six characters `\\u001b` itself looks the same.
    """
    if len(text) <= limit and text.isprintable():  # nearly all are
        return text
    escaped = _UNPRINTABLE.sub(_escape, text[:limit])
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "…"


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def clean_detail(detail: Mapping[str, Any]) -> dict[str, Any]:
    """`detail` as PostgreSQL's jsonb takes it. ValueError or TypeError for what is no JSON at all."""
    cleaned: dict[str, Any] = _printable(dict(detail))
    length = len(json.dumps(cleaned, allow_nan=False, default=str))
    return cleaned if length <= DETAIL_LIMIT else {"omitted": f"{length} characters of detail"}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isprintable() else _UNPRINTABLE.sub(_escape, value)
    if isinstance(value, Mapping):
        return {_printable(str(key)): _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_printable(item) for item in value]
    return value


def detail_json(entry: Entry) -> str:
    """The entry's detail as JSON text."""
    return json.dumps(entry.detail, allow_nan=False, default=str)


def to_line(entry: Entry) -> str:
    """The entry as one line: a JSON array in the order of its fields, the moment in seconds since the epoch."""
    return json.dumps((entry.at.timestamp(), *entry[1:]), allow_nan=False, default=str, separators=(",", ":"))


def from_line(line: str | bytes) -> Entry:
    """The entry of such a line. ValueError, TypeError, LookupError, OverflowError or OSError for what is none."""
    fields = json.loads(line)
    if not isinstance(fields, list) or len(fields) != len(Entry._fields):
        raise ValueError("not a record")
    at, *texts, result, detail = fields
    names = Entry._fields[1:-2]
    return clean_entry(datetime.fromtimestamp(at, UTC), dict(zip(names, texts, strict=True)), result, detail)
