"""A lease: who may drive a fleet, for how long, and what happens if its holder dies, sleeps, or cannot write."""

import errno
import os
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Limits
from awsroll.errors import FleetLockedError, LeaseLostError
from awsroll.stores import Holder, Lease, Lock, RecordStore, process_identity
from awsroll.stores.directory_backend import DirectoryBackend
from awsroll.stores.leases import take_lease
from awsroll.stores.process_identity import Process, this_process
from awsroll.testing.clock import T0, VirtualClock
from tests.stores.places import HERE, THERE, Place
from tests.stores.records import ADMIN, WEB, record
from tests.stores.test_disk_errors import WORDS, failing
from tests.stores.wire import lost_request

PUTS = ("put_object", "put_item")
LEASE = 60.0
ACTING = 40.0  # the holder stops after two thirds
# The virtual clock is not the store's, so others allow for two clocks that are each wrong by a lease.
EXPIRY = 3 * LEASE
NEVER = 10**6


def rollout(rollout_id: str = "web-1", *, seconds: float = 60) -> Rollout:
    plain = record(rollout_id, target_groups=(ADMIN, WEB)).rollout
    return replace(plain, limits=Limits(lease_seconds=seconds))


class Drivers:
    """Processes of several machines on one clock. They do not release their leases: they may have died."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.clock = VirtualClock()
        self.waited_for: list[Lock] = []
        self.tokens = count(1)

    def roll(self, process: Process, what: Rollout | None = None, *, takes_steps: bool = False) -> Lease:
        what = what or rollout()
        holder = self.holder(process, what, takes_steps=takes_steps)
        return take_lease(self.place.open().backend, what, holder, clock=self.clock)

    def holder(self, process: Process, what: Rollout, *, takes_steps: bool = False) -> Holder:
        token = str(next(self.tokens))
        return Holder(
            rollout_id=what.rollout_id, process=process, since=self.clock.now(), token=token, takes_steps=takes_steps
        )

    def resume(self, process: Process) -> Lease:
        backend = self.place.open().backend
        holder = self.holder(process, rollout())
        return take_lease(backend, rollout(), holder, clock=self.clock, on_wait=self.waited_for.append)


@pytest.fixture
def drivers(place: Place) -> Drivers:
    return Drivers(place)


def test_a_lease_locks_each_part_and_the_rollout(drivers: Drivers) -> None:
    lease = drivers.roll(HERE)

    assert lease.fences == {ADMIN: 1, WEB: 1, "web-1": 1}
    assert len(drivers.place.open().backend.keys("fleets/")) == 2


def test_a_live_lease_refuses_others_and_the_error_names_the_holder_and_the_time(drivers: Drivers) -> None:
    drivers.roll(THERE)
    drivers.clock.jump(20)

    with pytest.raises(FleetLockedError, match=r"rollout web-1 \(process 1 on there, since .*\), for another 160 s"):
        drivers.roll(HERE, rollout("web-2"))


def test_an_expired_lease_is_taken_over_with_the_next_fence(drivers: Drivers) -> None:
    first = drivers.roll(THERE)
    drivers.clock.jump(EXPIRY)

    second = drivers.roll(HERE, rollout("web-2"))

    assert second.fences == {ADMIN: 2, WEB: 2, "web-2": 1}
    with pytest.raises(LeaseLostError, match=r"expired .*made no further change"):
        first.check()
    first.release()
    second.check()
    assert drivers.place.open(THERE).driver("web-2", at=drivers.clock.now()) == second.holder


def test_a_released_lease_is_free_at_once(drivers: Drivers) -> None:
    drivers.roll(THERE).release()

    assert drivers.roll(HERE).fences == {ADMIN: 1, WEB: 1, "web-1": 1}


def test_a_renewed_lease_lasts(drivers: Drivers) -> None:
    lease = drivers.roll(THERE)
    for _ in range(30):
        drivers.clock.jump(21)
        lease.renew_if_due()
        lease.check()

    assert drivers.place.open(HERE).driver("web-1", at=drivers.clock.now()) == lease.holder
    with pytest.raises(FleetLockedError):
        drivers.roll(HERE, rollout("web-2"))


def test_no_call_is_made_before_a_third_of_the_time_has_passed(drivers: Drivers) -> None:
    lease = drivers.roll(HERE)
    backend = drivers.place.open().backend
    locks = [backend.read(key) for key in backend.keys("fleets/")]
    drivers.place.wire.calls.clear()

    drivers.clock.jump(19.9)
    lease.renew_if_due()
    lease.check()

    assert drivers.place.wire.calls == []
    assert [backend.read(key) for key in backend.keys("fleets/")] == locks


def test_a_lease_is_lost_on_the_clock_alone(drivers: Drivers) -> None:
    lease = drivers.roll(HERE)
    drivers.clock.jump(ACTING - 0.1)
    lease.check()
    drivers.place.wire.calls.clear()
    drivers.clock.jump(0.1)

    for check in (lease.check, lease.renew_if_due, lease.check):
        with pytest.raises(LeaseLostError, match="lease of 60 s expired"):
            check()
    assert drivers.place.wire.calls == []


def test_a_lost_lease_that_is_released_frees_its_locks_and_no_lock_of_another_driver(drivers: Drivers) -> None:
    first = drivers.roll(HERE)
    drivers.clock.jump(ACTING)
    first.extend_for_next_step(600)
    with pytest.raises(LeaseLostError):
        first.check()
    first.release()

    second = drivers.roll(THERE, rollout("web-2"))
    first.release()

    drivers.clock.jump(20)
    second.renew_if_due()
    second.check()


def test_a_renewal_that_meets_another_holder_names_it_and_leaves_its_locks(drivers: Drivers) -> None:
    first = drivers.roll(HERE)
    drivers.clock.jump(30)
    backend = drivers.place.open().backend
    for key in (*backend.keys("fleets/"), "rollouts/web-1/lock.json"):
        backend.delete(key, backend.read(key).version)
    second = drivers.roll(THERE, rollout("web-2"))

    with pytest.raises(LeaseLostError, match=r"held by rollout web-2 \(process 1 on there"):
        first.renew_if_due()
    with pytest.raises(LeaseLostError):
        first.check()
    first.release()

    drivers.clock.jump(20)
    second.renew_if_due()
    second.check()


def test_locks_deleted_by_hand_are_lost(drivers: Drivers) -> None:
    lease = drivers.roll(HERE)
    backend = drivers.place.open().backend
    key = backend.keys("fleets/")[0]
    backend.delete(key, backend.read(key).version)
    drivers.clock.jump(20)

    with pytest.raises(LeaseLostError, match="the lock of the fleet was deleted"):
        lease.renew_if_due()


def test_the_lease_of_a_process_that_died_on_this_machine_is_free_at_once(drivers: Drivers) -> None:
    me = this_process()
    drivers.roll(replace(me, started="1"))  # an earlier process of the same number
    store = drivers.place.open(me)

    assert store.driver("web-1", at=drivers.clock.now()) is None
    assert drivers.roll(me, rollout("web-2")).fences[WEB] == 2


def test_a_process_that_is_gone_is_known_dead() -> None:
    me = this_process()

    assert me.is_known_dead(replace(me, number=NEVER * 100))
    assert not me.is_known_dead(me)


def test_a_process_of_another_user_that_proc_hides_is_not_known_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `hidepid`, /proc shows only the user's own processes; kill(2) still tells that another one exists."""
    me = this_process()

    def refuse(_number: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(process_identity, "_started", lambda _number: None)
    monkeypatch.setattr("os.kill", refuse)

    assert not me.is_known_dead(me)


@pytest.mark.parametrize("other", ["host", "boot"])
def test_a_process_of_another_machine_or_container_is_never_known_dead(other: str) -> None:
    me = this_process()

    assert not me.is_known_dead(replace(me, number=NEVER * 100, **{other: "another"}))


def test_without_an_identified_boot_no_process_is_known_dead() -> None:
    me = replace(this_process(), boot=None)

    assert not me.is_known_dead(replace(me, number=NEVER * 100))


def test_resume_waits_for_its_dead_driver_on_another_machine(drivers: Drivers) -> None:
    drivers.roll(THERE)
    drivers.clock.jump(12)

    lease = drivers.resume(HERE)

    assert drivers.clock.now() == T0 + timedelta(seconds=12 + LEASE)
    assert lease.fences == {ADMIN: 2, WEB: 2, "web-1": 2}
    assert [(one.holder.process.host, one.expires_at) for one in drivers.waited_for] == [
        ("there", T0 + timedelta(seconds=60))
    ]


def test_resume_is_refused_as_soon_as_the_other_driver_renews_its_lease(place: Place) -> None:
    drivers = Drivers(place)
    other = drivers.roll(THERE)

    class Shared(VirtualClock):
        def sleep(self, seconds: float) -> None:
            drivers.clock.jump(seconds)
            other.renew_if_due()

        def now(self) -> object:
            return drivers.clock.now()

    with (
        pytest.raises(FleetLockedError, match="held by rollout web-1"),
        place.open(HERE).drive(rollout(), clock=Shared(), on_wait=drivers.waited_for.append),
    ):
        pytest.fail("its driver is alive")

    assert drivers.clock.now() - T0 < timedelta(seconds=30)
    other.check()


def test_resume_does_not_wait_for_another_rollout(drivers: Drivers) -> None:
    drivers.roll(THERE, rollout("web-2"))

    with pytest.raises(FleetLockedError, match="held by rollout web-2"):
        drivers.resume(HERE)
    assert drivers.waited_for == []
    assert drivers.clock.now() == T0


def test_resume_does_not_wait_for_a_live_process_of_this_machine(drivers: Drivers) -> None:
    drivers.roll(this_process())

    with pytest.raises(FleetLockedError):
        drivers.resume(this_process())
    assert drivers.waited_for == []


def test_a_short_outage_of_the_store_does_not_lose_the_lease(remote: Place) -> None:
    drivers = Drivers(remote)
    lease = drivers.roll(HERE)
    drivers.clock.jump(20)
    remote.wire.faults = {name: [lost_request] * 10_000 for name in PUTS}
    lease.renew_if_due()
    lease.check()
    remote.wire.faults = {}

    drivers.clock.jump(6)
    lease.renew_if_due()
    drivers.clock.jump(ACTING - 1)

    lease.check()


def test_a_permanent_outage_of_the_store_loses_the_lease_in_time(remote: Place) -> None:
    drivers = Drivers(remote)
    lease = drivers.roll(HERE)
    remote.wire.faults = {name: [lost_request] * 10_000 for name in PUTS}
    for _ in range(3):
        drivers.clock.jump(10)
        lease.renew_if_due()
        lease.check()

    drivers.clock.jump(10)
    with pytest.raises(LeaseLostError, match=r"expired before it was renewed \(the store could not be written: .*moto"):
        lease.renew_if_due()


def extended(drivers: Drivers, seconds: float = 120) -> None:
    lease = drivers.roll(THERE, takes_steps=True)
    lease.extend_for_next_step(seconds)
    lease.release()


def test_an_extended_lease_refuses_others_and_is_taken_by_the_next_step_of_the_same_rollout(drivers: Drivers) -> None:
    extended(drivers)
    drivers.clock.jump(100)

    with pytest.raises(FleetLockedError, match=r"held by rollout web-1 .*, for another 20 s"):
        drivers.roll(HERE, rollout("web-2"), takes_steps=True)
    with pytest.raises(FleetLockedError):
        drivers.roll(HERE)
    next_step = drivers.roll(HERE, takes_steps=True)

    assert next_step.fences == {ADMIN: 2, WEB: 2, "web-1": 2}


def test_two_steps_at_once_are_refused(drivers: Drivers) -> None:
    drivers.roll(THERE, takes_steps=True)

    with pytest.raises(FleetLockedError):
        drivers.roll(HERE, takes_steps=True)


def test_an_extended_lease_expires_if_no_step_comes(drivers: Drivers) -> None:
    extended(drivers)
    drivers.clock.jump(120)

    drivers.roll(HERE, rollout("web-2"))


def test_resume_waits_for_an_extended_lease_also_on_the_same_machine(drivers: Drivers) -> None:
    lease = drivers.roll(HERE, takes_steps=True)
    lease.extend_for_next_step(30)
    lease.release()
    before = drivers.clock.now()

    drivers.resume(HERE)

    assert (drivers.clock.now() - before).total_seconds() == pytest.approx(30, abs=1)
    assert [lock.awaits_next_step for lock in drivers.waited_for] == [True]


def test_the_holder_of_an_extended_lease_is_the_driver_even_if_its_process_has_died(drivers: Drivers) -> None:
    dead = replace(this_process(), number=NEVER, started="1")
    lease = drivers.roll(dead, takes_steps=True)
    lease.extend_for_next_step(30)
    lease.release()

    with pytest.raises(FleetLockedError):
        drivers.roll(this_process(), rollout("web-2"))


def test_a_renewal_that_took_effect_although_it_was_reported_as_failed_keeps_the_lease(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = RecordStore(DirectoryBackend(tmp_path / "state"), process=HERE)
    with store.drive(rollout(), clock=clock) as lease:
        clock.jump(20)
        with failing("fsync", call=2, code=errno.EIO):  # the folder cannot be synced after the file was replaced
            lease.renew_if_due()
        assert "input/output error" in lease.problem

        clock.jump(6)
        lease.renew_if_due()
        clock.jump(ACTING - 1)

        lease.check()
    assert store.backend.keys("fleets/") == ()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE])
def test_a_lease_that_a_failing_disk_cannot_renew_is_lost_with_that_reason(tmp_path: Path, code: int) -> None:
    clock = VirtualClock()
    store = RecordStore(DirectoryBackend(tmp_path / "state"), process=HERE)
    with store.drive(rollout(), clock=clock) as lease, pytest.MonkeyPatch.context() as patch:

        def full(*_: object, **__: object) -> None:
            raise OSError(code, os.strerror(code))

        patch.setattr("tempfile.mkstemp", full)
        for _ in range(3):
            clock.jump(10)
            lease.renew_if_due()
            lease.check()
        clock.jump(10)

        with pytest.raises(LeaseLostError, match=f"could not be written: cannot write .*{WORDS[code]}.*awsroll status"):
            lease.renew_if_due()


def test_a_jump_of_the_wall_clock_renews_the_lease_at_once(drivers: Drivers) -> None:
    """A machine that was suspended by its host sees only the wall clock jump."""

    class Jumping(VirtualClock):
        ahead = timedelta()

        def now(self) -> object:
            return super().now() + self.ahead

    drivers.clock = Jumping()
    lease = drivers.roll(HERE)
    versions = [drivers.place.open().backend.read(key).version for key in drivers.place.open().backend.keys("fleets/")]
    drivers.clock.ahead = timedelta(seconds=LEASE)

    lease.renew_if_due()

    backend = drivers.place.open().backend
    assert [backend.read(key).version for key in backend.keys("fleets/")] != versions
