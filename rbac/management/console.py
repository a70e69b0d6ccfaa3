"""What the commands for people and projects share: a password that is never in argv, errors in one line."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError, CommandParser

from audit import Context

CONTEXT = Context(user_agent="manage.py")  # a command is the system's own deed


@contextmanager
def one_line(*errors: type[Exception]) -> Iterator[None]:
    """Turn the domain's errors into the command's: one line on stderr and exit status 1."""
    try:
        yield
    except errors as error:
        raise CommandError(str(error)) from error


def add_password_argument(parser: CommandParser) -> None:
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input, instead of asking for it"
    )


def read_password(*, from_stdin: bool) -> str:
    """The first line of standard input, or what is typed twice at the prompt."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError("standard input is no terminal: give the password there, with --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password again: ") != password:
        raise CommandError("the two passwords differ")
    return password
