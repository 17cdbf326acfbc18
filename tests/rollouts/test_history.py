"""`awsroll history`: who did what, from where, and that a changed or removed entry or record is noticed."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

import awsroll
from awsroll.cli import history
from awsroll.cli.main import run
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.caller_name import local_name
from awsroll.driver.context import Context
from awsroll.driver.verify_history import verify_history
from awsroll.errors import StateError
from awsroll.stores import Act, Deed, Entry, LocalStore, RecordStore
from awsroll.stores.codec import decode, encode
from awsroll.stores.directory_backend import DirectoryBackend
from awsroll.testing import FakeFleet
from awsroll.testing.clock import T0
from tests.rollouts.test_budget import Events
from tests.stores.test_budgets import LEASE_IS_OVER, Crash, MortalBackend

SPEC = awsroll.RolloutSpec(asg="web", message="new logo", ref="4711")
NOW = T0 + timedelta(days=1)


def _context(fleet: FakeFleet, store: RecordStore, sink: Events | None = None) -> Context:
    return Context(session=fleet, store=store, sink=sink or Events())


def _roll(fleet: FakeFleet, store: RecordStore, sink: Events | None = None, **changes: object) -> awsroll.Report:
    spec = replace(SPEC, **changes)  # type: ignore[arg-type]
    return operations.roll(spec, _context(fleet, store, sink), rollout_id="web-1")


def _entries(store: RecordStore) -> list[Entry]:
    return [each for each in store.history().entries() if isinstance(each, Entry)]


def _deed(number: int) -> Deed:
    return Deed(act=Act.STARTED, at=T0 + timedelta(seconds=number), rollout_id=f"web-{number}", fleet="web")


@pytest.fixture
def rolled(tmp_path: Path) -> LocalStore:
    """Return a store with three ended rollouts."""
    store = LocalStore(tmp_path / "state")
    for number in (1, 2, 3):
        fleet = FakeFleet.auto_scaling(f"web{number}", servers=2)
        operations.roll(replace(SPEC, asg=f"web{number}"), _context(fleet, store), rollout_id=f"web-{number}")
    return store


def test_each_rollout_keeps_who_did_what_from_where(tmp_path: Path) -> None:
    fleet, store = FakeFleet.auto_scaling(servers=2), LocalStore(tmp_path)
    approving = Events("approval.awaited", lambda: operations.approve("web-1", store))
    pausing = Events("group.instances-terminated", lambda: operations.pause("web-1", store))

    assert _roll(fleet, store, pausing, checkpoint=("1",), approve_checkpoints=True).status is Outcome.PAUSED
    assert operations.resume("web-1", _context(fleet, store, approving)).succeeded
    assert operations.rollback("web-1", _context(fleet, store)).status is Outcome.ROLLED_BACK

    deeds = [entry.deed for entry in _entries(store)]
    assert [deed.act for deed in deeds] == [
        Act.STARTED,
        Act.PAUSED,
        Act.RESUMED,
        Act.APPROVED,
        Act.ENDED,
        Act.RESUMED,
        Act.ROLLBACK_STARTED,
        Act.ENDED,
    ]
    started, paused, *_, ended = deeds
    assert (started.from_version, started.to_version) == ("lt-web:1", "lt-web:2")
    assert (started.message, started.ref) == ("new logo", "4711")
    assert started.by
    assert started.place
    assert started.request.startswith("sha256:")
    assert paused.reason.startswith("paused by request")
    assert (deeds[3].checkpoint, deeds[3].by) == (1, local_name())
    assert (ended.outcome, ended.record[:7]) == ("rolled_back", "sha256:")
    assert {deed.request for deed in deeds} == {started.request}
    assert verify_history(store, NOW).problems == ()
    assert verify_history(store, NOW).notes == ()


def test_the_export_has_one_line_for_each_entry(rolled: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    state = ["--state", rolled.address]

    assert run(["history", "--json", *state]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["rollout_id"], line["act"]) for line in lines] == [
        (f"web-{number}", act) for number in (1, 2, 3) for act in ("started", "ended")
    ]
    assert [line["previous"] for line in lines[1:]] == [line["digest"] for line in lines[:-1]]

    assert run(["history", "web-2", *state]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 3
    assert "lt-web2:1 -> lt-web2:2" in table[1]
    with patch.object(history, "result_width", lambda: 80):
        assert run(["history", "web-2", *state]) == 0
    narrow = capsys.readouterr().out.splitlines()
    assert len(narrow) >= 4
    assert max(map(len, narrow)) <= 80
    assert narrow[1].startswith("    lt-web2:1 -> lt-web2:2 by ")
    assert run(["history", "--head", "x", *state]) == 2


def _change(store: LocalStore, key: str, change: Callable[[Entry], Entry]) -> None:
    """Change an entry as someone with write access can: with a right checksum."""
    path = store.directory / key
    entry = change(decode(path.read_bytes(), Entry, location=key))
    path.write_bytes(encode(entry, lambda _: {"revision": 1}))


@pytest.mark.parametrize("number", range(6))
def test_a_changed_or_removed_entry_is_noticed(rolled: LocalStore, number: int) -> None:
    whole = verify_history(rolled, NOW)
    assert whole.problems == whole.notes == ()
    key = f"history/{number:010}.json"
    kept = (rolled.directory / key).read_bytes()

    _change(rolled, key, lambda entry: replace(entry, deed=replace(entry.deed, by="someone else")))
    changed = verify_history(LocalStore(rolled.directory), NOW, head=whole.head).problems
    assert len(changed) == (2 if number == 5 else 1), "the given digest and the head show a changed end"
    assert f"entry {number} was changed" in changed[0]

    (rolled.directory / key).write_bytes(kept.replace(b"web", b"wob"))
    assert f"entry {number} cannot be used" in verify_history(LocalStore(rolled.directory), NOW).problems[0]

    (rolled.directory / key).unlink()
    removed = verify_history(LocalStore(rolled.directory), NOW, head=whole.head)
    assert removed.problems
    assert f"entry {number} is missing" in removed.problems[0] or number == 5
    cut = verify_history(LocalStore(rolled.directory), NOW)
    assert cut.problems, "the head of the history shows a removed end"


def test_an_append_does_not_list_the_history(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for number in range(3):
        store.history().append(_deed(number))
    with patch.object(DirectoryBackend, "keys", side_effect=AssertionError("listed")):
        assert LocalStore(tmp_path).history().append(_deed(3)).number == 3


@pytest.mark.parametrize("head", [None, 0], ids=["lost", "outdated"])
def test_a_lost_or_outdated_head_of_the_history_does_no_harm(tmp_path: Path, head: int | None) -> None:
    path, heads = tmp_path / "history" / "head.json", []
    for number in range(3):
        LocalStore(tmp_path).history().append(_deed(number))
        heads.append(path.read_bytes())
    path.unlink()
    if head is not None:
        path.write_bytes(heads[head])

    assert LocalStore(tmp_path).history().append(_deed(3)).number == 3
    assert [entry.number for entry in _entries(LocalStore(tmp_path))] == [0, 1, 2, 3]


def test_a_changed_or_removed_record_is_noticed(rolled: LocalStore, capsys: pytest.CaptureFixture[str]) -> None:
    record = rolled.load("web-1")
    rolled.save(replace(record, status=replace(record.status, warnings=("other",))))
    (rolled.directory / "rollouts" / "web-2" / "record.json").unlink()
    started = rolled.load("web-3")
    rolled.save(
        replace(started, rollout=replace(started.rollout, limits=replace(started.rollout.limits, poll_seconds=9)))
    )

    assert run(["history", "--verify", "--state", rolled.address]) == 3

    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [
        "the record of rollout web-1 was changed after its end",
        lines[1],
    ], "another pace is no change of a record"
    assert lines[1].startswith("the record of rollout web-2 was removed")
    assert lines[-1].startswith("6 entries: 2 problems. Head: sha256:")
    assert run(["history", "--verify", "--json", "--state", rolled.address]) == 3
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2
    assert len(verify_history(rolled, NOW + timedelta(days=500)).problems) == 1, "a store may delete old records"


def test_two_drivers_that_append_at_once_make_one_chain(tmp_path: Path) -> None:
    first, second = LocalStore(tmp_path), LocalStore(tmp_path)
    files, others = first.history(), second.history()
    last = files._last_near_head

    def slower() -> Entry | None:
        """Let the other driver append between the reading and the writing."""
        found = last()
        others.append(_deed(2))
        others.append(_deed(3))
        return found

    files.append(_deed(1))
    files._last_near_head = slower  # type: ignore[method-assign]
    assert files.append(_deed(4)).number == 3
    assert [entry.deed.rollout_id for entry in _entries(first)] == ["web-1", "web-2", "web-3", "web-4"]
    assert [problem for problem in verify_history(first, NOW).problems if "entr" in problem.split("record")[0]] == []


def test_a_write_that_was_reported_as_failed_is_not_made_twice(tmp_path: Path) -> None:
    class Doubtful(DirectoryBackend):
        """Writes, and then says that another process was faster, as a repeated request to AWS may."""

        def write(self, key: str, data: bytes, expected: str | None) -> str:
            from awsroll.stores.backend import conflict

            super().write(key, data, expected)
            raise conflict(self.location(key))

    store = RecordStore(Doubtful(tmp_path))
    assert [store.history().append(_deed(number)).number for number in (1, 2)] == [0, 1]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rollout_killed_at_any_write_leaves_a_whole_chain(tmp_path: Path, *, after: bool) -> None:
    for dies_at in range(1, 200):
        fleet, folder = FakeFleet.auto_scaling(servers=1), tmp_path / str(dies_at)
        mortal = RecordStore(MortalBackend(folder, dies_at=dies_at, after=after))
        died = False
        try:
            _roll(fleet, mortal, launch_first=True)
        except Crash:
            died = True
        fleet.clock.sleep(LEASE_IS_OVER)
        store = LocalStore(folder)
        if store.list():
            operations.resume("web-1", _context(fleet, store))
        else:
            _roll(fleet, store, launch_first=True)

        found = verify_history(store, NOW)
        assert found.problems == (), f"died at write {dies_at}"
        assert all("its driver was killed then" in note for note in found.notes) or not _acts(store)
        if not died:
            assert found.notes == ()
            assert dies_at > 10
            return
    pytest.fail("the rollout makes more writes than the sweep covers")


def _acts(store: RecordStore) -> list[Act]:
    return [entry.deed.act for entry in _entries(store)]


def test_a_history_that_cannot_be_written_does_not_disturb_a_rollout(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("in the way")
    fleet, events = FakeFleet.auto_scaling(servers=2), Events()

    assert _roll(fleet, LocalStore(tmp_path), events).succeeded

    warnings = [str(message) for name, message in events.seen if name == "rollout.warning"]
    assert warnings[0].startswith("the history of the store has no entry that the rollout was started: ")
    with pytest.raises(StateError):
        LocalStore(tmp_path).history().append(_deed(1))
