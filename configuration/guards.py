"""What keeps an item from being changed besides the environment: said by those above who know."""

from collections.abc import Callable

from configuration import values
from configuration.errors import InvalidValue
from configuration.values import Shown

Guard = Callable[[], str]  # answers why the item has to stay as it is, or ""

_guards: dict[str, Guard] = {}


def guards(name: str) -> Callable[[Guard], Guard]:
    """Decorates a function that is asked before the item is changed."""

    def mark(guard: Guard) -> Guard:
        _guards[name] = guard
        return guard

    return mark


def check(name: str) -> None:
    """Raise InvalidValue if the item has to stay as it is."""
    if (guard := _guards.get(name)) and (reason := guard()):
        raise InvalidValue(reason)


def shown() -> dict[str, Shown]:
    """`values.shown`, where what has to stay isn't editable either."""
    found = values.shown()
    for name, guard in _guards.items():
        if found[name]["editable"] and guard():
            found[name] = {**found[name], "editable": False}
    return found
