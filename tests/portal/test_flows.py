"""The picture of sites and flows: where registries stand, and which way arrows lead."""

from __future__ import annotations

import re

import pytest

from portal.flows import Picture, look_of, picture
from replication.models import Endpoint, Execution, Policy, State


def ends(path: str) -> tuple[int, int]:
    """Where it begins and ends, from left to right."""
    numbers = [int(each) for each in re.findall(r"-?\d+", path)]
    return numbers[0], numbers[-2]


def drawn(policies: list[Policy], registries: list[Endpoint]) -> Picture:
    return picture(policies, registries, {})


def test_registries_stand_beside_this_one_and_arrows_lead_the_way_that_content_goes():
    tokyo, hub, spare = (Endpoint(pk=pk, name=name) for pk, name in ((1, "tokyo"), (2, "hub"), (3, "spare")))
    policies = [
        Policy(pk=1, name="out", destination=tokyo),
        Policy(pk=2, name="back", source=tokyo),
        Policy(pk=3, name="in", source=hub),
    ]
    found = drawn(policies, [hub, spare, tokyo])
    left, right = found.here_x, found.here_x + found.here_width
    by_name = {node.registry.name: node for node in found.nodes}
    assert {name: node.x < left for name, node in by_name.items()} == {"hub": True, "tokyo": False, "spare": False}
    paths = {arrow.policy.name: ends(arrow.path) for node in found.nodes for arrow in node.arrows}
    assert paths == {
        "out": (right, by_name["tokyo"].x),
        "back": (by_name["tokyo"].x, right),
        "in": (by_name["hub"].x + found.node_width, left),
    }


def test_nothing_covers_anything_and_all_is_within_the_picture():
    registries = [Endpoint(pk=pk, name=f"r-{pk:02}") for pk in range(20)]
    policies = [Policy(pk=pk, name=f"p-{pk}", destination=registries[pk % 7]) for pk in range(40)]
    found = drawn(policies, registries)
    below = 0
    for node in sorted(found.nodes, key=lambda node: node.y):
        assert node.y > below
        below = node.y + node.height
    assert below < found.height
    assert 0 < found.here_y < found.here_y + found.here_height < found.height


@pytest.mark.parametrize(
    ("enabled", "state", "look"),
    [
        (True, None, "idle"), (False, None, "off"), (True, State.SUCCEED, "good"), (True, State.FAILED, "failed"),
        (True, State.STOPPED, "stopped"), (False, State.FAILED, "off"), (False, State.IN_PROGRESS, "running"),
    ],
)  # fmt: skip
def test_an_arrow_looks_as_its_policy_is(enabled: bool, state: State | None, look: str):
    over = None if state == State.IN_PROGRESS else "2026-11-28T12:00:00Z"
    last = Execution(state=state, ended_at=over) if state else None
    assert look_of(Policy(enabled=enabled), last) == look


def test_without_any_there_is_nothing_to_draw():
    assert drawn([], []).nodes == []
