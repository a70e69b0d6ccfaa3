"""The pages' static files: collected for nginx at a start that finds them changed."""

import hashlib
from pathlib import Path

from config.home import CHECKOUT
from deploy.layout import Layout

# Our own files count besides; these say which files of packages are collected, and how.
_DECIDING = ("requirements.txt", "package-lock.json", "config/static.py", "config/packages.py", "portal/icons.py")


def is_collected(layout: Layout, checkout: Path = CHECKOUT) -> bool:
    """Whether what was collected last is what would be collected now."""
    try:
        noted = _note(layout).read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return noted == _state(checkout) and (layout.static / "staticfiles.json").exists()


def note(layout: Layout, checkout: Path = CHECKOUT) -> None:
    """Remember what has been collected."""
    _note(layout).write_text(_state(checkout), encoding="ascii")


def _note(layout: Layout) -> Path:
    return layout.configuration / "static"


def _state(checkout: Path) -> str:
    """Changes with our own files and with the packages that bring the others, and takes no time to find out."""
    found = hashlib.sha256()
    for name in _DECIDING:
        found.update((checkout / name).read_bytes())
    for path in sorted(checkout.glob("*/static/**/*")):
        facts = path.stat()
        found.update(f"{path.relative_to(checkout)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return found.hexdigest()
