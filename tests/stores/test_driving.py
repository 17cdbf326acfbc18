"""A fleet has one driver, and a dead driver holds nothing."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.errors import FleetLockedError
from awsroll.ports import Record
from awsroll.stores import LocalStore, RecordStore, default_directory
from tests.stores.places import Place
from tests.stores.records import ADMIN, WEB, record

OVERLAPPING = {
    "same-group": (record("a", group="web"), record("b", group="web")),
    "group-that-changes-its-target-group": (record("a", group="web", delay=10), record("b")),
    "groups-that-change-one-target-group": (record("a", group="web", delay=10), record("b", group="spot", delay=20)),
    "one-target-group-in-common": (record("a", target_groups=(ADMIN, WEB)), record("b", target_groups=(WEB,))),
    "same-rollout-twice": (record("a"), record("a")),
}


@pytest.mark.parametrize(("first", "second"), OVERLAPPING.values(), ids=OVERLAPPING)
def test_a_held_fleet_is_refused_and_the_error_names_the_holder(
    store: RecordStore, first: Record, second: Record
) -> None:
    with store.drive(first.rollout):
        with pytest.raises(FleetLockedError, match=r"held by rollout a .*process"), store.drive(second.rollout):
            pytest.fail("two drivers of one fleet")
        assert store.driver("b") is None

    with store.drive(second.rollout):
        assert store.driver(second.rollout.rollout_id) is not None


def test_two_groups_behind_one_target_group_are_two_fleets(store: RecordStore) -> None:
    with store.drive(record("a", group="web").rollout), store.drive(record("b", group="spot").rollout):
        assert store.driver("a") is not None
        assert store.driver("b") is not None


def test_a_refused_driver_holds_no_part_of_the_fleet_and_leaves_no_file(place: Place) -> None:
    store = place.open()
    with store.drive(record("a", target_groups=(WEB,)).rollout):
        before = store.backend.keys("fleets/"), store.backend.keys("rollouts/")
        with pytest.raises(FleetLockedError), store.drive(record("b", target_groups=(ADMIN, WEB)).rollout):
            pytest.fail("two drivers of one fleet")
        assert (store.backend.keys("fleets/"), store.backend.keys("rollouts/")) == before

        with store.drive(record("c", target_groups=(ADMIN,)).rollout):
            pass
    assert store.backend.keys("fleets/") == ()


def test_other_fleets_and_other_accounts_share_no_lock(store: RecordStore) -> None:
    web, db = (record(name, group=name, target_groups=()).rollout for name in ("web", "db"))
    elsewhere = replace(record("far", group="web", target_groups=()).rollout, account="210987654321")
    with store.drive(web), store.drive(db), store.drive(elsewhere):
        assert store.driver("web") is not None
        assert store.driver("db") is not None
        assert store.driver("far") is not None


def test_a_rollout_has_a_driver_only_while_the_driver_lives(store: RecordStore) -> None:
    rollout = store.save(record()).rollout
    assert store.driver("web-1") is None

    with store.drive(rollout) as lease:
        assert store.driver("web-1") == lease.holder

    assert store.driver("web-1") is None


@pytest.mark.process
def test_a_killed_driver_frees_the_fleet_at_once(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from awsroll.stores import LocalStore\n"
        "store = LocalStore(Path(sys.argv[1]))\n"
        "with store.drive(store.load('web-1').rollout):\n"
        "    print('driving', flush=True); time.sleep(60)\n"
    )
    store = LocalStore(tmp_path)
    rollout = store.save(record()).rollout
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "driving\n"
        driver = store.driver("web-1")
        other.kill()
        other.wait()

    assert driver is not None
    assert driver.process.number == other.pid
    assert store.driver("web-1") is None
    with store.drive(rollout):
        pass


def test_the_default_directory_is_under_the_state_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "awsroll"

    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert default_directory() == Path.home() / ".local" / "state" / "awsroll"
