"""Tokens that only a page of ours can know: what a browser sends by itself is no proof of who made it send that."""

import base64
import binascii
import hashlib
import hmac
import secrets

from db.sealing import derived_key

HEADER = "X-Harbor-CSRF-Token"  # Harbor's name for it

_BYTES = 32
_LONGEST = 128  # characters


def token(secret: str) -> str:
    """A token for whoever holds the cookie `secret`: another text each time, as compression betrays what recurs."""
    mask = secrets.token_bytes(_BYTES)
    return base64.urlsafe_b64encode(mask + _xor(mask, _proof(secret))).decode()


def matches(secret: str, presented: str) -> bool:
    """Whether `presented` is a token for the holder of `secret`."""
    try:
        raw = base64.b64decode(presented[:_LONGEST].encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):  # UnicodeEncodeError among these
        return False
    return len(raw) == 2 * _BYTES and hmac.compare_digest(_xor(raw[:_BYTES], raw[_BYTES:]), _proof(secret))


def _proof(secret: str) -> bytes:
    return hmac.digest(derived_key("csrf"), secret.encode(errors="surrogatepass"), hashlib.sha256)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
