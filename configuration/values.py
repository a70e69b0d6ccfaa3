"""What the configuration items hold: set by the environment, else by a row, else the default.

Read all at once, and remembered in the process for a few seconds: a change counts everywhere soon, at no cost.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from typing import TypedDict

from configuration.errors import InvalidValue
from configuration.items import ITEMS, Item, Value, find
from db.prepared import fetch
from db.sealing import SealBroken, seal, unseal

_SECONDS = 3.0
_VARIABLE = "ROADSTEAD_CONFIG_"
_SEALED_FOR = "configuration"
_STATEMENT = "SELECT name, value FROM configuration_setting"

logger = logging.getLogger(__name__)


class Shown(TypedDict):
    """An item as Harbor's API shows it; `editable` is false for what the environment says."""

    value: Value
    editable: bool


class _Cache:
    def __init__(self) -> None:
        self.values: Mapping[str, Value] = {}
        self.until = float("-inf")


_cache = _Cache()


def get(name: str) -> Value:
    """What the item holds, secret or not; UnknownItem."""
    item = find(name)
    return _current()[item.name]


def text(name: str) -> str:
    return str(get(name))


def number(name: str) -> int:
    return int(get(name))


def flag(name: str) -> bool:
    return bool(get(name))


def shown() -> dict[str, Shown]:
    """Every item but the secrets, as just now read."""
    values = read()
    return {
        name: {"value": values[name], "editable": is_editable(name)} for name, item in ITEMS.items() if not item.secret
    }


def is_editable(name: str) -> bool:
    """Whether the item may be set here; not if the environment says what it is."""
    return variable_of(name) not in os.environ


def variable_of(name: str) -> str:
    """The variable of the environment that freezes the item."""
    return _VARIABLE + name.upper()


def written_by_environment() -> dict[str, str]:
    """The items that the environment freezes, with what is written there."""
    return {name: os.environ[variable_of(name)] for name in ITEMS if not is_editable(name)}


def read() -> dict[str, Value]:
    """Every item's value, from PostgreSQL and the environment now."""
    values = {name: item.default for name, item in ITEMS.items()}
    for name, kept in fetch(_STATEMENT, ()):
        if item := ITEMS.get(name):  # else an item of a newer release, which may come back
            values[name] = _opened(item, kept)
    for name, written in written_by_environment().items():
        try:
            values[name] = ITEMS[name].parse(written)
        except InvalidValue as error:  # `checks` refuses it at start; a running process keeps to what is safe
            logger.warning("%s: %s", variable_of(name), error)
            values[name] = ITEMS[name].default
    return values


def stored(item: Item, value: Value) -> str:
    """`value` as the row keeps it."""
    clear = json.dumps(value)
    return seal(clear.encode(), purpose=_SEALED_FOR) if item.secret else clear


def forget() -> None:
    """Read anew at the next question."""
    _cache.until = float("-inf")


def _current() -> Mapping[str, Value]:
    if time.monotonic() >= _cache.until:
        _cache.values = read()
        _cache.until = time.monotonic() + _SECONDS
    return _cache.values


def _opened(item: Item, kept: str) -> Value:
    """What a row says; the default when an older release or another secret key wrote what can't be read now."""
    try:
        clear = unseal(kept, purpose=_SEALED_FOR).decode() if item.secret else kept
        return item.checked(json.loads(clear))
    except (SealBroken, InvalidValue, ValueError) as error:
        logger.warning("the stored value of %s can't be used: %s", item.name, type(error).__name__)
        return item.default
