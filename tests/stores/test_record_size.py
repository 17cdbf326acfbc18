"""How many bytes the record of a large rollout has. The ids are as random as those of EC2, and the times differ."""

import zlib
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.server_record import Server, Slots
from awsroll.errors import StateError
from awsroll.ports import Record
from awsroll.stores.compression import LONGEST, WORTH_IT, compressed, decompressed
from tests.stores.places import Place
from tests.stores.records import T0, WEB, record

if TYPE_CHECKING:
    from awsroll.core.model.status import Status

RECORD = "rollouts/web-1/record.json"
KEYS = (TargetKey(target_group=WEB, port=80),)
NEW = TemplateVersion(template_id="lt-1", number=2)


def large_record(servers: int, in_flight: int) -> Record:
    """Return the record of a rollout with `in_flight` launches, while the first half of their predecessors drains."""
    random = Random(1)  # noqa: S311

    def names(count: int) -> list[str]:
        return [f"i-{random.getrandbits(68):017x}" for _ in range(count)]

    def instant() -> timedelta:
        return timedelta(microseconds=random.randrange(60_000_000))

    old, new = names(servers), names(in_flight)
    launches = tuple(
        Launch(
            number=number,
            token=f"awsroll-{number // 100:040x}",
            at=T0 + instant(),
            batch=100,
            index=number % 100,
            zone="us-east-1a",
            subnet_id="subnet-1",
            template=NEW,
            replaces=before,
            targets=KEYS,
            tags=(("team", "shop"), ("awsroll:rollout", "web-1"), ("awsroll:role", "replacement")),
            own_tags=(("awsroll:replaces", before),),
            instance_ids=(after,),
            settled=True,
        )
        for number, (before, after) in enumerate(zip(old, new, strict=False))
    )
    arriving = {name: Server(phase=ServerPhase.VERIFYING, since=T0 + instant(), targets=KEYS) for name in new}
    draining = {
        name: Server(phase=ServerPhase.DRAINING, since=T0 + instant(), targets=KEYS, deregistered_at=T0 + instant())
        for name in old[: in_flight // 2]
    }
    slots = (Slots(zone="us-east-1a", subnet_id="subnet-1", targets=KEYS, instance_ids=tuple(old)),)
    plain = record()
    status: Status = replace(plain.status, servers=arriving | draining, launches=launches, slots=slots)
    return replace(plain, status=status)


@pytest.mark.parametrize(("in_flight", "most"), [(1000, 96), (200, 32)])
def test_the_record_of_1000_servers_is_small(place: Place, in_flight: int, most: int) -> None:
    saved = place.open().save(large_record(1000, in_flight))
    stored = place.look(RECORD)

    assert stored is not None
    assert len(compressed(stored)) < most * 1024  # a directory keeps it readable
    assert place.open().load("web-1") == saved


def test_a_record_holds_no_field_with_its_default(place: Place) -> None:
    place.open().save(large_record(3, 2))
    stored = place.look(RECORD)

    assert stored is not None
    assert b"void_attempt" not in stored
    assert b"fruitless" not in stored


def test_only_large_items_are_compressed() -> None:
    small, large = b"{" * (WORTH_IT - 1), b"{" * WORTH_IT

    assert compressed(small) == small
    assert len(compressed(large)) < 100
    assert decompressed(compressed(large)) == large
    assert decompressed(zlib.compress(large)) == large


@pytest.mark.parametrize("data", [b"{}", b"", compressed(b"{" * WORTH_IT)[:-5], compressed(b"{" * WORTH_IT) + b"more"])
def test_other_bytes_stay_as_they_are(data: bytes) -> None:
    assert decompressed(data) == data


def test_a_small_item_does_not_become_a_huge_one() -> None:
    bomb = compressed(b" " * (LONGEST + 1))

    assert len(bomb) < 100_000
    assert decompressed(bomb) == bomb


def test_a_record_that_decompresses_to_more_than_the_bound_is_refused(place: Place) -> None:
    place.open().save(record())
    place.put(RECORD, compressed(b" " * (LONGEST + 1)))

    with pytest.raises(StateError, match="cannot be used"):
        place.open().load("web-1")
