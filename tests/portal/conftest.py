import pytest

from tests.backend import connect, distribution, shared_distribution, upstream
from tests.directory import configure, directory, shared_slapd, slapd
from tests.people import join, make_project, make_user
from tests.portal.browser import Browser
from tests.provider import provider, shared_provider

__all__ = [
    "configure", "connect", "directory", "distribution", "provider", "shared_distribution", "shared_provider",
    "shared_slapd", "slapd", "upstream",
]  # fmt: skip


@pytest.fixture
def browser(db) -> Browser:
    """Of a project's administrator, who is no administrator of the system."""
    made, project = Browser(), make_project("team")
    join(project, make_user("grace"), "projectAdmin")
    made.sign_in("grace")
    return made
