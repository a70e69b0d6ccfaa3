"""The provider as it is set up, and how it is asked: in bounded time, by TLS, for answers of bounded size."""

import base64
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from configuration import values
from configuration.items import scopes
from rbac import turnstile
from rbac.deadline import within, words
from rbac.errors import ProviderUnavailable

TURN = "provider"
REST = 15.0  # seconds a provider that failed is left alone

_PATIENCE = 1.0  # seconds to wait for a turn: a sign-in takes tenths
_MOST = 512 * 1024  # bytes of one answer
_PIECE = 64 * 1024

# HTTPError is urllib3's own, of an answer that is read here and not by requests.
_FAILURES = (
    requests.RequestException, HTTPError, AuthlibBaseError, OSError, ValueError, TypeError, RecursionError,
)  # fmt: skip

T = TypeVar("T")

logger = logging.getLogger(__name__)
warnings.filterwarnings("ignore", message="Unverified HTTPS request")  # who turns oidc_verify_cert off knows


@dataclass(frozen=True, slots=True)
class Provider:
    """How the provider is reached, and what of its word counts: the `oidc_` items of the configuration."""

    endpoint: str  # without a slash at its end
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = "openid"
    verify_cert: bool = True
    ca_file: str = ""
    timeout: int = 5
    user_claim: str = ""
    groups_claim: str = ""
    extra: str = ""  # JSON

    @property
    def schemes(self) -> tuple[str, ...]:
        """What it may be asked by: TLS alone, unless the administrator does without."""
        return ("https", "http") if urlsplit(self.endpoint).scheme == "http" else ("https",)


def configured() -> Provider:
    """The provider as the configuration items have it now."""
    return Provider(
        endpoint=values.text("oidc_endpoint").rstrip("/"),
        client_id=values.text("oidc_client_id"),
        client_secret=values.text("oidc_client_secret"),
        scope=" ".join(scopes(values.text("oidc_scope"))),
        verify_cert=values.flag("oidc_verify_cert"),
        ca_file=values.text("oidc_ca_file"),
        timeout=values.number("oidc_timeout"),
        user_claim=values.text("oidc_user_claim"),
        groups_claim=values.text("oidc_groups_claim"),
        extra=values.text("oidc_extra_redirect_parms"),
    )


def ask(provider: Provider, work: Callable[[OAuth2Session], T], *, authentication: str = "", retry: bool = False) -> T:
    """What `work` makes of a session with the provider, in no more than the configured time in all.

    One that failed rests afterwards, and isn't asked meanwhile; a `retry` neither heeds that nor causes it.
    `authentication` is how we say who we are at the token endpoint. Raises ProviderUnavailable, and what `work` does.
    """
    failure = "it is busy"
    try:
        with turnstile.turn(TURN, patience=_PATIENCE) as rests:
            if not retry and rests.get(provider.endpoint, 0) > time.time():
                raise ProviderUnavailable("the provider is not available: it failed a moment ago")
            try:
                found = within(provider.timeout, partial(_talk, provider, authentication, work), name=TURN)
            except _FAILURES as error:
                if not retry:
                    rests[provider.endpoint] = time.time() + REST
                failure = f"{provider.endpoint}: {words(error)}"
                logger.warning("the OpenID provider can't be asked: %s", failure)
            else:
                rests.pop(provider.endpoint, None)
                return found
    except turnstile.Busy:
        pass
    raise ProviderUnavailable(f"the provider is not available: {failure}")


def _talk(provider: Provider, authentication: str, work: Callable[[OAuth2Session], T]) -> T:
    with session_with(provider, authentication, end=time.monotonic() + provider.timeout) as session:
        return work(session)


def session_with(provider: Provider, authentication: str = "", *, end: float = 0) -> OAuth2Session:
    """A session that can ask until `end`."""
    session = OAuth2Session(
        provider.client_id,
        provider.client_secret or None,
        token_endpoint_auth_method=authentication or "none",
        code_challenge_method="S256",
    )
    session.register_client_auth_method(("client_secret_basic", _basic))
    session.trust_env = False  # neither ~/.netrc nor other certificates than ours
    session.proxies = get_environ_proxies(provider.endpoint)
    session.verify = (provider.ca_file or True) if provider.verify_cert else False
    session.adapters.clear()  # what isn't mounted can't be asked by
    for scheme in provider.schemes:
        session.mount(f"{scheme}://", _Bounded(end))
    return session


def json_of(response: requests.Response) -> dict[str, Any]:
    """The object that was answered; ValueError for anything else, a redirect too."""
    path = urlsplit(str(response.url)).path
    if response.status_code != requests.codes.ok:
        raise ValueError(f"{path} answers {response.status_code}")
    found = response.json()
    if not isinstance(found, dict):
        raise ValueError(f"{path} answers no JSON object")  # noqa: TRY004  the same as what is no JSON at all
    return found


def _basic(client: Any, method: str, uri: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:  # noqa: ARG001
    """RFC 6749 section 2.3.1: both are form-encoded first, which authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


class _Bounded(HTTPAdapter):
    """Reads each answer whole, until `end` at the latest and no more than _MOST bytes of it."""

    def __init__(self, end: float) -> None:
        self._end = end
        super().__init__()

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        left = self._end - time.monotonic()
        if left <= 0:
            raise requests.Timeout("no time is left")
        response = super().send(request, **{**options, "stream": True, "timeout": left})
        response._content = self._read(response)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _read(self, response: requests.Response) -> bytes:
        """By what is there, where `iter_content` would wait for a whole piece from a server that drips."""
        content = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            content += piece
            if len(content) > _MOST:
                raise ValueError(f"an answer is longer than {_MOST} bytes")
            if time.monotonic() > self._end:
                raise requests.Timeout("an answer takes too long")
        return bytes(content)
