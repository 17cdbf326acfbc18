"""`awsroll budget`: rollouts beyond it wait or are refused, and what is in flight goes on. On a fake fleet."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import awsroll
from awsroll.cli.main import run
from awsroll.clock import SystemClock
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.driver.halt_store import halt, set_budget, unhalt
from awsroll.errors import BudgetFullError, FleetLockedError, HaltedError
from awsroll.stores import LocalStore, RecordStore
from awsroll.stores.budget_uses import budget_uses
from awsroll.stores.store_budgets import StoreBudgets
from awsroll.testing import FakeFleet
from tests.stores.records import record
from tests.stores.test_budgets import LEASE_IS_OVER, Crash, MortalBackend

SPEC = awsroll.RolloutSpec(asg="web")
ROLLOUT = "web-1"


class Events:
    """Notes the events, and does something at the first of a name."""

    def __init__(self, at: str = "", do: Callable[[], object] = lambda: None) -> None:
        self.seen: list[tuple[str, object]] = []
        self._at, self._do = at, do

    def event(self, name: str, at: datetime, **fields: object) -> None:
        if name == self._at and name not in dict(self.seen):
            self._do()
        self.seen.append((name, fields.get("message", at)))

    def observed(self, *_: object) -> None:
        """Note nothing."""


def _other(fleet: FakeFleet) -> Rollout:
    """Return another rollout of the account and region of the fleet."""
    prepared = fleet.prepare_rollout(SPEC, rollout_id="x", findings=None).rollout
    made = record("other-1", group="other", target_groups=()).rollout
    return replace(made, account=prepared.account, region=prepared.region)


def _roll(fleet: FakeFleet, store: RecordStore, sink: Events | None = None, *, waits: bool = True) -> awsroll.Report:
    context = Context(session=fleet, store=store, sink=sink or Events(), wait_for_budget=waits)
    return operations.roll(SPEC, context, rollout_id=ROLLOUT)


def _resume(fleet: FakeFleet, store: RecordStore, *, waits: bool = True) -> awsroll.Report:
    return operations.resume(ROLLOUT, Context(session=fleet, store=store, sink=Events(), wait_for_budget=waits))


def test_a_rollout_waits_for_the_budget_and_says_for_whom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=1, servers=None)
    other, events, began = _other(fleet), Events(), fleet.clock.now()
    with ExitStack() as running:
        running.enter_context(
            store.drive(replace(other, limits=replace(other.limits, lease_seconds=9_000)), clock=fleet.clock)
        )
        assert store.budgets.take_share(other, clock=fleet.clock) is None
        sleep, until = fleet.clock.sleep, fleet.clock.monotonic() + 300

        def passing(seconds: float) -> None:
            sleep(seconds)
            if fleet.clock.monotonic() >= until:
                running.close()

        monkeypatch.setattr(fleet.clock, "sleep", passing)
        report = _roll(fleet, store, events)

    assert report.succeeded
    assert (report.started_at - began).total_seconds() >= 300
    waits = [message for name, message in events.seen if name == "budget.awaited"]
    assert len(waits) == 1
    assert "at most 1 rollout in each account and region" in str(waits[0])
    assert "other-1 (1 in flight" in str(waits[0])


def test_a_plan_says_for_whom_the_rollout_would_wait(tmp_path: Path) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=1, servers=None)
    other, context = _other(fleet), Context(session=fleet, store=store, sink=Events())
    assert not any("budget" in warning for warning in operations.plan(SPEC, context).warnings)
    with store.drive(other, clock=fleet.clock):
        store.budgets.take_share(other, clock=fleet.clock)
        (warning,) = (one for one in operations.plan(SPEC, context).warnings if "budget" in one)

    assert "the rollout would wait for the budget of the store" in warning
    assert "other-1 (1 in flight" in warning


def test_a_plan_that_is_larger_than_the_budget_is_refused(tmp_path: Path) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=None, servers=1)
    large = replace(SPEC, concurrent="2")
    with pytest.raises(BudgetFullError, match="Lower --concurrent, or raise the budget"):
        operations.plan(large, Context(session=fleet, store=store, sink=Events()))


def test_without_waiting_it_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=1, servers=None)
    other = _other(fleet)
    with store.drive(other, clock=fleet.clock):
        store.budgets.take_share(other, clock=fleet.clock)
        with pytest.raises(BudgetFullError, match=r"other-1 .*Nothing was changed\. Try again later"):
            _roll(fleet, store, waits=False)

    assert store.list() == ()
    assert fleet.versions == {"lt-web:1": 3}
    assert issubclass(BudgetFullError, FleetLockedError), "a script that tries again later handles both"


def test_a_rollout_that_can_never_fit_does_not_wait(tmp_path: Path) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=None, servers=2)
    context = Context(session=fleet, store=store, sink=Events())

    with pytest.raises(BudgetFullError, match=r"up to 3 servers in flight.*Lower --concurrent"):
        operations.roll(replace(SPEC, concurrent="3", launch_first=True), context)


def test_a_rollout_that_lost_the_last_share_waits_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=1, servers=None)
    other, lost = _other(fleet), []
    take = StoreBudgets.take_share

    def slower(own: StoreBudgets, rollout: Rollout, **given: object) -> object:
        if not lost:
            with store.drive(other, clock=fleet.clock):
                take(LocalStore(tmp_path).budgets, other, clock=fleet.clock)
                lost.append(take(own, rollout, **given))  # type: ignore[arg-type]
                return lost[0]
        return take(own, rollout, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(StoreBudgets, "take_share", slower)

    assert _roll(fleet, store).succeeded
    assert lost[0] is not None
    assert store.driver(ROLLOUT) is None


def test_a_paused_rollout_waits_to_resume_and_goes_back_at_once(tmp_path: Path) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=1, servers=None)
    pausing = Events("group.instances-terminated", lambda: operations.pause(ROLLOUT, store))
    assert _roll(fleet, store, pausing).status is Outcome.PAUSED

    other = _other(fleet)
    with store.drive(other, clock=fleet.clock):
        assert store.budgets.take_share(other, clock=fleet.clock) is None, "a paused rollout has no share"
        with pytest.raises(BudgetFullError):
            _resume(fleet, store, waits=False)
        back = operations.rollback(ROLLOUT, Context(session=fleet, store=store, sink=Events()))

    assert back.status is Outcome.ROLLED_BACK
    assert fleet.versions == {"lt-web:1": 3}


def test_the_command_shows_who_runs_and_who_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, clock = LocalStore(tmp_path), SystemClock()
    set_budget(store, clock, rollouts=1, servers=None)
    one, two = (record(name, group=name, target_groups=()) for name in ("one", "two"))
    with store.drive(one.rollout, clock=clock):
        assert store.budgets.take_share(one.rollout, clock=clock) is None
        store.save(one)
        assert store.budgets.wait_for_room(two.rollout, clock=clock) is not None
        assert run(["budget", "--state", str(tmp_path)]) == 0
        _, *lines = capsys.readouterr().out.splitlines()
        assert run(["budget", "--json", "--state", str(tmp_path)]) == 0
        (use,) = json.loads(capsys.readouterr().out)["uses"]

    assert [line.split(", since")[0] for line in lines] == [
        "  123456789012 us-east-1: one runs, 1 in flight",
        "  123456789012 us-east-1: two waits, needs 1 in flight",
    ]
    assert (use["account"], use["region"]) == ("123456789012", "us-east-1")
    assert [share["rollout"] for share in use["running"]] == ["one"]
    assert [(share["rollout"], share["servers"]) for share in use["waiting"]] == [("two", 1)]
    assert budget_uses(store, clock.now() + timedelta(seconds=60)) == ()


def test_python_code_reads_sets_and_removes_the_budget(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert awsroll.budget(store=store) is None
    made = awsroll.set_budget(rollouts=2, store=str(tmp_path))
    assert (made.rollouts, made.servers) == (2, None)
    assert awsroll.budget(store=store) == made
    for wrong in ({}, {"servers": 0}, {"rollouts": -1, "servers": 3}):
        with pytest.raises(awsroll.SpecError):
            awsroll.set_budget(**wrong, store=store)
    assert awsroll.remove_budget(store=store) == made
    assert awsroll.budget(store=store) is None


def test_a_rollout_that_stops_waiting_leaves_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, store = FakeFleet.auto_scaling(), LocalStore(tmp_path)
    set_budget(store, fleet.clock, rollouts=1, servers=None)
    other, sleep, before = _other(fleet), fleet.clock.sleep, []
    third = replace(other, rollout_id="third-1", fleet="third")

    def looking(seconds: float) -> None:
        missing = store.budgets.room_for(third, clock=fleet.clock)
        assert missing is not None
        before.extend(share.rollout_id for share in missing.before)
        sleep(seconds)

    monkeypatch.setattr(fleet.clock, "sleep", looking)
    context = Context(session=fleet, store=store, sink=Events(), stop_requested=lambda: bool(before))
    with store.drive(other, clock=fleet.clock):
        store.budgets.take_share(other, clock=fleet.clock)
        with pytest.raises(BudgetFullError):
            operations.roll(SPEC, context, rollout_id=ROLLOUT)
    assert before == [ROLLOUT]
    assert store.budgets.room_for(third, clock=fleet.clock) is None


def test_the_command_shows_and_sets_the_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state", str(tmp_path)]
    assert run(["budget", *state]) == 0
    assert "has no budget" in capsys.readouterr().out
    assert run(["budget", "--rollouts", "2", "--servers", "9", *state]) == 0
    assert "allows at most 2 rollouts and at most 9 servers in flight in each" in capsys.readouterr().out
    assert run(["budget", "--json", *state]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["event"], shown["rollouts"], shown["servers"]) == ("budget", 2, 9)
    assert run(["budget", "--none", "--servers", "1", *state]) == 2
    assert run(["budget", "--none", *state]) == 0
    assert LocalStore(tmp_path).budgets.load() is None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_halted_rollout_within_a_budget_killed_at_any_write_ends_well(tmp_path: Path, *, after: bool) -> None:
    """The person halts the store in the middle. The process dies at one write after the other."""
    for dies_at in range(1, 200):
        fleet, folder = FakeFleet.auto_scaling(servers=2), tmp_path / str(dies_at)
        store = LocalStore(folder)
        set_budget(store, fleet.clock, rollouts=1, servers=None)
        mortal = RecordStore(MortalBackend(folder, dies_at=dies_at, after=after))
        halting = Events("group.instances-terminated", lambda store=store, fleet=fleet: halt(store, fleet.clock))  # type: ignore[misc]
        died = False
        try:
            paused = _roll(fleet, mortal, halting)
        except Crash:
            died = True
        else:
            assert paused.status is Outcome.PAUSED
        fleet.clock.sleep(LEASE_IS_OVER)
        if store.halted() is not None:
            with pytest.raises(HaltedError):
                _resume(fleet, store)
            unhalt(store)
        other = _other(fleet)
        with store.drive(other, clock=fleet.clock):
            assert store.budgets.take_share(other, clock=fleet.clock) is None, f"write {dies_at} left a share"
        report = _resume(fleet, store) if store.list() else _roll(fleet, store)
        assert report.succeeded, f"died at write {dies_at}"
        assert fleet.versions == {"lt-web:2": 2}
        if not died:
            assert dies_at > 10
            return
    pytest.fail("the rollout makes more writes than the sweep covers")
