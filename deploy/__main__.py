"""The command line: `python -m deploy` runs the local stack; `web`, `worker` and `nginx` are for the container."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from config.home import home
from deploy import foreground
from deploy.pieces import ORDER, Options
from deploy.problem import Problem
from deploy.supervisor import Stopped


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    parser.add_argument("--only", default=",".join(ORDER), help="the pieces to start, separated by commas")
    parser.add_argument("--not-durable", action="store_true", help="PostgreSQL may lose data in a crash (for tests)")
    parser.add_argument("--lifeline", action="store_true", help="stop when standard input ends")
    chosen = parser.parse_args(arguments)
    try:
        options = options_from(os.environ, tuple(chosen.only.split(",")), durable=not chosen.not_durable)
        foreground.run(options, say, sys.stdin.fileno() if chosen.lifeline else None)
    except Problem as problem:
        print(f"roadstead: {problem}", file=sys.stderr, flush=True)
        return 1
    except Stopped:
        return 130
    return 0


def options_from(environment: Mapping[str, str], only: tuple[str, ...], *, durable: bool) -> Options:
    """ROADSTEAD_* of the environment as options; Problem for a value that cannot be."""
    port = environment.get("ROADSTEAD_PORT") or "8080"
    if not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004 - the range of TCP
        raise Problem(f"ROADSTEAD_PORT={port} is no port: give a number from 1 to 65535.")
    return Options(
        home=home(),
        port=int(port),
        hostname=environment.get("ROADSTEAD_HOSTNAME") or "localhost",
        certificate=_path(environment.get("ROADSTEAD_TLS_CERT")),
        key=_path(environment.get("ROADSTEAD_TLS_KEY")),
        trusted=tuple(filter(None, environment.get("ROADSTEAD_TRUSTED_PROXIES", "").replace(" ", "").split(","))),
        only=only,
        durable=durable,
    )


def _path(text: str | None) -> Path | None:
    return Path(text).resolve() if text else None


def say(line: str) -> None:
    """Print; a terminal that went away must not take the registry down."""
    try:
        print(line, flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the rest of our life


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
