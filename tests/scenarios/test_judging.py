"""The judge in virtual time: a worse version is rolled back from the canary, and a shared outage turns nothing back."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

import pytest

from awsroll.core.model.amount import Amount
from awsroll.core.model.hook_calls import HookEvent, Reading
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Gates, Judging, OnFailure
from awsroll.core.model.status import Outcome
from awsroll.core.observe.judged_record import current_judgements
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.step_status import WaitingFor, step_status_of
from awsroll.ports import Record
from tests.support.builders import NEW, OLD, auto_scaling, rollout, standalone
from tests.support.drive import Driver, versions

ERRORS = Hook(point=HookPoint.WHILE_JUDGING, name="errors", command=("count",), timeout_seconds=10)
CANARY = Gates(checkpoints=(Amount(value=1),), judge=Judging())
KINDS = {"standalone": standalone, "auto-scaling": auto_scaling}
Share = Callable[[bool], float]


def judged(kind: str = "standalone", *, bad: Share, rate: float = 5, gates: Gates = CANARY, **changes: Any) -> Driver:
    """Return a rollout of 10 servers whose servers answer `rate` requests a second, a share of them badly."""
    fleet = KINDS[kind](outdated=10)
    changes = {"on_failure": OnFailure.ROLLBACK} | changes
    driver = Driver(fleet, rollout(fleet, hooks=(ERRORS,), gates=gates, **changes))

    def count(event: HookEvent) -> Sequence[Reading]:
        total = round(rate * (event.until - event.since))
        servers = [fleet.instances[name] for name in event.instance_ids]
        return [
            Reading(instance_id=server.instance_id, bad=round(total * bad(server.is_new)), total=total)
            for server in servers
        ]

    driver.hooks.readings["errors"] = count
    return driver


def now_and_then(share: float) -> Share:
    """Return a share of bad requests of new servers in every other sample, and none in the others."""
    shares = cycle((2 * share, 0.0))
    return lambda is_new: next(shares) if is_new else 0.0


def at_the_gate(driver: Driver) -> Driver:
    while driver.status.gate.closed_since is None:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))
    return driver


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_with_errors_is_rolled_back_from_the_canary(kind: str) -> None:
    driver = judged(kind, bad=now_and_then(0.05))
    closed = at_the_gate(driver).status.gate.closed_since
    status = driver.run()

    assert (status.outcome, versions(driver.fleet)) == (Outcome.ROLLED_BACK, {str(OLD): 10})
    assert (
        "the judge found lt-web:3 worse than the old version by errors: bad requests: 8 of 140 (5.7 %)" in status.reason
    )
    (failure,) = status.failures
    assert closed is not None
    assert (failure.at - closed).total_seconds() < 60
    assert len({event.instance_ids for event in driver.hooks.events}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_version_passes_the_gate_when_a_bad_one_would_have_been_found(kind: str) -> None:
    driver = judged(kind, bad=lambda _: 0)
    status = driver.run()
    reasons = {hold.reason for plan in driver.plans for hold in plan.holds}

    assert (status.outcome, status.failures, status.warnings) == (Outcome.SUCCEEDED, (), ())
    assert versions(driver.fleet) == {str(NEW): 10}
    assert Reason.JUDGING in reasons


def test_an_outage_of_all_servers_rolls_nothing_back() -> None:
    driver = judged(bad=lambda _: 0.6, gates=replace(CANARY, judge=Judging(wait_seconds=300)))
    status = driver.run()

    assert (status.outcome, status.failures) == (Outcome.SUCCEEDED, ())


def test_a_gate_waits_for_traffic_and_says_how_much_is_missing() -> None:
    driver = at_the_gate(judged(bad=lambda _: 0, rate=0.2))
    driver.wait(120)
    assert driver.status.gate.closed_since is not None

    record = Record(rollout=driver.rollout, status=driver.status)
    missing = r"errors has too few requests to new servers \(about \d+ more are needed\)"
    assert re.fullmatch(f"waits for a verdict: {missing}", step_status_of(record, wait_seconds=5).reason)
    assert step_status_of(record, wait_seconds=5).phase is WaitingFor.CHECKPOINT
    (verdict,) = current_judgements(driver.rollout, driver.status).values()
    assert re.fullmatch(r"wait: about \d+ more requests to new servers are needed; bad requests: .*", verdict.words)

    driver = judged(bad=lambda _: 0, rate=0.2, gates=replace(CANARY, judge=Judging(wait_seconds=120)))
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    (warning,) = status.warnings
    assert warning.startswith(
        "checkpoint 1 opened without a verdict: errors has too few requests to new servers (about "
    )


def test_a_version_that_becomes_bad_in_the_window_is_rolled_back_without_a_checkpoint() -> None:
    driver = judged(bad=lambda is_new: 0.2 * is_new, gates=Gates())
    status = driver.run()

    assert status.outcome is Outcome.ROLLED_BACK
    assert versions(driver.fleet) == {str(OLD): 10}


def test_a_hook_that_cannot_count_is_a_warning() -> None:
    driver = judged(bad=lambda _: 0)
    driver.hooks.fail("errors", times=3)
    status = driver.run()

    assert status.outcome is Outcome.SUCCEEDED
    assert status.warnings == ("the judge got no counts from errors: exit code 1",)


def test_after_a_pause_a_person_may_continue_and_the_evidence_begins_again() -> None:
    driver = judged(bad=lambda is_new: 0.05 * is_new, on_failure=OnFailure.PAUSE)
    assert driver.run().outcome is Outcome.PAUSED
    assert driver.status.judge["errors"].wealth == ()

    driver.hooks.readings["errors"] = lambda event: [
        Reading(instance_id=name, bad=0, total=50) for name in event.instance_ids
    ]
    driver.resume()
    assert driver.run().outcome is Outcome.SUCCEEDED


def test_a_server_that_warms_up_is_not_compared() -> None:
    driver = judged(bad=lambda _: 0, gates=replace(CANARY, judge=Judging(warm_up_seconds=120)))
    at_the_gate(driver)
    driver.wait(90)
    assert driver.hooks.events == []
    driver.wait(60)
    assert driver.hooks.events


def test_a_crash_at_any_time_loses_no_evidence() -> None:
    driver = judged(bad=lambda is_new: 0.05 * is_new)
    for number in range(400):
        if driver.ended:
            break
        if number % 3 == 0:
            driver.hooks.crash()
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))

    assert driver.status.outcome is Outcome.ROLLED_BACK


def test_a_hook_that_never_counts_keeps_a_gate_closed_for_half_an_hour_at_most() -> None:
    timeout = RolloutSpec(asg="web").judge_timeout
    driver = judged(bad=lambda _: 0, gates=replace(CANARY, judge=Judging(wait_seconds=timeout)))
    driver.hooks.readings["errors"] = lambda _: []
    closed = at_the_gate(driver).status.gate.closed_since
    while driver.status.gate.closed_since is not None:
        driver.fleet.clock.sleep(driver.unhurried(driver.step()))

    assert timeout == 1800
    assert closed is not None
    assert timeout <= (driver.fleet.clock.now() - closed).total_seconds() < timeout + 30
    assert any("without a verdict" in warning for warning in driver.status.warnings)
    assert driver.run().outcome is Outcome.SUCCEEDED
