"""The budget of a store: who has a share, who waits, and what is left of a rollout that was killed at any write."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.status import Mode
from awsroll.ports import Record
from awsroll.stores import Budget, LocalStore, RecordStore, Share
from awsroll.stores.budgets import shortfall
from awsroll.stores.directory_backend import DirectoryBackend
from awsroll.testing.clock import T0, VirtualClock
from tests.stores.records import record

LEASE_IS_OVER = 200.0


class Crash(BaseException):
    """The process died."""


class MortalBackend(DirectoryBackend):
    """A directory whose process dies right before or right after one of its writes."""

    def __init__(self, directory: Path, *, dies_at: int, after: bool) -> None:
        super().__init__(directory)
        self.writes = 0
        self._dies_at, self._after = dies_at, after

    def write(self, key: str, data: bytes, expected: str | None) -> str:
        return str(self._change(lambda: super(MortalBackend, self).write(key, data, expected)))

    def delete(self, key: str, expected: str) -> None:
        self._change(lambda: super(MortalBackend, self).delete(key, expected))

    def _change(self, change: Any) -> Any:
        self.writes += 1
        if self.writes > self._dies_at or (self.writes == self._dies_at and not self._after):
            raise Crash
        done = change()
        if self.writes == self._dies_at:
            raise Crash
        return done


def _budget(**limits: int) -> Budget:
    return Budget(by="ops@bastion", since=T0, **limits)


def _group(name: str, **changes: Any) -> Record:
    made = record(name, group=name, target_groups=())
    return replace(made, rollout=replace(made.rollout, **changes))


@contextmanager
def _running(store: RecordStore, name: str, clock: VirtualClock, **changes: Any) -> Iterator[Record]:
    """Hold the lock of a rollout and its share, as a driver does."""
    one = _group(name, **changes)
    with store.drive(one.rollout, clock=clock):
        assert store.budgets.take_share(one.rollout, clock=clock) is None
        yield store.save(one)


def _names(shares: tuple[Share, ...]) -> list[str]:
    return [share.rollout_id for share in shares]


def test_the_budget_counts_rollouts_and_servers() -> None:
    others = tuple(Share(rollout_id=name, fleet=name, servers=3, since=T0) for name in "ab")
    assert shortfall(_budget(rollouts=3), others, 50) is None
    assert shortfall(_budget(servers=10), others, 4) is None
    full = shortfall(_budget(rollouts=2), others, 1)
    assert full is not None
    assert str(full) == (
        "the budget is at most 2 rollouts in each account and region (set by ops@bastion, 2026-01-01 00:00:00Z), and "
        "these run: a (3 in flight, since 2026-01-01 00:00:00Z), b (3 in flight, since 2026-01-01 00:00:00Z)"
    )
    assert shortfall(_budget(servers=10), others, 5) is not None
    alone = shortfall(_budget(servers=10), (), 11)
    assert alone is not None
    assert alone.others == ()


def test_without_a_budget_nothing_is_written(tmp_path: Path) -> None:
    store, clock = LocalStore(tmp_path), VirtualClock()
    with _running(store, "a", clock), _running(store, "b", clock):
        pass
    assert not [key for key in store.backend.keys("fleets/") if "budget" in key]


def test_a_share_counts_until_its_rollout_ends_pauses_or_its_lease_expires(tmp_path: Path) -> None:
    store, clock = LocalStore(tmp_path), VirtualClock()
    store.budgets.change(_budget(rollouts=1))
    other = _group("b").rollout
    with _running(store, "a", clock):
        missing = store.budgets.room_for(other, clock=clock)
        assert missing is not None
        assert _names(missing.others) == ["a"]
        with store.drive(other, clock=clock):
            assert store.budgets.take_share(other, clock=clock) == missing
            assert store.budgets.take_share(other, clock=clock, in_any_case=True) is None, "a rollback does not wait"
    assert store.budgets.room_for(other, clock=clock) is None

    with ExitStack() as killed:  # its lock stays, and expires
        killed.enter_context(_running(store, "c", clock))
        assert store.budgets.room_for(other, clock=clock) is not None
        clock.sleep(LEASE_IS_OVER)
        assert store.budgets.room_for(other, clock=clock) is None


def test_rollouts_that_run_before_the_budget_is_set_count(tmp_path: Path) -> None:
    store, clock = LocalStore(tmp_path), VirtualClock()
    with _running(store, "a", clock), _running(store, "b", clock):
        store.budgets.change(_budget(rollouts=2))
        missing = store.budgets.room_for(_group("c").rollout, clock=clock)
        assert missing is not None
        assert sorted(_names(missing.others)) == ["a", "b"]


def test_each_account_and_region_has_the_budget_for_itself(tmp_path: Path) -> None:
    store, clock = LocalStore(tmp_path), VirtualClock()
    store.budgets.change(_budget(rollouts=1))
    with _running(store, "a", clock):
        assert store.budgets.room_for(_group("b", region="eu-west-1").rollout, clock=clock) is None
        assert store.budgets.room_for(_group("b", account="210987654321").rollout, clock=clock) is None
        assert store.budgets.room_for(_group("b").rollout, clock=clock) is not None


def test_two_that_start_at_once_do_not_both_get_the_last_share(tmp_path: Path) -> None:
    first, second, clock = LocalStore(tmp_path), LocalStore(tmp_path), VirtualClock()
    first.budgets.change(_budget(rollouts=1))
    one, two = _group("a").rollout, _group("b").rollout
    with first.drive(one, clock=clock), second.drive(two, clock=clock):
        write = first.backend.write
        tried = []

        def slower(key: str, data: bytes, expected: str | None) -> str:
            """Let the other process take its share between the read and the write."""
            if not tried:
                tried.append(second.budgets.take_share(two, clock=clock))
            return write(key, data, expected)

        first.backend.write = slower  # type: ignore[method-assign]
        missing = first.budgets.take_share(one, clock=clock)

    assert tried == [None]
    assert missing is not None
    assert _names(missing.others) == ["b"]


def test_waiting_rollouts_get_shares_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    store, clock = LocalStore(tmp_path), VirtualClock()
    store.budgets.change(_budget(rollouts=1))
    first, second = _group("b").rollout, _group("c").rollout
    with _running(store, "a", clock):
        for waiting, before in ((first, []), (second, ["b"]), (first, [])):
            missing = store.budgets.wait_for_room(waiting, clock=clock)
            assert missing is not None
            assert (_names(missing.others), _names(missing.before)) == (["a"], before)

    with store.drive(second, clock=clock):
        missing = store.budgets.take_share(second, clock=clock)
        assert missing is not None
        assert str(missing).endswith("these wait before it: b (1 in flight, since 2026-01-01 00:00:00Z)")
    with store.drive(first, clock=clock):
        assert store.budgets.take_share(first, clock=clock) is None
        missing = store.budgets.room_for(second, clock=clock)
        assert missing is not None
        assert (_names(missing.others), _names(missing.before)) == (["b"], [])
    assert store.budgets.wait_for_room(second, clock=clock) is None


def test_a_small_rollout_does_not_overtake_a_large_one_that_could_run(tmp_path: Path) -> None:
    large = Share(rollout_id="large", fleet="large", servers=8, since=T0)
    running = Share(rollout_id="running", fleet="running", servers=5, since=T0)
    assert shortfall(_budget(servers=10), (running,), 3, before=(large,)) is not None
    assert shortfall(_budget(servers=7), (running,), 2, before=(large,)) is None, "it can never run"
    assert shortfall(_budget(servers=16), (running,), 3, before=(large,)) is None, "both fit"


def test_a_waiting_rollout_that_died_or_left_blocks_no_other(tmp_path: Path) -> None:
    store, clock = LocalStore(tmp_path), VirtualClock()
    store.budgets.change(_budget(rollouts=1))
    dead, left, alive = (_group(name).rollout for name in "bcd")
    with _running(store, "a", clock):
        for waiting in (dead, left, alive):
            store.budgets.wait_for_room(waiting, clock=clock)
        store.budgets.leave(left, clock=clock)

    seconds = 0
    while store.budgets.wait_for_room(alive, clock=clock) is not None:
        clock.sleep(15)
        seconds += 15
    assert seconds == 60
    newest = store.budgets.room_for(_group("e").rollout, clock=clock)
    assert newest is not None
    assert _names(newest.before) == ["d"], "a waiter that asks every 15 seconds keeps its place"


def test_a_rollout_that_another_process_drives_keeps_its_share_and_gets_no_place(tmp_path: Path) -> None:
    store, clock = LocalStore(tmp_path), VirtualClock()
    store.budgets.change(_budget(rollouts=2))
    twice, other = _group("b").rollout, _group("c").rollout
    with _running(store, "a", clock), _running(store, "b", clock):
        store.budgets.change(_budget(rollouts=1))
        assert store.budgets.wait_for_room(twice, clock=clock) is not None
        missing = store.budgets.room_for(other, clock=clock)
        assert missing is not None
        assert (_names(missing.others), _names(missing.before)) == (["a", "b"], [])


def test_paused_rollouts_that_wait_in_steps_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """A step keeps the lock of its rollout until the next step, also while the rollout waits."""
    store, clock = LocalStore(tmp_path), VirtualClock()
    store.budgets.change(_budget(rollouts=3))
    first, second = _group("b").rollout, _group("c").rollout
    with _running(store, "b", clock), _running(store, "c", clock):
        pass  # both pause, and leave their shares
    with ExitStack() as steps:
        with _running(store, "a", clock):
            store.budgets.change(_budget(rollouts=1))
            for waiting in (first, second):
                steps.enter_context(store.drive(waiting, clock=clock))
                assert store.budgets.take_share(waiting, clock=clock, waits=True) is not None
        assert store.budgets.take_share(second, clock=clock, waits=True) is not None
        assert store.budgets.take_share(first, clock=clock, waits=True) is None
        assert store.budgets.take_share(second, clock=clock, waits=True) is not None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rollout_killed_at_any_write_of_its_start_leaves_no_share(tmp_path: Path, *, after: bool) -> None:
    for dies_at in range(1, 20):
        folder, clock = tmp_path / str(dies_at), VirtualClock()
        LocalStore(folder).budgets.change(_budget(rollouts=1))
        mortal = RecordStore(MortalBackend(folder, dies_at=dies_at, after=after))
        died = False
        try:
            with _running(mortal, "a", clock) as started:
                ended = replace(started, status=replace(started.status, mode=Mode.ENDED))
                mortal.save(ended)
        except Crash:
            died = True
        clock.sleep(LEASE_IS_OVER)

        with _running(LocalStore(folder), "b", clock):
            missing = LocalStore(folder).budgets.room_for(_group("c").rollout, clock=clock)
            assert missing is not None
            assert _names(missing.others) == ["b"], f"died at write {dies_at}"
        if not died:
            assert dies_at > 5, "the sweep has covered every write"
            return
    pytest.fail("the start makes more writes than the sweep covers")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_budget_whose_setting_is_killed_is_the_old_or_the_new_one(tmp_path: Path, *, after: bool) -> None:
    old, new = _budget(rollouts=1), _budget(servers=5)
    for dies_at in range(1, 4):
        store = LocalStore(tmp_path / str(dies_at))
        store.budgets.change(old)
        mortal = RecordStore(MortalBackend(tmp_path / str(dies_at), dies_at=dies_at, after=after))
        try:
            mortal.budgets.change(new)
        except Crash:
            assert LocalStore(tmp_path / str(dies_at)).budgets.load() == (new if after else old)
        else:
            assert store.budgets.load() == new
            assert dies_at == 2, "one write sets a budget"
            return
