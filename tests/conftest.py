"""What every test begins with."""

import pytest
from hypothesis import settings

from tests import emptying
from tests.people import forget_everything

# No deadline: a busy machine is no failure. No database: examples that failed belong into the tests.
settings.register_profile("roadstead", deadline=None, database=None)
settings.load_profile("roadstead")
emptying.after_each_test_that_commits()


@pytest.fixture(autouse=True)
def fresh_process(settings, tmp_path):
    """Each test begins like a process that has just started, with an audit spool of its own."""
    settings.AUDIT_SPOOL = tmp_path / "spool"
    forget_everything()
    yield
    forget_everything()
