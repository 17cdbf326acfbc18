"""A computer whose clock is wrong: AWS's instants are compared with AWS's instants only."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.status import Outcome
from awsroll.sandbox import FaultRule
from awsroll.sandbox.faults.fault_rule import Fault
from tests.rollouts.rolling import enter, make_sandbox

NO_KEY = "The key pair 'deploy' does not exist."


@pytest.mark.parametrize("seconds", [240, -240])
def test_a_clock_that_is_four_minutes_wrong_changes_nothing(tmp_path: Path, seconds: float) -> None:
    took = {}
    for wrong in (0, seconds):
        sandbox, clock = make_sandbox()
        with sandbox:
            one = enter(sandbox, clock, tmp_path / str(wrong), grouped=True, servers=3)
            refused = FaultRule(
                fault=Fault.LAUNCH_REFUSED, code="InvalidKeyPair.NotFound", message=NO_KEY, versions=("2",)
            )
            sandbox.faults.add(refused)
            begun = clock.monotonic()
            report = awsroll.roll(
                one.request(poll=20), session=sandbox.session(), store=one.store, clock=Wrong(clock, wrong)
            )
            took[wrong] = clock.monotonic() - begun

            assert report.status is Outcome.ROLLED_BACK, report.reason
            assert NO_KEY in report.reason
    assert took[seconds] == pytest.approx(took[0], abs=30)


class Wrong:
    """A clock that is wrong by some seconds."""

    is_real_time = False

    def __init__(self, clock: Any, seconds: float) -> None:
        self._clock = clock
        self._by = timedelta(seconds=seconds)
        self.monotonic, self.sleep = clock.monotonic, clock.sleep

    def now(self) -> Any:
        return self._clock.now() + self._by
