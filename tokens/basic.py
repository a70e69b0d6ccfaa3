"""The Authorization header of HTTP's Basic scheme (RFC 7617)."""

import base64
import binascii
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password, as they were presented."""

    username: str
    password: str = field(repr=False)


class MalformedAuthorization(Exception):
    """The header is there, but it isn't Basic or can't be read."""


def parse(header: str) -> Credentials | None:
    """The credentials in the header's value, None without one; MalformedAuthorization."""
    if not header:
        return None
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise MalformedAuthorization("the token service takes Basic authentication")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise MalformedAuthorization("malformed Basic authentication") from error
    username, separator, password = text.partition(":")
    if not separator:
        raise MalformedAuthorization("malformed Basic authentication")
    return Credentials(username, password)
