"""A lock that no driver can have written does not hold a fleet for ever, and a live driver keeps its lock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from awsroll.core.model.rollout_choices import LONGEST_LEASE_SECONDS, Limits
from awsroll.errors import FleetLockedError, StateError
from awsroll.stores import Holder, LocalStore, Lock, RecordStore, codec
from awsroll.stores.directory_backend import DirectoryBackend
from awsroll.stores.leases import take_lease
from awsroll.stores.locks import lock_keys
from awsroll.testing.clock import VirtualClock
from tests.stores.places import HERE, THERE
from tests.stores.records import record

FAR = datetime(9999, 12, 31, tzinfo=UTC)
ROLLOUT = replace(record().rollout, limits=Limits(lease_seconds=60))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def holder(clock: VirtualClock, rollout_id: str = "web-9") -> Holder:
    return Holder(rollout_id=rollout_id, process=THERE, since=clock.now(), token="other")


def left(place: Path, clock: VirtualClock, **fields: object) -> DirectoryBackend:
    backend = DirectoryBackend(place)
    for key, about in lock_keys(ROLLOUT).items():
        lock = Lock(about=about, holder=holder(clock), fence=1, expires_at=FAR)
        backend.write(key, codec.encode(replace(lock, **fields)), None)
    return backend


@pytest.mark.parametrize("awaits", [False, True], ids=["of-a-driver", "of-a-step"])
def test_an_expiry_of_the_year_9999_holds_the_fleet_for_one_lease(
    tmp_path: Path, clock: VirtualClock, awaits: bool
) -> None:
    left(tmp_path / "state", clock, awaits_next_step=awaits)
    store = RecordStore(DirectoryBackend(tmp_path / "state"), process=HERE)
    before = clock.now()

    store.check_free(ROLLOUT, clock=clock)
    with store.drive(ROLLOUT, clock=clock) as lease:
        assert set(lease.fences.values()) == {2}

    assert timedelta(seconds=60) <= clock.now() - before <= timedelta(seconds=70)


def test_a_length_beyond_the_longest_lease_is_bounded(tmp_path: Path) -> None:
    class Slow(VirtualClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds + 100)

    clock = Slow()
    left(tmp_path / "state", clock, seconds=1e12)
    before = clock.now()

    with RecordStore(DirectoryBackend(tmp_path / "state"), process=HERE).drive(ROLLOUT, clock=clock):
        pass

    assert clock.now() - before <= timedelta(seconds=LONGEST_LEASE_SECONDS + 110)


def test_a_driver_that_still_renews_such_a_lock_keeps_it(tmp_path: Path, clock: VirtualClock) -> None:
    backend = left(tmp_path / "state", clock)

    class Shared(VirtualClock):
        def sleep(self, seconds: float) -> None:
            self.jump(seconds)
            for key in lock_keys(ROLLOUT):
                entry = backend.read(key)
                lock = codec.decode(entry.data, Lock, location=key)
                later = replace(lock, expires_at=lock.expires_at - timedelta(days=1))
                backend.write(key, codec.encode(later), entry.version)

    with (
        pytest.raises(FleetLockedError, match=r"held by rollout web-9 \(process 1 on there, since [^)]*\); this"),
        RecordStore(backend, process=HERE).drive(ROLLOUT, clock=Shared()),
    ):
        pytest.fail("its driver is alive")


def test_such_a_lock_shows_no_driver(tmp_path: Path, clock: VirtualClock) -> None:
    backend = DirectoryBackend(tmp_path / "state")
    lock = Lock(about="web-1", holder=holder(clock, "web-1"), fence=1, expires_at=FAR)
    backend.write("rollouts/web-1/lock.json", codec.encode(lock), None)

    assert LocalStore(tmp_path / "state").driver("web-1") is None


def test_a_lock_without_a_time_zone_is_damaged(tmp_path: Path, clock: VirtualClock) -> None:
    backend = left(tmp_path / "state", clock)
    key = next(iter(lock_keys(ROLLOUT)))
    entry = backend.read(key)
    fields = {"about": "web", "fence": 1, "expires_at": "2026-01-01T00:00:00", "holder": holder(clock)}
    backend.write(key, codec.encode(fields), entry.version)

    with pytest.raises(StateError, match="time zone"):
        take_lease(backend, ROLLOUT, holder(clock, "web-1"), clock=clock)
