"""Keeps two fleets for ninety simulated days, and counts what went wrong.

    python -m benchmarks.rotation --days 90

A new image is published every week; two of the images are bad. `awsroll keep` makes a pass every six hours. Fleets may
be rolled between 8 and 18 o'clock on working days; there is a freeze of a week; for two days one zone has no capacity.
One request a second is sent to each fleet.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from awsroll.core.model.period import Period
from awsroll.core.request.waves import FleetSpec
from awsroll.sandbox import Sandbox, SandboxOptions
from awsroll.schedules import schedule_at
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock
from benchmarks.rotation_world import KeptWorld

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
EVERY_HOURS = 6
MAX_AGE_DAYS = 21
BAD_WEEKS = (3, 7)
WINDOWS = (Period(cron="0 8 * * MON-FRI", duration=10 * 3600),)
FREEZES = (Period(start="2026-02-02", end="2026-02-09"),)
NO_CAPACITY = (timedelta(days=14, hours=8), timedelta(days=16))


@dataclass(slots=True)
class Figures:
    """What the ninety days have shown.

    Attributes:
        rollouts: the number of rollouts.
        breaches: servers that began to leave while no window was open.
        spoiled: the servers that ran each bad image.
        ages: samples of the age of each server, and how many were within the maximum.
        rest_calls: AWS calls of passes that rolled nothing.
        rest_hours: server hours between those passes.
    """

    rollouts: int = 0
    breaches: int = 0
    spoiled: dict[str, set[str]] = field(default_factory=dict)
    samples: int = 0
    within: int = 0
    rest_calls: int = 0
    rest_hours: float = 0.0
    sent: int = 0
    dropped: int = 0

    def lines(self) -> Iterator[str]:
        """Yield one line for each question."""
        most = max((len(ids) for ids in self.spoiled.values()), default=0)
        yield f"rollouts: {self.rollouts}"
        yield f"requests: {self.sent:,} sent, {self.dropped} dropped"
        yield f"windows and freezes: {self.breaches} servers left while they were closed"
        yield f"bad images: {len(self.spoiled)} published and tried, at most {most} server of one"
        yield f"age: {100 * self.within / max(1, self.samples):.2f} % of servers within {MAX_AGE_DAYS} days"
        yield f"at rest: {self.rest_calls / max(1.0, self.rest_hours):.3f} API calls per server and hour"


@contextmanager
def kept_world(servers: int) -> Iterator[tuple[KeptWorld, tuple[FleetSpec, ...]]]:
    """Yield a world with two fleets."""
    clock = VirtualClock(START)
    with Sandbox(clock=clock, options=SandboxOptions()) as sandbox, TemporaryDirectory() as folder:
        world = KeptWorld(sandbox, clock, LocalStore(Path(folder)))
        limits = {"windows": WINDOWS, "freezes": FREEZES}
        fleets = tuple(
            world.fleet(name, servers=servers, max_age_days=MAX_AGE_DAYS, **limits) for name in ("canary", "web")
        )
        world.start()
        yield world, fleets


def simulate(*, days: int, servers: int, bad_weeks: Sequence[int] = BAD_WEEKS) -> Figures:
    """Keep the fleets for a number of days, with bad images in some weeks; return the figures."""
    with kept_world(servers) as (world, fleets):
        figures = Figures()
        world.sandbox.on_call(lambda _, call, given: _note_leaving(world, figures, call, given))
        for hour in range(0, days * 24, EVERY_HOURS):
            _until(world, timedelta(hours=hour))
            _publish(world, hour, bad_weeks)
            _limit_capacity(world)
            _pass(world, fleets, figures)
        figures.sent, figures.dropped = world.watch.sent, world.watch.dropped
        return figures


def _until(world: KeptWorld, since_start: timedelta) -> None:
    left = (START + since_start - world.clock.now()).total_seconds()
    if left > 0:
        world.sandbox.jump(left)


def _publish(world: KeptWorld, hour: int, bad_weeks: Sequence[int]) -> None:
    week, rest = divmod(hour, 7 * 24)
    if rest == 0:
        image = f"ami-{week:08x}"
        if week in bad_weeks:
            world.bad.add(image)
        world.publish(image)


def _limit_capacity(world: KeptWorld) -> None:
    since = world.clock.now() - START
    zone = f"{world.sandbox.world.region}a"
    if NO_CAPACITY[0] <= since < NO_CAPACITY[1]:
        world.sandbox.ec2.capacity[zone] = 0
    else:
        world.sandbox.ec2.capacity.pop(zone, None)


def _pass(world: KeptWorld, fleets: tuple[FleetSpec, ...], figures: Figures) -> None:
    before = sum(world.sandbox.calls.values())
    done = world.keep(*fleets)
    running = [one for fleet in fleets for one in world.servers(fleet.name)]
    if done.report is None:
        figures.rest_calls += sum(world.sandbox.calls.values()) - before
        figures.rest_hours += EVERY_HOURS * len(running)
    else:
        figures.rollouts += sum(1 for fleet in done.report.fleets if fleet.report is not None)
    now = world.clock.now()
    figures.samples += len(running)
    figures.within += sum(1 for one in running if now - one.launched_at <= timedelta(days=MAX_AGE_DAYS))
    for one in world.sandbox.ec2.instances():
        if one.record.image_id in world.bad:
            figures.spoiled.setdefault(one.record.image_id, set()).add(one.instance_id)


def _note_leaving(world: KeptWorld, figures: Figures, call: str, given: Any) -> None:
    """Count a server that begins to leave for its replacement while no window is open."""
    if call not in ("TerminateInstanceInAutoScalingGroup", "DetachInstances", "DeregisterTargets"):
        return
    leaving = [given.get("InstanceId", "")] if "InstanceId" in given else []
    bad = any(world.sandbox.ec2.instance(one).record.image_id in world.bad for one in leaving if one)
    if not bad and not schedule_at(WINDOWS, FREEZES, {}, world.clock.now()).is_open:
        figures.breaches += 1


def main() -> int:
    """Simulate, print the figures, and return 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--servers", type=int, default=6)
    given = parser.parse_args()
    for line in simulate(days=given.days, servers=given.servers).lines():
        sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
