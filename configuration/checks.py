"""A variable of the environment that no item can hold is found at start, not at the first login."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from configuration.errors import InvalidValue
from configuration.items import ITEMS
from configuration.values import variable_of, written_by_environment


@register
def check_environment(app_configs: Sequence[Any] | None, **_: Any) -> list[CheckMessage]:  # noqa: ARG001
    """One error for each ROADSTEAD_CONFIG_* whose value can't be its item's."""
    found: list[CheckMessage] = []
    for name, text in written_by_environment().items():
        try:
            ITEMS[name].parse(text)
        except InvalidValue as error:
            found.append(Error(f"{variable_of(name)}: {error}", id="configuration.E001"))
    return found
