"""Digests of content: parsed once at the door, then a type."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, Self, cast

from oci.errors import DigestInvalid

Algorithm = Literal["sha256", "sha512"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_SHOWN = 160


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """An algorithm and lowercase hex, as in image-spec "Digests"; only the two registered algorithms exist here."""

    algorithm: Algorithm
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`sha256:…` or `sha512:…` in lowercase hex of the exact length, else DigestInvalid."""
        if not _DIGEST.fullmatch(text):
            raise DigestInvalid(f"invalid digest {text[:_SHOWN]!r}: sha256: or sha512: and lowercase hex expected")
        algorithm, _, hexadecimal = text.partition(":")
        return cls(cast("Algorithm", algorithm), hexadecimal)

    @classmethod
    def of(cls, payload: bytes, algorithm: Algorithm = "sha256") -> Self:
        return cls(algorithm, hashlib.new(algorithm, payload).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
