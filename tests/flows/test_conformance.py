"""Every check of the conformance suite against the stack; and against Distribution itself, where many must fail."""

import pytest

from tests.flows.conformance.suite import Check, Target, all_checks, run_all
from tests.flows.wire import Wire

CHECKS = all_checks()


@pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])
def test_it_conforms(check: Check, target: Target) -> None:
    check.run(target)


def test_the_checks_can_fail(distribution: str) -> None:
    """A control: upstream lacks referrers, sha512 manifests, range checks and more, and the checks must see it."""
    results = run_all(Target(Wire(distribution)))
    failed = {name for name, words in results.items() if words}
    assert 80 <= len(failed) <= len(results) // 2, sorted(failed)
    for part in ("referrers-", "chunk-out-of-order", "tag-list-n", "mount-without-from", "push-by-digest[sha512]"):
        assert any(name.startswith(part) for name in failed), f"no check of {part} failed upstream"
    for part in (
        "ping",
        "push-by-tag[image]",
        "push-by-tag[index]",
        "mount-from[sha256]",
        "blob-push[sha256, POST and PUT]",
    ):
        assert part not in failed, f"{part} failed upstream: {results[part]}"
