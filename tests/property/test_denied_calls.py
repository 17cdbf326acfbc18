"""AWS refuses one permission from any step of any rollout on: in the pause, the group takes care of itself again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.amount import Amount
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.user_requests import UserRequests
from awsroll.driver.reconciler import Controller
from awsroll.errors import AccessRefusedError
from awsroll.ports import Record
from awsroll.testing.fleet import FakeFleet
from tests.support.builders import LIMITS, auto_scaling, rollout, standalone
from tests.support.search import LONG

HOW: tuple[dict[str, Any], ...] = (
    {"max_unavailable": Amount(value=1)},
    {"max_unavailable": Amount(value=0), "max_surge": Amount(value=1)},
    {"strategy": Strategy.DOUBLE_HALF, "max_unavailable": Amount(value=0)},
    {"strategy": Strategy.RELOAD, "max_unavailable": Amount(value=1)},
)
READS = ("the fleet", "the fleet and its group", "the fleet and its group but not its members")
WRITES = (
    act.TagInstances,
    act.LaunchInGroup,
    act.SetDesiredCapacity,
    act.RegisterTargets,
    act.DeregisterTargets,
    act.TerminateInGroup,
    act.DetachFromGroup,
    act.EnterStandby,
    act.ExitStandby,
    act.SendCommand,
    act.DeleteWarmPool,
)
ALL_WRITES = (
    *WRITES,
    act.LaunchInstance,
    act.TerminateInstance,
    act.SaveSettings,
    act.ForgetSavedSettings,
    act.UpdateGroup,
    act.SuspendProcesses,
    act.ResumeProcesses,
)
MAXIMUM = 3


class DenyingFleet:
    """A fake fleet of which AWS refuses one kind of call."""

    def __init__(self, fleet: FakeFleet) -> None:
        self.fleet = fleet
        self.denied: object = None

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        if self.denied in READS:
            raise _refusal()
        return self.fleet.observe(rollout, status)

    def observe_group(self, rollout: Rollout) -> Observation:
        if self.denied == READS[1]:
            raise _refusal()
        seen = self.fleet.observe_group(rollout)
        return replace(seen, group=None) if self.denied == READS[2] else seen

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        return tuple(self._execute(rollout, action) for action in actions)

    def _execute(self, rollout: Rollout, action: Action) -> Result:
        if type(action) is self.denied:
            return Result(action=action, answer=Answer.REFUSED, code="AccessDenied", message="not allowed", denied=True)
        (result,) = self.fleet.execute(rollout, [action])
        return result


class MemoryStore:
    """One record, without its past."""

    def __init__(self) -> None:
        self.requests = UserRequests()

    def save(self, record: Record) -> Record:
        return replace(record, revision=record.revision + 1)

    def user_requests(self, _: str) -> UserRequests:
        return self.requests


class Silent:
    def event(self, *_: object, **__: object) -> None: ...

    def observed(self, *_: object) -> None: ...


def _refusal() -> AccessRefusedError:
    return AccessRefusedError("not authorized", code="AccessDenied", operation="ec2:DescribeInstances")


def begun(fake: FakeFleet, steps: int, how: dict[str, Any]) -> tuple[Controller, DenyingFleet]:
    """Drive a rollout for some steps."""
    fleet = DenyingFleet(fake)
    request = rollout(fake, limits=replace(LIMITS, progress_seconds=1200), **how)
    now = fake.clock.now()
    controller = Controller(
        Record(rollout=request, status=Status(started_at=now, progress_at=now)),
        fleet=fleet,  # type: ignore[arg-type]
        store=MemoryStore(),  # type: ignore[arg-type]
        clock=fake.clock,
        sink=Silent(),  # type: ignore[arg-type]
    )
    for _ in range(steps):
        if not controller.is_over:
            fake.clock.sleep(controller.attempt() or 2)
    return controller, fleet


@pytest.mark.parametrize("denied", [*READS, *WRITES], ids=lambda one: getattr(one, "__name__", one))
@settings(max_examples=60 if LONG else 6, deadline=None, derandomize=not LONG, suppress_health_check=list(HealthCheck))
@given(steps=st.integers(0, 40), how=st.sampled_from(HOW))
def test_a_pause_without_a_permission_leaves_no_process_suspended_and_no_maximum_raised(
    denied: object, steps: int, how: dict[str, Any]
) -> None:
    fake = auto_scaling()
    controller, fleet = begun(fake, steps, how)
    fleet.denied = denied
    status = controller.run()

    group = fake.group
    assert group is not None
    has_surplus = group.settings.desired > MAXIMUM or any(server.phase.is_way_out for server in status.servers.values())
    assert status.outcome in (Outcome.PAUSED, Outcome.SUCCEEDED, Outcome.STOPPED, Outcome.ROLLED_BACK)
    assert group.settings.suspended <= ({"AlarmNotification"} if has_surplus else set())
    if denied != READS[1]:
        assert group.settings.maximum <= max(MAXIMUM, group.settings.desired + len(group.members))
        assert group.settings.maximum == MAXIMUM or has_surplus or group.settings.desired < MAXIMUM


@pytest.mark.parametrize("grouped", [True, False], ids=["group", "standalone"])
@settings(
    max_examples=300 if LONG else 40, deadline=None, derandomize=not LONG, suppress_health_check=list(HealthCheck)
)
@example(denied=act.TerminateInstance, steps=9, how=HOW[1])  # two servers whose termination is refused in turn
@given(denied=st.sampled_from(ALL_WRITES), steps=st.integers(1, 40), how=st.sampled_from(HOW))
def test_an_abort_ends_whatever_call_aws_refuses(
    denied: object, steps: int, how: dict[str, Any], *, grouped: bool
) -> None:
    fake = auto_scaling() if grouped else standalone()
    controller, fleet = begun(fake, steps, how)
    if controller.is_over:
        return
    fleet.denied = denied
    fake.world.watchers.clear()  # a server that AWS does not terminate breaks what holds after each end
    store: Any = controller._store
    store.requests = UserRequests(abort=True)
    until = fake.clock.monotonic() + 4 * 3600
    status = controller.run(lambda: fake.clock.monotonic() > until)

    assert (status.mode, status.outcome) in {(Mode.ENDED, Outcome.STOPPED), (Mode.ENDED, Outcome.SUCCEEDED)}, status
    assert status.warnings or not status.settings.found
