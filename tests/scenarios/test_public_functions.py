"""A fake fleet passed to the public functions in place of a session, as a user's test does."""

from pathlib import Path
from unittest.mock import MagicMock

import pytest

import awsroll
from awsroll.core.model.observation import AlarmState
from awsroll.driver.given_fleet import given_fleet
from awsroll.testing import FakeFleet

WEB = awsroll.RolloutSpec(asg="web")
SCRIPT = awsroll.HookSpec(point=awsroll.HookPoint.AFTER_HEALTHY, script=("x",))
BY_HAND = awsroll.RolloutSpec(target_group=("web",), launch_template="web")


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.mark.parametrize(
    ("fleet", "spec"),
    [(FakeFleet.auto_scaling, WEB), (FakeFleet.standalone, BY_HAND)],
    ids=["group", "standalone"],
)
def test_a_fleet_is_rolled_and_rolled_back_without_aws_and_without_files(fleet, spec, state_home) -> None:
    made = fleet(servers=3)

    report = awsroll.roll(spec, session=made)
    assert (report.status, report.min_serving, made.versions) == ("succeeded", 2, {"lt-web:2": 3})
    assert awsroll.rollback(report.rollout_id, session=made).status == "rolled_back"
    assert made.versions == {"lt-web:1": 3}
    assert [each.rollout_id for each in awsroll.rollouts(store=made.store)] == [report.rollout_id]
    assert not state_home.exists()


def test_a_plan_changes_nothing_and_is_carried_out_as_it_was_made() -> None:
    fleet = FakeFleet.auto_scaling()

    plan = awsroll.plan(WEB, session=fleet)
    assert fleet.versions == {"lt-web:1": 3}
    assert awsroll.roll(plan, session=fleet).succeeded


def test_a_bad_version_is_rolled_back_and_a_later_one_is_checked_for_itself() -> None:
    fleet = FakeFleet.auto_scaling(latest=3)
    fleet.spoil(3)

    assert awsroll.roll(WEB, session=fleet).status == "rolled_back"
    assert fleet.versions == {"lt-web:1": 3}
    assert awsroll.roll(awsroll.RolloutSpec(asg="web", launch_template="lt-web:2"), session=fleet).succeeded


def test_a_paused_rollout_is_approved_and_resumed_by_later_calls() -> None:
    fleet = FakeFleet.auto_scaling()
    spec = awsroll.RolloutSpec(
        asg="web", checkpoint=(1,), approve_checkpoints=True, approval_timeout=60, on_failure=awsroll.OnFailure.PAUSE
    )

    paused = awsroll.roll(spec, session=fleet)
    assert (paused.status, fleet.versions["lt-web:2"]) == ("paused", 1)
    awsroll.approve(paused.rollout_id, store=fleet.store)
    assert awsroll.resume(paused.rollout_id, session=fleet, request=spec).succeeded


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (awsroll.RolloutSpec(asg="shop"), "no Auto Scaling group 'shop': its group is web"),
        (BY_HAND, "belong to the Auto Scaling group web"),
        (awsroll.RolloutSpec(asg="web", launch_template="lt-web:9"), "no version 9: its latest version is 2"),
        (awsroll.RolloutSpec(asg="web", launch_template="shop"), "no launch template 'shop': it has lt-web"),
        (awsroll.RolloutSpec(asg="web", alarm=("5xx",)), "no CloudWatch alarm '5xx'"),
        (awsroll.RolloutSpec(asg="web", alarm=("slow",)), "alarm slow is already in ALARM"),
        (awsroll.RolloutSpec(asg="web", target_group=("api",)), "no target group 'api': it has web"),
        (awsroll.RolloutSpec(asg="web", max_running=2), "--max-running 2"),
        (awsroll.RolloutSpec(asg="web", hooks=(SCRIPT,)), "hook after_healthy is a script"),
    ],
    ids=["group", "members", "version", "template", "alarm", "in-alarm", "target-group", "cap", "hook"],
)
def test_a_request_that_does_not_fit_the_fleet_is_refused(spec: awsroll.RolloutSpec, message: str) -> None:
    fleet = FakeFleet.auto_scaling()
    fleet.alarms["slow"] = AlarmState.ALARM

    with pytest.raises(awsroll.FleetError, match=message):
        awsroll.roll(spec, session=fleet)
    assert fleet.versions == {"lt-web:1": 3}


def test_a_standalone_request_names_its_version() -> None:
    with pytest.raises(awsroll.SpecError, match="no version is named"):
        awsroll.plan(awsroll.RolloutSpec(target_group=("web",)), session=FakeFleet.standalone())


def test_notices_of_a_test_go_nowhere() -> None:
    spec = awsroll.RolloutSpec(asg="web", notify=("https://hooks.slack.com/services/T0/B0/secret",))

    report = awsroll.roll(spec, session=FakeFleet.auto_scaling())
    assert not [warning for warning in report.warnings if "hooks.slack.com" in warning]


def test_a_function_that_needs_the_api_of_aws_refuses_a_fake_fleet() -> None:
    with pytest.raises(awsroll.SpecError, match="which a fake fleet does not have"):
        awsroll.repair(asg="web", session=FakeFleet.auto_scaling())


def test_a_mocked_session_is_no_fleet() -> None:
    assert given_fleet(MagicMock()) is None
    assert given_fleet(None) is None
