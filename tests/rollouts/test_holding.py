"""One rollout at a time on a fleet: across processes and machines, and after a driver was suspended."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import Pace, Strategy
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.repairs.repair import RepairTarget, repair
from awsroll.report import Report
from awsroll.stores import RecordStore
from tests.rollouts.holding import SHARED, Watching, changes, labels, refused_meanwhile, resume, roll, shared
from tests.rollouts.rolling import Rolling, enter, make_sandbox
from tests.stores.places import HERE, THERE


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2, target_groups=2)


@pytest.mark.parametrize("kind", SHARED)
def test_a_second_machine_with_the_same_store_is_refused_and_the_first_is_untouched(
    rolling: Rolling, kind: str
) -> None:
    open_as = shared(rolling, kind)
    other, shared_one = rolling.fleet.target_group_arns
    overlapping = {"target_group": (shared_one,), "exclude_target_group": (other,)}
    second = refused_meanwhile(rolling, open_as(THERE), **overlapping, launch_first=True)
    watching = Watching(do=second)

    report = roll(rolling, open_as(HERE), watching)

    assert f"held by rollout {report.rollout_id} (process 1 on here as arn:aws:sts::" in str(watching.done)
    assert report.status is Outcome.SUCCEEDED
    assert rolling.serving_versions() == {"v2": 2}
    assert awsroll.rollouts(store=open_as(THERE))[0].status is Outcome.SUCCEEDED
    assert labels(rolling) == []


@pytest.mark.parametrize("kind", SHARED)
def test_a_group_named_by_its_arn_is_the_group_of_that_name(tmp_path: Path, kind: str) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        before = rolling.group()
        open_as = shared(rolling, kind)
        second = refused_meanwhile(rolling, open_as(THERE), asg=before["AutoScalingGroupARN"])
        watching = Watching(at="group.instances-terminated", do=second)

        report = roll(rolling, open_as(HERE), watching)

        assert "held by rollout" in str(watching.done)
        assert report.status is Outcome.SUCCEEDED
        assert rolling.group()["Tags"] == before["Tags"]


@pytest.mark.parametrize("stoppable", [False, True], ids=["library", "stop-requested"])
def test_a_lease_of_seconds_is_renewed_during_a_drain_of_minutes(rolling: Rolling, stoppable: bool) -> None:
    from awsroll.driver import operations

    context = operations.Context(
        session=rolling.sandbox.session(),
        store=rolling.store,
        clock=rolling.clock,
        **({"stop_requested": lambda: False} if stoppable else {}),
    )

    report = operations.roll(
        rolling.request(strategy=Strategy.DOUBLE_HALF, deregistration_delay=300, lease=10, poll=1000), context
    )

    assert report.status is Outcome.SUCCEEDED
    assert report.elapsed_s > 300


@pytest.mark.parametrize("kind", ["directory", *SHARED])
@pytest.mark.parametrize("event", ["rollout.created", "instance.deregistered", "instance.launched"])
def test_a_driver_that_was_suspended_past_its_lease_makes_no_further_change(
    rolling: Rolling, kind: str, event: str
) -> None:
    store = rolling.store if kind == "directory" else shared(rolling, kind)(HERE)

    def sleep() -> tuple[Any, Any]:
        rolling.sandbox.jump(61)
        return changes(rolling), store.list()

    watching = Watching(at=event, do=sleep)

    report = roll(rolling, store, watching)

    assert (changes(rolling), store.list()) == watching.done
    assert report.status is Outcome.PAUSED
    assert "lease of 60 s expired" in report.reason
    assert watching.names[-1] == "rollout.paused"
    assert resume(rolling, report.rollout_id, store).succeeded
    assert rolling.serving_versions() == {"v2": 2}


def test_a_driver_that_was_suspended_between_two_calls_of_a_step_makes_no_second_call(rolling: Rolling) -> None:
    slept: list[str] = []

    def sleep(service: str, operation: str, _: Any) -> None:
        if operation == "DeregisterTargets" and not slept:
            slept.append(service)
            rolling.clock.jump(61)

    rolling.sandbox.on_call(sleep, "after")

    report = roll(rolling, rolling.store)

    assert report.status is Outcome.PAUSED
    assert changes(rolling)["elbv2:DeregisterTargets"] == 1
    assert resume(rolling, report.rollout_id, rolling.store).succeeded


@pytest.mark.parametrize("kind", SHARED)
def test_a_process_that_takes_over_from_a_suspended_driver_ends_the_rollout_alone(rolling: Rolling, kind: str) -> None:
    open_as = shared(rolling, kind)

    def take_over() -> Report:
        rolling.sandbox.jump(61)
        report = resume(rolling, awsroll.rollouts(store=open_as(THERE))[0].rollout_id, open_as(THERE))
        states.append(changes(rolling))
        return report

    states: list[dict[str, int]] = []
    watching = Watching(do=take_over)

    sleeper = roll(rolling, open_as(HERE), watching)

    assert isinstance(watching.done, Report)
    assert watching.done.status is Outcome.SUCCEEDED
    assert sleeper.status is Outcome.PAUSED
    assert changes(rolling) == states[0]
    assert awsroll.status(sleeper.rollout_id, store=open_as(HERE)).status is Outcome.SUCCEEDED


@pytest.mark.parametrize("kind", SHARED)
def test_resume_on_another_machine_waits_for_the_lease_of_the_dead_driver_and_reports_it(
    rolling: Rolling, kind: str
) -> None:
    open_as = shared(rolling, kind)

    class Killed(BaseException):
        pass

    class Dying(RecordStore):
        """A store whose process dies at once: it does not release its locks."""

        def save(self, record: Any) -> Any:
            super().save(record)
            self.backend.delete = lambda *_: None
            raise Killed

    with pytest.raises(Killed):
        roll(rolling, Dying(open_as(THERE).backend, process=THERE))
    (record,) = open_as(HERE).list()
    begun = rolling.clock.now()
    assert awsroll.rollouts(store=open_as(HERE))[0].status is Outcome.INTERRUPTED
    refused_meanwhile(rolling, open_as(HERE))()
    watching = Watching()

    report = resume(rolling, record.rollout.rollout_id, open_as(HERE), watching)

    assert report.status is Outcome.SUCCEEDED
    assert watching.seen[0][0] == "lease.awaited"
    assert "process 1 on there" in str(watching.seen[0][1]["message"])
    assert 0 < int(str(watching.seen[0][1]["seconds"])) <= 60
    assert rolling.clock.now() - begun >= timedelta(seconds=60)


@pytest.mark.parametrize("operation", ["s3:PutObject", "dynamodb:PutItem"])
def test_a_store_that_refuses_writes_pauses_the_rollout_which_resumes_later(rolling: Rolling, operation: str) -> None:
    kind = operation.partition(":")[0]
    store = shared(rolling, kind)(HERE)
    watching = Watching(do=lambda: rolling.sandbox.faults.add(f"denied {operation}"))

    report = roll(rolling, store, watching)
    rolling.sandbox.faults.clear()

    assert report.status is Outcome.PAUSED
    assert "AccessDenied" in report.reason
    assert resume(rolling, report.rollout_id, store).succeeded


@pytest.mark.parametrize("kind", SHARED)
def test_a_store_that_loses_every_fourth_answer_does_no_harm(rolling: Rolling, kind: str) -> None:
    store = shared(rolling, kind)(HERE)
    rolling.sandbox.faults.add(f"reset {kind}:* probability=0.25 seed=3 when=after")

    report = roll(rolling, store)

    assert report.status is Outcome.SUCCEEDED
    assert rolling.serving_versions() == {"v2": 2}


@pytest.mark.parametrize("address", ["s3://records-that-are-not", "dynamodb://records-that-are-not"])
def test_a_missing_bucket_or_table_is_refused_before_anything_is_changed(rolling: Rolling, address: str) -> None:
    before = changes(rolling)

    with pytest.raises(awsroll.StateError, match=r"records-that-are-not.* does not exist.*nothing was changed"):
        roll(rolling, awsroll.open_store(address, session=rolling.sandbox.session()))

    assert changes(rolling) == before


@pytest.mark.parametrize("kind", SHARED)
def test_an_outage_of_the_store_for_half_a_minute_pauses_nothing(rolling: Rolling, kind: str) -> None:
    store = shared(rolling, kind)(HERE)
    operation = "s3:GetObject" if kind == "s3" else "dynamodb:GetItem"
    watching = Watching(do=lambda: rolling.sandbox.faults.add(f"reset {operation} times=20"))

    report = roll(rolling, store, watching)

    assert report.status is Outcome.SUCCEEDED, report.reason


@pytest.mark.parametrize(
    "drive", [operations.resume, operations.rollback, repair], ids=["resume", "rollback", "repair"]
)
def test_the_lease_has_the_length_that_the_resuming_call_gives(rolling: Rolling, drive: Callable[..., object]) -> None:
    context = operations.Context(session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock)
    stopping = replace(context, stop_requested=lambda: bool(rolling.store.list()))
    left = operations.roll(rolling.request(launch_first=True), stopping)
    watching = Watching(
        at="rollout.resumed", do=lambda: rolling.store.backend.read(f"rollouts/{left.rollout_id}/lock.json")
    )

    about = RepairTarget(rollout_id=left.rollout_id) if drive is repair else left.rollout_id
    drive(about, replace(context, sink=watching), pace=Pace(lease=600))

    lock = json.loads(watching.done.data)["record"]
    held = datetime.fromisoformat(lock["expires_at"]) - datetime.fromisoformat(lock["holder"]["since"])
    assert held >= timedelta(seconds=600)
    assert rolling.store.load(left.rollout_id).rollout.limits.lease_seconds == 600
