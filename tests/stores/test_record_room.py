"""A record that outgrows its store is refused before the rollout begins."""

import hashlib
import re
import zlib
from dataclasses import replace

import pytest

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Desired, Slots, Status
from awsroll.core.request.store_address import StoreKind
from awsroll.driver.record_room import check_room, likely_bytes
from awsroll.errors import FleetError
from awsroll.ports import Record
from awsroll.stores.codec import encode
from benchmarks import planner
from benchmarks.planner import KINDS, measure, request_of
from tests.stores.places import Place
from tests.stores.records import T0


def status_of(rollout: Rollout, servers: int) -> Status:
    """Return the first status of a rollout of a fleet of that size."""
    status = Status(started_at=T0, progress_at=T0)
    if rollout.group:
        return replace(status, desired=Desired(goal=servers, expected=servers, previous=servers, moved_at=T0))
    ids = tuple(f"i-{number:017x}" for number in range(servers))
    return replace(status, slots=(Slots(zone="a", subnet_id="subnet-a", targets=(), instance_ids=ids),))


@pytest.mark.parametrize("group", KINDS)
def test_every_store_has_room_for_20000_servers_and_dynamodb_has_an_end(
    kind: StoreKind, place: Place, group: str
) -> None:
    store, rollout = place.open(), request_of(group, "double-half", 100_000)
    check_room(store, rollout, status_of(rollout, 20_000))
    if kind is not StoreKind.DYNAMODB:
        check_room(store, rollout, status_of(rollout, 100_000))
        return
    with pytest.raises(FleetError, match=r"100,000 servers.*most 3900 KB\. Nothing was changed\. Pass --state s3://"):
        check_room(store, rollout, status_of(rollout, 100_000))


def _random_id(found: re.Match[bytes]) -> bytes:
    return b"i-" + hashlib.sha256(found[0]).hexdigest()[:17].encode()


@pytest.mark.parametrize(
    ("kind", "strategy"), [("standalone", "replace"), ("standalone", "double-half"), ("group", "double-half")]
)
def test_no_record_of_a_rollout_is_larger_than_estimated(
    kind: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers, sizes, settle = 100, list[int](), planner.settle
    rollout = request_of(kind, strategy, servers)

    def settled(status: Status, *more: object) -> Status:
        after = settle(status, *more)  # type: ignore[arg-type]
        record = encode(Record(rollout=rollout, status=after))
        sizes.append(len(zlib.compress(re.sub(rb"\bi-\d+\b", _random_id, record))))
        return after

    monkeypatch.setattr(planner, "settle", settled)
    measure(kind, strategy, servers)

    estimated = likely_bytes(rollout, servers)
    assert estimated / 2 < max(sizes) < estimated
