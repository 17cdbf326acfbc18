"""One interface for the fake fleet and the sandbox: a fleet, its rollout, and virtual time.

Their timers differ, so a test waits for an expected state (`until`) and never for a number of seconds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.core.model.action_results import Result
from awsroll.core.model.actions import Action
from awsroll.core.model.amount import EVERYTHING
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import FleetKind, Instance, Observation, TargetKey, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import ReloadCommand
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.fleets import fleet_of
from awsroll.ports import Fleet
from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock
from tests.support.builders import auto_scaling, standalone

ROLLOUT_ID = "web-20260101-000000-4f2a"
COUNT = 3


@dataclass
class Lab:
    """A fleet of three servers on version 1 of a template that has a version 2."""

    fleet: Fleet
    rollout: Rollout
    clock: VirtualClock
    old: TemplateVersion
    new: TemplateVersion
    status: Status
    shift: Callable[[str], None]

    def look(self) -> Observation:
        return self.fleet.observe(self.rollout, self.status)

    def do(self, *actions: Action) -> Result:
        """Execute actions; return the result of the last action."""
        return self.fleet.execute(self.rollout, actions)[-1]

    def name(self, *instance_ids: str) -> None:
        """Add ids to the record, so that every observation includes them."""
        flights = {one: Server(phase=ServerPhase.DRAINING, since=self.clock.now(), attempt=1) for one in instance_ids}
        self.status = replace(self.status, servers=self.status.servers | flights)

    def until(self, expected: Callable[[Observation], bool], *, seconds: int = 600) -> Observation:
        for _ in range(seconds // 2):
            seen = self.look()
            if expected(seen):
                return seen
            self.clock.sleep(2)
        message = f"not within {seconds} s: {self.look()}"
        raise AssertionError(message)

    @property
    def key(self) -> TargetKey:
        return TargetKey(target_group=self.rollout.target_groups[0], port=80)

    def first(self) -> Instance:
        return min(self.look().instances, key=lambda one: one.instance_id)

    def launch(self, number: int = 1, **changes: Any) -> Launch:
        one = self.first()
        made = Launch(
            number=number,
            token=f"awsroll-{ROLLOUT_ID}-{number}",
            at=self.clock.now(),
            zone=one.zone,
            subnet_id=one.subnet_id,
            template=self.new,
            targets=(self.key,),
            tags=(("awsroll:role", "replacement"), ("awsroll:rollout", ROLLOUT_ID), ("team", "shop")),
        )
        return replace(made, **changes)


def _rollout(kind: FleetKind, target_groups: tuple[str, ...], group: str, template: TemplateVersion) -> Rollout:
    return Rollout(
        rollout_id=ROLLOUT_ID,
        kind=kind,
        fleet="web",
        group=group,
        target_groups=target_groups,
        max_unavailable=EVERYTHING,  # the planner decides the order of calls; here each call is tested alone
        max_surge=EVERYTHING,
        deregistration_delay_seconds=5,
        template=template,
        reload=ReloadCommand(app_version="app-3", commands=("sandbox-version app-3",)),
    )


@contextmanager
def fake_lab(kind: FleetKind) -> Iterator[Lab]:
    fleet = standalone(outdated=COUNT) if kind is FleetKind.STANDALONE else auto_scaling(outdated=COUNT, maximum=10)
    old = fleet.instances.all()[0].template
    assert old is not None
    new = replace(old, number=old.number + 1)
    group = "web" if kind is FleetKind.AUTO_SCALING else ""
    rollout = _rollout(kind, tuple(fleet.targets.groups), group, new)
    now = fleet.clock.now()
    yield Lab(
        fleet, rollout, fleet.clock, old, new, Status(started_at=now, progress_at=now), fleet.targets.shifted_zones.add
    )


@contextmanager
def sandbox_lab(kind: FleetKind) -> Iterator[Lab]:
    clock = VirtualClock()
    with Sandbox(clock=clock) as sandbox:
        is_group = kind is FleetKind.AUTO_SCALING
        built = (
            sandbox.auto_scaling_fleet(desired=COUNT, health_check_type="EC2")
            if is_group
            else sandbox.standalone_fleet(servers=COUNT)
        )
        old = TemplateVersion(template_id=built.template_id, number=1)
        new = replace(old, number=2)
        rollout = _rollout(kind, built.target_group_arns, built.group_name or "", new)
        fleet = fleet_of(rollout, Connection(sandbox.session(), clock=clock))
        now = clock.now()
        status = Status(started_at=now, progress_at=now)
        yield Lab(fleet, rollout, clock, old, new, status, sandbox.world.elb.shift)


LABS = {"fake": fake_lab, "sandbox": sandbox_lab}
