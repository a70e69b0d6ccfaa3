"""The `env` file: made once, kept, and told the blob store."""

import socket
import stat
from pathlib import Path

import pytest

from deploy import environment
from deploy.layout import SOCKET_PATH_LIMIT, Layout
from deploy.problem import Problem


@pytest.fixture
def layout(tmp_path) -> Layout:
    made = Layout(tmp_path / "home")
    made.prepare()
    return made


def prepare(layout: Layout, **given: str) -> dict[str, str]:
    return environment.prepare(layout, given, layout.sockets / "postgres")


def test_secrets_and_ports_are_made_once_and_only_for_the_owner(layout):
    first = prepare(layout)
    assert prepare(layout) == first
    assert environment.read(layout.environment) == first
    for path in (layout.environment, *layout.secrets.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_port_that_somebody_took_is_chosen_anew(layout):
    first = prepare(layout)["REDIS_URL"]
    port = int(first.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        assert prepare(layout)["REDIS_URL"] != first


def test_a_line_of_ones_own_is_kept(layout):
    prepare(layout)
    with layout.environment.open("a") as file:
        file.write("ROADSTEAD_LOG_LEVEL=DEBUG\n")
    assert prepare(layout)["ROADSTEAD_LOG_LEVEL"] == "DEBUG"


def test_blobs_lie_below_the_home_unless_told_otherwise(layout):
    assert environment.filesystem_root(prepare(layout)) == layout.registry


def test_an_object_store_once_chosen_stays_chosen(layout):
    prepare(layout)
    s3 = {"REGISTRY_STORAGE_S3_BUCKET": "blobs", "REGISTRY_STORAGE_S3_REGION": "here"}
    for given in (s3, {}):
        values = prepare(layout, **given)
        assert {name: value for name, value in values.items() if name.startswith("REGISTRY_STORAGE_")} == s3
        assert environment.filesystem_root(values) is None


def test_a_deep_home_has_its_sockets_elsewhere():
    deep = Layout(Path("/" + "d" * 50) / ("e" * 50))
    assert str(deep.sockets).startswith("/tmp/roadstead-")
    assert len(str(deep.sockets / "postgres/.s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT
    assert deep.sockets != Layout(deep.home / "f").sockets


def test_a_home_of_odd_characters_is_refused(tmp_path):
    with pytest.raises(Problem, match="plain characters"):
        Layout(tmp_path / "a;b").prepare()


def test_a_home_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Problem, match="ROADSTEAD_HOME"):
        Layout(tmp_path / "file" / "home").prepare()
