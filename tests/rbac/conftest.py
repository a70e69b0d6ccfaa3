import pytest

from tests.people import forget_everything


@pytest.fixture(autouse=True)
def fresh_process(settings, tmp_path):
    """Each test begins like a process that has just started, with an audit spool of its own."""
    settings.AUDIT_SPOOL = tmp_path / "spool"
    forget_everything()
    yield
    forget_everything()
