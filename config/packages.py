"""What pages load from npm's packages: some of their files under names of our own, and one file of all icons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils import timezone

from config.home import CHECKOUT
from portal.icons import NAMES, SPRITE

PACKAGES = CHECKOUT / "node_modules"

FILES = {
    "packages/tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "packages/htmx.js": "htmx.org/dist/htmx.min.js",
    "packages/uplot.js": "uplot/dist/uPlot.iife.min.js",
    "packages/uplot.css": "uplot/dist/uPlot.min.css",
}
_INNER = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_SYMBOL = '<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>'


class PackageStorage(Storage):
    """The files by our names, read from where npm has put them."""

    def __init__(self, packages: Path | None = None) -> None:
        self.packages = packages or PACKAGES

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:  # noqa: ARG002
        return File(BytesIO(self.content(name)), name)

    def content(self, name: str) -> bytes:
        """A file's bytes; ImproperlyConfigured where npm hasn't installed it."""
        try:
            return self._sprite() if name == SPRITE else (self.packages / FILES[name]).read_bytes()
        except FileNotFoundError as error:
            raise ImproperlyConfigured(
                f"{error.filename} isn't there: deploy/install.sh run (or npm ci) installs what pages load"
            ) from error

    def _sprite(self) -> bytes:
        symbols = "".join(_SYMBOL.format(name=name, inner=self._drawing(name)) for name in sorted(NAMES))
        return f'<svg xmlns="http://www.w3.org/2000/svg">{symbols}</svg>\n'.encode()

    def _drawing(self, name: str) -> str:
        text = (self.packages / f"@tabler/icons/icons/outline/{name}.svg").read_text(encoding="utf-8")
        found = _INNER.search(text)
        return re.sub(r"\s*\n\s*", "", found[1]) if found else ""

    def exists(self, name: str) -> bool:
        return name == SPRITE or name in FILES

    def path(self, name: str) -> str:
        return str(self.packages / FILES.get(name, name))

    def get_modified_time(self, name: str) -> datetime:  # noqa: ARG002
        return timezone.now()  # what is collected anew is compared by nobody: deploy.static decides when


class PackageFinder(BaseFinder):
    """Django's way to them for `collectstatic`."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.storage = PackageStorage()

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:  # noqa: ARG002
        for name in (*FILES, SPRITE):
            yield name, self.storage

    def find(self, path: str, find_all: bool = False, **_: Any) -> Any:
        found = self.storage.path(path) if self.storage.exists(path) else None
        return ([found] if found else []) if find_all else found
