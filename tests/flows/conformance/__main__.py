"""Run every check against a registry: `python -m tests.flows.conformance URL [USER PASSWORD [PROJECT]]`."""

import sys

from tests.flows.conformance.suite import Target, run_all
from tests.flows.wire import Wire


def main(base: str, username: str | None = None, password: str | None = None, project: str = "conformance") -> int:
    results = run_all(Target(Wire(base, username, password), project))
    failed = {name: words for name, words in results.items() if words}
    for name, words in failed.items():
        print(f"FAIL {name}\n     {words}")
    print(f"{len(results) - len(failed)} of {len(results)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
