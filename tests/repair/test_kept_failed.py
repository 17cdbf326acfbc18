"""Failed servers that a rollout has kept for inspection, and their end by a repair after that time."""

from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.status import Outcome
from awsroll.core.tags import KEEP_UNTIL_TAG
from awsroll.driver.context import Context
from awsroll.repairs.repair import Repaired, RepairTarget, repair
from awsroll.stores import LocalStore
from tests.rollouts.rolling import Rolling, enter, make_sandbox

SICK = {"sandbox:health": "unhealthy"}
DAY = 86400
KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])


def repaired(rolling: Rolling, store: LocalStore, **how: Any) -> Repaired:
    fleet = rolling.fleet
    target = RepairTarget(asg=fleet.group_name or "", target_group=() if fleet.group_name else fleet.target_group_arns)
    return repair(target, Context(session=rolling.sandbox.session(), store=store, clock=rolling.clock), **how)


@KINDS
def test_a_failed_server_is_kept_until_its_time_is_over_and_a_repair_ends_it(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path / "records", servers=3, grouped=grouped, further_versions=(SICK,))
        report = rolling.roll(version=3, keep_failed=1)
        assert report.status is Outcome.ROLLED_BACK
        (kept,) = report.kept_failed
        sandbox.jump(300)
        assert rolling.serving_versions() == {"v1": 3}
        assert kept.instance_id in rolling.running()
        assert len(rolling.running()) == 4
        assert any("kept for inspection until" in warning for warning in report.warnings)

        early = repaired(rolling, rolling.store)
        assert [(one.what, one.about, one.acts) for one in early.left] == [("kept-failed", kept.instance_id, False)]
        assert early.clean
        assert not early.acted

        sandbox.jump(DAY)
        elsewhere = repaired(rolling, LocalStore(tmp_path / "elsewhere"), confirm_instance=lambda _: False)
        assert [(one.about, one.confirm_by_id) for one in elsewhere.left] == [(kept.instance_id, True)]
        assert kept.instance_id in rolling.running(), "only its own tags say so, and no person has confirmed it"

        done = repaired(rolling, rolling.store)
        assert (done.acted, done.clean, done.left, done.rollout_id) == (True, True, (), "")
        sandbox.jump(300)
        assert kept.instance_id not in rolling.running()
        assert rolling.serving_versions() == {"v1": 3}


@KINDS
def test_a_kept_server_that_a_person_returns_to_traffic_is_left_alone(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, servers=2, grouped=grouped, further_versions=(SICK,))
        (kept,) = rolling.roll(version=3, keep_failed=1).kept_failed
        session, name = sandbox.session(), kept.instance_id
        if grouped:
            session.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=9)
            session.client("autoscaling").attach_instances(AutoScalingGroupName="web", InstanceIds=[name])
        else:
            arn = rolling.fleet.target_group_arns[0]
            session.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": name, "Port": 80}])
        sandbox.jump(2 * DAY)
        assert "kept-failed" not in {
            one.what for one in repaired(rolling, rolling.store, confirm=lambda _: False).found
        }


def test_a_tag_with_another_value_is_no_finding(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, servers=2, grouped=True, further_versions=(SICK,))
        (kept,) = rolling.roll(version=3, keep_failed=1).kept_failed
        tags = [{"Key": KEEP_UNTIL_TAG, "Value": "for ever"}]
        sandbox.session().client("ec2").create_tags(Resources=[kept.instance_id], Tags=tags)
        assert repaired(rolling, rolling.store).found == ()
