"""A large fleet rolls as well as a small one: no server counts as late because its call waited for those of others.

A call for each of 1,000 servers at 150 ms takes 150 s, and a step makes calls for ten seconds. So most calls are put
off to later steps. Forty servers at 3.75 s a call need as many steps and as much time, and a tenth of the computing.
`python -m tests.scenarios.test_at_scale` rolls 1,000 servers.
"""

import sys
from typing import Any

import pytest

from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.rollout_choices import Limits, Strategy
from awsroll.core.model.status import Outcome
from awsroll.testing.clock import VirtualClock
from awsroll.testing.group import GroupSettings
from tests.support.builders import NEW, OLD, ZONES, rollout, target_group
from tests.support.drive import Driver, drive, versions
from tests.support.slow_fleet import SlowFleet

KINDS = ("standalone", "auto-scaling")
ALL_AT_ONCE = {"max_unavailable": EVERYTHING, "max_surge": Amount(value=0)}
STRATEGIES: dict[str, dict[str, Any]] = {
    "replace": ALL_AT_ONCE,
    "launch-first": {"max_unavailable": Amount(value=0), "max_surge": EVERYTHING},
    "double-half": {"strategy": Strategy.DOUBLE_HALF},
    "reload": {"strategy": Strategy.RELOAD, **ALL_AT_ONCE},
}


def fleet_of(kind: str, count: int, call_seconds: float) -> SlowFleet:
    """Return a fleet with the defaults of AWS: a deregistration delay of 300 s and a health check each 30 s."""
    web = target_group(managed=kind == "auto-scaling", deregistration_delay_seconds=300, health_interval_seconds=30)
    settings = GroupSettings(
        name="web",
        minimum=0,
        maximum=count,
        desired=count,
        template_id=OLD.template_id,
        version=str(OLD.number),
        latest=NEW.number,
        zones=ZONES,
        keys=(TargetKey(target_group=web.arn, port=web.port),),
    )
    group = settings if kind == "auto-scaling" else None
    fleet = SlowFleet(clock=VirtualClock(), target_groups=(web,), group=group, subnets=ZONES)
    fleet.call_seconds = call_seconds
    fleet.add(OLD, count=count)
    return fleet


def roll(kind: str, strategy: str, count: int, call_seconds: float) -> Driver:
    fleet = fleet_of(kind, count, call_seconds)
    return drive(fleet, rollout(fleet, limits=Limits(), **STRATEGIES[strategy]))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_server_of_a_healthy_rollout_counts_as_late(kind: str, strategy: str) -> None:
    ended = roll(kind, strategy, count=40, call_seconds=3.75)

    assert (ended.status.outcome, ended.status.reason) == (Outcome.SUCCEEDED, "")
    assert (ended.status.warnings, ended.status.failures) == ((), ())
    assert versions(ended.fleet) == {"app-3" if strategy == "reload" else str(NEW): 40}


def test_ten_times_slower_calls_make_no_server_late() -> None:
    ended = roll("standalone", "reload", count=40, call_seconds=37.5)

    assert (ended.status.outcome, ended.status.reason) == (Outcome.SUCCEEDED, "")


def main() -> int:
    """Roll 1,000 servers with each strategy, for both kinds of fleet; return 1 if one is not a clean success."""
    clean = True
    for kind in KINDS:
        for strategy in STRATEGIES:
            ended = roll(kind, strategy, count=1000, call_seconds=0.15)
            clean &= ended.status.outcome is Outcome.SUCCEEDED and not ended.status.warnings
            took = f"{ended.fleet.clock.monotonic():.0f} s, {len(ended.plans)} steps"
            warnings = len(ended.status.warnings)
            sys.stdout.write(f"{kind} {strategy}: {ended.status.outcome}, {took}, {warnings} warnings\n")
            sys.stdout.flush()
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
