"""Every strategy on both kinds of fleet of the embedded AWS, through the public functions."""

from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from tests.rollouts.rolling import enter, make_sandbox

STRATEGIES = {
    "one-at-a-time": ({}, 3, 4),
    "two-at-a-time": ({"concurrent": 2}, 2, 4),
    "half-at-a-time": ({"concurrent": "50%"}, 2, 4),
    "launch-first": ({"launch_first": True}, 4, 5),
    "launch-first-half": ({"launch_first": True, "concurrent": "50%"}, 4, 6),
    "surge-and-unavailable": ({"max_surge": 1, "max_unavailable": 1}, 3, 5),
    "double-half": ({"strategy": Strategy.DOUBLE_HALF}, 4, 8),
    "reload": ({"strategy": Strategy.RELOAD}, 3, 4),
    "reload-two": ({"strategy": Strategy.RELOAD, "concurrent": 2}, 2, 4),
}
KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])


@KINDS
@pytest.mark.parametrize(("wanted", "lowest", "highest"), STRATEGIES.values(), ids=STRATEGIES)
def test_rolls_the_fleet_to_the_new_version_within_its_bounds(
    tmp_path: Path, *, grouped: bool, wanted: dict[str, Any], lowest: int, highest: int
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped)
        report = rolling.roll(**wanted)
        sandbox.jump(120)

        assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")
        assert report.instances.replaced + report.instances.reloaded == 4
        assert report.min_serving is not None
        assert (report.min_serving, report.max_live) == (lowest, highest)
        assert rolling.serving_versions() == {"v2": 4}
        assert len(rolling.running()) == 4
        reloaded = wanted.get("strategy") is Strategy.RELOAD
        assert (rolling.running() == set(rolling.fleet.instance_ids)) is reloaded


@KINDS
@pytest.mark.parametrize(
    "wanted",
    [{}, {"strategy": Strategy.DOUBLE_HALF}, {"strategy": Strategy.RELOAD}],
    ids=["replace", "double-half", "reload"],
)
def test_serves_two_target_groups(tmp_path: Path, *, grouped: bool, wanted: dict[str, Any]) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=3, target_groups=2)
        report = rolling.roll(**wanted)

        assert report.status is Outcome.SUCCEEDED
        for arn in rolling.fleet.target_group_arns:
            states = [target.state for target in sandbox.world.elb.targets(arn)]
            assert states.count("healthy") == 3


@pytest.mark.parametrize(
    "wanted",
    [{}, {"launch_first": True}, {"strategy": Strategy.RELOAD}],
    ids=["replace", "launch-first", "reload"],
)
def test_registers_a_standalone_replacement_on_every_port(tmp_path: Path, wanted: dict[str, Any]) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=False, servers=3, ports=(80, 8080))
        report = rolling.roll(**wanted)
        targets = sandbox.world.elb.targets(rolling.fleet.target_group_arns[0])

        assert report.status is Outcome.SUCCEEDED
        assert sorted(target.port for target in targets if target.state == "healthy") == [80] * 3 + [8080] * 3


@pytest.mark.parametrize(
    "wanted",
    [{}, {"launch_first": True}, {"strategy": Strategy.DOUBLE_HALF}, {"strategy": Strategy.RELOAD}],
    ids=["replace", "launch-first", "double-half", "reload"],
)
def test_drains_and_registers_a_port_that_the_group_does_not_manage(tmp_path: Path, wanted: dict[str, Any]) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, servers=3)
        arn = rolling.fleet.target_group_arns[0]
        for name in rolling.fleet.instance_ids:
            sandbox.world.elb.register(arn, name, 8080)
        sandbox.jump(60)
        report = rolling.roll(**wanted)
        targets = sandbox.world.elb.targets(arn)

        assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")
        assert sorted(target.port for target in targets if target.state == "healthy") == [80] * 3 + [8080] * 3


@pytest.mark.parametrize(
    "wanted",
    [{}, {"launch_first": True}, {"strategy": Strategy.DOUBLE_HALF}, {"strategy": Strategy.RELOAD}],
    ids=["replace", "launch-first", "double-half", "reload"],
)
def test_restores_the_settings_of_the_group(tmp_path: Path, wanted: dict[str, Any]) -> None:
    sandbox, clock = make_sandbox()
    kept = ("MinSize", "MaxSize", "DesiredCapacity", "SuspendedProcesses", "Tags")
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, servers=3, min_size=3, max_size=3)
        before = rolling.group()
        report = rolling.roll(**wanted)
        after = rolling.group()

        assert (report.status, report.warnings) == (Outcome.SUCCEEDED, ())
        assert {key: after.get(key) for key in kept} == {key: before.get(key) for key in kept}
        version = "1" if wanted.get("strategy") is Strategy.RELOAD else "2"
        assert after["LaunchTemplate"]["Version"] == version


@KINDS
def test_a_second_rollout_to_the_same_version_changes_nothing(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=2)
        rolling.roll()
        before = rolling.running()
        report = rolling.roll()

        assert report.status is Outcome.SUCCEEDED
        assert rolling.running() == before
        assert report.instances.replaced == 0


@KINDS
def test_an_empty_fleet_is_done_at_once(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=0)

        assert rolling.roll().status is Outcome.SUCCEEDED
