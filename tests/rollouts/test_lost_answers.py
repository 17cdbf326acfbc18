"""Launches without an answer: the rollout finds out what became of each, and launches once."""

from pathlib import Path
from typing import Any

import pytest

import awsroll
from tests.rollouts.rolling import enter, make_sandbox


def test_an_answer_without_instances_and_errors_launches_once(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=4, zones=2)
        sandbox.faults.add("unfinished autoscaling:LaunchInstances times=1")
        launched: set[str] = set()
        sandbox.on_call(lambda _service, _name, _: launched.update(one.running()), "after")
        report = one.roll(launch_first=True, concurrent="2")
        sandbox.jump(120)

        assert report.succeeded, report.reason
        assert one.group()["DesiredCapacity"] == 4
        assert len(launched) == 8, "four old servers, four new ones"


def test_a_launch_that_stays_without_an_answer_is_looked_up_after_its_deadline(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox(launch_token_seconds=1e9)
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)

        def empty(service: str, name: str, _: Any) -> None:
            if name == "LaunchInstances":
                sandbox.faults.add("unfinished autoscaling:LaunchInstances times=1")

        sandbox.on_call(empty)
        sandbox.faults.add("unfinished autoscaling:LaunchInstances")
        report = one.roll(launch_first=True)
        sandbox.jump(120)

        assert report.succeeded, report.reason
        assert one.group()["DesiredCapacity"] == 2


@pytest.mark.parametrize("hours", [1, 9])
def test_a_launch_whose_driver_died_is_made_once_however_late_the_rollout_resumes(tmp_path: Path, hours: int) -> None:
    class Killed(BaseException):
        pass

    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        deaths = [1]

        def die(_service: str, name: str, _: Any) -> None:
            if name == "LaunchInstances" and deaths and deaths.pop():
                raise Killed

        sandbox.on_call(die, "after")
        with pytest.raises(Killed):
            one.roll(launch_first=True)
        sandbox.jump(hours * 3600)
        most = [0]
        sandbox.on_call(lambda *_: most.append(len(one.running())), "after")
        rollout_id = awsroll.rollouts(store=one.store)[0].rollout_id
        report = awsroll.resume(rollout_id, session=sandbox.session(), store=one.store, clock=clock)
        sandbox.jump(120)

        assert report.succeeded, report.reason
        assert one.group()["DesiredCapacity"] == 2
        assert max(most) <= 4, "two old servers that may still run, two new ones"
