"""Taking up an upload whose bytes are still being written while somebody asks for it."""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

from artifacts import store, uploads

STARTED = "2026-11-28T17:00:00Z"
LOCATION = "/v2/a/b/blobs/uploads/some?_state=old"


def test_an_upload_that_grows_while_it_is_asked_for_is_found(monkeypatch, settings):
    settings.REGISTRY_HTTP_SECRET = "secret"
    sizes, real = iter([10, 20, 30]), uploads._state("a/b", "some", 30, STARTED)

    def upload_status(location: str) -> tuple[str, int] | None:
        state = parse_qs(urlsplit(location).query)["_state"]
        return (location, 30) if state == [real] else None

    monkeypatch.setattr(store, "driver", lambda: "filesystem")
    monkeypatch.setattr(store, "unfinished_upload", lambda *_: (next(sizes), STARTED))
    monkeypatch.setattr(uploads, "registry", lambda: SimpleNamespace(upload_status=upload_status))
    found = uploads.status("a/b", "some", LOCATION)
    assert found is not None
    assert found[1] == 30


def test_an_upload_that_is_gone_is_not_waited_for(monkeypatch, settings):
    settings.REGISTRY_HTTP_SECRET = "secret"
    monkeypatch.setattr(store, "driver", lambda: "filesystem")
    monkeypatch.setattr(store, "unfinished_upload", lambda *_: None)
    monkeypatch.setattr(uploads, "registry", lambda: SimpleNamespace(upload_status=lambda _: None))
    assert uploads.status("a/b", "some", LOCATION) is None
