"""Real processes for tests to kill: each runs a few lines of Python in our environment, on the tests' database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

PREAMBLE = """
import os, sys, time
import django
django.setup()
from audit import Context, spool
def pull(actor, resource, **more):
    spool.write(spool.Record(actor=actor, operation="pull", resource_type="artifact", resource=resource,
                             project="library", context=Context("192.0.2.1", "test", "r"), **more))
"""


def database_url() -> str:
    """The test database's, for another process."""
    at = connection.settings_dict
    user, password, host = (quote(str(at[name] or ""), safe="") for name in ("USER", "PASSWORD", "HOST"))
    login = f"{user}:{password}" if password else user
    return f"postgresql://{login}{'@' if login else ''}{host}{':' if at['PORT'] else ''}{at['PORT']}/{at['NAME']}"


def environment(**more: str) -> dict[str, str]:
    ours = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "ROADSTEAD_SECRET_KEY": settings.SECRET_KEY,
        "ROADSTEAD_SPOOL": str(settings.AUDIT_SPOOL),
    }
    return os.environ | ours | more


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Start `script` after the preamble; its output is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script, *arguments],
        env=environment(),
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(script: str, *arguments: str) -> str:
    """Run it to its end; what it printed."""
    child = start(script, *arguments)
    output, _ = child.communicate(timeout=120)
    assert child.returncode == 0, output
    return output


def spool_files() -> list[Path]:
    return sorted(settings.AUDIT_SPOOL.glob("*.spool"))
