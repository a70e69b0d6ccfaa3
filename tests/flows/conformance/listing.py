"""Lists of tags and of repositories: sorted, paged by `n`, `last` and the Link header."""

import re
from itertools import pairwise
from urllib.parse import urljoin

from tests.flows.conformance import pushes
from tests.flows.conformance.shapes import TAGGED, Shape
from tests.flows.conformance.suite import Target, check
from tests.flows.content import Content, image
from tests.flows.wire import Answer, Refused

_LINK = re.compile(r'^<([^>]+)>;\s*rel="?next"?$')
NAMES = ["0.9", "A", "Beta", "_hidden", "alpha", "v1", "v1.0", "v1.10", "v1.9", "v2", "x-y_z.0"]


def _many() -> Content:
    content = image()
    content.tags = dict.fromkeys(reversed(NAMES), content.top.digest)
    return content


def _tags(target: Target, repository: str, **query: str) -> tuple[list[str], Answer]:
    answer = target.wire.request("GET", f"/v2/{repository}/tags/list", query=query).expect(200)
    listing = answer.json()
    if listing["name"] != repository:
        raise Refused(f"{answer}: the list is named {listing['name']!r}")
    return listing["tags"], answer


def next_page(answer: Answer) -> str | None:
    link = answer.headers.get("Link")
    if link is None:
        return None
    found = _LINK.match(link)
    if not found:
        raise Refused(f"{answer}: Link {link!r} is not as RFC 5988 has it")
    return str(urljoin(answer.url, found[1]))


@check("tag-list-of", shape=TAGGED)
def listed(target: Target, shape: Shape) -> None:
    repository, content = target.pushed(shape.name, shape.make)
    tags, _ = _tags(target, repository)
    if set(tags) != set(content.tags):
        raise Refused(f"tags are {tags}, pushed were {list(content.tags)}")


@check("tag-list-order")
def order(target: Target) -> None:
    repository, _ = target.pushed("many", _many)
    tags, _ = _tags(target, repository)
    if tags not in (sorted(NAMES), sorted(NAMES, key=str.lower)):
        raise Refused(f"not in lexical order: {tags}")


@check("tag-list-last", last=["A", "alpha", "v1.0", "x-y_z.0", "nobody", "zzz"])
def after(target: Target, last: str) -> None:
    repository, _ = target.pushed("many", _many)
    everything, _ = _tags(target, repository)
    tags, _ = _tags(target, repository, last=last)
    expected = [tag for tag in everything if tag > last]
    if tags != expected:
        raise Refused(f"after {last!r} came {tags}, expected {expected}")


@check("tag-list-n", n=["0", "1", "4", "11", "500", "1000"])
def limited(target: Target, n: str) -> None:
    repository, _ = target.pushed("many", _many)
    everything, _ = _tags(target, repository)
    tags, answer = _tags(target, repository, n=n)
    if tags != everything[: int(n)]:
        raise Refused(f"n={n} gave {tags}")
    if (next_page(answer) is not None) != (0 < int(n) < len(everything)):
        raise Refused(f"{answer}: Link is {answer.headers.get('Link')!r} for n={n}")


@check("tag-list-link", n=["1", "3", "10"])
def paged(target: Target, n: str) -> None:
    """Following Link gives everything once, in order."""
    repository, _ = target.pushed("many", _many)
    everything, _ = _tags(target, repository)
    _, answer = _tags(target, repository, n=n)
    seen: list[str] = answer.json()["tags"]
    while (url := next_page(answer)) is not None:
        answer = target.wire.request("GET", url).expect(200)
        page = answer.json()["tags"]
        if not 0 < len(page) <= int(n):
            raise Refused(f"{answer}: a page of {len(page)} where n={n}")
        seen += page
    if seen != everything:
        raise Refused(f"pages gave {seen}")


@check("tag-list-bad-n", n=["-1", "x", "", "1e3", "9" * 30])
def bad_limit(target: Target, n: str) -> None:
    repository, _ = target.pushed("many", _many)
    answer = target.wire.request("GET", f"/v2/{repository}/tags/list", query={"n": n}).expect(200, 400)
    if answer.status == 400:
        answer.expect_error(400, "PAGINATION_NUMBER_INVALID", "UNSUPPORTED")


@check("catalog")
def catalog(target: Target) -> None:
    """Every repository once, in order, page by page."""
    pushed = {target.push("catalog", image())[0] for _ in range(3)}
    answer = target.wire.request("GET", "/v2/_catalog", query={"n": "2"}).expect(200)
    seen: list[str] = answer.json()["repositories"]
    while (url := next_page(answer)) is not None:
        answer = target.wire.request("GET", url).expect(200)
        seen += answer.json()["repositories"]
    if not pushed <= set(seen):
        raise Refused(f"the catalog lacks {pushed - set(seen)}")
    if not all(left < right for left, right in pairwise(seen)):
        raise Refused(f"the catalog is not in order, or repeats: {seen}")


@check("tag-list-shrinks")
def shrinks(target: Target) -> None:
    repository, content = target.push("shrinks", _many())
    target.wire.request("DELETE", pushes.manifest_path(repository, "v1.0")).expect(202)
    tags, _ = _tags(target, repository)
    if set(tags) != set(content.tags) - {"v1.0"}:
        raise Refused(f"after one was deleted: {tags}")
