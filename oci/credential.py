"""What a client proves itself with to a registry. None of these shows its secret when it is printed."""

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credential:
    """A name and a password: sent by HTTP's basic scheme, to the registry or to the token service it names."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header (RFC 7617, in UTF-8)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """A refresh token (Docker calls it so): the registry's token service changes it for tokens, by OAuth 2.0."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that the registry itself takes as it is; nobody can renew it here."""

    token: str = field(repr=False)

    @property
    def bearer(self) -> str:
        """The Authorization header; the token may have been pasted with a line's end."""
        return f"Bearer {''.join(self.token.split())}"


AnyCredential = Credential | IdentityToken | BearerToken
