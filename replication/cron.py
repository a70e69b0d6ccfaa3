"""Cron expressions as Harbor has them: six fields, seconds first, in UTC; made into the five that the clock knows."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from replication.errors import InvalidPolicy

_SHOWN = 64  # characters of what can't be read
_LONGEST = 128
_DIGITS = 2  # of a number
_AHEAD = 8 * 366  # days that are looked through for the next times: the 29th of February is among them


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()  # for least, least + 1, …


_SECONDS = _Field("seconds", 0, 59)
_MINUTES = _Field("minutes", 0, 59)
_HOURS = _Field("hours", 0, 23)
_DAYS = _Field("days of the month", 1, 31)
_MONTHS = _Field("months", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
_WEEKDAYS = _Field("days of the week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
_FIELDS = (_SECONDS, _MINUTES, _HOURS, _DAYS, _MONTHS, _WEEKDAYS)

Numbers = frozenset[int] | None  # None: any


@lru_cache(maxsize=1024)
def five_fields(cron: str) -> tuple[str, ...]:
    """The expressions of five fields that together are due when `cron` is, no moment twice. InvalidPolicy.

    A cron with both days of the month and of the week is due on either, as in Harbor. The clock wants both to match:
    so such a one becomes two, of which the second is for the other days of the month.
    """
    seconds, minutes, hours, days, months, weekdays = _parsed(cron)
    if seconds != frozenset({0}):
        raise InvalidPolicy("a cron's first field (seconds) is 0")
    _check_dates(days, months, weekdays)
    if days is None or weekdays is None:
        return (_written(minutes, hours, days, months, weekdays),)
    others = frozenset(range(_DAYS.least, _DAYS.most + 1)) - days
    either = [_written(minutes, hours, days, months, None)]
    if others:
        either.append(_written(minutes, hours, others, months, weekdays))
    return tuple(either)


def next_times(cron: str, after: datetime, count: int) -> list[datetime]:
    """The first `count` moments behind `after` at which `cron` is due, in UTC. InvalidPolicy."""
    five_fields(cron)
    _, minutes, hours, days, months, weekdays = _parsed(cron)
    found: list[datetime] = []
    start = after.astimezone(UTC)
    for ahead in range(_AHEAD):
        day = start.date() + timedelta(days=ahead)
        if not _is_due_on(day, days, months, weekdays):
            continue
        for moment in _moments(day, hours, minutes):
            if moment > start:
                found.append(moment)
            if len(found) == count:
                return found
    return found


def _is_due_on(day: date, days: Numbers, months: Numbers, weekdays: Numbers) -> bool:
    if months is not None and day.month not in months:
        return False
    by_day, by_weekday = days is None or day.day in days, weekdays is None or day.isoweekday() % 7 in weekdays
    return by_day and by_weekday if days is None or weekdays is None else by_day or by_weekday


def _moments(day: date, hours: Numbers, minutes: Numbers) -> Iterator[datetime]:
    for hour in sorted(range(24) if hours is None else hours):
        for minute in sorted(range(60) if minutes is None else minutes):
            yield datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def _parsed(cron: str) -> list[Numbers]:
    parts = cron.split()
    if len(parts) != len(_FIELDS) or len(cron) > _LONGEST or not cron.isascii():
        raise InvalidPolicy(
            f"{cron[:_SHOWN]!r} is no cron of six fields: seconds, minutes, hours, day of the month, month, weekday"
        )
    return [_numbers(field, part) for field, part in zip(_FIELDS, parts, strict=True)]


def _numbers(field: _Field, text: str) -> Numbers:
    found: set[int] = set()
    for part in text.split(","):
        numbers = _range(field, part)
        if numbers is None:
            return None
        found |= numbers
    return frozenset(found)


def _range(field: _Field, text: str) -> frozenset[int] | None:
    """`*`, `?`, `5`, `5-9`, `5/2` (from 5 on), and `/STEP` behind each of them."""
    span, slash, step_text = text.partition("/")
    step = _number(field, step_text, least=1, most=field.most) if slash else 1
    if span in {"*", "?"}:
        return None if step == 1 else frozenset(range(field.least, field.most + 1, step))
    low_text, dash, high_text = span.partition("-")
    low = _in(field, low_text)
    high = _in(field, high_text) if dash else field.most if slash else low
    if high < low:
        raise InvalidPolicy(f"the {field.name} {span[:_SHOWN]} of the cron go backwards")
    return frozenset(range(low, high + 1, step))


def _in(field: _Field, text: str) -> int:
    if text.lower() in field.words:
        return field.least + field.words.index(text.lower())
    return _number(field, text, least=field.least, most=field.most)


def _number(field: _Field, text: str, *, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS and least <= int(text) <= most):
        raise InvalidPolicy(f"{text[:_SHOWN]!r} is nothing among a cron's {field.name}, which are {least} to {most}")
    return int(text)


def _check_dates(days: Numbers, months: Numbers, weekdays: Numbers) -> None:
    """The 31st of February never comes."""
    if days is None or weekdays is not None:
        return
    longest = max(calendar.monthrange(2024, month)[1] for month in months or range(1, 13))
    if min(days) > longest:
        raise InvalidPolicy("the cron is never due: none of its months has such a day")


def _written(*fields: Numbers) -> str:
    return " ".join("*" if numbers is None else ",".join(map(str, sorted(numbers))) for numbers in fields)
