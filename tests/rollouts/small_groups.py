"""Small groups of the sandbox, each with a good and a bad version, and waves of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import awsroll
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, FleetsSpec, WaveSpec
from awsroll.driver.operations import Context
from awsroll.report import FleetsReport
from awsroll.sandbox import Sandbox
from awsroll.stores import LocalStore
from awsroll.waves import FleetsRun
from tests.support.turns import TurnClock

GOOD, BAD = 2, 3
Result = TypeVar("Result")


class Log:
    """Records every event, and calls a function at the first event of a name."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self.times: list[tuple[datetime, str, dict[str, object]]] = []
        self._reactions: dict[str, Callable[[], object]] = {}

    def at(self, event: str, react: Callable[[], object]) -> None:
        self._reactions[event] = react

    def at_event_of(self, fleet: str, event: str, react: Callable[[], object]) -> None:
        self._reactions[f"{fleet} {event}"] = react

    def event(self, name: str, at: datetime, **fields: object) -> None:
        self.events.append((name, fields))
        self.times.append((at, name, fields))
        self._reactions.pop(name, lambda: None)()
        self._reactions.pop(f"{fields.get('fleet_name')} {name}", lambda: None)()

    def observed(self, *_: object) -> None:
        """Ignore observations."""

    def order(self, *names: str) -> list[tuple[str, object]]:
        return [(name, fields["fleet_name"]) for name, fields in self.events if name in names]


class World:
    """A sandbox with small groups, each with a good version 2 and a bad version 3."""

    def __init__(self, sandbox: Sandbox, clock: TurnClock, folder: Path) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.store = LocalStore(folder)
        self.log = Log()

    def fleet(self, name: str, *, version: int | str = GOOD, servers: int = 2, **more: Any) -> FleetSpec:
        self.sandbox.auto_scaling_fleet(
            name=name, desired=servers, zones=2, further_versions=({"sandbox:health": "unhealthy"},)
        )
        request = RolloutSpec(asg=name, launch_template=f"{name}:{version}", healthy_timeout=120, **more)
        return FleetSpec(name=name, request=request)

    def roll(self, *waves: WaveSpec) -> FleetsReport:
        return awsroll.roll_fleets(
            FleetsSpec(waves=waves),
            session=self.sandbox.session(),
            store=self.store,
            clock=self.clock,
            sink=self.log,
        )

    def run(self, *waves: WaveSpec, **more: Any) -> FleetsRun:
        context = Context(session=self.sandbox.session(), store=self.store, clock=self.clock, sink=self.log, **more)
        return FleetsRun(FleetsSpec(waves=waves), context)

    def alarm(self, name: str, state: str = "OK") -> None:
        client = self.sandbox.session().client("cloudwatch")
        client.put_metric_alarm(
            AlarmName=name, MetricName="errors", Namespace="web", Period=60, EvaluationPeriods=1, Threshold=1,
            Statistic="Sum", ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="5 errors")

    def versions(self, name: str) -> list[str]:
        client = self.sandbox.session().client("autoscaling")
        group = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
        serving = [one for one in group["Instances"] if one["LifecycleState"] == "InService"]
        return [one["LaunchTemplate"]["Version"] for one in serving]

    def delete_group(self, name: str) -> None:
        client = self.sandbox.session().client("autoscaling")
        client.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


def apart(work: Callable[[], Result]) -> Result:
    """Do work in a thread that takes part in the turns of the clock, as the driver of waves with alarms must.

    The work must wait on the clock alone. The checks of fleets wait for threads, so they run outside of it.
    """
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


def wave_of(*fleets: FleetSpec, name: str = "", **limits: Any) -> WaveSpec:
    return WaveSpec(name=name or fleets[0].name, fleets=fleets, **limits)


def endings(report: FleetsReport) -> dict[str, str]:
    return {one.fleet_name: one.status.value for one in report.fleets}
