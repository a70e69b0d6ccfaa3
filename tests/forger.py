"""An OpenID provider that does what a test tells it to: it forges, hangs, drips, floods and mixes up."""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from tests.provider import CLIENT_ID, CLIENT_SECRET

Answer = tuple[int, dict[str, str], bytes]


@cache
def key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, private=True)


class Forger:
    """Like a provider unless told otherwise: `claims` go into the ID token, `make_token` makes it, `routes` answer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.metadata: dict[str, Any] = {
            "issuer": url,
            "authorization_endpoint": f"{url}/authorize",
            "token_endpoint": f"{url}/token",
            "userinfo_endpoint": f"{url}/userinfo",
            "jwks_uri": f"{url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }
        self.keys: list[dict[str, Any]] = [dict(key("one").as_dict(private=False))]
        self.claims: dict[str, Any] = {"name": "Alice Example", "email": "alice@example.com", "groups": []}
        self.userinfo: dict[str, Any] = {}
        self.make_token: Callable[[dict[str, Any]], str] = self.signed
        self.token_answer: dict[str, Any] = {}
        self.routes: dict[str, Callable[[], Answer]] = {}
        self.asked: list[str] = []
        self.authorization = ""
        self._codes: dict[str, dict[str, str]] = {}

    def signed(self, claims: dict[str, Any], *, by: str = "one", alg: str = "RS256", **header: Any) -> str:
        protected = {"alg": alg, "kid": by, "typ": "JWT", **header}
        registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
        return jws.serialize_compact(protected, json.dumps(claims), key(by), registry=registry)

    def standard(self, **more: Any) -> dict[str, Any]:
        """The claims of a good token."""
        now = int(time.time())
        return {"iss": self.url, "sub": "alice", "aud": CLIENT_ID, "exp": now + 300, "iat": now, **self.claims, **more}

    def consent(self, url: str, **changed: str) -> dict[str, str]:
        """What the browser that was sent to `url` brings back: the parameters of the callback."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], **changed}

    def answer(self, method: str, path: str, body: bytes, headers: Any) -> Answer:
        self.asked.append(path)
        if path in self.routes:
            return self.routes[path]()
        if path == "/.well-known/openid-configuration":
            return _json(self.metadata)
        if path == "/jwks":
            return _json({"keys": self.keys})
        if path == "/token" and method == "POST":
            self.authorization = headers.get("Authorization", "")
            return self._redeem({name: values[0] for name, values in parse_qs(body.decode()).items()})
        if path == "/userinfo" and headers.get("Authorization") == "Bearer access":
            return _json({"sub": "alice", **self.userinfo})
        return 404, {}, b"nothing"

    def _redeem(self, form: dict[str, str]) -> Answer:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"] or not _proven(asked, form):
            return _json({"error": "invalid_grant"}, 400)
        if self._client_of(form) != (CLIENT_ID, CLIENT_SECRET):
            return _json({"error": "invalid_client"}, 401)
        token = self.make_token(self.standard(nonce=asked["nonce"]))
        good = {"access_token": "access", "token_type": "Bearer", "expires_in": 300, "id_token": token}
        return _json({**good, **self.token_answer})

    def _client_of(self, form: dict[str, str]) -> tuple[str, str]:
        if not self.authorization:
            return form.get("client_id", ""), form.get("client_secret", "")
        name, _, secret = base64.b64decode(self.authorization.partition(" ")[2]).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)


def _proven(asked: dict[str, str], form: dict[str, str]) -> bool:
    """PKCE (RFC 7636), by the one method that is worth anything."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return asked.get("code_challenge_method") == "S256" and asked.get("code_challenge") == challenge


def _json(body: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def half_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    """`alg` none, as RFC 7519 section 6 has it."""
    return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}."


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def by_public_key(claims: dict[str, Any], **header: Any) -> str:
    """HS256 with the provider's public key for a secret, which a naive verifier takes for its RS256."""
    text = ".".join(map(_encoded, ({"alg": "HS256", "typ": "JWT", "kid": "one", **header}, claims)))
    mac = hmac.digest(key("one").as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def by_its_own_key(claims: dict[str, Any]) -> str:
    """Signed by a key that the header brings along."""
    own = ECKey.generate_key("P-256", private=True)
    header = {"alg": "ES256", "kid": "one", "jwk": own.as_dict(private=False)}
    return jwt.encode(header, claims, own, algorithms=["ES256"])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    forger: Forger

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        status, headers, body = self.forger.answer(
            self.command, urlsplit(self.path).path, self.rfile.read(length), self.headers
        )
        with suppress(OSError):  # whoever asked has given up
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = handle_any  # noqa: N815  http.server's names

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def running_forger(wrap: Callable[[Any], Any] = lambda sock: sock, scheme: str = "http") -> Iterator[Forger]:
    """Serve a forger of one's own; `wrap` puts TLS around its socket."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.socket = wrap(server.socket)
    forger = handler.forger = Forger(f"{scheme}://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield forger
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def dripping(piece: bytes = b"x", every: float = 0.1, head: bytes = b"") -> Iterator[str]:
    """The URL of a server that sends `head`, and then `piece` after `piece` without an end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        over = threading.Event()

        def drip(client: socket.socket) -> None:
            with client, suppress(OSError):
                client.sendall(head)
                while not over.wait(every):
                    client.sendall(piece)

        def serve() -> None:
            while not over.is_set():
                with suppress(OSError):
                    threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()


def callback(parameters: dict[str, str]) -> str:
    return "/c/oidc/callback?" + urlencode(parameters)
