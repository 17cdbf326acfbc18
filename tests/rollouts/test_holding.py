"""One fleet, one rollout: across processes, machines and stores, and after a sleep that was too long."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.aws.calls import is_reading
from awsroll.core.rollout import Strategy
from awsroll.core.status import Outcome
from awsroll.errors import FleetLockedError
from awsroll.events import Tee
from awsroll.fleets.label import Held
from awsroll.report import Report
from awsroll.stores import LocalStore, RecordStore
from tests.rollouts.rolling import Rolling, enter, make_sandbox
from tests.stores.places import HERE, THERE

SHARED = ("s3", "dynamodb")
LABEL = "awsroll:held-by"


@dataclass
class Watching(Tee):
    """Does something once, at the first event of a name; keeps all events and the time of each."""

    at: str = "instance.deregistered"
    do: Callable[[], object] = lambda: None
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    done: object = None

    def __post_init__(self) -> None:
        super().__init__()

    def event(self, name: str, at: datetime, **fields: object) -> None:
        is_first = name == self.at and name not in self.names
        self.seen.append((name, fields))
        if is_first:
            self.done = self.do()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2, target_groups=2)


def shared(rolling: Rolling, kind: str) -> Callable[[Any], RecordStore]:
    """Make a place that all machines share; return what opens it for one of their processes."""
    session = rolling.sandbox.session()
    if kind == "s3":
        session.client("s3").create_bucket(Bucket="records")
    address = "s3://records/awsroll" if kind == "s3" else "dynamodb://records"
    awsroll.open_store(address, session=session).create()
    return lambda process: RecordStore(awsroll.open_store(address, session=session).shelf, process=process)


def roll(rolling: Rolling, store: Any, sink: Any = None, **wanted: Any) -> Report:
    request = rolling.request(**wanted)
    return awsroll.roll(request, session=rolling.sandbox.session(), store=store, clock=rolling.clock, sink=sink)


def resume(rolling: Rolling, rollout_id: str, store: Any, sink: Any = None) -> Report:
    return awsroll.resume(rollout_id, session=rolling.sandbox.session(), store=store, clock=rolling.clock, sink=sink)


def changes(rolling: Rolling) -> dict[str, int]:
    """Count the calls so far that may have changed the fleet; those of the stores are none."""
    return {
        name: count
        for name, count in rolling.sandbox.calls.items()
        if not is_reading(name.partition(":")[2]) and not name.startswith(("s3:", "dynamodb:"))
    }


def labels(rolling: Rolling) -> list[str]:
    answer = rolling.sandbox.session().client("elbv2").describe_tags(ResourceArns=list(rolling.fleet.target_group_arns))
    return [tag["Value"] for one in answer["TagDescriptions"] for tag in one["Tags"] if tag["Key"] == LABEL]


def put_label(rolling: Rolling, **more: Any) -> None:
    until = rolling.clock.now() + timedelta(seconds=300)
    held = replace(Held(rollout_id="other-1", place="s3://elsewhere", until=until), **more)
    rolling.sandbox.session().client("elbv2").add_tags(
        ResourceArns=[rolling.fleet.target_group_arns[1]], Tags=[{"Key": LABEL, "Value": str(held)}]
    )


def refused_meanwhile(rolling: Rolling, store: Any, **wanted: Any) -> Callable[[], str]:
    """Roll the fleet a second time; return what refused it, having made sure that nothing was changed."""

    def second() -> str:
        before = changes(rolling)
        with pytest.raises(FleetLockedError) as refusal:
            roll(rolling, store, **wanted)
        assert changes(rolling) == before
        return str(refusal.value)

    return second


@pytest.mark.parametrize("kind", SHARED)
def test_a_second_machine_with_the_same_store_is_refused_and_the_first_is_untouched(
    rolling: Rolling, kind: str
) -> None:
    open_as = shared(rolling, kind)
    overlapping = (rolling.fleet.target_group_arns[1],)
    second = refused_meanwhile(rolling, open_as(THERE), target_group=overlapping, launch_first=True)
    watching = Watching(do=second)

    report = roll(rolling, open_as(HERE), watching)

    assert f"held by rollout {report.rollout_id} (process 1 on here" in str(watching.done)
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


def test_another_store_sees_the_label_and_is_refused(rolling: Rolling, tmp_path: Path) -> None:
    second = refused_meanwhile(rolling, LocalStore(tmp_path / "another"), launch_first=True)
    watching = Watching(do=second)

    report = roll(rolling, rolling.store, watching)

    assert f"held by rollout {report.rollout_id} of the store" in str(watching.done)
    assert report.status is Outcome.SUCCEEDED
    assert not (tmp_path / "another" / "rollouts" / report.rollout_id).exists()
    assert labels(rolling) == []


def test_a_label_of_another_store_is_refused_until_it_has_run_out(rolling: Rolling) -> None:
    put_label(rolling)
    assert "s3://elsewhere" in refused_meanwhile(rolling, rolling.store)()
    assert rolling.store.list() == ()

    rolling.sandbox.jump(300)

    assert roll(rolling, rolling.store).succeeded
    assert labels(rolling) == []


def test_a_label_that_says_nothing_readable_holds_nothing(rolling: Rolling) -> None:
    elbv2 = rolling.sandbox.session().client("elbv2")
    for value in ("", "me", "a b 2026-99-99T00:00:00Z"):
        elbv2.add_tags(ResourceArns=list(rolling.fleet.target_group_arns), Tags=[{"Key": LABEL, "Value": value}])
        assert roll(rolling, rolling.store).succeeded


def test_a_label_that_a_dead_rollout_of_this_store_left_is_overwritten(rolling: Rolling) -> None:
    put_label(rolling, place=rolling.store.label)

    assert roll(rolling, rolling.store).succeeded


@pytest.mark.parametrize("action", ["AddTags", "DescribeTags"])
def test_without_permission_for_the_label_a_rollout_warns_and_goes_on(rolling: Rolling, action: str) -> None:
    rolling.sandbox.faults.add(f"denied elbv2:{action} times=1")
    watching = Watching()

    report = roll(rolling, rolling.store, watching)

    assert report.status is Outcome.SUCCEEDED
    assert any("AccessDenied" in str(fields) for name, fields in watching.seen if name == "rollout.warning")


def test_the_label_is_renewed_through_a_long_rollout(rolling: Rolling) -> None:
    seen: list[datetime] = []

    def look(*_: Any) -> None:
        held = labels_at_look(rolling)
        seen.extend(held)

    class Looking(Tee):
        def looked(self, *_: Any) -> None:
            look()

    report = roll(rolling, rolling.store, Looking(), strategy=Strategy.DOUBLE_HALF, min_healthy_time=900)

    assert report.status is Outcome.SUCCEEDED
    assert len(set(seen)) >= 3


def labels_at_look(rolling: Rolling) -> list[datetime]:
    """Read the labels, and make sure that none of them has run out."""
    found = [datetime.fromisoformat(value.split(" ")[2]) for value in labels(rolling)]
    assert all(until > rolling.clock.now() for until in found)
    return found


@pytest.mark.parametrize("stoppable", [False, True], ids=["library", "stop-requested"])
def test_a_drain_of_minutes_outlives_no_lease_of_seconds(rolling: Rolling, stoppable: bool) -> None:
    from awsroll import compose

    surroundings = compose.Surroundings(
        session=rolling.sandbox.session(),
        store=rolling.store,
        clock=rolling.clock,
        **({"stop_requested": lambda: False} if stoppable else {}),
    )

    report = compose.start(
        rolling.request(strategy=Strategy.DOUBLE_HALF, deregistration_delay=300, lease=10, poll=1000), surroundings
    )

    assert report.status is Outcome.SUCCEEDED
    assert report.elapsed_s > 300


@pytest.mark.parametrize("kind", ["directory", *SHARED])
@pytest.mark.parametrize("event", ["rollout.created", "instance.deregistered", "instance.launched"])
def test_a_driver_that_slept_past_its_lease_changes_and_writes_nothing_more(
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
    assert "lease of 60 s ran out" in report.reason
    assert watching.names[-1] == "rollout.paused"
    assert resume(rolling, report.rollout_id, store).succeeded
    assert rolling.serving_versions() == {"v2": 2}


@pytest.mark.parametrize("kind", SHARED)
def test_whoever_takes_over_from_a_sleeper_ends_the_rollout_and_the_sleeper_leaves_it_alone(
    rolling: Rolling, kind: str
) -> None:
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
def test_resume_on_another_machine_waits_for_the_lease_of_the_dead_and_tells(rolling: Rolling, kind: str) -> None:
    open_as = shared(rolling, kind)

    class Killed(BaseException):
        pass

    class Dying(RecordStore):
        """Its process dies at once: what it holds is not given back."""

        def save(self, record: Any) -> Any:
            super().save(record)
            self.shelf.delete = lambda *_: None
            raise Killed

    with pytest.raises(Killed):
        roll(rolling, Dying(open_as(THERE).shelf, process=THERE))
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
def test_a_store_that_is_lost_in_the_middle_pauses_and_comes_back(rolling: Rolling, operation: str) -> None:
    kind = operation.partition(":")[0]
    store = shared(rolling, kind)(HERE)
    watching = Watching(do=lambda: rolling.sandbox.faults.add(f"denied {operation}"))

    report = roll(rolling, store, watching)
    rolling.sandbox.faults.clear()

    assert report.status is Outcome.PAUSED
    assert "AccessDenied" in report.reason
    assert resume(rolling, report.rollout_id, store).succeeded


@pytest.mark.parametrize("kind", SHARED)
def test_a_store_that_loses_every_fourth_answer_is_no_hindrance(rolling: Rolling, kind: str) -> None:
    store = shared(rolling, kind)(HERE)
    rolling.sandbox.faults.add(f"reset {kind}:* probability=0.25 seed=3 when=after")

    report = roll(rolling, store)

    assert report.status is Outcome.SUCCEEDED
    assert rolling.serving_versions() == {"v2": 2}


@pytest.mark.parametrize("address", ["s3://records-that-are-not", "dynamodb://records-that-are-not"])
def test_a_missing_bucket_or_table_is_refused_before_anything_is_changed(rolling: Rolling, address: str) -> None:
    before = changes(rolling)

    with pytest.raises(awsroll.StateError, match=r"there is no .*records-that-are-not.*nothing was changed"):
        roll(rolling, awsroll.open_store(address, session=rolling.sandbox.session()))

    assert changes(rolling) == before
