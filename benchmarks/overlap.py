"""Measures how long a terminate-first rollout takes in virtual time: with overlap, and with the cap of 100 %.

    python -m benchmarks.overlap                            20 servers, 4 at a time, with the defaults of AWS
    python -m benchmarks.overlap --servers 100 --at-a-time 10

A drain takes 300 s. A replacement boots for 60 s and is healthy after 5 checks of 30 s. The bound is what these times
allow: the rounds of replacements, or the last drain if that ends later.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from awsroll.core.model.amount import EVERYTHING, Amount
from awsroll.core.model.observation import FleetKind, TargetGroup, TemplateVersion
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import Limits
from awsroll.core.model.status import Mode, Status
from awsroll.core.observe.settle import settle
from awsroll.core.planner import plan
from awsroll.testing.clock import VirtualClock
from awsroll.testing.fleet import FakeFleet
from awsroll.testing.world import Physics

DRAIN, BOOT, INTERVAL, CHECKS = 300, 60, 30, 5
OLD, NEW = (TemplateVersion(template_id="lt-web", number=number) for number in (1, 2))
LIMITS = Limits(drain_seconds=DRAIN + 60, min_healthy_seconds=INTERVAL * (CHECKS - 1))  # the first check makes healthy


def measure(servers: int, at_a_time: int, cap: Amount | None) -> tuple[float, int]:
    """Roll one fleet; return the seconds that it took and the highest number of running servers."""
    group = TargetGroup(arn="arn:web", name="web", port=80, deregistration_delay_seconds=DRAIN)
    physics = Physics(boot=BOOT, application=0)
    fleet = FakeFleet(
        clock=VirtualClock(), target_groups=(group,), subnets=(("a", "s-a"), ("b", "s-b")), physics=physics
    )
    fleet.add(OLD, count=servers)
    rollout = Rollout(
        rollout_id="overlap",
        kind=FleetKind.STANDALONE,
        fleet="web",
        target_groups=(group.arn,),
        max_unavailable=Amount(value=at_a_time),
        max_running=cap,
        template=NEW,
        limits=LIMITS,
        baseline=(VersionCount(version=str(OLD), count=servers, template=OLD),),
        baseline_template=OLD,
    )
    now = fleet.clock.now()
    status = Status(started_at=now, progress_at=now)
    while status.mode is not Mode.ENDED:
        decided = plan(rollout, fleet.observe(rollout, status), status)
        results = fleet.execute(rollout, decided.actions)
        status = settle(replace(decided.status, events=()), results, fleet.clock.now())
        fleet.clock.sleep(decided.requeue_seconds)
    return fleet.clock.monotonic(), status.counters.highest_running


def main(arguments: Sequence[str]) -> int:
    """Measure both and print one line for each; return 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overlap", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--servers", type=int, default=20, help="default: 20")
    parser.add_argument("--at-a-time", type=int, default=4, help="default: 4")
    asked = parser.parse_args(arguments)
    rounds, new = -(-asked.servers // asked.at_a_time), BOOT + INTERVAL * CHECKS
    bounds = {None: max(rounds * new, (rounds - 1) * new + DRAIN), EVERYTHING: rounds * (DRAIN + new)}
    for cap, bound in bounds.items():
        seconds, running = measure(asked.servers, asked.at_a_time, cap)
        words = "with overlap" if cap is None else f"--max-running {cap}"
        sys.stdout.write(f"{words}: {seconds:.0f} s, the bound is {bound} s; at most {running} servers run\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
