"""ROADSTEAD_HOME, where an installation keeps its data, and the settings file `make run` leaves there."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def home() -> Path:
    """The directory with everything one installation owns: `$ROADSTEAD_HOME`, else `var/` in the checkout."""
    return Path(os.environ.get("ROADSTEAD_HOME", CHECKOUT / "var")).resolve()


def load_environment(path: Path) -> None:
    """Put the `NAME=value` lines of `path` into the environment; what is set already wins.

    The local stack writes this file (mode 0600) so that `manage.py` run by hand reaches the same
    database as the stack does. A missing file is no error: in production the environment says it all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())
