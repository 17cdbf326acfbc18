"""The rollout machine, run for real: its definition in an interpreter, the handlers, a fleet."""

from pathlib import Path
from typing import Any

import pytest

from tests.machines.interpreter import interpreter

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
STRATEGIES = {
    "replace": {"concurrent": 2},
    "double-half": {"strategy": "double-half"},
    "reload": {"strategy": "reload"},
}


@KINDS
@pytest.mark.parametrize("wanted", STRATEGIES.values(), ids=STRATEGIES)
def test_takes_a_fleet_to_the_new_version(tmp_path: Path, *, grouped: bool, wanted: dict[str, Any]) -> None:
    with interpreter(tmp_path, grouped=grouped) as made:
        execution = made.start({"request": made.driven.request(**wanted)})
        assert made.end_of(execution)["status"] == "SUCCEEDED"
        assert made.driven.rolling.serving_versions() == {"v2": 4}
        entered = made.states(execution)
        assert entered[:5] == ["Fill in", "New rollout?", "Prepare", "Set out", "Reconcile"]
        assert entered[-2:] == ["Ended", "Succeeded"]
        assert {"Wait for drain", "Wait for health"} <= set(entered)
