"""Whatever breaks on the way, content arrives whole, or an error says that it didn't."""

import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oci.bodies import PIECE
from oci.client import RegistryClient
from oci.digest import Digest
from oci.errors import RegistryError, Unavailable
from oci.listener import Reply
from oci.registry import DROP, LineCut, MemoryRegistry
from oci.transport import Away
from oci.upload import Upload

CONTENT = bytes(range(256)) * (2 * PIECE // 256) + b"and a bit"
DIGEST = Digest.of(CONTENT)
FAULTS = st.lists(
    st.sampled_from(
        [
            DROP,
            500,
            502,
            503,
            Reply(429, {"Retry-After": "0"}),
            Reply(503, {"Retry-After": "0"}),
            Reply(404),
            Reply(416),
        ]
    )
    | st.none(),
    max_size=6,
)
CUTS = st.lists(st.integers(0, len(CONTENT)), max_size=4)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    for module in ("session", "upload", "download"):
        monkeypatch.setattr(f"oci.{module}.back_off", lambda _: 0.0)


def troubled(faults, **options) -> MemoryRegistry:
    """A registry where these faults come in between; None is a call that goes well."""
    registry = MemoryRegistry()
    waiting = list(faults)

    def guard(_):
        fault = waiting.pop(0) if waiting else None
        if fault == DROP:
            raise LineCut
        return Reply(fault) if isinstance(fault, int) else fault

    registry.guard = guard
    for name, value in options.items():
        setattr(registry, name, value)
    return registry.start()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=FAULTS,
    cuts=CUTS,
    forgiving=st.booleans(),
    chunk=st.sampled_from([None, 100_000, PIECE]),
    tries=st.integers(1, 6),
)
def test_a_blob_goes_up_whole_or_not_at_all(faults, cuts, forgiving, chunk, tries):
    registry = troubled(faults, upload_cuts=cuts, forgiving=forgiving)
    client = RegistryClient(registry.url, tries=tries)
    points = list[Upload]()

    def source(offset):
        return iter([CONTENT[offset:]])

    try:
        client.upload_blob("p/r", DIGEST, len(CONTENT), source, chunk=chunk, progress=points.append)
    except RegistryError as error:
        assert error.message  # noqa: PT017  # either way is right
        registry.guard, registry.faults, registry.upload_cuts = None, [], []
        client.upload_blob("p/r", DIGEST, len(CONTENT), source, at=points[-1] if points else None)
    finally:
        registry.stop()
    assert registry.content == {DIGEST: CONTENT}
    assert all(0 <= point.offset <= len(CONTENT) for point in points)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=FAULTS,
    cuts=CUTS,
    redirect=st.booleans(),
    tries=st.integers(1, 6),
    offset=st.sampled_from([0, 1, PIECE, len(CONTENT)]),
)
def test_a_blob_comes_down_whole_or_with_an_error(faults, cuts, redirect, tries, offset):
    registry = troubled([])
    RegistryClient(registry.url).upload_blob("p/r", DIGEST, len(CONTENT), lambda at: iter([CONTENT[at:]]))
    registry.stop()
    held = registry.repositories, registry.content
    registry = troubled(faults, cuts=cuts, redirect_blobs=redirect)
    registry.repositories, registry.content = held
    read = b""
    try:
        for piece in RegistryClient(registry.url, tries=tries).get_blob("p/r", DIGEST, offset):
            read += piece
    except RegistryError as error:
        assert error.message  # noqa: PT017  # either way is right
        assert CONTENT[offset:].startswith(read)
    else:
        assert read == CONTENT[offset:]
    finally:
        registry.stop()


def reading(registry: MemoryRegistry) -> None:
    RegistryClient(registry.url, timeout=0.2).head_manifest("library/app", "v1")


def writing(registry: MemoryRegistry) -> None:
    RegistryClient(registry.url, timeout=0.2).begin_upload("library/app")


@pytest.mark.parametrize(
    ("faults", "call", "away"),
    [
        ([503], writing, True),
        ([Reply(502)], reading, True),
        ([504], reading, True),
        ([500], reading, False),
        ([DROP, DROP], reading, True),
        ([DROP], writing, False),
    ],
)
def test_it_is_told_whether_the_registry_is_away_or_the_call_went_wrong(faults, call, away):
    registry = troubled(faults)
    try:
        with pytest.raises(Unavailable) as raised:
            call(registry)
    finally:
        registry.stop()
    assert isinstance(raised.value, Away) == away


def test_a_registry_that_refuses_connections_or_keeps_silent_is_away():
    registry = troubled([])
    registry.stop()
    with pytest.raises(Away, match="refuses the connection"):
        reading(registry)
    with socket.create_server(("127.0.0.1", registry.port)), pytest.raises(Away, match="in time"):
        reading(registry)
