"""Two registries for a replication: this installation before a Distribution, and one elsewhere, in memory or real."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection

from audit import Context
from configuration import values
from oci.registry import MemoryRegistry
from projects.models import Project
from rbac.actors import SYSTEM
from replication import connecting, dispatch, executions, health, planning, running, sweeper
from replication.models import Endpoint, Execution, Policy, Task, Trigger
from tests.backend import connect, distribution, door, own_distribution, project, shared_distribution, upstream
from tests.flows.conformance import pushes
from tests.flows.content import Content
from tests.flows.wire import Wire
from tests.oci.distribution import Distribution

__all__ = ["connect", "distribution", "door", "own_distribution", "project", "shared_distribution", "upstream"]


_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""


@pytest.fixture
def messages(monkeypatch) -> list[tuple[str, int]]:
    """What the broker was given: tests carry it out themselves."""
    sent: list[tuple[str, int]] = []

    def send(task: str, key: int, queue: str) -> bool:
        del queue
        sent.append((task, key))
        return True

    monkeypatch.setattr(dispatch, "_send", send)
    monkeypatch.setattr(dispatch, "backlog", lambda _: 0)
    return sent


@pytest.fixture
def threads_end() -> Iterator[None]:
    """The threads of a worker have connections of their own, which would keep the test's database."""
    yield
    connecting.forget()
    connecting.end_threads()
    gc.collect()
    with connection.cursor() as cursor:
        cursor.execute(_END_OTHERS)  # the pulse's, which it would keep for some seconds


@pytest.fixture
def remote() -> Iterator[MemoryRegistry]:
    with MemoryRegistry() as registry:
        yield registry


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory) -> Iterator[Distribution]:
    """A Distribution that isn't ours."""
    registry = Distribution(tmp_path_factory.mktemp("elsewhere"))
    try:
        registry.start()
        yield registry
    finally:
        registry.stop()


@dataclass
class Bench:
    """One installation, its worker and its clock, all in the hands of the test."""

    messages: list[tuple[str, int]]
    library: Project
    made: list[Policy] = field(default_factory=list)

    def endpoint(self, url: str, **fields) -> Endpoint:
        name = fields.pop("name", f"site {Endpoint.objects.count()}")
        return Endpoint.objects.create(name=name, kind="docker-registry", url=url, **fields)

    def policy(self, *, source: Endpoint | None = None, destination: Endpoint | None = None, **fields) -> Policy:
        names = fields.pop("names", "library/**")
        filters = [{"type": "name", "value": names}, *fields.pop("filters", [])]
        policy = Policy.objects.create(
            name=fields.pop("name", f"policy {Policy.objects.count()}"),
            source=source,
            destination=destination,
            filters=filters,
            **fields,
        )
        self.made.append(policy)
        return policy

    def start(self, policy: Policy, **options) -> Execution:
        options.setdefault("trigger", "manual")
        return executions.start(policy, actor=SYSTEM, context=Context(), **options)

    def work(self, most: int = 1000) -> None:
        """Carry out what the broker was given, in its order, until there is no more."""
        for _ in range(most):
            if not self.messages:
                return
            self.deliver()

    def deliver(self) -> None:
        task, key = self.messages.pop(0)
        deeds: dict[str, Callable[[int], object]] = {
            "plan": planning.plan, "carry_out": running.carry_out, "wind_up": executions.wind_up,
            "check_endpoint": health.check, "check_here": lambda _: health.check_here(),
        }  # fmt: skip
        deeds[task](key)

    def run(self, policy: Policy, **options) -> Execution:
        """From its start to its end."""
        execution = self.start(policy, **options)
        self.work()
        return self.seen(execution)

    def sweep(self) -> None:
        assert sweeper.sweep()

    @staticmethod
    def seen(execution: Execution) -> Execution:
        return Execution.objects.get(pk=execution.pk)

    @staticmethod
    def tasks(execution: Execution) -> list[Task]:
        return list(Task.objects.filter(execution=execution).order_by("pk"))


@pytest.fixture
def bench(transactional_db, upstream, project, messages, threads_end, monkeypatch) -> Bench:
    monkeypatch.setenv("ROADSTEAD_CONFIG_REPLICATION_LOCAL_ADDRESSES", "true")
    monkeypatch.setattr("oci.patience._FIRST", 0.01)  # seconds between tries
    values.forget()
    return Bench(messages, project)


@pytest.fixture
def follow(bench, remote, door):
    """A policy that follows what happens at the door."""

    def make(**fields):
        fields = {"names": door.repository, "trigger": Trigger.EVENT_BASED, "override": True} | fields
        return bench.policy(destination=bench.endpoint(remote.url), **fields)

    return make


def fill(url: str, repository: str, content: Content) -> Content:
    """Push content to a registry elsewhere."""
    pushes.push_content(Wire(url), repository, content)
    return content
