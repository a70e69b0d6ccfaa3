"""Before Django's settings load: a home for this process, with a private PostgreSQL and Redis running in it.

The home is $ROADSTEAD_HOME, else var/test: sessions that run at once need different ones. The workers of pytest-xdist
(`-n 2`) have theirs beside it, var/test-gw0 and so on; the process that hands out their tests starts nothing.
"""

import os
from typing import Any

import pytest

from config.home import CHECKOUT, home
from deploy import environment
from deploy.problem import Problem
from deploy.stack import Stack

_running = pytest.StashKey[Stack]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Comes ahead of pytest-django's hook of this name, which loads the settings."""
    os.environ.setdefault("ROADSTEAD_HOME", str(CHECKOUT / "var" / "test"))
    for name in environment.OWNED - {"ROADSTEAD_HOME"}:
        os.environ.pop(name, None)  # the shell's own would win over the home's `env` file
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["ROADSTEAD_HOME"] += f"-{worker}"
    elif getattr(early_config.known_args_namespace, "numprocesses", None):
        os.environ["ROADSTEAD_SECRET_KEY"] = "nothing is kept under it"  # the settings want one
        return
    stack = Stack(home(), pieces=("postgres", "redis"), durable=False)
    try:
        stack.start()
    except Problem as problem:
        raise pytest.UsageError(str(problem)) from problem
    early_config.stash[_running] = stack


def pytest_unconfigure(config: pytest.Config) -> None:
    if stack := config.stash.get(_running, None):
        stack.stop()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which worker runs what; asked for by `-n`, where pytest-xdist is there."""
    from tests.shares import Shares  # noqa: PLC0415 - not needed, and not there perhaps, when nothing is shared out

    return Shares(config, log)
