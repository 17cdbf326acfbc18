"""A fleet with a dead rollout: the process is killed at one of its AWS calls, as by SIGKILL."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awsroll
from awsroll.driver.context import Context
from awsroll.ports import Store
from awsroll.repairs.repair import Repaired, RepairTarget, repair
from awsroll.sandbox import Fleet, Sandbox, SandboxOptions
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock
from tests.crash.ending import Found
from tests.crash.knife import Crash, CutStore, Knife
from tests.crash.scenarios import Scenario
from tests.crash.story import build

LABEL_SECONDS = 601  # after this time, the label of a dead rollout no longer refuses other stores


@dataclass
class Wreck:
    """A sandbox with one fleet, before and after the death of its rollout."""

    sandbox: Sandbox
    fleet: Fleet
    folder: Path
    found: Found
    trail: list[str]

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.folder / "records")

    @property
    def elsewhere(self) -> LocalStore:
        """A store without the record of the rollout."""
        return LocalStore(self.folder / "elsewhere")

    def roll(self, scenario: Scenario, cut: int | str | None) -> None:
        """Roll until the process dies at an instant, by number or the first so described; None: until the end."""
        knife = Knife(self.sandbox.world.now, cut)
        put_away = knife.watch(self.sandbox)
        store = CutStore(self.store.directory, knife)
        session, clock = self.sandbox.session(), self.sandbox.clock
        with suppress(Crash):
            awsroll.roll(scenario.spec(self.fleet), session=session, store=store, clock=clock)
        put_away()
        assert cut is None or knife.is_dead, f"there is no instant {cut!r}"
        self.trail = knife.trail

    def repair(
        self,
        *,
        recorded: bool,
        confirm: Callable[[Sequence[Any]], bool] = bool,
        confirm_instance: Callable[[Any], bool] = bool,
        store: Store | None = None,
    ) -> Repaired:
        """Repair the fleet, with the record or from tags alone. By default a person confirms everything."""
        group = self.fleet.group_name or ""
        target = RepairTarget(asg=group, target_group=() if group else self.fleet.target_group_arns)
        if not recorded:
            self.sandbox.jump(LABEL_SECONDS)
        kept = store or (self.store if recorded else self.elsewhere)
        context = Context(session=self.sandbox.session(), store=kept, clock=self.sandbox.clock)
        return repair(target, context, confirm=confirm, confirm_instance=confirm_instance)

    def kill_repair(self, cut: int) -> list[str]:
        """Start a repair without the record that dies at an instant; return the instants up to there."""
        self.sandbox.jump(LABEL_SECONDS)
        knife = Knife(self.sandbox.world.now, cut)
        put_away = knife.watch(self.sandbox)
        with suppress(Crash):
            self.repair(recorded=False, store=CutStore(self.elsewhere.directory, knife))
        put_away()
        return knife.trail

    def settings_now(self) -> Found:
        return Found.of(self.sandbox, self.fleet)

    def live(self) -> set[str]:
        return {one.instance_id for one in self.sandbox.ec2.live_instances()}

    def serving(self) -> set[str]:
        """Instances that are healthy on every port of every target group."""
        ports = self.fleet.ports[:1] if self.fleet.group_name else self.fleet.ports
        per_port = [
            {one.instance_id for one in self.sandbox.elb.targets(arn) if one.port == port and one.state == "healthy"}
            for arn in self.fleet.target_group_arns
            for port in ports
        ]
        return set.intersection(*per_port)

    def pool(self) -> dict[str, Any]:
        """Return the warm pool's settings."""
        groups = self.sandbox.session().client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        return next(one["WarmPoolConfiguration"] for one in groups if one["AutoScalingGroupName"] == "web")

    def members(self) -> dict[str, str]:
        groups = [one for one in self.sandbox.autoscaling.groups() if one.name == self.fleet.group_name]
        return {name: str(one.state) for group in groups for name, one in group.members.items()}


@contextmanager
def wreck(scenario: Scenario, folder: Path, pool: Mapping[str, Any] | None = None) -> Iterator[Wreck]:
    """Build the fleet of a scenario in a new sandbox, with a warm pool if one is given."""
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**scenario.options)) as sandbox:
        fleet = build(sandbox, scenario)
        if pool:
            sandbox.session().client("autoscaling").put_warm_pool(AutoScalingGroupName=fleet.group_name, **pool)
        yield Wreck(sandbox=sandbox, fleet=fleet, folder=folder, found=Found.of(sandbox, fleet), trail=[])
