"""Which endpoints are well: looked at by the clock, and kept for whoever asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from artifacts.upstream import registry
from oci.errors import RegistryError
from replication import absence, dispatch, endpoints
from replication.endpoints import Settings
from replication.errors import EndpointUnhealthy, InvalidEndpoint
from replication.models import Endpoint

_AT_ONCE, _MOST = 16, 2000  # endpoints
_LONGEST = 20.0  # seconds after which no more are begun with: other work of the clock's waits behind
_SHOWN = 4096  # characters of a problem

logger = logging.getLogger(__name__)


def check_all() -> None:
    """Look at every endpoint, some at once: who waited longest comes first, as far as the time goes. Those that have a
    queue of their own are for the workers there, who reach them."""
    until = time.monotonic() + _LONGEST
    waiting = Endpoint.objects.exclude(name__in=settings.SITE_QUEUES).order_by(F("checked_at").asc(nulls_first=True))
    rows, private = list(waiting[:_MOST]), endpoints.local_addresses_are_allowed()
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="check") as threads:
        for start in range(0, len(rows), _AT_ONCE):
            if time.monotonic() > until:
                return
            some = rows[start : start + _AT_ONCE]
            problems = threads.map(partial(_problem_of, private=private), [_kept(row) for row in some])
            for row, problem in zip(some, problems, strict=True):
                _note(row, *problem)


def of_sites() -> Iterator[Endpoint]:
    """Those that have a queue of their own."""
    return Endpoint.objects.filter(name__in=settings.SITE_QUEUES).iterator()


def check(endpoint_id: int) -> None:
    """Look at one. Nothing for one that has gone."""
    if endpoint := Endpoint.objects.filter(pk=endpoint_id).first():
        private = endpoints.local_addresses_are_allowed()
        _note(endpoint, *_problem_of(_kept(endpoint), private=private))


def check_here() -> None:
    """Look at the registry behind this installation, as tasks do."""
    try:
        registry().ping()
    except RegistryError as error:
        absence.looked(None, error)
    else:
        absence.looked(None, None)


def ask(endpoint: Endpoint) -> bool:
    """Have one looked at; whether that is done by now. One with a queue of its own is looked at by a worker there."""
    if not endpoints.is_reached_from_here(endpoint.name):
        dispatch.check(endpoint)
        return False
    check(endpoint.pk)
    return True


def try_out(wanted: Settings, endpoint: Endpoint | None) -> None:
    """Raise EndpointUnhealthy, with what fails, unless a registry is well that is kept as `endpoint`, or isn't yet. Of
    one that only workers of its own reach that is their last word; another look is asked for."""
    if endpoints.is_reached_from_here(wanted.name):
        endpoints.look(wanted, patience=endpoints.SHORT)
    elif endpoint is None or wanted != endpoints.settings_of(endpoint):
        raise EndpointUnhealthy(f"only the workers of {wanted.name} reach it: they look at it when it is saved")
    elif not ask(endpoint) and not endpoint.healthy:
        raise EndpointUnhealthy(f"the registry is unhealthy: {endpoint.problem}")


def _kept(endpoint: Endpoint) -> Settings | str:
    """What is kept of it, or why it can't be had."""
    try:
        return endpoints.settings_of(endpoint)
    except (EndpointUnhealthy, InvalidEndpoint) as error:
        return str(error)


def _problem_of(kept: Settings | str, *, private: bool) -> tuple[str, RegistryError | None]:
    """What a look finds to fail, or "", and what the registry answered then. Asks no database: it is a thread's."""
    if isinstance(kept, str):
        return kept, None
    try:
        endpoints.look(kept, private=private)
    except EndpointUnhealthy as error:
        return str(error), error.__cause__ if isinstance(error.__cause__, RegistryError) else None
    return "", None


def _note(endpoint: Endpoint, problem: str, error: RegistryError | None) -> None:
    """Keep what was seen, unless it was changed meanwhile, when it was looked at too."""
    absence.looked(endpoint.pk, error)
    if endpoint.healthy is not (not problem):
        logger.info("Replication: the registry %s is %s", endpoint.name, f"unhealthy: {problem}" if problem else "well")
    Endpoint.objects.filter(pk=endpoint.pk, updated_at=endpoint.updated_at).update(
        healthy=not problem, problem=problem[:_SHOWN], checked_at=timezone.now()
    )
