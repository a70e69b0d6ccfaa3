"""A registry that nobody reaches but workers near it: these look at it, and carry out all that goes there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.flows.conftest import PARIS
from tests.flows.content import image
from tests.flows.harbor import unused
from tests.flows.replicating import Site, assert_the_same
from tests.flows.stacks import CHECKOUT, clean_environment, eventually
from tests.flows.wire import Wire

NOWHERE = f"http://{PARIS}.example"  # a name that nothing resolves: there is a way by their proxy alone


@contextmanager
def workers_of_paris(near: Site, proxy: str) -> Iterator[None]:
    """As a container there starts them."""
    environment = clean_environment(
        ROADSTEAD_HOME=str(near.stack.home), ROADSTEAD_SITE_QUEUES=PARIS, ROADSTEAD_SERVES=PARIS,
        ROADSTEAD_REPLICATORS="1", http_proxy=proxy,
    )  # fmt: skip
    command = [sys.executable, "-m", "deploy.container", "replicator"]
    with (near.stack.home / "log" / "paris.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def test_what_only_its_own_workers_reach_is_set_up_looked_at_and_replicated_to(near: Site, distribution: str):
    repository = f"{unused('far')}/app"
    content = near.push(repository, image())
    endpoint = near.endpoint(NOWHERE, kind="docker-registry", name=PARIS)
    path = f"/registries/{endpoint}"
    assert near.api.call("GET", path)["status"] == "unhealthy"
    number = near.start(near.policy(repository, to=endpoint))
    with workers_of_paris(near, distribution):
        eventually(lambda: near.api.call("GET", path)["status"] == "healthy", "nobody has looked at it")
        near.api.call("POST", "/registries/ping", body={"id": endpoint})
        near.succeeds(number, seconds=120)
    assert_the_same(Wire(distribution), repository, content)
