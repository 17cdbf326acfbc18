"""Rollbacks on the embedded AWS, through the public functions: after a failure, on request, after success, at once."""

from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import OnFailure, Strategy
from awsroll.core.model.status import Outcome
from awsroll.errors import FleetError, SpecError
from tests.rollouts.rolling import Rolling, enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
HOW = pytest.mark.parametrize(
    "wanted",
    [{}, {"launch_first": True, "concurrent": 2}, {"strategy": Strategy.DOUBLE_HALF}],
    ids=["replace", "launch-first", "double-half"],
)
UNHEALTHY, UNBOOTABLE = {"sandbox:health": "unhealthy"}, {"sandbox:boot": "fails"}
SETTINGS = ("MinSize", "MaxSize", "DesiredCapacity", "SuspendedProcesses", "Tags")


def back(rolling: Rolling, rollout_id: str, request: awsroll.RolloutSpec | None = None) -> awsroll.Report:
    own: dict[str, Any] = {"session": rolling.sandbox.session(), "store": rolling.store, "clock": rolling.clock}
    return awsroll.rollback(rollout_id, **own, request=request)


@KINDS
@HOW
@pytest.mark.parametrize("harm", [UNHEALTHY, UNBOOTABLE], ids=["unhealthy", "unbootable"])
def test_a_bad_version_is_rolled_back_and_the_settings_are_restored(
    tmp_path: Path, *, grouped: bool, wanted: dict[str, Any], harm: dict[str, str]
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, further_versions=(harm,))
        before = rolling.group() if grouped else {}
        report = rolling.roll(version=3, **wanted)
        sandbox.jump(300)

        assert report.status is Outcome.ROLLED_BACK
        assert report.failures
        assert rolling.serving_versions() == {"v1": 4}
        assert len(rolling.running()) == 4
        if grouped:
            after = rolling.group()
            assert {key: after.get(key) for key in SETTINGS} == {key: before.get(key) for key in SETTINGS}
            assert after["LaunchTemplate"]["Version"] == "1"


@KINDS
@HOW
def test_a_rollout_that_has_succeeded_is_rolled_back(tmp_path: Path, *, grouped: bool, wanted: dict[str, Any]) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped)
        rolled = rolling.roll(**wanted)
        report = back(rolling, rolled.rollout_id)
        sandbox.jump(300)

        assert (rolled.status, report.status) == (Outcome.SUCCEEDED, Outcome.ROLLED_BACK)
        assert rolling.serving_versions() == {"v1": 4}
        assert len(rolling.running()) == 4
        assert back(rolling, rolled.rollout_id).status is Outcome.ROLLED_BACK


@KINDS
def test_a_rollout_that_was_stopped_is_rolled_back(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped, further_versions=(UNHEALTHY,))
        stopped = rolling.roll(version=3, on_failure=OnFailure.STOP)
        report = back(rolling, stopped.rollout_id)
        sandbox.jump(300)

        assert (stopped.status, report.status) == (Outcome.STOPPED, Outcome.ROLLED_BACK)
        assert rolling.serving_versions() == {"v1": 4}


@KINDS
def test_a_reload_is_undone_by_its_rollback_command(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped)
        wanted: dict[str, Any] = {"strategy": Strategy.RELOAD, "rollback_command": ("sandbox-version v1",)}
        rolled = rolling.roll(**wanted)
        reached = rolling.serving_versions()
        report = back(rolling, rolled.rollout_id, rolling.request(**wanted))

        assert (rolled.status, report.status) == (Outcome.SUCCEEDED, Outcome.ROLLED_BACK)
        assert (reached, rolling.serving_versions()) == ({"v2": 4}, {"v1": 4})
        assert rolling.running() == set(rolling.fleet.instance_ids)


def test_a_reload_without_a_rollback_command_cannot_be_rolled_back(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=False)
        rolled = rolling.roll(strategy=Strategy.RELOAD)
        with pytest.raises(SpecError, match="without --rollback-command"):
            back(rolling, rolled.rollout_id)
        with pytest.raises(SpecError, match="pass --rollback-command"):
            rolling.roll(strategy=Strategy.RELOAD, on_failure=OnFailure.ROLLBACK)


def test_a_fleet_that_runs_a_later_version_is_not_rolled_back(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=True, further_versions=({},))
        first = rolling.roll(version=2)
        rolling.roll(version=3)
        with pytest.raises(FleetError, match="no server of this rollout runs"):
            back(rolling, first.rollout_id)


@KINDS
def test_kept_servers_serve_again_within_the_time_of_a_health_check(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=grouped)
        cloudwatch = sandbox.session().client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName="errors",
            Namespace="web",
            MetricName="5xx",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="fine")
        rung: list[Any] = []

        class Ringing:
            def event(self, name: str, at: Any, **_: object) -> None:
                if name == "rollout.baking":
                    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="too many errors")
                    rung.append(at)

            def observed(self, rollout: Any, observation: Any, status: Any) -> None:
                if rung and len(rung) == 1 and rolling.serving_versions().get("v1") == 4:
                    rung.append(observation.at)

        report = awsroll.roll(
            rolling.request(strategy=Strategy.DOUBLE_HALF, keep_old=True, bake_time=600, alarm=("errors",)),
            session=sandbox.session(),
            store=rolling.store,
            clock=clock,
            sink=Ringing(),
        )
        sandbox.jump(300)

        assert report.status is Outcome.ROLLED_BACK
        assert "alarm errors is in ALARM: too many errors" in report.reason
        assert rolling.serving_versions() == {"v1": 4}
        assert rolling.running() == set(rolling.fleet.instance_ids)
        assert (rung[1] - rung[0]).total_seconds() < 60
        assert report.min_serving is not None
        assert report.min_serving >= 4
