"""Rolls one fleet of the embedded AWS from several processes, machines and stores at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

import awsroll
from awsroll.aws.call_counts import is_reading
from awsroll.errors import FleetLockedError
from awsroll.events import Tee
from awsroll.report import Report, RolloutPlan
from awsroll.stores import RecordStore
from awsroll.stores.opening import open_store
from tests.rollouts.rolling import Rolling

SHARED = ("s3", "dynamodb")
LABEL = "awsroll:held-by"


@dataclass
class Watching(Tee):
    """Calls a function once, at the first event of a name; records all events and their times."""

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


def shared(rolling: Rolling, kind: str) -> Callable[[Any], RecordStore]:
    """Create a store that all machines share; return a function that opens it for a process."""
    session = rolling.sandbox.session()
    if kind == "s3":
        session.client("s3").create_bucket(Bucket="records")
    address = "s3://records/awsroll" if kind == "s3" else "dynamodb://records"

    def opened() -> RecordStore:
        return open_store(address, session=lambda: session, clock=rolling.clock)

    opened().create()
    return lambda process: RecordStore(opened().backend, process=process)


def roll(rolling: Rolling, store: Any, sink: Any = None, **wanted: Any) -> Report:
    request = rolling.request(**wanted)
    return awsroll.roll(request, session=rolling.sandbox.session(), store=store, clock=rolling.clock, sink=sink)


def plan(rolling: Rolling, store: Any, **wanted: Any) -> RolloutPlan:
    request = rolling.request(**wanted)
    return awsroll.plan(request, session=rolling.sandbox.session(), store=store, clock=rolling.clock)


def resume(rolling: Rolling, rollout_id: str, store: Any, sink: Any = None) -> Report:
    return awsroll.resume(rollout_id, session=rolling.sandbox.session(), store=store, clock=rolling.clock, sink=sink)


def changes(rolling: Rolling) -> dict[str, int]:
    """Count the calls so far that may have changed the fleet, without those of the stores."""
    return {
        name: count
        for name, count in rolling.sandbox.calls.items()
        if not is_reading(name.partition(":")[2]) and not name.startswith(("s3:", "dynamodb:"))
    }


def labels(rolling: Rolling) -> list[str]:
    answer = rolling.sandbox.session().client("elbv2").describe_tags(ResourceArns=list(rolling.fleet.target_group_arns))
    return [tag["Value"] for one in answer["TagDescriptions"] for tag in one["Tags"] if tag["Key"] == LABEL]


def refused_meanwhile(rolling: Rolling, store: Any, **wanted: Any) -> Callable[[], str]:
    """Roll the fleet a second time, and plan it; check that nothing was changed, and return the error."""

    def second() -> str:
        before = changes(rolling)
        with pytest.raises(FleetLockedError) as refusal:
            roll(rolling, store, **wanted)
        with pytest.raises(FleetLockedError):
            plan(rolling, store, **wanted)
        assert changes(rolling) == before
        return str(refusal.value)

    return second
