"""Remembers for a minute which credentials were verified: in the process, and in Redis for the other processes.

What is remembered is an HMAC, under a key that only this installation has, over the user's id, the stored password
hash and the presented password. So a changed password is forgotten at once, and Redis learns nothing.
"""

import hashlib
import hmac
import logging
import time
from collections import OrderedDict

import redis
from django.conf import settings

from db.sealing import derived_key

_PREFIX = "roadstead:credential:"
_IN_PROCESS = 4096  # credentials
_REST_SECONDS = 5.0  # how long Redis is left alone after a failure

logger = logging.getLogger(__name__)


def proof_of(user_id: int, stored: str, presented: str) -> str:
    """The name under which a verified credential is remembered."""
    stored_bytes = stored.encode()
    message = b"%d:%d:%b%b" % (user_id, len(stored_bytes), stored_bytes, presented.encode())
    return hmac.digest(derived_key("credential memory"), message, hashlib.sha256).hex()


class _Redis:
    """The second level, behind a circuit breaker: a Redis that is gone costs one time-out every few seconds."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._rest_until = float("-inf")

    def get(self, proof: str) -> float | None:
        """Until when `proof` is good (seconds since the epoch), as another process wrote it."""
        if time.monotonic() < self._rest_until:
            return None
        try:
            value = self._connected().get(_PREFIX + proof)
            return float(value) if isinstance(value, bytes) else None
        except (redis.RedisError, OSError, ValueError) as error:
            self._failed(error)
            return None

    def put(self, proof: str, until: float) -> None:
        if time.monotonic() < self._rest_until:
            return
        try:
            self._connected().set(_PREFIX + proof, repr(until), px=settings.CREDENTIAL_MEMORY)
        except (redis.RedisError, OSError) as error:
            self._failed(error)

    def forget(self) -> None:
        self._client = None
        self._rest_until = float("-inf")

    def _connected(self) -> redis.Redis:
        if self._client is None:
            timeout = settings.REDIS_TIMEOUT
            self._client = redis.Redis.from_url(
                settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout, retry=None
            )
        return self._client

    def _failed(self, error: Exception) -> None:
        self._rest_until = time.monotonic() + _REST_SECONDS
        logger.warning("Redis does not answer (%s); verified credentials are remembered per process", error)


class Memory:
    """Both levels together."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, float] = OrderedDict()
        self._shared = _Redis()

    def holds(self, proof: str) -> bool:
        """Whether this credential was verified within the last minute, here or in another process."""
        now = time.time()
        until = self._known.get(proof)
        if until is None or until <= now:
            until = self._shared.get(proof)
            if until is None:
                return False
            until = min(until, now + settings.CREDENTIAL_MEMORY.total_seconds())
            self._keep(proof, until)
        return until > now

    def remember(self, proof: str) -> None:
        """This credential has just been verified."""
        until = time.time() + settings.CREDENTIAL_MEMORY.total_seconds()
        self._keep(proof, until)
        self._shared.put(proof, until)

    def forget(self) -> None:
        """Drop what this process knows."""
        self._known.clear()
        self._shared.forget()

    def _keep(self, proof: str, until: float) -> None:
        self._known[proof] = until
        self._known.move_to_end(proof)
        if len(self._known) > _IN_PROCESS:
            self._known.popitem(last=False)


memory = Memory()
