"""A spool of the test's own, and a database whose audit tables other processes see."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from audit import Context, drain, spool


@pytest.fixture(autouse=True)
def spool_directory(settings, tmp_path: Path, monkeypatch) -> Iterator[Path]:
    settings.AUDIT_SPOOL = tmp_path / "spool"
    monkeypatch.setattr(drain, "_consumers", [])
    yield settings.AUDIT_SPOOL
    spool._writer.close()


@pytest.fixture
def committed(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The tests' database outside any transaction. Only the audit tables are emptied: what migrations sowed stays."""
    with django_db_blocker.unblock():
        _empty()
        yield
        _empty()


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE audit_record, audit_spool_file, audit_outgoing")


@pytest.fixture
def context() -> Context:
    return Context(address="192.0.2.7", user_agent="docker/24.0", request_id="7f3a")
