"""The keys that sign and verify: made at first need, cached in the process, rotated by `manage.py rotatekey`."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

import audit
from db.sealing import seal, unseal
from rbac.actors import Actor
from tokens.lifetime import LONGEST
from tokens.models import SigningKey

_PURPOSE = "signing key"
_ES256 = ec.ECDSA(SHA256())
_RELOAD_SECONDS = 60.0  # how soon a rotation elsewhere is noticed
_UNKNOWN_KID_SECONDS = 1.0  # an unknown kid asks the database at most this often
_LOCK = 0x726F6164  # any number of our own: the advisory lock under which keys are made


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs now."""

    kid: str
    private_key: ec.EllipticCurvePrivateKey
    header: bytes  # of every token, encoded once

    def jws(self, payload: bytes) -> str:
        """`payload` signed, in RFC 7515's compact form. PyJWT would do it in twice the time; it does verify."""
        signing_input = self.header + b"." + _base64(payload)
        signature = self.private_key.sign(signing_input, _ES256)
        r, s = decode_dss_signature(signature)
        return (signing_input + b"." + _base64(r.to_bytes(32) + s.to_bytes(32))).decode()


class _Keys:
    """What the process knows: public keys by kid, and the signer once it was needed."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.public: dict[str, ec.EllipticCurvePublicKey] = {}
        self.signer: Signer | None = None
        self.loaded_at = float("-inf")
        self.generation = 0

    def age(self) -> float:
        return time.monotonic() - self.loaded_at


_keys = _Keys()


def verification_key(kid: str) -> ec.EllipticCurvePublicKey | None:
    """The public key named `kid`, or None.

    Keys that are known are used without I/O; they are read anew every minute, and when the database is away, kept.
    """
    if _keys.age() > (_RELOAD_SECONDS if kid in _keys.public else _UNKNOWN_KID_SECONDS):
        _reload(keep=bool(_keys.public))
    return _keys.public.get(kid)


def current() -> Signer:
    """The key that signs. Makes the first one where there is none; SealBroken if the secret key was changed."""
    if _keys.signer is None or _keys.age() > _RELOAD_SECONDS:
        _reload(keep=_keys.signer is not None)
        if _keys.signer is None:
            _keys.signer = _load_signer()
    return _keys.signer


def generation() -> int:
    """A number that changes when a key goes away, for whoever caches what was verified."""
    return _keys.generation


def forget() -> None:
    """Drop what the process has cached."""
    generation = _keys.generation
    _keys.forget()
    _keys.generation = generation + 1


def _reload(*, keep: bool) -> None:
    """Read the public keys. With `keep`, a database that is away leaves what is known in use."""
    try:
        rows = list(SigningKey.objects.order_by("-created_at", "-pk").values_list("kid", "public_jwk", "retired_at"))
    except DatabaseError:
        if not keep:
            raise
        _keys.loaded_at = time.monotonic()
        return
    known = {kid: _keys.public.get(kid) or _public_key(jwk) for kid, jwk, _ in rows}
    if _keys.public.keys() - known.keys():
        _keys.generation += 1
    _keys.public = known
    newest = next((kid for kid, _, retired in rows if retired is None), None)
    if _keys.signer and _keys.signer.kid != newest:
        _keys.signer = None
    _keys.loaded_at = time.monotonic()


def _load_signer() -> Signer:
    row = ensure()
    private_key = load_der_private_key(unseal(row.private_key, purpose=_PURPOSE), password=None)
    if not isinstance(private_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"signing key {row.kid} is not an elliptic curve key")
    _keys.public.setdefault(row.kid, private_key.public_key())
    header = json.dumps({"alg": "ES256", "kid": row.kid, "typ": "JWT"}, separators=(",", ":")).encode()
    return Signer(row.kid, private_key, _base64(header))


def newest() -> SigningKey | None:
    """The row of the key that signs, if one was made."""
    return SigningKey.objects.filter(retired_at=None).order_by("-created_at", "-pk").first()


def ensure() -> SigningKey:
    """The row of the key that signs, made if there is none; of many processes that ask at once one makes it."""
    if row := newest():
        return row
    with transaction.atomic():
        _lock()
        return newest() or _make()


@transaction.atomic
def rotate(*, actor: Actor, context: audit.Context) -> SigningKey:
    """A new key signs from now on; the ones before it only verify."""
    _lock()
    SigningKey.objects.filter(retired_at=None).update(retired_at=timezone.now())
    row = _make()
    audit.record(
        actor=actor.name,
        operation="update",
        resource_type="configuration",
        resource="signing key",
        context=context,
        detail={"kid": row.kid},
    )
    transaction.on_commit(forget)
    return row


def prune() -> int:
    """Remove retired keys whose last tokens have expired; how many.

    A process notices a rotation after up to a minute and signs with the old key until then: that minute and the
    clocks' leeway are waited for too. Nobody knows how long tokens were good for back then: the longest there can be.
    """
    grace = LONGEST + timedelta(seconds=2 * _RELOAD_SECONDS)
    deleted, _ = SigningKey.objects.filter(retired_at__lt=timezone.now() - grace).delete()
    forget()
    return deleted


def jwks() -> dict[str, list[dict[str, Any]]]:
    """Every key that verifies, as RFC 7517 has it."""
    ensure()
    return {"keys": list(SigningKey.objects.order_by("-created_at", "-pk").values_list("public_jwk", flat=True))}


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def _make() -> SigningKey:
    private_key = ec.generate_private_key(ec.SECP256R1())
    jwk = _jwk(private_key.public_key())
    der = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return SigningKey.objects.create(kid=jwk["kid"], private_key=seal(der, purpose=_PURPOSE), public_jwk=jwk)


def _jwk(public_key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public key as RFC 7518 section 6.2 has it, named by its RFC 7638 thumbprint."""
    numbers = public_key.public_numbers()
    point = {"crv": "P-256", "kty": "EC", "x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
    canonical = json.dumps(point, separators=(",", ":"), sort_keys=True).encode()
    thumbprint = _base64(hashlib.sha256(canonical).digest()).decode()
    return {**point, "use": "sig", "alg": "ES256", "kid": thumbprint}


def _coordinate(number: int) -> str:
    return _base64(number.to_bytes(32)).decode()


def _base64(data: bytes) -> bytes:
    """Base64url without padding, as RFC 7515 has it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _public_key(jwk: dict[str, str]) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=")) for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
