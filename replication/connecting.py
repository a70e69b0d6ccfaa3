"""The sites of a policy, reached, and the threads that work for a task: kept by a process from task to task."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from django.db import close_old_connections

from replication import endpoints
from replication.here import Here
from replication.models import Endpoint, Policy
from replication.sites import Site
from replication.there import There
from replication.work import Work

THREADS = 4  # blobs of a task at once
KEPT = 300.0  # seconds that a registry's client, its connections and tokens serve

Value = TypeVar("Value")


class Threads(ThreadPoolExecutor):
    """Each keeps a database connection of its own, and gets another when that has died."""

    def submit(self, fn: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        def call() -> Value:
            close_old_connections()
            return fn(*args, **kwargs)

        return super().submit(call)


class _Kept(threading.local):
    """This thread's clients by endpoint. One that is halted ends nobody else's calls."""

    def __init__(self) -> None:
        self.there: dict[int, tuple[float, datetime, There]] = {}


_kept = _Kept()
_pools: dict[int, Threads] = {}  # by process: a forked one has none of its parent's threads
_pools_lock = threading.Lock()


def threads() -> Executor:
    """The process's."""
    with _pools_lock:
        if os.getpid() not in _pools:
            _pools.clear()
            _pools[os.getpid()] = Threads(THREADS, thread_name_prefix="replication")
        return _pools[os.getpid()]


def sites(policy: Policy, work: Work) -> tuple[Site, Site]:
    """Source and destination. What goes on there is ended when the work is halted."""
    source = _there(policy.source) if policy.source else Here(policy.name)
    destination = _there(policy.destination) if policy.destination else Here(policy.name)
    for site in (source, destination):
        work.on_halt(site.abort)
    return source, destination


def _there(endpoint: Endpoint) -> There:
    now = time.monotonic()
    kept = _kept.there.get(endpoint.pk)
    if kept is not None and kept[0] > now and kept[1] == endpoint.updated_at and not kept[2].is_ended:
        return kept[2]
    if kept is not None:
        kept[2].close()
    made = There(endpoint, endpoints.adapter_of(endpoint))
    _kept.there[endpoint.pk] = now + KEPT, endpoint.updated_at, made
    return made


def forget() -> None:
    """Drop this thread's clients."""
    for _, _, there in _kept.there.values():
        there.close()
    _kept.there.clear()


def end_threads() -> None:
    """Let the threads end, with their database connections."""
    with _pools_lock:
        for pool in _pools.values():
            pool.shutdown()
        _pools.clear()
