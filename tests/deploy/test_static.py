"""When the stack collects static files, and how nginx sends them."""

import gzip

import pytest

from deploy import static
from deploy.layout import Layout


@pytest.fixture
def checkout(tmp_path):
    made = tmp_path / "checkout"
    for name in (*static._DECIDING, "api/static/api/page.js"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("x")
    return made


@pytest.fixture
def layout(tmp_path) -> Layout:
    made = Layout(tmp_path / "home")
    made.prepare()
    return made


def collect(layout, checkout):
    (layout.static / "staticfiles.json").write_text("{}")
    static.note(layout, checkout)


def test_it_collects_once(layout, checkout):
    assert not static.is_collected(layout, checkout)
    collect(layout, checkout)
    assert static.is_collected(layout, checkout)


@pytest.mark.parametrize("name", [*static._DECIDING, "api/static/api/page.js", "x/static/new.js"])
def test_it_collects_again_what_has_changed(layout, checkout, name):
    collect(layout, checkout)
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("other")
    assert not static.is_collected(layout, checkout)


def test_it_collects_again_what_was_removed(layout, checkout):
    collect(layout, checkout)
    (layout.static / "staticfiles.json").unlink()
    assert not static.is_collected(layout, checkout)


@pytest.fixture
def script(front):
    front.static.mkdir(exist_ok=True)
    place = front.static / "api"
    place.mkdir(exist_ok=True)
    (place / "page.js").write_text("plain")
    (place / "page.0123456789ab.js").write_text("hashed")
    (place / "page.0123456789ab.js.gz").write_bytes(gzip.compress(b"hashed"))
    (front.static / "staticfiles.json").write_text("{}")
    return "/static/api/page.0123456789ab.js"


def test_a_hashed_file_is_for_good(front, script):
    answer = front.ask("GET", script)
    assert (answer.status, answer.body) == (200, b"hashed")
    assert answer.headers["Content-Type"] == "application/javascript"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert front.asked == []


def test_it_is_sent_compressed_to_who_takes_that(front, script):
    answer = front.ask("GET", script, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == b"hashed"
    assert "Accept-Encoding" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/api/page.js", "/static/staticfiles.json", "/static/", "/static/api/", "/static/none.0123456789ab.js",
        "/static/api/page.0123456789ab.js.gz", "/static/api%5cpage.js",
    ],
)  # fmt: skip
def test_there_is_nothing_else(front, script, path):
    assert front.ask("GET", path).status == 404
    assert front.asked == []


def test_no_path_leads_out_of_the_files(front, script):
    (front.static.parent / "log.0123456789ab.js").write_text("secret")
    for path in ("/static/../log.0123456789ab.js", "/static/api/%2e%2e/..%2flog.0123456789ab.js"):
        assert front.ask("GET", path).body == b'{"by":"django"}'
    assert front.ask("GET", "/static/..%2f..%2flog.0123456789ab.js").status == 400


def test_it_is_only_for_reading(front, script):
    answer = front.ask("POST", script, b"x")
    assert (answer.status, answer.code) == (405, "UNSUPPORTED")
