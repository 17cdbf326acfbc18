"""Each guard of the planner is needed: if a guard is flipped, a fleet of two shows a violation."""

import pytest

from awsroll.core.lifecycle import MOVES
from awsroll.core.model.phases import ServerPhase
from tests.model.cases import case
from tests.model.explore import Explorer
from tests.model.mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.guard.replace(" ", "-"))
def test_a_flipped_guard_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.flip(monkeypatch)
    explored = Explorer(mutant.case).run()
    assert explored.problem.startswith(mutant.caught_as), explored.problem


REMOVED = [
    ("standalone", "replace", "none", "draining"),
    ("standalone", "replace", "none", "serving"),
    ("standalone", "replace", "none", "launching"),
    ("standalone", "replace", "launching", "verifying"),
    ("standalone", "replace", "launching", "serving"),
    ("standalone", "replace", "draining", "terminating"),
    ("group", "replace", "terminating", "none"),
    ("standalone", "reload", "draining", "reloading"),
    ("standalone", "reload", "reloading", "returning"),
    ("standalone", "reload", "returning", "serving"),
    ("standalone", "keep-old", "draining", "kept"),
    ("standalone", "keep-old", "kept", "draining"),
    ("standalone", "keep-old", "kept", "returning"),
    ("standalone", "launch-first", "launching", "failed"),
    ("standalone", "launch-first", "failed", "draining"),
    ("standalone", "launch-first", "serving", "verifying"),
    ("standalone", "launch-first", "draining", "returning"),
]


@pytest.mark.parametrize(("kind", "strategy", "before", "after"), REMOVED, ids=["-".join(one) for one in REMOVED])
def test_a_move_that_is_removed_from_the_table_is_missed(
    kind: str, strategy: str, before: str, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase, other = ServerPhase(before), ServerPhase(after)
    monkeypatch.setitem(MOVES, phase, MOVES[phase] - {other})
    explored = Explorer(case(kind, strategy, 2, 1)).run()
    assert f"cannot go from {before} to {after}" in explored.problem
