"""`manage.py configure`: the configuration items, listed, read and set."""

import getpass
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import Context
from configuration import actions, values
from configuration.errors import ConfigurationError
from configuration.items import Item, Value, find


class Command(BaseCommand):
    help = "List the configuration items; with a name read that one, with a value set it. Secrets come by stdin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?")
        parser.add_argument("value", nargs="?", help="for a secret: - reads it from standard input")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            self._handle(options["name"], options["value"])
        except ConfigurationError as error:
            raise CommandError(str(error)) from error

    def _handle(self, name: str | None, value: str | None) -> None:
        if name is None:
            for shown_name, shown in values.shown().items():
                frozen = "" if shown["editable"] else "  (environment)"
                self.stdout.write(f"{shown_name} = {_written(shown['value'])}{frozen}")
        elif value is None:
            self.stdout.write(_read(find(name)))
        else:
            item = find(name)
            changed = actions.update(
                {name: _wanted(item, value)}, actor="system", context=Context(user_agent="manage.py"), guarded=False
            )
            self.stdout.write(f"{name} set" if changed else f"{name} held that already")


def _read(item: Item) -> str:
    value = values.read()[item.name]
    if item.secret:
        return "(set)" if value else "(not set)"
    return _written(value)


def _wanted(item: Item, text: str) -> Value:
    if not item.secret:
        return item.parse(text)
    if text != "-":
        raise CommandError(f"{item.name} is a secret: give it on standard input, with - in its place here")
    given = getpass.getpass(f"{item.name}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    return item.parse(given)


def _written(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
