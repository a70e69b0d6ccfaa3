"""How the workers of pytest-xdist share the tests: whole files, and the costly servers of the journeys started once."""

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadfile import LoadFileScheduling
from xdist.workermanage import WorkerController

_FLOWS = "tests/flows/"
_SITES = f"{_FLOWS}sites"
# They speak to the same two installations, `near` and `far`.
_BETWEEN_SITES = {f"{_FLOWS}test_replication{what}.py" for what in ("", "_faults", "_refusals")}


class Shares(LoadFileScheduling):  # type: ignore[misc]  # the package has no types
    """A worker that is nearly done with a file gets another one. One begins with the sites and goes on with what is no
    journey; the other begins with the journeys of a single stack. Who has no more of its own helps the other."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # by how many tests a file has, which says little of how long it takes

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return _SITES if file in _BETWEEN_SITES else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        """From the end: what needs no database begins servers of its own and takes longest, and stands there."""
        has_sites = _SITES in self.assigned_work[node]
        chosen = min(reversed(self.workqueue), key=lambda unit: _turn(unit, has_sites=has_sites))
        self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)


def _turn(unit: str, *, has_sites: bool) -> int:
    if unit == _SITES:
        return 0
    return 1 + (unit.startswith(_FLOWS) == has_sites)
