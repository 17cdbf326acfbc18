"""The disk of the store fails in the middle of a rollout: the rollout stops with that reason, and resumes later."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.status import Outcome
from tests.rollouts.holding import Watching, changes, labels, resume, roll
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2)


class Disk:
    """A disk that takes no file while it fails."""

    def __init__(self, patch: pytest.MonkeyPatch, code: int) -> None:
        self.code = 0
        make = tempfile.mkstemp

        def mkstemp(*arguments: Any, **options: Any) -> Any:
            if self.code:
                raise OSError(self.code, os.strerror(self.code))
            return make(*arguments, **options)

        patch.setattr(tempfile, "mkstemp", mkstemp)
        self._fails_with = code

    def fail(self) -> None:
        self.code = self._fails_with


@pytest.mark.parametrize("event", ["rollout.created", "instance.deregistered", "instance.launched"])
def test_a_rollout_whose_disk_fails_stops_with_that_reason_and_resumes_later(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    disk = Disk(monkeypatch, errno.ENOSPC)
    seen: list[dict[str, int]] = []

    def fail() -> None:
        disk.fail()
        seen.append(changes(rolling))

    report = roll(rolling, rolling.store, Watching(at=event, do=fail), deregistration_delay=300)
    after = {name: number for name, number in changes(rolling).items() if not name.endswith(("AddTags", "RemoveTags"))}
    disk.code = 0

    assert report.status is Outcome.PAUSED
    assert "the disk is full" in report.reason
    assert "no further change was made" not in report.reason
    assert "the last saved record is complete" in report.reason.lower()
    assert after == {name: number for name, number in seen[0].items() if name in after}
    assert rolling.store.load(report.rollout_id).status.outcome is Outcome.RUNNING
    assert resume(rolling, report.rollout_id, rolling.store).succeeded
    assert rolling.serving_versions() == {"v2": 2}
    assert labels(rolling) == []


def test_a_disk_that_fails_for_a_few_seconds_stops_nothing(rolling: Rolling, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal that fails during a wait is repeated, with one warning."""
    disk = Disk(monkeypatch, errno.EDQUOT)
    sleep = rolling.clock.sleep
    waiting: list[str] = []
    left: list[float] = []

    def sleeping(seconds: float) -> None:
        if waiting and not left:
            left.append(30.0)
            disk.fail()
        sleep(seconds)
        if left:
            left[0] -= seconds
            disk.code = disk.code if left[0] > 0 else 0

    def observed(_rollout: Any, _observation: Any, status: Any) -> None:
        waiting.extend(name for name, server in status.servers.items() if server.phase is ServerPhase.DRAINING)

    monkeypatch.setattr(rolling.clock, "sleep", sleeping)
    watching = Watching()
    monkeypatch.setattr(watching, "observed", observed)

    report = roll(rolling, rolling.store, watching, deregistration_delay=300, poll=1000, max_running="100%")

    assert report.status is Outcome.SUCCEEDED, report.reason
    warnings = [str(fields["message"]) for name, fields in watching.seen if name == "rollout.warning"]
    assert len(warnings) == 1
    assert "the lease of the fleet cannot be renewed: the store could not be written" in warnings[0]
    assert "the disk quota of this user is used up" in warnings[0]


@pytest.mark.parametrize(("folder", "lost"), [("timelines", "awsroll watch"), ("decisions", "awsroll replay")])
def test_what_is_kept_beside_the_record_is_a_warning_if_it_cannot_be_written(
    rolling: Rolling, monkeypatch: pytest.MonkeyPatch, folder: str, lost: str
) -> None:
    make = tempfile.mkstemp

    def mkstemp(*arguments: Any, **options: Any) -> Any:
        if folder in str(options.get("dir", "")):  # a file that is larger than `ulimit -f` allows
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return make(*arguments, **options)

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    watching = Watching()

    assert roll(rolling, rolling.store, watching).status is Outcome.SUCCEEDED
    (warning,) = [str(fields["message"]) for name, fields in watching.seen if name == "rollout.warning"]
    assert lost in warning
    assert "the file is larger than the limit of this process" in warning
    assert "no further change" not in warning, "the rollout goes on"
