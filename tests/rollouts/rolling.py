"""Rolls fleets of the embedded AWS through the library's public call, in virtual time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.report import Report, RolloutPlan
from awsroll.sandbox import Sandbox, SandboxOptions
from awsroll.sandbox.ready_fleets import Fleet
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """A running sandbox, a fleet in it, and a store."""

    sandbox: Sandbox
    clock: VirtualClock
    fleet: Fleet
    store: LocalStore

    def request(self, *, version: int = 2, **more: Any) -> RolloutSpec:
        reloading = more.get("strategy") == Strategy.RELOAD
        wanted: dict[str, Any] = {
            "asg": self.fleet.group_name or "",
            "target_group": () if self.fleet.group_name else self.fleet.target_group_arns,
            "launch_template": "" if reloading else f"{self.fleet.template_id}:{version}",
            "command": ("sandbox-version v2",) if reloading else (),
            "app_version": "2.0" if reloading else "",
        }
        return RolloutSpec(**wanted | more)

    def roll(self, **wanted: Any) -> Report:
        request = self.request(**wanted)
        return awsroll.roll(request, session=self.sandbox.session(), store=self.store, clock=self.clock)

    def plan(self, **wanted: Any) -> RolloutPlan:
        request = self.request(**wanted)
        return awsroll.plan(request, session=self.sandbox.session(), store=self.store, clock=self.clock)

    def serving_versions(self) -> dict[str, int]:
        """Count the healthy targets of the first target group by the version that their application reports."""
        found: dict[str, int] = {}
        for target in self.sandbox.world.elb.targets(self.fleet.target_group_arns[0]):
            if target.state == "healthy":
                label = self.sandbox.world.ec2.instance(target.instance_id).version_label
                found[label] = found.get(label, 0) + 1
        return found

    def running(self) -> set[str]:
        return {one.instance_id for one in self.sandbox.world.ec2.instances() if one.state in ("pending", "running")}

    def group(self) -> dict[str, Any]:
        autoscaling = self.sandbox.session().client("autoscaling")
        answer = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.fleet.group_name])
        found: dict[str, Any] = answer["AutoScalingGroups"][0]
        return found


def enter(sandbox: Sandbox, clock: VirtualClock, folder: Path, *, grouped: bool, **shape: Any) -> Rolling:
    count = shape.pop("servers", 4)
    fleet = (
        sandbox.auto_scaling_fleet(desired=count, **shape)
        if grouped
        else sandbox.standalone_fleet(servers=count, **shape)
    )
    return Rolling(sandbox=sandbox, clock=clock, fleet=fleet, store=LocalStore(folder))


def make_sandbox(**options: Any) -> tuple[Sandbox, VirtualClock]:
    clock = VirtualClock()
    return Sandbox(clock=clock, options=SandboxOptions(**options)), clock
