"""The whole chain of many fleets in separate processes: two waves of groups, rolled under live traffic.

    python -m tests.chain.fleets [--keep DIR]

As `tests.chain.everything`, with the machine of many fleets: two groups side by side in the first wave, in executions
of a distributed Map, a third one in the second wave. Prints what happened; 0 only if the execution succeeded, every
server is new, and no request was dropped. It takes two minutes or more, and needs node.
"""

import argparse
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awsroll.sandbox.demo_world import DEREGISTRATION_DELAY_SECONDS, DemoWorld
from awsroll.sandbox.ready_fleets import Fleet
from awsroll.sandbox.traffic import Traffic
from tests.chain.everything import SPEED, Ending, deploy, describe_ending, kept_folder, versions
from tests.chain.executions import client, execute, machine_arn
from tests.chain.processes import ministack

_SERVERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """How it went.

    Attributes:
        map_runs: of each wave, how many fleets ended in executions of their own without an error.
    """

    ending: Ending
    map_runs: tuple[int, ...]

    @property
    def is_right(self) -> bool:
        """Whether all is as promised."""
        return self.ending.is_right and self.map_runs == (2, 1)


def run_fleets(folder: Path) -> Rolled:
    """Deploy, roll three groups in two waves, and tell how it went."""
    with ExitStack() as stack:
        world = stack.enter_context(DemoWorld(servers=_SERVERS, auto_scaling=True, speed=SPEED))
        others = [_another(world, name) for name in ("second", "third")]
        fleets = [world.fleet, *others]
        url = stack.enter_context(ministack(folder))
        deploy(folder, url, world, fleets, {"many_fleets": "true", "surges": "true"})
        arns = [arn for one in others for arn in one.target_group_arns]
        load = stack.enter_context(Traffic(world.server.world, target_groups=arns, requests_per_second=50))
        steps = client(url, "stepfunctions")
        execution = execute(steps, machine_arn(steps, "Fleets"), "release-2", _file(fleets))
        seen = (world.stop_traffic(), load.stop())
        ending = Ending(
            execution=execution,
            requests=sum(one.requests for one in seen),
            dropped=sum(one.dropped for one in seen),
            by_version={name: sum(one.by_version.get(name, 0) for one in seen) for name in ("v1", "v2")},
            versions=versions(world, fleets),
        )
        return Rolled(ending=ending, map_runs=_map_runs(steps, execution.arn))


def _file(fleets: list[Fleet]) -> dict[str, Any]:
    """Return what a file of many fleets holds: two side by side, then the third, whose version is given by an alias."""
    first, second, third = ({"asg": one.group_name, "launch-template": str(one.template_id)} for one in fleets)
    for one in (first, second):
        one["launch-template"] += ":2"
    return {
        "defaults": {"launch-first": True, "poll": 2},
        "waves": [{"name": "first", "fleets": [first, second]}, {"name": "second", "fleets": [third]}],
    }


def _another(world: DemoWorld, name: str) -> Fleet:
    """Build a further group like the demo's; its newest version is 2."""
    return world.server.auto_scaling_fleet(
        name=name,
        desired=_SERVERS,
        max_size=2 * _SERVERS,
        zones=world.zones,
        health_check_interval_seconds=5,
        health_check_timeout_seconds=2,
        deregistration_delay_seconds=DEREGISTRATION_DELAY_SECONDS,
    )


def _map_runs(steps: Any, execution: str) -> tuple[int, ...]:
    runs = sorted(steps.list_map_runs(executionArn=execution)["mapRuns"], key=lambda one: one["startDate"])
    found = (steps.describe_map_run(mapRunArn=one["mapRunArn"]) for one in runs)
    return tuple(one["executionCounts"]["succeeded"] for one in found)


def main() -> int:
    """Run it and print what happened."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the logs of all programs are kept")
    with kept_folder(parser.parse_args().keep) as folder:
        rolled = run_fleets(folder)
    print(describe_ending(rolled.ending))  # noqa: T201 - what a command answers
    print(f"fleets of each wave, in executions of their own: {rolled.map_runs}")  # noqa: T201 - the same
    return 0 if rolled.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
