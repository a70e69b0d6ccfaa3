"""The vendors' adapters: each a module here that has one class `Adapter` of its own, found by the kind it names."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from replication.adapters.base import Access, Adapter, Info, Listed
from replication.errors import InvalidEndpoint

__all__ = ["Access", "Adapter", "Info", "Listed", "adapter", "info", "infos"]


@cache
def _known() -> dict[str, type[Adapter]]:
    found = {}
    for module in iter_modules(__path__):
        for each in vars(import_module(f"{__name__}.{module.name}")).values():
            if isinstance(each, type) and issubclass(each, Adapter) and each is not Adapter:
                found[each.info.kind] = each
    return found


def adapter(kind: str, access: Access) -> Adapter:
    """The adapter of that kind for the registry at `access`; InvalidEndpoint where there is none."""
    return _of_kind(kind)(access)


def info(kind: str) -> Info:
    """What there is to know of that kind; InvalidEndpoint where there is none."""
    return _of_kind(kind).info


def _of_kind(kind: str) -> type[Adapter]:
    if kind not in _known():
        raise InvalidEndpoint(f"there is no type {kind[:64]!r}: it is one of {', '.join(sorted(_known()))}")
    return _known()[kind]


def infos() -> dict[str, Info]:
    """What there is to know of each kind."""
    return {kind: each.info for kind, each in sorted(_known().items())}
