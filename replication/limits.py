"""The speed of a policy, shared by all of its tasks over all workers: each piece of bytes has a moment when it may go.

The next free moment is kept in Redis, by its clock, and moved on atomically. While Redis is away each task keeps one
of its own, at its share of the speed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from functools import cache

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from replication.work import Work

KIB = 1024
BURST = 0.25  # seconds of bytes that may go at once after a pause
PIECE = 256 * KIB  # bytes; the largest
LEAST = KIB  # bytes; the smallest piece, of the slowest
AWAY = 5.0  # seconds that Redis isn't asked for after it failed
_ROOMY = 1.0  # seconds; a wait is looked at anew as often, in case the speed has changed

logger = logging.getLogger(__name__)

# KEYS: the policy's; ARGV: seconds that the piece takes, seconds of burst. Answers how many seconds to wait.
_RESERVE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local free = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now - ARGV[2])
redis.call('SET', KEYS[1], string.format('%.6f', free + ARGV[1]), 'PX', math.ceil((free + ARGV[1] - now + 60) * 1000))
return string.format('%.6f', free - now)
"""


@cache
def _redis() -> Redis:
    patience = settings.REDIS_TIMEOUT
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=patience, socket_timeout=patience)


class Limiter:
    """Lets one task's bytes go at the pace that its policy has at the moment. For several threads."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._own_free = 0.0
        self._away_until = 0.0
        self._lock = threading.Lock()

    def paced(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The same bytes, each when it may go. Raises Halted when the work is over."""
        for piece in pieces:
            start = 0
            while start < len(piece):
                self._work.check()
                size = self._size(len(piece) - start)
                self._take(size)
                yield piece if size == len(piece) else piece[start : start + size]
                start += size

    def _size(self, left: int) -> int:
        """A slow limit has small pieces: what goes at once is worth a quarter of a second."""
        if self._work.speed <= 0:
            return left
        return min(left, PIECE, max(LEAST, int(self._work.speed * KIB * BURST)))

    def _take(self, size: int) -> None:
        speed = self._work.speed
        if speed <= 0:
            return
        until = time.monotonic() + self._reserve(size / (speed * KIB))
        while (left := until - time.monotonic()) > 0 and self._work.speed == speed:
            self._work.pause(min(left, _ROOMY))

    def _reserve(self, seconds: float) -> float:
        """How long to wait before what takes so many seconds."""
        now = time.monotonic()
        if now >= self._away_until:
            try:
                return float(_redis().eval(_RESERVE, 1, self._key(), seconds, BURST))
            except (RedisError, OSError, ValueError) as error:
                self._away_until = now + AWAY
                logger.warning("Replication: speed is limited for each task by itself, without Redis: %s", error)
        with self._lock:
            free = max(self._own_free, now - BURST)
            self._own_free = free + seconds * max(self._work.peers, 1)
        return free - now

    def _key(self) -> str:
        # Of the speed too: after a change nobody waits for what was reserved at the old one.
        return f"replication:speed:{self._work.policy}:{self._work.speed}"
