from collections.abc import Iterator

import pytest

from tests.deploy.front import Front, running_front


@pytest.fixture(scope="package")
def shared_front(tmp_path_factory) -> Iterator[Front]:
    home = tmp_path_factory.mktemp("front")
    with running_front(home, trusted=("127.0.0.1/32",)) as running:
        yield running


@pytest.fixture
def front(shared_front: Front) -> Front:
    shared_front.asked.clear()
    return shared_front


@pytest.fixture
def own_front(tmp_path) -> Iterator[Front]:
    """For a test that breaks something."""
    with running_front(tmp_path) as running:
        yield running
