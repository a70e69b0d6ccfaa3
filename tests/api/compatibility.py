"""Which of Harbor's operations there are: the code's routes against the contract. `python -m tests.api.compatibility`
writes the table of docs/harbor-compatibility.md anew from the contract (HARBOR_CONTRACT, a file)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from config.home import CHECKOUT

CONTRACT = Path(os.environ.get("HARBOR_CONTRACT", CHECKOUT.parent / "shared" / "reference" / "harbor-api-v2.0.yaml"))
DOCUMENT = CHECKOUT / "docs" / "harbor-compatibility.md"
# Operations that the contract doesn't have: Harbor's older ones, and ours.
OWN = {
    ("get", "projects/{project_name_or_id}/robots"),
    ("post", "projects/{project_name_or_id}/robots"),
    ("get", "projects/{project_name_or_id}/robots/{robot_id}"),
    ("put", "projects/{project_name_or_id}/robots/{robot_id}"),
    ("delete", "projects/{project_name_or_id}/robots/{robot_id}"),
    ("get", "replication/statistics"),
    ("post", "replication/executions/{id}/retry"),
    ("get", "users/{user_id}/tokens"),
    ("post", "users/{user_id}/tokens"),
    ("delete", "users/{user_id}/tokens/{token_id}"),
}
_HEADING = "## Deviations from the contract\n"
_DEVIATIONS = f"""{_HEADING}
A test compares the OpenAPI document with Harbor's contract, field by field. These differences are meant (`*` stands for
anything, `{{a,b}}` for either):

| where | why |
|---|---|
"""
METHODS = ("get", "head", "post", "put", "patch", "delete")
_ROW = re.compile(
    r"\| (?P<group>[^|]*) \| `(?P<method>[A-Z]+) /(?P<path>[^`]*)` \| (?P<name>\w+) \| (?P<state>[^|]*) \|"
)


@dataclass(frozen=True, order=True)
class Operation:
    group: str
    path: str
    method: str
    name: str


def require_contract() -> None:
    """The tests that read the contract fail without it: a comparison with nothing would find nothing."""
    assert CONTRACT.is_file(), f"no {CONTRACT}: let HARBOR_CONTRACT name Harbor's api/v2.0/swagger.yaml"


def routed() -> set[tuple[str, str]]:
    """(method, path) of every operation that the code has."""
    from api.endpoint import Later  # noqa: PLC0415 - Django's settings come first
    from api.urls import urlpatterns  # noqa: PLC0415

    found = set()
    for pattern in urlpatterns:
        view = pattern.callback.view_class  # type: ignore[attr-defined]
        if view is not Later:
            found |= {(method, str(pattern.name)) for method in METHODS if hasattr(view, method)}
    return found


def contract() -> list[Operation]:
    """Every operation of the contract, in its groups."""
    document = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    return sorted(
        Operation(each["tags"][0].lower(), path.lstrip("/"), method, each["operationId"])
        for path, methods in document["paths"].items()
        for method, each in methods.items()
        if method in METHODS
    )


def documented() -> dict[tuple[str, str], str]:
    """The table as it stands: the state of each (method, path)."""
    rows = _ROW.finditer(DOCUMENT.read_text(encoding="utf-8"))
    return {(row["method"].lower(), row["path"]): row["state"].strip() for row in rows}


def table(operations: list[Operation], there: set[tuple[str, str]]) -> str:
    works = sum((operation.method, operation.path) in there for operation in operations)
    rows = [
        f"| {each.group} | `{each.method.upper()} /{each.path}` | {each.name} "
        f"| {'works' if (each.method, each.path) in there else '501'} |"
        for each in operations
    ]
    head = [
        f"{works} of {len(operations)} operations work.",
        "",
        "| group | operation | operationId | state |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def deviations() -> str:
    """Where an operation that works isn't as the contract says, as a table."""
    from tests.api.contract import DEVIATIONS  # noqa: PLC0415

    rows = ((pattern.removesuffix(": *").removesuffix(": isn't there"), why) for pattern, why in DEVIATIONS.items())
    return "".join(f"| `{where}` | {why} |\n" for where, why in rows)


def main() -> None:
    before = DOCUMENT.read_text(encoding="utf-8").partition(_HEADING)[0]
    DOCUMENT.write_text(
        f"{before}{_DEVIATIONS}{deviations()}\n## Operations\n\n{table(contract(), routed())}", encoding="utf-8"
    )


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    main()
