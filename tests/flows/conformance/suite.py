"""What a check is, what it runs against, and how all of them are collected and counted."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.flows.conformance import pushes
from tests.flows.content import Content
from tests.flows.wire import Wire


@dataclass
class Target:
    """A registry under test, and the project in which the checks may make repositories."""

    wire: Wire
    project: str = "conformance"
    _pushed: dict[str, tuple[str, Content]] = field(default_factory=dict)

    def fresh(self, hint: str = "r") -> str:
        """The name of a repository that nothing was pushed to yet."""
        return f"{self.project}/{hint}-{os.urandom(5).hex()}"

    def pushed(self, name: str, make: Callable[[], Content]) -> tuple[str, Content]:
        """A repository with the content `make` gives, pushed when first asked for; checks that only read share it."""
        if name not in self._pushed:
            self._pushed[name] = self.push(name, make())
        return self._pushed[name]

    def push(self, name: str, content: Content) -> tuple[str, Content]:
        repository = self.fresh(name)
        pushes.push_content(self.wire, repository, content)
        return repository, content


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[Target], None]


_registered: list[Check] = []


def check(name: str, **parameters: list[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a check; with `parameters` (one argument name and its values) one check per value."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        if not parameters:
            _registered.append(Check(name, function))
        for argument, values in parameters.items():
            for value in values:
                label = getattr(value, "name", value)
                _registered.append(Check(f"{name}[{label}]", partial(function, **{argument: value})))
        return function

    return register


def all_checks() -> list[Check]:
    # The modules register their checks as they load.
    from tests.flows.conformance import basics, blobs, listing, manifests, negotiation, referrers, removal  # noqa: F401, PLC0415

    return sorted(_registered, key=lambda each: each.name)


def run_all(target: Target) -> dict[str, str | None]:
    """Every check's name with None where it passed, else what went wrong."""
    return {each.name: _failure(each, target) for each in all_checks()}


def _failure(each: Check, target: Target) -> str | None:
    try:
        each.run(target)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    return None
