"""Where records go: into the table, to a syslog server, or nowhere. The configuration, which stands above, says it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Routing:
    """`off` are event types that aren't recorded, `endpoint` is where records are sent as well ("": nowhere), and
    `kept` is false when they are only sent."""

    off: frozenset[str] = frozenset()
    endpoint: str = ""
    kept: bool = True


Source = Callable[[], Routing]


class _Followed:
    source: Source = Routing


def follow(source: Source) -> Source:
    """Have `source` asked at each record. May decorate."""
    _Followed.source = staticmethod(source)
    return source


def current() -> Routing:
    return _Followed.source()
