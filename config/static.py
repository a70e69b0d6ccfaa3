"""Static files: what is collected for nginx, under which names, and with a compressed copy beside each."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

_COMPRESSED = {".css", ".js", ".svg"}
_LEAST = 1024  # bytes; less isn't worth a file


class StaticFiles(StaticFilesConfig):
    # Of Swagger UI what its page loads: no source maps, no page for OAuth2, no other viewer. REST framework's own
    # pages aren't used.
    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns, "*.map", "oauth2-redirect.*", "swagger-ui-standalone-preset.js", "redoc",
        "rest_framework",
    ]  # fmt: skip


class HashedFiles(ManifestStaticFilesStorage):
    """Each file under a name that holds its content's hash, so that browsers may keep it for good."""

    # What a style sheet loads (the first two of Django's patterns) follows the names. Source maps aren't collected.
    patterns = (("*.css", ManifestStaticFilesStorage.patterns[0][1][:2]),)
    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Before anything was collected (in tests, say) a page names its files as they are, and doesn't fail."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[tuple[Any, ...]]:
        yield from super().post_process(paths, dry_run=dry_run, **options)
        for name in () if dry_run else self.hashed_files.values():
            _compress(Path(self.path(name)))


def _compress(path: Path) -> None:
    """The file's gzip beside it, for nginx' gzip_static."""
    beside = path.with_name(path.name + ".gz")
    content = path.read_bytes()
    if path.suffix in _COMPRESSED and len(content) >= _LEAST and not beside.exists():
        beside.write_bytes(gzip.compress(content, mtime=0))
