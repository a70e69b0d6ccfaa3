"""The WWW-Authenticate challenge, which sends a client to the token service (distribution's token authentication)."""

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest


def challenge(request: HttpRequest, scopes: Sequence[str], error: str | None = None) -> str:
    """The header's value. The realm is on the host and scheme that the client itself used.

    `scopes` are such as "repository:library/app:pull"; `error` is RFC 6750's word ("invalid_token",
    "insufficient_scope") or None. Raises `DisallowedHost` for a Host header that is none.
    """
    parameters = [
        ("realm", f"{request.scheme}://{request.get_host()}/service/token"),
        ("service", settings.TOKEN_SERVICE),
    ]
    if scopes:
        parameters.append(("scope", " ".join(scopes)))
    if error:
        parameters.append(("error", error))
    return "Bearer " + ",".join(f'{name}="{_quoted(value)}"' for name, value in parameters)


def _quoted(value: str) -> str:
    """The inside of RFC 9110's quoted-string: no quote, backslash or control character leaves it."""
    return "".join(c for c in value if c.isprintable() and c not in '"\\')
