"""What vendors' APIs answer, read field by field: another shape than the documented one is an error in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from oci.errors import Unavailable

Fields = Mapping[str, Any]
_LONGEST_TIME = 40  # characters


def fields(found: Any) -> Fields:
    """An object's."""
    if not isinstance(found, dict):
        raise _unlike("an object")
    return found


def rows(found: Any, name: str = "") -> list[Fields]:
    """The objects of a list, by its name in an object or as all there is; none where it is null or left out."""
    listed = fields(found).get(name) if name else found
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise _unlike(f"a list {name}".rstrip())
    return [fields(each) for each in listed]


def text(found: Any, name: str) -> str:
    """A text that has to be there."""
    value = fields(found).get(name)
    if not isinstance(value, str) or not value:
        raise _unlike(name)
    return value


def texts(found: Any, name: str) -> tuple[str, ...]:
    """A list of texts; none where it is null or left out."""
    listed = fields(found).get(name)
    if listed is None:
        return ()
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise _unlike(f"a list {name}")
    return tuple(listed)


def said(found: Any, name: str) -> str:
    """A text, or "" where there is none."""
    value = fields(found).get(name)
    return value if isinstance(value, str) else ""


def inner(found: Any, name: str) -> Fields:
    """An object within; an empty one where it is null or left out."""
    return fields(fields(found).get(name) or {})


def number(found: Any, name: str) -> int:
    """A whole number, perhaps written as a text; 0 where there is none."""
    value = fields(found).get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:18])
    return value if isinstance(value, int) and value >= 0 else 0


def moment(found: Any, name: str) -> datetime | None:
    """A time, in ISO 8601 with its zone; None where there is none, as in Harbor's year 1."""
    try:
        at = datetime.fromisoformat(said(found, name)[:_LONGEST_TIME])
    except ValueError:
        return None
    return at if at.tzinfo and at.year > 1 else None


def places(most: int = 10_000) -> Iterator[int]:
    """1, 2, … for the pages of a list; a list that goes on after `most` is one without end, and an error."""
    yield from range(1, most + 1)
    raise Unavailable(f"the registry's list has no end: {most} pages were read")


def _unlike(what: str) -> Unavailable:
    return Unavailable(f"the registry's API answered in another shape than its documentation says: without {what}")
