"""Warm pools: pre-launched instances keep their template version, and groups use them before launches."""

from typing import Any

from tests.sandbox.autoscaling.lab import SETTLED_SECONDS, Lab, open_lab


def pool(lab: Lab) -> list[dict[str, Any]]:
    instances: list[dict[str, Any]] = lab.call("describe_warm_pool")["Instances"]
    return instances


def states(lab: Lab) -> list[str]:
    return sorted(each["LifecycleState"] for each in pool(lab))


def with_pool(lab: Lab, **request: Any) -> None:
    """Create a group of one member and a pool of one instance, and wait until both are settled."""
    lab.create(1)
    lab.call("put_warm_pool", **{"MinSize": 1, "MaxGroupPreparedCapacity": 1, **request})
    lab.jump(SETTLED_SECONDS)


def test_group_without_warm_pool_shows_none() -> None:
    with open_lab() as lab:
        lab.create(1)
        assert "WarmPoolConfiguration" not in lab.call("describe_warm_pool")
        assert "No warm pool found" in lab.refusal("delete_warm_pool")


def test_warm_pool_launches_instances_and_stops_them() -> None:
    with open_lab() as lab:
        lab.create(1)
        lab.call("put_warm_pool", MinSize=2, MaxGroupPreparedCapacity=2)
        lab.jump(1)
        assert states(lab) == ["Warmed:Pending", "Warmed:Pending"]
        lab.jump(SETTLED_SECONDS)
        assert states(lab) == ["Warmed:Stopped", "Warmed:Stopped"]
        assert [lab.ec2_state(each["InstanceId"]) for each in pool(lab)] == ["stopped", "stopped"]
        assert lab.states() == ["InService"]
        group = lab.group()
        assert (group["WarmPoolSize"], group["WarmPoolConfiguration"]["PoolState"]) == (2, "Stopped")
        assert len(lab.asg.describe_auto_scaling_instances()["AutoScalingInstances"]) == 3


def test_warm_pool_can_keep_its_instances_running() -> None:
    with open_lab() as lab:
        with_pool(lab, PoolState="Running")
        assert states(lab) == ["Warmed:Running"]


def test_warm_pool_can_hibernate_its_instances_and_starts_them_again() -> None:
    with open_lab() as lab:
        with_pool(lab, PoolState="Hibernated")
        assert states(lab) == ["Warmed:Hibernated"]
        warm = pool(lab)[0]["InstanceId"]
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(SETTLED_SECONDS)
        assert lab.state(warm) == "InService"


def test_size_of_the_pool_is_the_remaining_growth_of_the_group() -> None:
    with open_lab() as lab:
        lab.create(1, MaxSize=4)
        lab.call("put_warm_pool")
        lab.jump(SETTLED_SECONDS)
        assert len(pool(lab)) == 3


def test_scale_out_takes_from_the_pool_with_its_old_version_and_the_pool_fills_up() -> None:
    with open_lab() as lab:
        with_pool(lab)
        warm = pool(lab)[0]["InstanceId"]
        lab.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": lab.template, "Version": "2"})
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(1)
        assert lab.state(warm) == "Pending"
        lab.jump(SETTLED_SECONDS)
        assert (lab.state(warm), lab.target(warm)) == ("InService", "healthy")
        versions = {each["InstanceId"]: each["LaunchTemplate"]["Version"] for each in lab.members()}
        assert versions[warm] == "1"
        assert [each["LaunchTemplate"]["Version"] for each in pool(lab)] == ["2"]
        assert any("from warm pool" in each["Description"] for each in lab.activities())


def test_launch_hook_holds_what_comes_from_the_pool() -> None:
    with open_lab() as lab:
        with_pool(lab)
        lab.call("put_lifecycle_hook", LifecycleHookName="up", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING")
        warm = pool(lab)[0]["InstanceId"]
        lab.call("set_desired_capacity", DesiredCapacity=2)
        lab.jump(SETTLED_SECONDS)
        assert lab.state(warm) == "Pending:Wait"


def test_instance_of_the_pool_is_no_member_to_terminate() -> None:
    with open_lab() as lab:
        with_pool(lab)
        ids = [pool(lab)[0]["InstanceId"], lab.ids()[0]]
        refusal = lab.refusal(
            "terminate_instance_in_auto_scaling_group", InstanceIds=ids, ShouldDecrementDesiredCapacity=False
        )
        assert refusal.startswith("ValidationError: ")
        assert lab.states() == ["InService"]


def test_pool_with_instances_is_deleted_only_by_force() -> None:
    with open_lab() as lab:
        lab.create(1)
        lab.call("put_warm_pool", MinSize=1, MaxGroupPreparedCapacity=1)
        lab.jump(1)
        assert lab.refusal("delete_warm_pool").startswith("ScalingActivityInProgress: ")
        lab.jump(SETTLED_SECONDS)
        assert lab.refusal("delete_warm_pool").startswith("ResourceInUse: ")
        warm = pool(lab)[0]["InstanceId"]
        lab.call("delete_warm_pool", ForceDelete=True)
        lab.jump(SETTLED_SECONDS)
        assert "WarmPoolConfiguration" not in lab.call("describe_warm_pool")
        assert lab.ec2_state(warm) == "terminated"
        assert lab.states() == ["InService"]


def test_pool_that_holds_nothing_is_deleted_at_once() -> None:
    with open_lab() as lab:
        with_pool(lab, MinSize=0)
        assert pool(lab) == []
        lab.call("delete_warm_pool")
        assert "WarmPoolConfiguration" not in lab.call("describe_warm_pool")


def test_pool_that_is_being_deleted_says_so() -> None:
    with open_lab() as lab:
        with_pool(lab, PoolState="Running")
        lab.call("delete_warm_pool", ForceDelete=True)
        answer = lab.call("describe_warm_pool")
        assert answer["WarmPoolConfiguration"]["Status"] == "PendingDelete"
        assert [each["LifecycleState"] for each in answer["Instances"]] == ["Warmed:Terminating"]
        lab.jump(30)
        assert "WarmPoolConfiguration" not in lab.call("describe_warm_pool")


def test_pool_of_a_group_without_capacity_is_filled_later() -> None:
    with open_lab() as lab:
        lab.create(1)
        rule_id = lab.sandbox.faults.add("no-capacity autoscaling:Launch")
        lab.call("put_warm_pool", MinSize=1, MaxGroupPreparedCapacity=1)
        lab.jump(SETTLED_SECONDS)
        assert pool(lab) == []
        lab.sandbox.faults.remove(rule_id)
        lab.jump(SETTLED_SECONDS)
        assert states(lab) == ["Warmed:Stopped"]


def test_group_deleted_by_force_loses_its_pool() -> None:
    with open_lab() as lab:
        with_pool(lab)
        warm = pool(lab)[0]["InstanceId"]
        assert lab.refusal("delete_auto_scaling_group").startswith("ResourceInUse: ")
        lab.call("delete_auto_scaling_group", ForceDelete=True)
        lab.jump(SETTLED_SECONDS)
        assert lab.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
        assert lab.ec2_state(warm) == "terminated"
