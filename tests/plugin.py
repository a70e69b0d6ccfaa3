"""Before Django's settings load: a home for this session, with a private PostgreSQL and Redis running in it.

The home is $ROADSTEAD_HOME, else var/test: sessions that run at once need different ones.
"""

import os

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
    stack = Stack(home(), pieces=("postgres", "redis"), durable=False)
    try:
        stack.start()
    except Problem as problem:
        raise pytest.UsageError(str(problem)) from problem
    early_config.stash[_running] = stack


def pytest_unconfigure(config: pytest.Config) -> None:
    if stack := config.stash.get(_running, None):
        stack.stop()
