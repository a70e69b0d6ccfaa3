"""What an item names must be there before the item is set: looked at outside of the transaction that sets it."""

from __future__ import annotations

from collections.abc import Mapping

from audit import syslog
from configuration import values
from configuration.errors import InvalidValue

_SYSLOG = "audit_log_forward_endpoint"


def check(changes: Mapping[str, object]) -> None:
    """As in Harbor, a server that records are to be sent to must answer. Raises InvalidValue."""
    text = str(changes.get(_SYSLOG, ""))
    endpoint = syslog.parse(text)
    if endpoint is None or text == values.text(_SYSLOG):
        return
    try:
        with syslog.connected(endpoint):
            pass
    except OSError as error:
        raise InvalidValue(f"{_SYSLOG} can't be reached: {error.strerror or error}") from error
