"""What domain and engines say in English, told in the reader's language: see `portal.sentences`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from django.utils.translation import get_language, gettext

from portal.sentences import KNOWN

_PLACE = re.compile(r"%\((\w+)\)s")
# What stands in such a place is a sentence itself, or a part of one.
_SENTENCES = {"text", "what", "answer", "advice", "kind", "site"}
_FREE = _SENTENCES | {"own"}
_SHAPES = {"number": r"[0-9.,]+", "same": r"[0-9]+", "code": r"[A-Z_]+", "status": r"[0-9]+", "digest": r"\S+"}
_DEEPEST = 4  # sentences within sentences
_LONGEST = 4000  # characters that are looked through
# How texts are put together: an execution's, for one, tells of its planning and of its tasks.
_JOINTS = ("; ", ", ")


def told(text: str) -> str:
    """`text` in the reader's language, as far as it is known."""
    return in_language(text) or text


def in_language(text: str) -> str | None:
    """`text` in the reader's language; None for what isn't known, and where its own is English."""
    if (get_language() or "en").startswith("en") or len(text) > _LONGEST:
        return None
    return _told(text, _DEEPEST)


def _told(text: str, depth: int) -> str | None:
    if found := _found(text):
        msgid, particulars = found
        return gettext(msgid) % {name: _particular(name, value, depth) for name, value in particulars.items()}
    for joint in _JOINTS:
        parts = text.split(joint)
        if len(parts) > 1 and depth:
            known = [_told(part, depth - 1) for part in parts]
            if all(known):
                return joint.join(filter(None, known))
    return None


def _particular(name: str, value: str, depth: int) -> str:
    return (_told(value, depth - 1) if name in _SENTENCES and depth else None) or value


def _found(text: str) -> tuple[str, dict[str, str]] | None:
    """The sentence that this is, and what stands in its places. The domain's words may begin with a capital."""
    match = _pattern().fullmatch(text) or _pattern().fullmatch(text[:1].lower() + text[1:])
    if match is None:
        return None
    given = {name: value for name, value in match.groupdict().items() if value is not None}
    [number] = {name.partition("_")[0] for name in given if name.endswith("_")}
    place = int(number.removeprefix("s"))
    return _ordered()[place], {name.partition("_")[2]: value for name, value in given.items() if not name.endswith("_")}


@cache
def _ordered() -> list[str]:
    """Those first that say the most themselves."""
    return sorted(KNOWN, key=lambda msgid: -len(_PLACE.sub("", msgid)))


@cache
def _pattern() -> re.Pattern[str]:
    """All sentences in one: the first that the text is. The group `s7_` is the eighth, `s7_name` a place of it."""
    return re.compile(
        "|".join(f"(?P<s{place}_>{''.join(_pieces(place, msgid))})" for place, msgid in enumerate(_ordered()))
    )


def _pieces(place: int, msgid: str) -> Iterator[str]:
    for number, piece in enumerate(_PLACE.split(msgid)):
        yield f"(?P<s{place}_{piece}>{_shape(piece)})" if number % 2 else re.escape(piece)


def _shape(piece: str) -> str:
    """What may stand in such a place. A colon before a space only where there are whole sentences, or words that aren't
    ours: else a text with hundreds of them, as a registry may answer, would be tried in all ways to part it."""
    return _SHAPES.get(piece, ".+?" if piece in _FREE else "(?:(?!: ).)+?")
