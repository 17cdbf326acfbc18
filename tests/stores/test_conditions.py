"""A store that ignores the conditions of writes is refused by name, before a record or a lock is written."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from moto import mock_aws

from awsroll.errors import StateError
from awsroll.stores import RecordStore
from awsroll.stores.opening import open_store
from awsroll.testing.clock import VirtualClock
from tests.stores.records import record
from tests.stores.wire import Wire, lost_answer


@pytest.fixture
def bucket() -> Iterator[str]:
    with mock_aws():
        name = f"records-{uuid4().hex}"  # a process checks each address once
        Wire().client("s3").create_bucket(Bucket=name)
        yield name


class Deaf(Wire):
    """S3 without some conditions, as some compatible stores are."""

    def __init__(self, **ignored: str) -> None:
        super().__init__()
        self._ignored = ignored

    def client(self, service: str, **more: Any) -> Any:
        return _Deaf(super().client(service, **more), self._ignored)


class _Deaf:
    def __init__(self, client: Any, ignored: dict[str, str]) -> None:
        self._client = client
        self._ignored = ignored
        self.meta = client.meta

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return lambda **given: method(**{key: value for key, value in given.items() if key != self._ignored.get(name)})


def opened(wire: Wire, bucket: str) -> RecordStore:
    return open_store(f"s3://{bucket}/some", session=lambda: wire, clock=VirtualClock())


def keys(bucket: str) -> list[str]:
    listed = Wire().client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    return [one["Key"] for one in listed]


IGNORING = {
    "If-None-Match of a write": {"put_object": "IfNoneMatch"},
    "If-Match of a write": {"put_object": "IfMatch"},
    "If-Match of a delete": {"delete_object": "IfMatch"},
}
USES: dict[str, Callable[[RecordStore], object]] = {
    "state-create": lambda store: store.create(),
    "first-record": lambda store: store.save(record()),
    "first-lock": lambda store: store.drive(record().rollout).__enter__(),
    "first-request": lambda store: store.backend.write("requests/web-1.json", b"{}", None),
    "first-delete": lambda store: store.backend.delete("open/web-1.json", '"x"'),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize(("condition", "ignored"), IGNORING.items(), ids=IGNORING)
def test_a_store_that_ignores_a_condition_is_refused_at_first_use_and_left_empty(
    bucket: str, condition: str, ignored: dict[str, str], use: Callable[[RecordStore], object]
) -> None:
    store = opened(Deaf(**ignored), bucket)

    for _ in range(2):
        with pytest.raises(StateError, match=f"ignores conditions \\({condition}\\)") as refusal:
            use(store)
    assert f"s3://{bucket}/some" in str(refusal.value)
    assert "no record and no lock was written" in str(refusal.value)
    assert keys(bucket) == []


def test_a_store_that_ignores_all_conditions_is_refused_with_all_of_them(bucket: str) -> None:
    class All(Deaf):
        def client(self, service: str, **more: Any) -> Any:
            client = Wire.client(self, service, **more)
            return _Deaf(_Deaf(client, {"put_object": "IfMatch", "delete_object": "IfMatch"}), IGNORING_NEW)

    with pytest.raises(StateError, match="If-None-Match of a write, If-Match of a write, If-Match of a delete"):
        opened(All(), bucket).create()
    assert keys(bucket) == []


IGNORING_NEW = {"put_object": "IfNoneMatch"}


def test_the_check_is_made_once_in_a_process_before_the_first_write(bucket: str) -> None:
    wire = Wire()
    opened(wire, bucket).list()
    assert "put_object" not in wire.calls
    wire.calls.clear()

    opened(wire, bucket).save(record())
    first = len(wire.calls)
    wire.calls.clear()
    opened(wire, bucket).save(record("web-2"))

    assert first - len(wire.calls) == 6
    assert keys(bucket) == [
        *("some/open/web-1.json", "some/open/web-2.json"),
        *("some/rollouts/web-1/record.json", "some/rollouts/web-2/record.json"),
    ]


def test_a_lost_answer_during_the_check_is_no_reason_to_refuse(bucket: str) -> None:
    wire = Wire()
    wire.faults = {"put_object": [lost_answer]}

    assert opened(wire, bucket).create() == ()
    assert keys(bucket) == []


def test_a_table_needs_no_check_because_conditions_are_part_of_its_interface() -> None:
    with mock_aws():
        wire = Wire()
        store = open_store("dynamodb://records", session=lambda: wire, clock=VirtualClock())
        store.create()
        wire.calls.clear()
        store.save(record())

        assert wire.calls == ["put_item", "put_item"]
