"""The life of a server: which moves are allowed, what a move changes, and that nothing else changes a phase."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from awsroll.core import lifecycle, planner
from awsroll.core.lifecycle import MOVES, IllegalMoveError, amend, move, phase_of, rollout_phase
from awsroll.core.model.phases import RolloutPhase, ServerPhase
from awsroll.core.model.rollout_events import EventName
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Blocked, Gate, Rehearsal
from awsroll.core.observe import clocks
from awsroll.core.observe.deadlines import LATE
from awsroll.driver.step_status import OF_A_PHASE
from awsroll.testing.clock import T0
from tests.support.looks import instance, look, rollout, status

LATER = T0 + timedelta(seconds=60)
CORE = Path(lifecycle.__file__).parent
# The lifecycle writes the phases. A reconstructed record begins with servers in the phases that their tags show.
WRITERS = ("lifecycle.py", "repair/reconstruct.py")


def _at(phase: ServerPhase, **facts: object) -> Status:
    if phase is ServerPhase.NONE:
        return Status(started_at=T0, progress_at=T0)
    server = replace(Server(phase=phase, since=T0), **facts)  # type: ignore[arg-type]
    return Status(started_at=T0, progress_at=T0, servers={"i-1": server})


def test_every_phase_has_its_moves() -> None:
    assert MOVES.keys() == set(ServerPhase)


@pytest.mark.parametrize("before", ServerPhase, ids=str)
@pytest.mark.parametrize("after", ServerPhase, ids=str)
def test_a_move_is_made_if_the_table_has_it_and_refused_otherwise(before: ServerPhase, after: ServerPhase) -> None:
    record = _at(before)
    if before is after or after in MOVES[before]:
        assert phase_of(move(record, "i-1", after, at=LATER, reason="a test"), "i-1") is after
    else:
        with pytest.raises(IllegalMoveError, match=f"i-1 cannot go from {before} to {after} \\(a test\\)"):
            move(record, "i-1", after, at=LATER, reason="a test")


def test_every_phase_can_be_reached_and_left() -> None:
    reached = {after for moves in MOVES.values() for after in moves}
    assert reached == set(ServerPhase)
    assert all(MOVES.values())


def test_a_server_that_left_the_fleet_has_no_record() -> None:
    for phase in ServerPhase:
        if ServerPhase.NONE in MOVES[phase]:
            assert move(_at(phase), "i-1", ServerPhase.NONE, at=LATER, reason="gone").servers == {}


def test_serving_and_failing_end_what_was_under_way() -> None:
    facts = {"deregistered_at": T0, "draining_seen": True, "healthy_since": T0, "attempt": 3, "failed": True}
    returning = _at(ServerPhase.RETURNING, **facts)

    served = move(returning, "i-1", ServerPhase.SERVING, at=LATER, reason="healthy").servers["i-1"]
    failed = move(returning, "i-1", ServerPhase.FAILED, at=LATER, reason="late").servers["i-1"]

    assert served == Server(phase=ServerPhase.SERVING, since=LATER)
    assert failed == Server(phase=ServerPhase.FAILED, since=LATER, failed=True)


def test_an_earlier_drain_says_nothing_about_the_next_one() -> None:
    back = _at(ServerPhase.VERIFYING, deregistered_at=T0, draining_seen=True)

    draining = move(back, "i-1", ServerPhase.DRAINING, at=LATER, reason="surplus").servers["i-1"]

    assert (draining.deregistered_at, draining.draining_seen) == (None, False)


def test_a_server_in_flight_keeps_its_record() -> None:
    draining = _at(ServerPhase.DRAINING, deregistered_at=T0, draining_seen=True)

    gone = move(draining, "i-1", ServerPhase.TERMINATING, at=LATER, reason="called").servers["i-1"]

    assert (gone.since, gone.deregistered_at, gone.draining_seen) == (LATER, T0, True)


def test_moving_where_it_is_changes_no_clock_and_emits_nothing() -> None:
    draining = _at(ServerPhase.DRAINING)

    again = move(draining, "i-1", ServerPhase.DRAINING, at=LATER, reason="again", failed=True)

    assert again == amend(draining, "i-1", failed=True)
    assert again.events == ()


def test_moves_that_people_follow_emit_an_event() -> None:
    chosen = move(_at(ServerPhase.NONE), "i-1", ServerPhase.DRAINING, at=LATER, reason="chosen", reloading=True)
    serving = move(_at(ServerPhase.VERIFYING), "i-1", ServerPhase.SERVING, at=LATER, reason="healthy")

    assert [(event.name, event.fields["to"]) for event in chosen.events] == [(EventName.SERVER_CHOSEN, "reload")]
    assert [event.name for event in serving.events] == [EventName.SERVER_SERVING]


def test_a_refused_move_pauses_the_rollout_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = status("i-1")
    monkeypatch.setitem(MOVES, ServerPhase.NONE, frozenset())
    decided = planner.plan(rollout(), look(instance("i-1")), before)

    assert (decided.actions, decided.status.outcome) == ((), Outcome.PAUSED)
    assert decided.status.servers == before.servers
    assert "i-1 cannot go from none to draining" in decided.status.reason
    assert "`awsroll resume " in decided.status.reason
    assert decided.status.failures[-1].cause in decided.status.reason


def _assignments(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that give a `Status` other servers, or a `Server` another phase."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("replace", "Server", "Status"):
            written = {keyword.arg for keyword in node.keywords}
            if written & {"servers", "phase"}:
                yield node.lineno


def test_nothing_but_the_lifecycle_writes_a_phase() -> None:
    drafts = {"observe/clocks.py": 2, "observe/rollback.py": 1}  # records that `move` gets its facts from
    found = {
        str(file.relative_to(CORE)): lines
        for file in CORE.rglob("*.py")
        if str(file.relative_to(CORE)) not in WRITERS and (lines := list(_assignments(ast.parse(file.read_text()))))
    }
    assert {name: len(lines) for name, lines in found.items()} == drafts, found


def test_every_phase_is_known_wherever_phases_differ() -> None:
    timed = {phase for phase in ServerPhase if phase.is_timed}
    view = planner.View(rollout(), look(instance("i-1")), status("i-1"))

    assert set(LATE) == timed
    assert set(OF_A_PHASE) == set(ServerPhase)
    assert all(clocks.deadline_seconds(view, phase) > 0 for phase in ServerPhase)


PHASES = [
    ({}, RolloutPhase.PENDING),
    ({"observed_at": T0}, RolloutPhase.PROGRESSING),
    ({"observed_at": T0, "gate": Gate(closed_since=T0)}, RolloutPhase.WAITING_AT_CHECKPOINT),
    ({"observed_at": T0, "gate": Gate(baking_since=T0)}, RolloutPhase.BAKING),
    ({"observed_at": T0, "blocked": Blocked(reason="a window", since=T0)}, RolloutPhase.WAITING),
    ({"observed_at": T0, "rolling_back": True}, RolloutPhase.ROLLING_BACK),
    ({"observed_at": T0, "rehearsal": Rehearsal.FORTH}, RolloutPhase.REHEARSING),
    ({"observed_at": T0, "rehearsal": Rehearsal.BACK, "rolling_back": True}, RolloutPhase.REHEARSING),
    ({"mode": Mode.STOPPING, "rolling_back": True}, RolloutPhase.STOPPING),
    ({"outcome": Outcome.PAUSED}, RolloutPhase.PAUSED),
    ({"mode": Mode.ENDED, "outcome": Outcome.SUCCEEDED}, RolloutPhase.SUCCEEDED),
    ({"mode": Mode.ENDED, "outcome": Outcome.ROLLED_BACK}, RolloutPhase.ROLLED_BACK),
    ({"mode": Mode.ENDED, "outcome": Outcome.STOPPED}, RolloutPhase.FAILED),
    ({"mode": Mode.ENDED, "outcome": Outcome.STOPPED, "aborted": True}, RolloutPhase.ABORTED),
]


@pytest.mark.parametrize(("facts", "phase"), PHASES, ids=[phase.value for _, phase in PHASES])
def test_where_a_rollout_is(facts: dict[str, object], phase: RolloutPhase) -> None:
    record = replace(Status(started_at=T0, progress_at=T0), **facts)  # type: ignore[arg-type]
    assert rollout_phase(record) is phase


def test_every_rollout_phase_has_a_record_that_is_in_it() -> None:
    assert {phase for _, phase in PHASES} == set(RolloutPhase)
