"""Keys derived from the installation's secret key, and the encryption at rest of what must be read again."""

import base64
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE = 12  # bytes, as NIST SP 800-38D recommends for GCM


class SealBroken(Exception):
    """Sealed text that this installation's secret key doesn't open: another key, or changed bytes."""


def derived_key(purpose: str) -> bytes:
    """32 bytes of key for one purpose (RFC 5869); a key for one purpose says nothing about another's."""
    return _derive(settings.SECRET_KEY, purpose)


@lru_cache(maxsize=32)
def _derive(secret: str, purpose: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"roadstead " + purpose.encode())
    return kdf.derive(secret.encode())


def seal(clear: bytes, *, purpose: str) -> str:
    """`clear` encrypted and authenticated (AES-256-GCM), as text for a column."""
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(derived_key(purpose)).encrypt(nonce, clear, purpose.encode())
    return base64.b64encode(nonce + sealed).decode()


def unseal(text: str, *, purpose: str) -> bytes:
    """What `seal` was given; SealBroken if it can't be had."""
    try:
        raw = base64.b64decode(text, validate=True)
        return AESGCM(derived_key(purpose)).decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"the {purpose} can't be opened with this installation's secret key") from error
