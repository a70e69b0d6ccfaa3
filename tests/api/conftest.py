import pytest

from configuration import values
from tests.api.caller import Caller, make_caller
from tests.backend import connect, distribution, door, project, shared_distribution, upstream
from tests.directory import configure

__all__ = ["configure", "connect", "distribution", "door", "project", "shared_distribution", "upstream"]


@pytest.fixture(autouse=True)
def fresh_configuration():
    """No test sees the items that another one has set."""
    values.forget()
    yield
    values.forget()


@pytest.fixture
def root(db) -> Caller:
    """The first administrator."""
    return make_caller("admin", id=1, is_admin=True)[0]


@pytest.fixture
def alice(db) -> Caller:
    return make_caller("alice", id=100)[0]
