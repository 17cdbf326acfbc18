"""Runs probes against the sandbox in virtual time, and reads their files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from awsroll.core.request.instructions import as_given
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.probe import Experiment, Limits, Probe, ProbeOutcome
from awsroll.probe.rollout_experiments import Interrupted
from awsroll.sandbox import Sandbox, SandboxOptions
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock

ACCOUNT = "123456789012"


class KilledError(BaseException):
    """Ends a rollout in the middle, as SIGKILL would: nothing of awsroll handles it."""


class KillingSink:
    """Kills the rollout at its first event about a server."""

    def event(self, name: str, _at: object, **_fields: object) -> None:
        if name.startswith(("instance.", "group.instances")):
            raise KilledError

    def observed(self, *_: object) -> None:
        return


@dataclass
class RollsInProcess:
    """Rolls in this process, in virtual time."""

    sandbox: Sandbox
    clock: VirtualClock
    ends: list[Interrupted] = field(default_factory=list)

    def roll(self, spec: RolloutSpec, store: Path, *, seconds: float) -> Interrupted:
        assert seconds > 0
        context = Context(session=self.sandbox.session(), store=LocalStore(store), clock=self.clock, sink=KillingSink())
        killed = False
        try:
            operations.roll(spec, context, rollout_id=f"r-{len(self.ends)}")
        except KilledError:
            killed = True
        resumed = replace(context, sink=None, requests=(as_given(spec),))
        report = operations.resume(f"r-{len(self.ends)}", resumed)
        code = 0 if report.status.value == "succeeded" else 3
        self.ends.append(Interrupted(killed=killed, exit_code=code, detail=report.status.value))
        return self.ends[-1]


@dataclass
class Probing:
    """A sandbox, and the folder of a probe."""

    sandbox: Sandbox
    clock: VirtualClock
    folder: Path
    said: list[str] = field(default_factory=list)

    def probe(self, *experiments: Experiment, **more: Any) -> Probe:
        wanted: dict[str, Any] = {
            "session": self.sandbox.session(),
            "clock": self.clock,
            "folder": self.folder,
            "rolls": RollsInProcess(self.sandbox, self.clock),
            "account": ACCOUNT,
            "accepts_cost": True,
            "experiments": experiments or tuple(Experiment),
            "limits": Limits(minutes=600),
            "probe_id": "awsroll-probe-1",
            "say": self.said.append,
        }
        return Probe(**wanted | more)

    def run(self, *experiments: Experiment, **more: Any) -> ProbeOutcome:
        return self.probe(*experiments, **more).run()

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def result(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return document

    def left_on_aws(self) -> dict[str, list[Any]]:
        """Return what the probe may have created and is still there."""
        session = self.sandbox.session()
        ec2, elb, iam = (session.client(each) for each in ("ec2", "elbv2", "iam"))
        states = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
        found = {
            "instances": ec2.describe_instances(Filters=states)["Reservations"],
            "groups": session.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"],
            "balancers": elb.describe_load_balancers()["LoadBalancers"],
            "target groups": elb.describe_target_groups()["TargetGroups"],
            "templates": ec2.describe_launch_templates()["LaunchTemplates"],
            "networks": [each for each in ec2.describe_vpcs()["Vpcs"] if not each["IsDefault"]],
            "gateways": ec2.describe_internet_gateways()["InternetGateways"],
            "roles": iam.list_roles()["Roles"],
            "profiles": iam.list_instance_profiles()["InstanceProfiles"],
        }
        return {name: resources for name, resources in found.items() if resources}


@contextmanager
def open_probing(folder: Path, **options: Any) -> Iterator[Probing]:
    clock = VirtualClock()
    with Sandbox(clock=clock, options=SandboxOptions(**options)) as sandbox:
        yield Probing(sandbox, clock, folder / "probe")
