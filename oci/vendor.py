"""JSON over HTTP, for the calls to vendors' own APIs that registries' own protocol has no words for.

They keep the same rules as calls to registries: TLS, proxies, forbidden addresses, timeouts, bounded answers, patience.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from oci import listing
from oci.connections import Reach
from oci.credential import AnyCredential, BearerToken, Credential
from oci.errors import (
    Denied,
    NameUnknown,
    PreconditionFailed,
    RegistryError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unknown,
    Unsupported,
)
from oci.patience import retry_after
from oci.session import Session
from oci.transport import REDIRECTS, SERVER_ERROR, Answer, Lasting, Request, Transport, kind_of

MAX_JSON = 16 * 1024 * 1024
_FINE = frozenset({200, 201, 202, 204})
_ANY = range(100, 1000)
_MESSAGES = ("message", "detail", "error", "Message")
_SHOWN = 300
_MEANINGS: dict[int, type[RegistryError]] = {
    401: Unauthorized,
    403: Denied,
    404: NameUnknown,
    405: Unsupported,
    412: PreconditionFailed,
    429: TooManyRequests,
}


class Reply(NamedTuple):
    """`document` is the parsed JSON, None for an empty answer."""

    status: int
    headers: Mapping[str, str]
    document: Any


class JsonApi:
    """An API below `base_url`. `credential` goes with every call, by HTTP's basic scheme or as a bearer; `headers` too.

    `expected` are the statuses that are no error; an error says in its words who answered what. Targets are below the
    base URL's path.
    """

    def __init__(
        self,
        base_url: str,
        *,
        credential: AnyCredential | None = None,
        headers: Mapping[str, str] | None = None,
        insecure: bool = False,
        ca: str = "",
        private: bool = True,
        proxied: bool = False,
        tries: int = 1,
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
    ) -> None:
        reach = Reach(insecure=insecure, ca=ca, private=private, proxied=proxied, hurry=connect_timeout)
        self._transport = Transport(base_url, timeout=timeout, pool_size=4, reach=reach)
        self._session = Session(self._transport, None, tries, plain=True)
        self._headers = {"Accept": "application/json", **_authorization(credential), **(headers or {})}

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        """From another thread: calls in progress raise Ended (Unavailable), and so does every later one."""
        self._transport.end()

    def get(self, target: str, *, expected: Collection[int] = _FINE, headers: Mapping[str, str] | None = None) -> Reply:
        return self._call(Request(method="GET", target=self._below(target), headers=headers or {}), expected)

    def head(self, target: str, *, expected: Collection[int] = _FINE) -> Reply:
        return self._call(Request(method="HEAD", target=self._below(target)), expected)

    def delete(
        self, target: str, *, expected: Collection[int] = _FINE, headers: Mapping[str, str] | None = None
    ) -> Reply:
        return self._call(Request(method="DELETE", target=self._below(target), headers=headers or {}), expected)

    def post(
        self,
        target: str,
        body: object = None,
        *,
        form: Mapping[str, str] | None = None,
        expected: Collection[int] = _FINE,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """`body` goes as JSON, bytes as they are; `form` as a form."""
        return self._call(self._with_body("POST", target, body, form, headers), expected)

    def put(self, target: str, body: object = None, *, expected: Collection[int] = _FINE) -> Reply:
        return self._call(self._with_body("PUT", target, body, None, None), expected)

    def pages(self, target: str, *, headers: Mapping[str, str] | None = None) -> Iterator[Reply]:
        """A list page by page, as its Link headers lead; within this host alone."""
        request = Request(method="GET", target=self._below(target), headers=headers or {})
        for answer in listing.pages(self._transport, lambda page: self._answer(page, _FINE), request):
            yield self._reply(answer)

    def _below(self, target: str) -> str:
        return self._transport.prefix + target

    def _with_body(
        self,
        method: str,
        target: str,
        body: object,
        form: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> Request:
        kind = {"Content-Type": "application/json"}
        payload = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if form is not None:
            kind, payload = {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode()
        given = ({} if payload is None else kind) | dict(headers or {})
        return Request(method=method, target=self._below(target), headers=given, body=payload)

    def _call(self, request: Request, expected: Collection[int]) -> Reply:
        return self._reply(self._answer(request, expected))

    def _answer(self, request: Request, expected: Collection[int]) -> Answer:
        known = replace(request, headers=self._headers | dict(request.headers))
        answer = self._transport.finish(self._session.open(known), _ANY, limit=MAX_JSON)
        if answer.status in expected:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> RegistryError:
        who, status = self._transport.who, answer.status
        if status in REDIRECTS:
            place = answer.headers.get("Location", "")[:_SHOWN]
            return Lasting(f"{who} redirects to {place!r}: give the address that answers itself")
        kind = kind_of(status) if status >= SERVER_ERROR else _MEANINGS.get(status, Unknown)
        error = kind(f"{who} answered {status}: {_words(answer.payload) or kind.default}")
        error.retry_after = retry_after(answer.headers.get("Retry-After"))
        return error

    def _reply(self, answer: Answer) -> Reply:
        if not answer.payload:
            return Reply(answer.status, answer.headers, None)
        try:
            return Reply(answer.status, answer.headers, json.loads(answer.payload))
        except (ValueError, RecursionError) as error:
            raise Unavailable(f"{self._transport.who} answered {answer.status}, but not in JSON") from error


def _authorization(credential: AnyCredential | None) -> dict[str, str]:
    if isinstance(credential, Credential):
        return {"Authorization": credential.basic}
    return {"Authorization": credential.bearer} if isinstance(credential, BearerToken) else {}


def _words(payload: bytes) -> str:
    """What an error's body says, in the shapes that vendors have: Harbor's and OCI's errors, or a message by itself."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return ""
    if isinstance(document, dict) and isinstance(document.get("errors"), list) and document["errors"]:
        document = document["errors"][0]
    if not isinstance(document, dict):
        return ""
    said = next((document[key] for key in _MESSAGES if isinstance(document.get(key), str)), "")
    return "".join(each if each.isprintable() else " " for each in said)[:_SHOWN]
