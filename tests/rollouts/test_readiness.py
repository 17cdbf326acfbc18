"""The confirmation of a rollout: what is checked before and after it, and when the time of the rollout begins."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.context import NotConfirmedError
from awsroll.errors import FleetError, FleetLockedError
from awsroll.report import RolloutPlan
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=True, servers=2)


def context(rolling: Rolling, **more: Any) -> operations.Context:
    return operations.Context(session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, **more)


def test_a_person_confirms_the_plan_and_the_time_begins_afterwards(rolling: Rolling) -> None:
    shown: list[RolloutPlan] = []

    def confirm(plan: RolloutPlan) -> bool:
        shown.append(plan)
        rolling.clock.sleep(5000)
        return True

    report = operations.roll(rolling.request(), context(rolling, confirm=confirm))

    assert [len(plan.order) for plan in shown] == [2]
    assert report.status is Outcome.SUCCEEDED
    assert report.elapsed_s < 2000


def test_a_fleet_that_changed_while_the_person_thought_is_refused(rolling: Rolling) -> None:
    def scale(_: RolloutPlan) -> bool:
        autoscaling = rolling.sandbox.session().client("autoscaling")
        autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
        rolling.clock.sleep(60)
        return True

    with pytest.raises(FleetError, match="desired capacity is 3, but the plan has 2"):
        operations.roll(rolling.request(), context(rolling, confirm=scale))
    assert rolling.store.list() == ()


def test_a_person_is_not_asked_about_a_rollout_that_may_not_start(rolling: Rolling) -> None:
    asked: list[RolloutPlan] = []
    waiting = context(rolling, wait_for_approval=False)
    left = operations.roll(rolling.request(checkpoint=(1,), approve_checkpoints=True), waiting)

    with pytest.raises(FleetLockedError, match=left.rollout_id):
        operations.roll(rolling.request(), context(rolling, confirm=lambda plan: bool(asked.append(plan))))
    assert asked == []


def test_a_rollback_that_is_not_confirmed_changes_nothing(rolling: Rolling) -> None:
    done = rolling.roll()

    with pytest.raises(NotConfirmedError, match="nothing was changed"):
        operations.rollback(done.rollout_id, context(rolling, confirm_rollback=lambda _: False))

    assert not rolling.store.user_requests(done.rollout_id).rollback
    assert rolling.serving_versions() == {"v2": 2}
