"""A limit on the time that network calls take, whatever they hang in."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T], *, name: str) -> T:
    """What `work` answers or raises; TimeoutError when that takes too long.

    Time-outs of sockets bound one read and no name lookup. A thread (called `name`) that is given up ends by them by
    and by. `work` uses no database: its connection is the caller's.
    """
    results: list[T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # raised again below
            failures.append(error)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError(f"no answer within {seconds:.1f} s")
    return results[0]


def words(error: Exception, most: int = 300) -> str:
    """Why something failed, in one line of at most about `most` characters, none of which a terminal would obey."""
    text = str(error).partition("\n")[0] or type(error).__name__
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= most else f"{text[:100]} … {text[100 - most :]}"  # a whole certificate, with why
