"""A registry client for the tests: plain HTTP plus the token dance, as docker and its kin do it."""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

TIMEOUT = urllib3.Timeout(connect=5, read=60)
_CHALLENGE_PART = re.compile(r'(\w+)="([^"]*)"')
_REPOSITORY = re.compile(r"^/v2/(.+?)/(?:blobs|manifests|tags|referrers)/")


def digest_of(payload: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, payload).hexdigest()}"


class Refused(AssertionError):
    """An answer that is not what the check expected; its words carry the request and the answer."""


@dataclass(frozen=True)
class Answer:
    method: str
    url: str
    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes

    def expect(self, *statuses: int) -> "Answer":
        if self.status not in statuses:
            raise Refused(f"{self}: expected {' or '.join(map(str, statuses))}")
        return self

    def expect_header(self, name: str, value: str) -> "Answer":
        if self.headers.get(name) != value:
            raise Refused(f"{self}: {name} is {self.headers.get(name)!r}, expected {value!r}")
        return self

    def expect_body(self, payload: bytes) -> "Answer":
        if self.body != payload:
            raise Refused(f"{self}: {len(self.body)} bytes of body differ from the {len(payload)} expected")
        return self

    def expect_error(self, status: int, *codes: str) -> "Answer":
        """An OCI error body: JSON whose first error has one of `codes` (any code when none is named)."""
        self.expect(status)
        if self.method != "HEAD":
            found = self.error_code
            if codes and found not in codes:
                raise Refused(f"{self}: error code {found!r}, expected {' or '.join(codes)}")
        return self

    @property
    def error_code(self) -> str:
        try:
            return str(json.loads(self.body)["errors"][0]["code"])
        except (ValueError, KeyError, IndexError, TypeError) as problem:
            raise Refused(f"{self}: the body is no OCI error") from problem

    @property
    def location(self) -> str:
        if not self.headers.get("Location"):
            raise Refused(f"{self}: no Location")
        return urljoin(self.url, self.headers["Location"])

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError as problem:
            raise Refused(f"{self}: the body is not JSON") from problem

    def __str__(self) -> str:
        return f"{self.method} {self.url[:250]} -> {self.status} {self.body[:300]!r}"


def parse_challenge(header: str) -> dict[str, str]:
    kind, _, rest = header.partition(" ")
    return {"kind": kind.lower()} | dict(_CHALLENGE_PART.findall(rest))


@dataclass
class Wire:
    """One client with one identity. Tokens are kept per repository and kind of access, and fetched anew on a 401."""

    base: str
    username: str | None = None
    password: str | None = None
    ca: str | None = None
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.base = self.base.rstrip("/")
        self.pool = urllib3.PoolManager(
            maxsize=16, retries=False, timeout=TIMEOUT, ca_certs=self.ca, cert_reqs="CERT_REQUIRED"
        )

    @property
    def host(self) -> str:
        return urlsplit(self.base).netloc

    def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        timeout: float | None = None,
    ) -> Answer:
        """Send one request, with a token when the registry asks for one. `body` is bytes or an iterable (streamed)."""
        url = path if "://" in path else self.base + path
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        key = self._key(method, url)
        answer = self.send(method, url, self._with_token(headers, key), body, timeout)
        challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
        if answer.status == 401 and challenge["kind"] == "bearer" and self._keep(key, self.token_for(challenge)):
            return self.send(method, url, self._with_token(headers, key), body, timeout)
        return answer

    def send(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: Any = None,
        timeout: float | None = None,
    ) -> Answer:
        """One bare exchange, without any authorisation of its own."""
        options: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        answer = self.pool.request(
            method,
            url,
            headers=headers,
            body=body,
            redirect=False,
            preload_content=False,
            decode_content=False,
            **options,
        )
        try:
            payload = answer.read()
        finally:
            answer.release_conn()
        return Answer(method, url, answer.status, answer.headers, payload)

    def fetch(self, url: str, **options: Any) -> Answer:
        """GET that follows one redirect without the token, as blob downloads from object stores need."""
        answer = self.request("GET", url, **options)
        if answer.status in (302, 303, 307, 308):
            return self.send("GET", answer.location, options.get("headers"))
        return answer

    def token_for(self, challenge: dict[str, str]) -> str | None:
        query = [("service", challenge.get("service", ""))]
        query += [("scope", challenge["scope"])] if challenge.get("scope") else []
        answer = self.send("GET", f"{challenge['realm']}?{urlencode(query)}", self.basic())
        if answer.status != 200:
            return None
        payload = answer.json()
        return str(payload.get("access_token") or payload["token"])

    def basic(self) -> dict[str, str]:
        if self.username is None:
            return {}
        pair = f"{self.username}:{self.password}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    def authorization(self, method: str, url: str) -> str:
        """The header that an earlier request of this kind went through with."""
        return self._with_token(None, self._key(method, url))["Authorization"]

    def forget_tokens(self) -> None:
        with self._lock:
            self._tokens.clear()

    def _key(self, method: str, url: str) -> tuple[str, str]:
        found = _REPOSITORY.match(urlsplit(url).path)
        kind = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(method, "push")
        return (found[1] if found else "", kind)

    def _keep(self, key: tuple[str, str], token: str | None) -> bool:
        with self._lock:
            if token:
                self._tokens[key] = token
        return bool(token)

    def _with_token(self, headers: dict[str, str] | None, key: tuple[str, str]) -> dict[str, str]:
        with self._lock:
            token = self._tokens.get(key)
        return {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
