"""What AWS does to servers by itself during a rollout: Spot interruptions, rebalances of capacity and of zones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from awsroll.report import Report
from tests.rollouts.rolling import Rolling, enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])


def once_healthy(one: Rolling, act: Callable[[str], None]) -> list[str]:
    """Act on the first new server, once it is healthy; return a list that receives its id."""
    arn, old, taken = one.fleet.target_group_arns[0], set(one.fleet.instance_ids), list[str]()

    def look(_service: str, name: str, _: Any) -> None:
        healthy = {target.instance_id for target in one.sandbox.elb.targets(arn) if target.state == "healthy"} - old
        if name == "DescribeTargetHealth" and healthy and not taken:
            taken.append(min(healthy))
            act(taken[0])

    one.sandbox.on_call(look)
    return taken


def lasts(one: Rolling, report: Report) -> bool:
    """Return whether the rollout succeeded, and ten minutes later the same servers run."""
    one.sandbox.jump(60)  # the last old server is terminated
    served = one.running()
    one.sandbox.jump(600)
    return report.succeeded and one.running() == served


@KINDS
def test_a_spot_interruption_of_the_canary_is_replaced_with_a_warning(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=grouped, servers=2)
        taken = once_healthy(one, sandbox.ec2.interrupt)
        report = one.roll(checkpoint=(1,), checkpoint_delay=600)

        assert taken
        assert lasts(one, report), report.reason
        assert one.serving_versions() == {"v2": 2}


def test_a_group_that_rebalances_its_capacity_during_a_rollout_ends_on_the_version(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        autoscaling = sandbox.session().client("autoscaling")
        autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", CapacityRebalance=True)
        taken = once_healthy(one, sandbox.ec2.recommend_rebalance)
        report = one.roll()

        assert lasts(one, report), report.reason
        assert taken[0] not in one.running()
        assert one.serving_versions() == {"v2": 2}
        assert one.group()["DesiredCapacity"] == 2


def test_a_group_that_balances_its_zones_at_a_gate_ends_on_the_version(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=4, zones=2)
        autoscaling = sandbox.session().client("autoscaling")

        def empty_zone(_new: str) -> None:
            autoscaling.update_auto_scaling_group(
                AutoScalingGroupName="web", VPCZoneIdentifier=",".join(one.fleet.subnet_ids[:1])
            )
            sandbox.world.after(
                90,
                lambda: autoscaling.update_auto_scaling_group(
                    AutoScalingGroupName="web", VPCZoneIdentifier=",".join(one.fleet.subnet_ids)
                ),
            )

        once_healthy(one, empty_zone)
        report = one.roll(checkpoint=(1,), checkpoint_delay=1200)

        assert lasts(one, report), report.reason
        assert one.serving_versions() == {"v2": 4}
        spread = [member["AvailabilityZone"] for member in one.group()["Instances"]]
        assert sorted(spread.count(zone) for zone in set(spread)) == [2, 2]
