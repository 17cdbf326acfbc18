"""Drivers with wrong clocks that jump, and processes that are suspended anywhere: never do two hold a fleet at once.

Each driver has a clock of its own, off by less than a lease. All share one true time and one store. A process may be
suspended before and after each call of the store. Meanwhile the others act, renew and take the fleet.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import count, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from awsroll.core.model.rollout_choices import Limits
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.errors import FleetLockedError, LeaseLostError, StateError
from awsroll.stores.backend import Entry, StoreTime, conflict
from awsroll.stores.leases import take_lease
from awsroll.stores.locks import Holder
from awsroll.stores.process_identity import Process, this_process
from tests.property.test_rollout_machine import PROFILE
from tests.stores.records import record

if TYPE_CHECKING:
    from awsroll.stores.lease import Lease

LEASE = 60.0
NAMES = ("here-1", "here-2", "there", "elsewhere")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
MOST_OFFSET = LEASE - 1
OFFSETS = st.sampled_from([-MOST_OFFSET, -40.0, -1.0, 0.0, 25.0, MOST_OFFSET])
SECONDS = st.sampled_from([0.0, 1.0, 19.0, 20.0, 21.0, 39.0, 41.0, 59.0, 61.0, 119.0, 121.0, 200.0])


class StoreClock(StrEnum):
    """What the store says about the time."""

    SERVICE = "service"
    DISK = "disk"
    NONE = "none"


class World:
    """The true time, and what runs while one process is suspended."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    def pass_time(self, seconds: float) -> None:
        """Let time pass in two parts, and let the others run in between and afterwards."""
        for part in (seconds / 3, seconds - seconds / 3):
            self.seconds += part
            self.meanwhile()


class Shelf:
    """A store in memory, with a clock."""

    address = StoreAddress(kind=StoreKind.DIRECTORY, name="memory")

    def __init__(self, world: World, clock: StoreClock) -> None:
        self.world = world
        self.clock = clock
        self.offset = 0.0
        self.entries: dict[str, Entry] = {}
        self.versions = count(1)

    def time(self) -> StoreTime | None:
        at = T0 + timedelta(seconds=self.world.seconds + self.offset)
        match self.clock:
            case StoreClock.SERVICE:  # the clock of AWS is right; a date has whole seconds
                at = (T0 + timedelta(seconds=self.world.seconds)).replace(microsecond=0)
                return StoreTime(at=at, error=timedelta(seconds=1), error_leases=0)
            case StoreClock.DISK:
                return StoreTime(at=at, error=timedelta(seconds=1), error_leases=1)
            case StoreClock.NONE:
                return None


class Access:
    """The store as one process sees it: suspended before and after each call, and some answers are lost."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.stalls: list[float] = []
        self.losses = 0

    address = Shelf.address

    def location(self, key: str) -> str:
        return key

    def time(self, *, writes: bool) -> StoreTime | None:
        return self.shelf.time()

    def read(self, key: str) -> Entry | None:
        with self._stalled():
            return self.shelf.entries.get(key)

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        with self._stalled():
            self._compare(key, expected)
            version = str(next(self.shelf.versions))
            self.shelf.entries[key] = Entry(data=data, version=version)
        if self.losses:
            self.losses -= 1
            problem = "the answer was lost"
            raise StateError(problem)
        return version

    def delete(self, key: str, expected: str) -> None:
        with self._stalled():
            self._compare(key, expected)
            del self.shelf.entries[key]

    def _compare(self, key: str, expected: str | None) -> None:
        entry = self.shelf.entries.get(key)
        if (None if entry is None else entry.version) != expected:
            raise conflict(key)

    @contextmanager
    def _stalled(self) -> Iterator[None]:
        self._stall()
        yield
        self._stall()

    def _stall(self) -> None:
        if self.stalls:
            self.shelf.world.pass_time(self.stalls.pop())


class Clock:
    """A wall clock that is wrong, and a clock that never jumps."""

    def __init__(self, world: World, *, is_real_time: bool) -> None:
        self.world = world
        self.offset = 0.0
        self.is_real_time = is_real_time

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.world.seconds + self.offset)

    def monotonic(self) -> float:
        return 1_000 + self.world.seconds

    def sleep(self, seconds: float) -> None:
        self.world.pass_time(seconds)


class Driver:
    """A process that wants the fleet, or holds it."""

    def __init__(self, name: str, shelf: Shelf) -> None:
        self.name = name
        self.backend = Access(shelf)
        self.clock = Clock(shelf.world, is_real_time=name.startswith("here"))
        self.process = _process_of(name)
        self.lease: Lease | None = None
        self.is_busy = False
        self.tokens = count(1)

    @contextmanager
    def busy(self) -> Iterator[None]:
        self.is_busy = True
        try:
            yield
        finally:
            self.is_busy = False

    @property
    def acts(self) -> bool:
        """Whether this process would change the fleet now. `check` makes no call."""
        try:
            if self.lease is not None:
                self.lease.check()
        except LeaseLostError:
            return False
        return self.lease is not None

    def take(self, *, resumes: bool) -> None:
        rollout_id = "web-1" if resumes else f"web-{self.name}"
        rollout = replace(record(rollout_id).rollout, limits=Limits(lease_seconds=LEASE))
        token = f"{self.name}-{next(self.tokens)}"
        holder = Holder(rollout_id=rollout_id, process=self.process, since=self.clock.now(), token=token)
        waits = (lambda _lock: None) if resumes else None
        with self.busy(), suppress(FleetLockedError, StateError):
            self.lease = take_lease(self.backend, rollout, holder, clock=self.clock, on_wait=waits)

    def renew(self) -> None:
        if self.lease is not None:
            with self.busy(), suppress(LeaseLostError):
                self.lease.renew_if_due()

    def release(self) -> None:
        if self.lease is not None:
            with self.busy():
                self.lease.release()
            self.lease = None


def _process_of(name: str) -> Process:
    if name.startswith("here"):
        return this_process()
    return Process(host=name, boot=f"boot-{name}", number=1, started="1")


class LeaseMachine(RuleBasedStateMachine):
    """Drivers that compete for one fleet."""

    @initialize(clock=st.sampled_from(StoreClock), offsets=st.tuples(OFFSETS, OFFSETS, OFFSETS))
    def begin(self, clock: StoreClock, offsets: tuple[float, float, float]) -> None:
        self.world = World()
        self.shelf = Shelf(self.world, clock)
        self.drivers = {name: Driver(name, self.shelf) for name in NAMES}
        for driver, offset in zip(self.drivers.values(), (offsets[0], *offsets), strict=True):
            driver.clock.offset = offset
        self.world.meanwhile = self.run_others
        self.greedy = True

    def run_others(self) -> None:
        """Let each process that is not suspended renew its lease, or take the fleet."""
        self.only_one_acts()
        for driver in self.drivers.values():
            if driver.is_busy or not self.greedy:
                continue
            self.greedy = False  # what these do is not interrupted in turn
            driver.renew() if driver.lease else driver.take(resumes=False)
            self.greedy = True
            self.only_one_acts()

    @rule(seconds=SECONDS)
    def time_passes_while_all_are_suspended(self, seconds: float) -> None:
        self.world.seconds += seconds

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(name=st.sampled_from(NAMES), offset=OFFSETS)
    def a_clock_jumps(self, name: str, offset: float) -> None:
        for driver in self.drivers.values():
            if driver.name == name or (name.startswith("here") and driver.name.startswith("here")):
                driver.clock.offset = offset

    @rule(offset=st.sampled_from([0.0, 30.0, MOST_OFFSET]))
    def the_clock_of_the_disk_jumps(self, offset: float) -> None:
        self.shelf.offset = offset

    @rule(name=st.sampled_from(NAMES), stalls=st.lists(SECONDS, max_size=6), greedy=st.booleans())
    def a_process_will_be_suspended(self, name: str, stalls: list[float], greedy: bool) -> None:
        self.drivers[name].backend.stalls = stalls
        self.greedy = greedy

    @rule(name=st.sampled_from(NAMES), times=st.integers(1, 3))
    def answers_will_be_lost(self, name: str, times: int) -> None:
        self.drivers[name].backend.losses = times

    @rule(name=st.sampled_from(NAMES), resumes=st.booleans())
    def a_process_takes_the_fleet(self, name: str, resumes: bool) -> None:
        if self.drivers[name].lease is None:
            self.drivers[name].take(resumes=resumes)

    @rule(name=st.sampled_from(NAMES))
    def a_holder_renews(self, name: str) -> None:
        self.drivers[name].renew()

    @rule(name=st.sampled_from(NAMES))
    def a_holder_releases(self, name: str) -> None:
        self.drivers[name].release()

    @rule(name=st.sampled_from(NAMES))
    def a_holder_dies_elsewhere(self, name: str) -> None:
        self.drivers[name].lease = None

    @invariant()
    def only_one_acts(self) -> None:
        if hasattr(self, "drivers"):
            acting = [driver.name for driver in self.drivers.values() if driver.acts]
            assert len(acting) <= 1, acting

    def teardown(self) -> None:
        """Check that a fleet without a living holder is free some time later."""
        if not hasattr(self, "drivers"):
            return
        for driver in self.drivers.values():
            driver.lease, driver.backend.stalls, driver.backend.losses = None, [], 0
        self.greedy = False
        self.world.seconds += 10 * LEASE
        last = self.drivers["there"]
        last.take(resumes=False)
        assert last.acts


LeaseMachine.TestCase.settings = settings(**PROFILE)
TestLeaseMachine = LeaseMachine.TestCase


@pytest.mark.parametrize("clock", StoreClock)
@pytest.mark.parametrize("seconds", [0, 1, 19, 21, 39, 41, 59, 61, 100, 119, 121, 179, 181])
def test_no_pair_of_wrong_clocks_lets_two_drivers_act(clock: StoreClock, seconds: float) -> None:
    """The holder's clock, the other's clock and the store's clock are each anywhere within a lease."""
    grid = (-MOST_OFFSET, -20.0, 0.0, 20.0, MOST_OFFSET)
    for first, second, jumped in product(grid, grid, (0.0, MOST_OFFSET)):
        world = World()
        shelf = Shelf(world, clock)
        holder, other = Driver("there", shelf), Driver("elsewhere", shelf)
        holder.clock.offset, other.clock.offset = first, second
        holder.take(resumes=True)
        assert holder.acts
        world.seconds += seconds
        shelf.offset = jumped

        other.take(resumes=False)

        assert holder.acts + other.acts <= 1, (first, second, jumped)
