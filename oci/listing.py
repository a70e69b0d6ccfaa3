"""Lists as registries answer them: names in JSON, page after page by Link headers."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from oci.errors import Unavailable
from oci.reference import PATH_PATTERN, TAG_PATTERN
from oci.transport import Answer, Lasting, Request, Transport

MAX_PAGE = 32 * 1024 * 1024  # bytes: there are registries that answer all names at once, whatever is asked
MAX_PAGES = 1_000_000
_NEXT = re.compile(r'<([^<>]*)>[^,<>]*;\s*rel="?next"?', re.IGNORECASE)

REPOSITORY = re.compile(PATH_PATTERN)
TAG = re.compile(TAG_PATTERN)


def pages(transport: Transport, call: Callable[[Request], Answer], request: Request) -> Iterator[Answer]:
    """The pages of a list, each asked for by `call` when it is wanted. Lasting when they go round in a circle."""
    seen: set[int] = set()
    target: str | None = request.target
    while target is not None:
        if hash(target) in seen or len(seen) > MAX_PAGES:
            raise Lasting(f"a list of {transport.who} goes round in a circle")
        seen.add(hash(target))
        answer = call(replace(request, target=target))
        yield answer
        found = _NEXT.search(answer.headers.get("Link", ""))  # RFC 8288
        target = transport.local(found[1], seen_from=target) if found else None


def names(payload: bytes, field: str, pattern: re.Pattern[str], who: str) -> Iterator[str]:
    """The names in a page that are names: what breaks the specification's rules can't be asked for."""
    try:
        listed = json.loads(payload)[field] or []
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unavailable(f"the list of {who} can't be read") from error
    if not isinstance(listed, list):
        raise Unavailable(f"the list of {who} can't be read")
    return (name for name in listed if isinstance(name, str) and pattern.fullmatch(name))
