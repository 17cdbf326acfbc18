"""Rollouts of the embedded AWS that wait for a window: in one process, and by the functions of a state machine."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from awsroll.cli.main import run
from awsroll.core.model.period import Period
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.context import Context
from awsroll.driver.user_commands import override_freeze
from awsroll.events import Tee
from tests.lambdas.driven import machine
from tests.rollouts.rolling import Rolling, enter, make_sandbox

HOUR = 3600.0
NIGHT = Period(cron="0 2 * * *", duration=HOUR)


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path, grouped=True, servers=2)


class Seen(Tee):
    """Keeps when events came."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, datetime] = {}

    def event(self, name: str, at: datetime, **fields: object) -> None:
        super().event(name, at, **fields)
        self.at.setdefault(name, at)


def test_a_rollout_changes_nothing_before_its_window_and_ends_in_it(rolling: Rolling) -> None:
    before, seen = rolling.group(), Seen()
    context = Context(session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, sink=seen)
    report = operations.roll(rolling.request(windows=(NIGHT,)), context)
    opens = datetime(2026, 1, 1, 2, tzinfo=UTC)

    assert report.status is Outcome.SUCCEEDED
    assert seen.at["rollout.waiting"] < opens
    assert opens <= seen.at["rollout.continuing"] <= seen.at["group.instances-terminated"]
    assert (rolling.clock.now() - opens).total_seconds() < HOUR
    assert rolling.group()["MaxSize"] == before["MaxSize"]
    assert rolling.serving_versions() == {"v2": 2}


def test_a_person_overrides_the_window_at_the_command_line(
    rolling: Rolling, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = iter([False] * 5)
    context = Context(
        session=rolling.sandbox.session(),
        store=rolling.store,
        clock=rolling.clock,
        stop_requested=lambda: next(looks, True),
    )
    waiting = operations.roll(rolling.request(windows=(NIGHT,)), context).rollout_id
    state = ("--state", str(rolling.store.directory))

    assert run(["approve", waiting, "--override-freeze", "a hole in the kernel", "--reject", *state]) == 2
    assert "pass it without --reject" in capsys.readouterr().err
    assert run(["approve", waiting, "--override-freeze", "a hole in the kernel", "--json", *state]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rollout_id"] == waiting
    went_on = Context(session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock)
    report = operations.resume(waiting, went_on)

    assert report.status is Outcome.SUCCEEDED
    assert rolling.clock.now() < datetime(2026, 1, 1, 2, tzinfo=UTC)
    assert "a hole in the kernel" in str(rolling.store.user_requests(waiting))


def test_steps_rest_until_the_window_opens_and_notice_a_person_within_five_minutes(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        period: dict[str, Any] = {"cron": "0 2 * * *", "duration": "1h"}
        driven.prepare(driven.request(windows=[period]))
        waiting = driven.go_on(until=lambda answer: answer["phase"] == "window")
        began = len(driven.answers)
        driven.rolling.clock.sleep(waiting["wait_seconds"])
        again = driven.reconcile()

        assert (again["phase"], again["outcome"]) == ("window", "running")
        assert "waits for the window that opens at" in again["reason"]
        assert 60 < again["wait_seconds"] <= 300

        override_freeze(driven.name, driven.rolling.store, "a hole in the kernel", by="alice")
        driven.rolling.clock.sleep(again["wait_seconds"])
        last = driven.go_on()

        assert last["outcome"] == "succeeded"
        assert driven.rolling.clock.now() < datetime(2026, 1, 1, 2, tzinfo=UTC)
        assert len(driven.answers) > began
