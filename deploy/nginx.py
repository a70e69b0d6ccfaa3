"""Renders deploy/nginx.conf.template, for the local stack and for the container alike."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy import away
from deploy.problem import Problem

TEMPLATE = Path(__file__).with_name("nginx.conf.template")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = rf"{_COMPONENT}(?:/{_COMPONENT})+"
LANGUAGE_COOKIE = "language"  # as the pages set it
_UNSAFE = re.compile(r"[\"'\\$;{}\s]")


@dataclass(frozen=True)
class Site:
    """What differs from one nginx to another. `web` and `registry` are `host:port` or `unix:/path`."""

    port: int
    web: str
    registry: str
    temporary: Path
    static: Path  # collected static files
    pid: Path
    store: Path | None  # the blob store's directory; None when blobs lie in an object store
    certificate: Path | None = None
    key: Path | None = None
    trusted: tuple[str, ...] = ()
    root: bool = False
    ipv6: bool = False
    workers: str = "auto"


def render(site: Site, template: str | None = None) -> str:
    """The configuration's text. Raises Problem for a value that nginx would read as its own syntax."""
    networks = [_network(text) for text in site.trusted]
    values = {
        "port": str(site.port),
        "web": _plain(site.web),
        "registry": _plain(site.registry),
        "temporary": _plain(site.temporary),
        "static": _plain(site.static),
        "pid": _plain(site.pid),
        "store": _plain(site.store or ""),
        "certificate": _plain(site.certificate or ""),
        "key": _plain(site.key or ""),
        "workers": _plain(site.workers),
        "name": REPOSITORY,
        "real_ip": " ".join(f"set_real_ip_from {network};" for network in networks),
        "balancers": " ".join(f"{network} 1;" for network in networks),
        "language_cookie": LANGUAGE_COOKIE,
        "again": str(away.AGAIN),
        "away_policy": away.POLICY,
        "away": "\n".join(_away()),
    }
    holds = {
        "tls": site.certificate is not None,
        "plain": site.certificate is None,
        "files": site.store is not None,
        "root": site.root,
        "ipv6": site.ipv6,
    }
    lines = _choose((template or TEMPLATE.read_text(encoding="utf-8")).splitlines(), holds)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], "\n".join(lines)) + "\n"


def _choose(lines: Iterable[str], holds: dict[str, bool]) -> Iterator[str]:
    """Drop the blocks between `#[word` and `#]` whose word does not hold; they may be nested."""
    open_blocks = [True]
    for line in lines:
        if line.startswith("#["):
            open_blocks.append(open_blocks[-1] and holds[line[2:].strip()])
        elif line.strip() == "#]":
            open_blocks.pop()
        elif open_blocks[-1]:
            yield line


def _away() -> Iterator[str]:
    """A location for each page that people see while Django is away."""
    for kind in ("asked", "sent"):
        for language in away.LANGUAGES:
            text = away.page(language, sent=kind == "sent")
            yield f"location = /_say/away/{kind}/{language} {{ return 503 '{text}'; }}"


def _plain(value: str | Path) -> str:
    if bad := _UNSAFE.search(str(value)):
        raise Problem(f"{str(value)!r} holds {bad[0]!r}, which nginx cannot take: choose a path of plain characters.")
    return str(value)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise Problem(
            f"ROADSTEAD_TRUSTED_PROXIES: {error}. Give addresses or networks, separated by commas."
        ) from error
