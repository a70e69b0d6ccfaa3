"""Static files as they are collected for nginx."""

import gzip
import json
import re

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command

_UI = "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle"


@pytest.fixture
def root(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path / "static"
    return settings.STATIC_ROOT


def collect() -> None:
    call_command("collectstatic", "--noinput", verbosity=0)


def test_a_file_has_its_hash_in_its_name_and_a_compressed_copy_beside_it(root):
    collect()
    address = staticfiles_storage.url(f"{_UI}.js")
    assert re.fullmatch(rf"/static/{_UI}\.[0-9a-f]{{12}}\.js", address)
    file = root / address.removeprefix("/static/")
    compressed = file.with_name(file.name + ".gz")
    assert gzip.decompress(compressed.read_bytes()) == file.read_bytes()
    assert compressed.stat().st_size * 3 < file.stat().st_size


def test_collecting_twice_changes_nothing(root):
    collect()
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.gz")}
    assert before
    collect()
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*.gz")} == before


def test_only_what_pages_load_is_collected(root):
    collect()
    names = json.loads((root / "staticfiles.json").read_text())["paths"]
    assert f"{_UI}.js" in names
    assert not [name for name in names if name.endswith((".map", ".html")) or name.startswith("rest_framework")]


def test_before_anything_is_collected_a_file_goes_by_its_own_name(root):
    assert staticfiles_storage.url(f"{_UI}.js") == f"/static/{_UI}.js"
