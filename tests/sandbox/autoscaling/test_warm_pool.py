"""Warm pools: instances launched ahead with the version of their time, taken before new ones are launched."""

from typing import Any

from tests.sandbox.autoscaling.lab import SETTLED_SECONDS, Lab, lab


def pool(it: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = it.call("describe_warm_pool")["Instances"]
    return found


def states(it: Lab) -> list[str]:
    return sorted(each["LifecycleState"] for each in pool(it))


def with_pool(it: Lab, **request: Any) -> None:
    """Create a group of one with a pool for one more, and wait until both have settled."""
    it.create(1)
    it.call("put_warm_pool", **{"MinSize": 1, "MaxGroupPreparedCapacity": 1, **request})
    it.jump(SETTLED_SECONDS)


def test_group_without_warm_pool_shows_none() -> None:
    with lab() as it:
        it.create(1)
        assert "WarmPoolConfiguration" not in it.call("describe_warm_pool")
        assert "No warm pool found" in it.refusal("delete_warm_pool")


def test_warm_pool_launches_instances_and_stops_them() -> None:
    with lab() as it:
        it.create(1)
        it.call("put_warm_pool", MinSize=2, MaxGroupPreparedCapacity=2)
        it.jump(1)
        assert states(it) == ["Warmed:Pending", "Warmed:Pending"]
        it.jump(SETTLED_SECONDS)
        assert states(it) == ["Warmed:Stopped", "Warmed:Stopped"]
        assert [it.ec2_state(each["InstanceId"]) for each in pool(it)] == ["stopped", "stopped"]
        assert it.states() == ["InService"]
        group = it.group()
        assert (group["WarmPoolSize"], group["WarmPoolConfiguration"]["PoolState"]) == (2, "Stopped")
        assert len(it.asg.describe_auto_scaling_instances()["AutoScalingInstances"]) == 3


def test_warm_pool_can_keep_its_instances_running() -> None:
    with lab() as it:
        with_pool(it, PoolState="Running")
        assert states(it) == ["Warmed:Running"]


def test_size_of_the_pool_is_what_the_group_may_still_grow_by() -> None:
    with lab() as it:
        it.create(1, MaxSize=4)
        it.call("put_warm_pool")
        it.jump(SETTLED_SECONDS)
        assert len(pool(it)) == 3


def test_scale_out_takes_from_the_pool_with_its_old_version_and_the_pool_fills_up() -> None:
    with lab() as it:
        with_pool(it)
        warm = pool(it)[0]["InstanceId"]
        it.call("update_auto_scaling_group", LaunchTemplate={"LaunchTemplateId": it.template, "Version": "2"})
        it.call("set_desired_capacity", DesiredCapacity=2)
        it.jump(1)
        assert it.state(warm) == "Pending"
        it.jump(SETTLED_SECONDS)
        assert (it.state(warm), it.target(warm)) == ("InService", "healthy")
        versions = {each["InstanceId"]: each["LaunchTemplate"]["Version"] for each in it.members()}
        assert versions[warm] == "1"
        assert [each["LaunchTemplate"]["Version"] for each in pool(it)] == ["2"]
        assert any("from warm pool" in each["Description"] for each in it.activities())


def test_launch_hook_holds_what_comes_from_the_pool() -> None:
    with lab() as it:
        with_pool(it)
        it.call("put_lifecycle_hook", LifecycleHookName="up", LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING")
        warm = pool(it)[0]["InstanceId"]
        it.call("set_desired_capacity", DesiredCapacity=2)
        it.jump(SETTLED_SECONDS)
        assert it.state(warm) == "Pending:Wait"


def test_instance_of_the_pool_is_no_member_to_terminate() -> None:
    with lab() as it:
        with_pool(it)
        ids = [pool(it)[0]["InstanceId"], it.ids()[0]]
        refusal = it.refusal(
            "terminate_instance_in_auto_scaling_group", InstanceIds=ids, ShouldDecrementDesiredCapacity=False
        )
        assert refusal.startswith("ValidationError: ")
        assert it.states() == ["InService"]


def test_pool_with_instances_is_deleted_only_by_force() -> None:
    with lab() as it:
        it.create(1)
        it.call("put_warm_pool", MinSize=1, MaxGroupPreparedCapacity=1)
        it.jump(1)
        assert it.refusal("delete_warm_pool").startswith("ScalingActivityInProgress: ")
        it.jump(SETTLED_SECONDS)
        assert it.refusal("delete_warm_pool").startswith("ResourceInUse: ")
        warm = pool(it)[0]["InstanceId"]
        it.call("delete_warm_pool", ForceDelete=True)
        it.jump(SETTLED_SECONDS)
        assert "WarmPoolConfiguration" not in it.call("describe_warm_pool")
        assert it.ec2_state(warm) == "terminated"
        assert it.states() == ["InService"]


def test_pool_that_holds_nothing_is_deleted_at_once() -> None:
    with lab() as it:
        with_pool(it, MinSize=0)
        assert pool(it) == []
        it.call("delete_warm_pool")
        assert "WarmPoolConfiguration" not in it.call("describe_warm_pool")


def test_pool_that_is_being_deleted_says_so() -> None:
    with lab() as it:
        with_pool(it, PoolState="Running")
        it.call("delete_warm_pool", ForceDelete=True)
        answer = it.call("describe_warm_pool")
        assert answer["WarmPoolConfiguration"]["Status"] == "PendingDelete"
        assert [each["LifecycleState"] for each in answer["Instances"]] == ["Warmed:Terminating"]
        it.jump(30)
        assert "WarmPoolConfiguration" not in it.call("describe_warm_pool")


def test_pool_of_a_group_without_capacity_is_filled_later() -> None:
    with lab() as it:
        it.create(1)
        rule_id = it.sandbox.faults.add("no-capacity autoscaling:Launch")
        it.call("put_warm_pool", MinSize=1, MaxGroupPreparedCapacity=1)
        it.jump(SETTLED_SECONDS)
        assert pool(it) == []
        it.sandbox.faults.remove(rule_id)
        it.jump(SETTLED_SECONDS)
        assert states(it) == ["Warmed:Stopped"]


def test_group_deleted_by_force_takes_its_pool_along() -> None:
    with lab() as it:
        with_pool(it)
        warm = pool(it)[0]["InstanceId"]
        assert it.refusal("delete_auto_scaling_group").startswith("ResourceInUse: ")
        it.call("delete_auto_scaling_group", ForceDelete=True)
        it.jump(SETTLED_SECONDS)
        assert it.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
        assert it.ec2_state(warm) == "terminated"
