"""AWS Signature Version 4 ("Signing AWS API requests") for calls with a body and without a query."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

_ALGORITHM = "AWS4-HMAC-SHA256"


class Call(NamedTuple):
    """What is signed beside the headers. `host` is as the Host header has it."""

    method: str
    host: str
    path: str
    body: bytes = b""


class Signer(NamedTuple):
    """Who signs for which service."""

    key: str
    secret: str
    region: str
    service: str

    def headers(self, call: Call, given: Mapping[str, str], at: datetime) -> dict[str, str]:
        """`given` with those that prove the call to be the key's, made at `at` (UTC)."""
        moment = at.strftime("%Y%m%dT%H%M%SZ")
        whole = {**given, "X-Amz-Date": moment}
        signed = {name.lower(): " ".join(value.split()) for name, value in {**whole, "Host": call.host}.items()}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = "\n".join([call.method, call.path, "", lines, names, hashlib.sha256(call.body).hexdigest()])
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        signature = _hmac(self._derived(moment[:8]), text).hex()
        proof = f"{_ALGORITHM} Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**whole, "Authorization": proof}

    def _derived(self, day: str) -> bytes:
        derived = f"AWS4{self.secret}".encode()
        for text in (day, self.region, self.service, "aws4_request"):
            derived = _hmac(derived, text)
        return derived

    def __repr__(self) -> str:
        return f"Signer({self.key!r}, {self.region!r}, {self.service!r})"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
