"""`awsroll halt` pauses every rollout of a store at its next safe point and refuses new ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import awsroll
from awsroll.core.model.status import Outcome
from awsroll.errors import FleetLockedError, HaltedError
from awsroll.stores import LocalStore
from tests.lambdas.driven import machine
from tests.rollouts.holding import Watching, resume, roll
from tests.rollouts.rolling import Rolling, enter, make_sandbox

REASON = "incident 4711"


@pytest.fixture(params=[False, True], ids=["standalone", "auto-scaling"])
def rolling(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=request.param, servers=3)


def halt(rolling: Rolling) -> awsroll.Halt:
    return awsroll.halt(REASON, store=str(rolling.store.address), clock=rolling.clock)


def test_a_running_rollout_finishes_what_is_in_flight_and_pauses(rolling: Rolling) -> None:
    at = "group.instances-terminated" if rolling.fleet.group_name else "instance.deregistered"
    watching = Watching(at=at, do=lambda: halt(rolling))

    report = roll(rolling, rolling.store, watching)

    assert report.status is Outcome.PAUSED
    assert report.reason.startswith("halted by ")
    assert report.reason.endswith(f": {REASON}; after `awsroll unhalt`, `awsroll resume` continues it")
    assert sum(rolling.serving_versions().values()) == 3
    if rolling.fleet.group_name:
        assert rolling.group()["SuspendedProcesses"] == []


def test_a_halted_rollout_resumes_only_after_the_halt_is_lifted(rolling: Rolling) -> None:
    halted_at = "group.instances-terminated" if rolling.fleet.group_name else "instance.deregistered"
    paused = roll(rolling, rolling.store, Watching(at=halted_at, do=lambda: halt(rolling)))
    before = rolling.sandbox.calls.copy()

    with pytest.raises(HaltedError, match=REASON):
        resume(rolling, paused.rollout_id, rolling.store)
    with pytest.raises(HaltedError, match=REASON):
        awsroll.rollback(paused.rollout_id, session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock)
    assert rolling.sandbox.calls == before

    lifted = awsroll.unhalt(store=rolling.store)
    assert lifted.paused == (paused.rollout_id,)
    assert lifted.halt is not None
    assert lifted.halt.reason == REASON
    assert resume(rolling, paused.rollout_id, rolling.store).succeeded
    assert rolling.serving_versions() == {"v2": 3}


def test_a_halted_rollout_can_be_aborted(rolling: Rolling) -> None:
    halted_at = "group.instances-terminated" if rolling.fleet.group_name else "instance.deregistered"
    paused = roll(rolling, rolling.store, Watching(at=halted_at, do=lambda: halt(rolling)))

    report = awsroll.abort(
        paused.rollout_id, session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock
    )

    assert report.status is Outcome.STOPPED
    assert sum(rolling.serving_versions().values()) == 3


def test_a_new_rollout_is_refused_and_nothing_is_changed(rolling: Rolling) -> None:
    halt(rolling)
    before = rolling.sandbox.calls.copy()

    for start in (rolling.roll, rolling.plan):
        with pytest.raises(HaltedError, match=f"are halted by .*: {REASON}. Nothing was changed"):
            start()

    assert rolling.store.list() == ()
    made = {call.partition(":")[2] for call in rolling.sandbox.calls - before}
    assert {call for call in made if not call.startswith(("Describe", "Get", "List"))} == set()
    assert issubclass(HaltedError, FleetLockedError), "a script that tries again later handles both"


def test_a_second_halt_keeps_the_first_and_a_second_unhalt_finds_none(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = awsroll.halt("first", store=store)

    assert awsroll.halt("second", store=store) == first
    assert awsroll.unhalt(store=store).halt == first
    assert awsroll.unhalt(store=store).halt is None
    assert store.halted() is None


def test_the_function_of_the_state_machine_pauses_at_its_next_step(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True, servers=3) as driven:
        driven.prepare(driven.request())
        driven.go_on(lambda answer: answer["phase"] == "drain")
        halt(driven.rolling)
        paused = driven.go_on(lambda answer: answer["phase"] == "paused")
        driven.apply_command("resume")
        still = driven.reconcile()
        awsroll.unhalt(store=driven.rolling.store)
        last = driven.go_on()

    assert REASON in paused["reason"]
    assert still["phase"] == "paused"
    assert last["outcome"] == "succeeded"
