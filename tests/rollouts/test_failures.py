"""Failures on the embedded AWS: each stops the rollout with its cause and leaves the other servers serving."""

from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.rollout_choices import OnFailure, Strategy
from awsroll.core.model.status import Outcome
from tests.rollouts.rolling import enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
UNHEALTHY, UNBOOTABLE = {"sandbox:health": "unhealthy"}, {"sandbox:boot": "fails"}
IMPAIRED, ON_A_FAILED_HOST = {"sandbox:status": "impaired"}, {"sandbox:status": "system-impaired"}


@KINDS
@pytest.mark.parametrize(
    "wanted",
    [{}, {"launch_first": True}, {"strategy": Strategy.DOUBLE_HALF}],
    ids=["replace", "launch-first", "double-half"],
)
def test_a_version_that_is_never_healthy_stops_with_the_targets_reason(
    tmp_path: Path, *, grouped: bool, wanted: dict[str, Any]
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, further_versions=(UNHEALTHY,))
        report = rolling.roll(version=3, on_failure=OnFailure.STOP, **wanted)

        assert report.status is Outcome.STOPPED
        assert "not healthy within" in report.reason
        assert "Target.ResponseCodeMismatch" in report.reason
        assert rolling.serving_versions()["v1"] == (3 if not wanted else 4)


@KINDS
def test_a_version_that_does_not_boot_stops_with_its_cause(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, further_versions=(UNBOOTABLE,))
        report = rolling.roll(version=3, on_failure=OnFailure.STOP, launch_first=True, launch_timeout=300)

        assert report.status is Outcome.STOPPED
        assert report.failures
        assert rolling.serving_versions() == {"v1": 4}


@KINDS
def test_a_version_with_impaired_status_checks_is_rolled_back_though_it_is_healthy(
    tmp_path: Path, *, grouped: bool
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, servers=2, further_versions=(IMPAIRED,))
        bake = 0 if grouped else 120  # a group acts on these checks, so there they are waited for
        report = rolling.roll(version=3, on_failure=OnFailure.ROLLBACK, bake_time=bake)

        assert report.status is Outcome.ROLLED_BACK
        assert "instance status check is impaired" in report.reason
        sandbox.jump(600)
        assert rolling.serving_versions() == {"v1": 2}


def test_servers_on_failed_hosts_are_replaced_until_the_rollout_pauses(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, servers=1, further_versions=(ON_A_FAILED_HOST,))
        report = rolling.roll(version=3, on_failure=OnFailure.ROLLBACK, launch_first=True)

        assert report.status is Outcome.PAUSED  # a rollback of the version would not help against failed hosts
        assert len(report.failures) > 1
        assert "system status check is impaired" in report.reason
        assert sum(rolling.serving_versions().values()) >= 1


def test_a_stopped_rollout_of_a_group_leaves_the_baseline_as_its_version(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, max_size=4, further_versions=(UNHEALTHY,))
        before = rolling.group()
        report = rolling.roll(version=3, on_failure=OnFailure.STOP, launch_first=True)
        sandbox.jump(300)
        after = rolling.group()

        assert report.status is Outcome.STOPPED
        assert after["LaunchTemplate"]["Version"] == "1"
        for key in ("MinSize", "MaxSize", "DesiredCapacity", "SuspendedProcesses", "Tags"):
            assert after.get(key) == before.get(key), key
        assert rolling.serving_versions() == {"v1": 4}


@KINDS
def test_a_reload_command_that_fails_stops_the_rollout_and_returns_the_server_to_service(
    tmp_path: Path, *, grouped: bool
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped)
        report = rolling.roll(strategy=Strategy.RELOAD, command=("exit 1",))
        sandbox.jump(120)

        assert report.status is Outcome.STOPPED
        assert "reload command failed" in report.reason
        assert rolling.serving_versions() == {"v1": 4}


def test_the_same_version_can_be_rolled_to_after_a_stop(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=False, further_versions=(UNHEALTHY,))
        rolling.roll(version=3)
        report = rolling.roll(version=2)

        assert report.status is Outcome.SUCCEEDED
        assert rolling.serving_versions() == {"v2": 4}


def test_a_replacement_gets_the_tags_of_the_user_and_of_its_own_template(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(
            sandbox, clock, tmp_path, grouped=False, servers=1, further_versions=(UNHEALTHY, {"color": "3"})
        )
        rolling.roll(version=3, on_failure=OnFailure.STOP, launch_first=True)
        report = rolling.roll(version=4, launch_first=True)
        (new,) = rolling.running()
        tags = sandbox.world.ec2.instance(new).tags

        assert report.status is Outcome.SUCCEEDED
        assert (tags["Name"], tags["color"]) == ("web-1", "3")
        assert "sandbox:health" not in tags


def test_a_zone_without_capacity_is_replaced_by_the_other_zones_of_the_group(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, zones=3, max_size=5)
        sandbox.world.ec2.capacity["us-east-1a"] = 0
        report = rolling.roll(launch_first=True)

        assert report.succeeded, report.reason
        assert rolling.serving_versions() == {"v2": 4}
        new = [one for one in rolling.group()["Instances"] if one["LaunchTemplate"]["Version"] == "2"]
        assert sorted({one["AvailabilityZone"] for one in new}) == ["us-east-1b", "us-east-1c"]
