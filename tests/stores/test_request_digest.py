"""A record whose request has changed since the rollout began is refused by name."""

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any

import msgspec
import pytest

from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Gates, Limits, OnFailure, Pace, ReloadCommand, Strategy
from awsroll.errors import UntrustedItemError
from awsroll.stores.envelope import _canonical, _checksum
from awsroll.stores.request_digest import request_digest
from tests.stores.places import Place
from tests.stores.records import record

RECORD = "rollouts/web-1/record.json"
CHANGES: dict[str, Any] = {
    "another-fleet": lambda one: one.update(fleet="db", target_groups=["arn:db"]),
    "a-hook": lambda one: one.update(
        hooks=[
            {"name": "evil", "point": "before_rollout", "kind": "command", "command": ["true"], "timeout_seconds": 1}
        ]
    ),
    "another-version": lambda one: one["template"].update(number=7),
    "another-command": lambda one: one.update(reload={"app_version": "1", "commands": ["rm -rf /"]}),
    "a-wider-limit": lambda one: one["max_unavailable"].update(value=100),
    "another-deadline": lambda one: one["limits"].update(healthy_seconds=1),
    "another-account": lambda one: one.update(account="999999999999"),
}


def _change(place: Place, change: Any) -> None:
    """Edit the request of a record, and write the checksum that awsroll itself would write."""
    envelope = json.loads(place.look(RECORD))
    change(envelope["record"]["rollout"])
    envelope["checksum"] = _checksum(_canonical(envelope["record"]))
    place.put(RECORD, json.dumps(envelope).encode())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_request_is_refused_and_left_unchanged(place: Place, change: Any) -> None:
    place.open().save(record())
    _change(place, change)
    damaged = place.look(RECORD)

    with pytest.raises(UntrustedItemError, match="is not the request that rollout web-1 began with") as refusal:
        place.open().load("web-1")
    with pytest.raises(UntrustedItemError):
        place.open().unfinished()

    assert place.location(RECORD) in str(refusal.value)
    assert place.look(RECORD) == damaged


def test_a_process_that_knows_the_request_refuses_another_one_with_a_digest_of_its_own(place: Place) -> None:
    store = place.open()
    store.save(record())

    def change(rollout: dict[str, Any]) -> None:
        rollout["template"]["number"] = 7

    envelope = json.loads(place.look(RECORD))
    change(envelope["record"]["rollout"])
    envelope["record"]["request"] = request_digest(
        msgspec.json.decode(json.dumps(envelope["record"]["rollout"]), type=Rollout)
    )
    envelope["checksum"] = _checksum(_canonical(envelope["record"]))
    place.put(RECORD, json.dumps(envelope).encode())

    with pytest.raises(UntrustedItemError, match="began with"):
        store.load("web-1")


def test_a_driver_cannot_write_another_request(place: Place) -> None:
    store = place.open()
    saved = store.save(record())
    before = place.look(RECORD)

    with pytest.raises(UntrustedItemError, match="must not change; nothing was written"):
        store.save(replace(saved, rollout=replace(saved.rollout, max_failures=9)))
    with pytest.raises(UntrustedItemError, match="must not change"):
        place.open().save(replace(saved, rollout=replace(saved.rollout, max_failures=9)))
    assert place.look(RECORD) == before


def test_the_pace_may_change(place: Place) -> None:
    store = place.open()
    saved = store.save(record())
    limits = saved.rollout.limits.paced(Pace(poll=1, settle_time=2, lease=90))

    store.save(replace(saved, rollout=replace(saved.rollout, limits=limits)))

    assert place.open().load("web-1").rollout.limits.lease_seconds == 90


FULL = replace(
    record().rollout,
    strategy=Strategy.RELOAD,
    max_surge=Amount(value=2),
    reload=ReloadCommand(app_version="2", commands=("a",), parameters={"b": ["c"], "a": ["d"]}),
    gates=Gates(checkpoints=(Amount(value=1),), delay_seconds=60, bake_seconds=1.5),
    limits=Limits(drain_seconds=30, healthy_seconds=60),
    deregistration_delay_seconds=20,
    on_failure=OnFailure.STOP,
    hooks=(Hook(name="check", point=HookPoint.AFTER_HEALTHY, function="check"),),
    health_check_interval_seconds=10,
)


def test_the_digest_is_the_same_after_a_round_trip() -> None:
    assert request_digest(msgspec.json.decode(msgspec.json.encode(FULL), type=Rollout)) == request_digest(FULL)


def _changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "changed" if isinstance(value, str) else None


@pytest.mark.parametrize("name", [field.name for field in fields(Rollout) if field.name != "limits"])
def test_every_field_of_the_request_counts(name: str) -> None:
    value = getattr(FULL, name)
    is_set = is_dataclass(value) or (isinstance(value, tuple) and bool(value))
    other = None if is_set else ("changed",) if isinstance(value, tuple) else _changed(value) or "changed"

    assert request_digest(replace(FULL, **{name: other})) != request_digest(FULL)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_counts_except_the_pace(name: str) -> None:
    limits = replace(FULL.limits, **{name: 12345})
    is_pace = name in ("poll_seconds", "settle_seconds", "lease_seconds")

    assert (request_digest(replace(FULL, limits=limits)) == request_digest(FULL)) is is_pace
