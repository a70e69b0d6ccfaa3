"""The sites and what flows between them: a picture, drawn here as SVG, and a table that says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.http import HttpResponse

from portal import policies as policy_pages
from portal.visit import Visit, visited
from rbac.policy import SYSTEM_SCOPE
from replication import overview
from replication.models import Endpoint, Execution, Policy, State

_MOST = 40  # policies, and registries, that are drawn
_WIDTH, _NODE, _HERE = 960, 224, 200  # of the picture, of a registry, of this installation
_ROW, _HEAD, _GAP, _EDGE = 38, 58, 22, 8
_LOOKS = ("off", "idle", "running", "good", "failed", "stopped")  # of arrows
_LEAST = 130  # height of this installation


@dataclass(slots=True)
class Arrow:
    """One policy. `path` leads from where it comes to where it goes; its name stands at `x`, `y`."""

    policy: Policy
    look: str
    last: Execution | None
    path: str = ""
    x: int = 0
    y: int = 0


@dataclass(slots=True)
class Node:
    """A registry, at the left where it is pulled from alone, else at the right. Lengths are the picture's own."""

    registry: Endpoint
    arrows: list[Arrow] = field(default_factory=list)
    x: int = 0
    y: int = 0

    @property
    def height(self) -> int:
        return _HEAD + _ROW * len(self.arrows)

    @property
    def is_left(self) -> bool:
        return bool(self.arrows) and all(arrow.policy.source_id for arrow in self.arrows)


@dataclass(frozen=True, slots=True)
class Picture:
    nodes: list[Node]
    width: int
    height: int
    here_x: int
    here_y: int
    here_width: int
    here_height: int
    node_width: int


@visited("GET", "HEAD")
def flows(visit: Visit) -> HttpResponse:
    visit.require("replication-policy:list", SYSTEM_SCOPE)
    rows = list(Policy.objects.select_related("source", "destination").order_by("name")[: _MOST + 1])
    last = overview.latest([row.pk for row in rows[:_MOST]])
    registries = list(Endpoint.objects.order_by("name")[: _MOST + 1])
    drawn = picture(rows[:_MOST], registries[:_MOST], last)
    facts = {
        "picture": drawn if drawn.nodes else None,
        "looks": _LOOKS, "middle": drawn.here_y + drawn.here_height // 2 - 4,
        "arrows": [arrow for node in drawn.nodes for arrow in node.arrows],
        "more": max(len(rows), len(registries)) > _MOST,
    }  # fmt: skip
    return policy_pages.show(visit, "flows", "flows", facts)


def look_of(policy: Policy, last: Execution | None) -> str:
    """One of off, running, failed, good, stopped, idle: how an arrow looks."""
    if last is not None and last.ended_at is None:
        return "running"
    if not policy.enabled:
        return "off"
    if last is None:
        return "idle"
    return {State.SUCCEED: "good", State.FAILED: "failed"}.get(State(last.state), "stopped")


def picture(rows: Sequence[Policy], registries: Sequence[Endpoint], last: Mapping[int, Execution]) -> Picture:
    """This installation in the middle, what it pulls from at the left, what it pushes to at the right."""
    nodes = {row.pk: Node(row) for row in registries}
    for row in rows:
        found = last.get(row.pk)
        for registry in filter(None, (row.source, row.destination)):  # one of them: the table sees to it
            nodes.setdefault(registry.pk, Node(registry)).arrows.append(Arrow(row, look_of(row, found), found))
    order = sorted(nodes.values(), key=lambda node: (not node.arrows, node.registry.name))
    left, right = [node for node in order if node.is_left], [node for node in order if not node.is_left]
    height = max(_stack(left, 0), _stack(right, _WIDTH - _NODE), _LEAST + 2 * _EDGE)
    middle, tall = (_WIDTH - _HERE) // 2, max(_LEAST, height - 8 * _EDGE)
    drawn = Picture(order, _WIDTH, height, middle, (height - tall) // 2, _HERE, tall, _NODE)
    _draw(left, drawn, middle)
    _draw(right, drawn, middle + _HERE)
    return drawn


def _stack(nodes: Sequence[Node], x: int) -> int:
    """Put them below each other; how high that is."""
    y = _EDGE
    for node in nodes:
        node.x, node.y = x, y
        y += node.height + _GAP
    return y - _GAP + _EDGE if nodes else 0


def _draw(nodes: Sequence[Node], drawn: Picture, side: int) -> None:
    """The arrows of one side, spread over that side of the middle in their order."""
    arrows = [(node, arrow, place) for node in nodes for place, arrow in enumerate(node.arrows)]
    for number, (node, arrow, place) in enumerate(arrows, 1):
        there_x = node.x + (0 if node.x else _NODE)
        there_y = node.y + _HEAD + _ROW * place + _ROW // 2
        here_y = drawn.here_y + drawn.here_height * number // (len(arrows) + 1)
        arrow.x, arrow.y = node.x + 16, there_y
        ends = [(side, here_y), (there_x, there_y)]
        (ax, ay), (bx, by) = ends if arrow.policy.destination_id else ends[::-1]
        bend = (ax + bx) // 2
        arrow.path = f"M{ax} {ay} C{bend} {ay} {bend} {by} {bx} {by}"
