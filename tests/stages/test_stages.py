"""How each stage handles unusual states of AWS, changes by others, and failures."""

from pathlib import Path
from typing import Any

import pytest

from awsroll import repair
from awsroll.errors import AwsBusyError, FleetError
from awsroll.sandbox import ApiError, ConnectionLost
from awsroll.sandbox.api_errors import refuse
from awsroll.stores import LocalStore
from tests.stages.machine import Bounds, Json, Watched, call, machine
from tests.support.amazon import once

ANY = Bounds(floor=0, ceiling=100)


def one_call(world: Watched, name: str, **event: Any) -> Json:
    return call(name, {**world.machine.named, **event}, world.machine.connection())


def drained(world: Watched, name: str) -> Json:
    out = world.machine.call("deregister_targets", instance_ids=[name])
    world.sandbox.jump(out["wait_seconds"] + 1)
    return out


# --- deregister_targets and check_drained -----------------------------------------------------------------------------


def test_every_port_of_every_target_group_is_left_and_answered() -> None:
    with machine(grouped=False, bounds=ANY, ports=(80, 81), target_groups=2) as world:
        name = world.fleet.instance_ids[0]
        out = one_call(world, "deregister_targets", instance_ids=[name])
        expected = [
            {"instance_id": name, "target_group": arn, "port": port}
            for arn in sorted(world.fleet.target_group_arns)
            for port in (80, 81)
        ]
        assert out["targets"] == expected
        assert out["wait_seconds"] == 30
        for arn in world.fleet.target_group_arns:
            here = {one.port: one.state for one in world.sandbox.elb.targets(arn) if one.instance_id == name}
            assert here == {80: "draining", 81: "draining"}
        world.sandbox.jump(60)
        assert one_call(world, "deregister_targets", instance_ids=[name])["targets"] == expected


def test_a_server_is_not_drained_before_its_last_port_is_seen_drained() -> None:
    with machine(grouped=False, bounds=ANY, ports=(80, 81)) as world:
        name, arn = world.fleet.instance_ids[0], world.fleet.target_group_arns[0]
        world.client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": name, "Port": 80}])
        world.sandbox.jump(60)
        seen = one_call(world, "check_drained", instance_ids=[name])
        assert (seen["done"], seen["draining"], seen["details"]) == (False, [name], [f"{name} is healthy"])
        world.client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": name, "Port": 81}])
        world.sandbox.jump(29)
        seen = one_call(world, "check_drained", instance_ids=[name])
        assert (seen["done"], seen["wait_seconds"]) == (False, 3)
        assert seen["details"] == [f"{name} is draining (Target.DeregistrationInProgress)"]
        world.sandbox.jump(1)
        seen = one_call(world, "check_drained", instance_ids=[name])
        assert (seen["done"], seen["draining"], seen["details"]) == (True, [], [])


def test_a_drained_target_that_is_still_listed_is_gone_all_the_same() -> None:
    with machine(grouped=False, bounds=ANY, options={"drained_listed_seconds": 600}) as world:
        name = world.fleet.instance_ids[0]
        drained(world, name)
        assert one_call(world, "check_drained", instance_ids=[name])["done"]


def test_a_server_that_was_terminated_while_registered_has_drained() -> None:
    with machine(grouped=False, bounds=ANY, servers=2) as world:
        name, arn = world.fleet.instance_ids[0], world.fleet.target_group_arns[0]
        world.client("ec2").terminate_instances(InstanceIds=[name])
        world.sandbox.jump(300)
        target = {"Id": name, "Port": 80}
        (by_id,) = world.client("elbv2").describe_target_health(TargetGroupArn=arn, Targets=[target])[
            "TargetHealthDescriptions"
        ]
        assert by_id["TargetHealth"]["State"] == "draining", "asked by id, AWS still shows the target"

        seen = one_call(world, "check_drained", instance_ids=[name])

        assert (seen["done"], seen["details"]) == (True, [])


def test_unused_alone_is_not_drained() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        world.client("ec2").stop_instances(InstanceIds=[name])
        world.sandbox.jump(60)
        seen = one_call(world, "check_drained", instance_ids=[name])
        assert (seen["done"], seen["details"]) == (False, [f"{name} is unused (Target.InvalidState)"])


# --- terminate_and_launch ---------------------------------------------------------------------------------------------


def test_a_replacement_has_the_place_of_the_old_server() -> None:
    with machine(grouped=False, bounds=ANY, ports=(80, 81)) as world:
        name = world.fleet.instance_ids[0]
        world.client("ec2").create_tags(Resources=[name], Tags=[{"Key": "team", "Value": "shop"}])
        old = world.sandbox.ec2.instance(name)
        subnet, tags = old.subnet_id, dict(old.tags)
        drained(world, name)
        template = world.machine.template()
        first = one_call(world, "terminate_and_launch", instance_ids=[name], launch_template=template)
        (new,) = first["new_instance_ids"]
        assert (first["done"], first["details"]) == (False, [f"{new} is pending"])
        assert world.sandbox.ec2.instance(name).state == "shutting-down"
        made = world.sandbox.ec2.instance(new)
        assert (made.subnet_id, made.template_version) == (subnet, 2)
        assert (made.tags["team"], made.tags["Name"]) == ("shop", tags["Name"])
        assert (made.tags["awsroll:replaces"], made.tags["awsroll:role"]) == (name, "replacement")
        world.sandbox.jump(60)
        last = one_call(world, "terminate_and_launch", instance_ids=[name], launch_template=template)
        assert (last["done"], last["new_instance_ids"]) == (True, [new])
        targets = world.sandbox.elb.targets(world.fleet.target_group_arns[0])
        assert {one.port for one in targets if one.instance_id == new} == {80, 81}


def test_only_members_that_came_in_their_place_and_run_the_version_are_named_as_new() -> None:
    with machine(grouped=True, bounds=ANY, max_size=5) as world:
        world.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
        world.sandbox.jump(3)  # another member launches shortly before the group begins to replace one
        (older,) = {one["InstanceId"] for one in world.group()["Instances"]} - set(world.fleet.instance_ids)
        world.launches_version(2)
        first, template = world.fleet.instance_ids[0], world.machine.template()

        come = world.machine.until_done("terminate_and_launch", instance_ids=[first], launch_template=template)

        (new,) = come["new_instance_ids"]
        assert new not in (older, *world.fleet.instance_ids)
        other = world.machine.template(1)
        seen = one_call(world, "terminate_and_launch", instance_ids=[first], launch_template=other)
        assert (seen["done"], seen["new_instance_ids"]) == (False, [])
        assert seen["details"] == [f"{new} was launched in their place and runs {template}, not {other}"]


def test_an_answer_that_was_lost_leads_to_no_second_launch() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        drained(world, name)
        for operation in ("ec2:RunInstances", "ec2:TerminateInstances", "elbv2:RegisterTargets"):
            world.sandbox.on_call(once(ConnectionLost(), operation), "after")
        template = world.machine.template()
        world.machine.until_done("terminate_and_launch", instance_ids=[name], launch_template=template)
        assert len(world.watch.launched) == 1


def test_a_launch_that_is_refused_leaves_the_old_server_running() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        drained(world, name)

        def full(_service: str, operation: str, _: Any) -> None:
            if operation == "RunInstances":
                refuse("InsufficientInstanceCapacity", "We currently do not have sufficient t3.micro capacity", 500)

        end = world.sandbox.on_call(full)
        template = world.machine.template()
        with pytest.raises(AwsBusyError, match="do not have sufficient"):
            one_call(world, "terminate_and_launch", instance_ids=[name], launch_template=template)
        assert world.sandbox.ec2.instance(name).state == "running"
        end()
        world.machine.until_done("terminate_and_launch", instance_ids=[name], launch_template=template)
        assert world.sandbox.ec2.instance(name).state == "terminated"


def test_a_replacement_that_ends_by_itself_is_reported_by_id() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name, template = world.fleet.instance_ids[0], world.machine.template()
        drained(world, name)
        first = one_call(world, "terminate_and_launch", instance_ids=[name], launch_template=template)
        (new,) = first["new_instance_ids"]
        world.sandbox.jump(5)
        world.client("ec2").terminate_instances(InstanceIds=[new])
        world.sandbox.jump(60)
        with pytest.raises(FleetError, match=f"{new}, launched in place of {name}, is terminated"):
            one_call(world, "terminate_and_launch", instance_ids=[name], launch_template=template)
        assert world.watch.launched == {new}


# --- check_healthy ----------------------------------------------------------------------------------------------------


def test_a_server_that_misses_a_port_is_not_healthy() -> None:
    with machine(grouped=False, bounds=ANY, ports=(80, 81)) as world:
        name, arn = world.fleet.instance_ids[0], world.fleet.target_group_arns[0]
        assert one_call(world, "check_healthy", instance_ids=[name])["done"]
        world.client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": name, "Port": 81}])
        world.sandbox.jump(60)
        seen = one_call(world, "check_healthy", instance_ids=[name])
        assert (seen["done"], seen["healthy"]) == (False, [])
        assert seen["details"] == [f"{name} is not registered in web-1 on port 81"]
        whole_fleet = one_call(world, "check_healthy", at_least=2)
        assert (whole_fleet["done"], len(whole_fleet["healthy"])) == (True, 2)
        assert not one_call(world, "check_healthy", at_least=3)["done"]


def test_the_wanted_version_counts_alone() -> None:
    with machine(grouped=True, bounds=ANY) as world:
        seen = one_call(world, "check_healthy", launch_template=world.machine.template(2), at_least=1)
        assert (seen["done"], seen["healthy"], seen["details"][0]) == (False, [], "0 serve, not 1")
        assert one_call(world, "check_healthy", launch_template=world.machine.template(1), at_least=3)["done"]


def test_a_server_that_has_ended_is_reported_by_id() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        world.client("ec2").terminate_instances(InstanceIds=[name])
        world.sandbox.jump(60)
        with pytest.raises(FleetError, match=f"{name} is terminated"):
            one_call(world, "check_healthy", instance_ids=[name])


# --- double_group and retire_old_half ---------------------------------------------------------------------------------


def doubled(world: Watched) -> Json:
    world.launches_version(2)
    answer = world.machine.call("double_group", launch_template=world.machine.template())
    world.machine.until_done("check_healthy", launch_template=world.machine.template(), at_least=3)
    return answer


def test_doubling_saves_the_old_settings_like_the_engine() -> None:
    with machine(grouped=True, bounds=ANY, max_size=4) as world:
        world.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance"])
        answer = one_call(world, "double_group")
        assert (answer["desired_before"], answer["desired"]) == (3, 6)
        assert answer["old_instance_ids"] == sorted(world.fleet.instance_ids)
        assert world.group_tags() == {
            "awsroll:was:desired-capacity": "3",
            "awsroll:was:max-size": "4",
            "awsroll:was:process:AlarmNotification": "running",
            "awsroll:was:process:ReplaceUnhealthy": "running",
            "awsroll:stages": "deploy-42 doubled",
        }
        group = world.group()
        assert (group["MaxSize"], group["DesiredCapacity"]) == (6, 6)
        assert {one["ProcessName"] for one in group["SuspendedProcesses"]} == {
            "AZRebalance",
            "AlarmNotification",
            "ReplaceUnhealthy",
        }


def test_a_doubled_group_is_not_doubled_again_while_its_old_half_goes() -> None:
    with machine(grouped=True, bounds=Bounds(floor=3, ceiling=6)) as world:
        answer = doubled(world)
        one_call(world, "retire_old_half", old_instance_ids=answer["old_instance_ids"][:1])
        again = one_call(world, "double_group")
        assert (again["desired"], again["desired_before"]) == (5, 3)
        assert again["old_instance_ids"] == answer["old_instance_ids"][1:]
        assert world.watch.problems == []


def test_a_repair_restores_what_doubling_has_changed(tmp_path: Path) -> None:
    with machine(grouped=True, bounds=ANY, max_size=4) as world:
        one_call(world, "double_group")
        world.sandbox.jump(200)
        found = repair(
            asg="web",
            session=world.sandbox.session(),
            store=LocalStore(tmp_path),
            clock=world.sandbox.clock,
            confirm=lambda _: True,
        )
        assert found.acted
        group = world.group()
        assert (group["MaxSize"], group["DesiredCapacity"], group["SuspendedProcesses"]) == (4, 3, [])
        world.sandbox.jump(120)
        with pytest.raises(FleetError, match="its settings were restored since"):
            one_call(world, "retire_old_half", old_instance_ids=list(world.watch.serving))
        assert len(world.watch.serving) == 3


def test_no_old_member_goes_before_the_new_half_serves() -> None:
    with machine(grouped=True, bounds=Bounds(floor=3, ceiling=6)) as world:
        world.launches_version(2)
        answer = one_call(world, "double_group")
        seen = one_call(world, "retire_old_half", old_instance_ids=answer["old_instance_ids"])
        assert (seen["done"], seen["desired"], seen["leaving"]) == (False, 6, [])
        assert seen["details"][0] == "0 new members serve, not 3"


def test_a_member_of_the_new_half_is_never_retired_as_old() -> None:
    with machine(grouped=True, bounds=Bounds(floor=3, ceiling=6)) as world:
        answer = doubled(world)
        new = next(iter(world.watch.serving - set(answer["old_instance_ids"])))
        with pytest.raises(FleetError, match=f"{new} is not in the old half of group web"):
            one_call(world, "retire_old_half", old_instance_ids=[*answer["old_instance_ids"], new])
        assert world.group()["DesiredCapacity"] == 6


def test_settings_are_restored_with_the_last_part_of_an_old_half() -> None:
    with machine(grouped=True, bounds=Bounds(floor=3, ceiling=6)) as world:
        first, *rest = doubled(world)["old_instance_ids"]
        world.machine.until_done("retire_old_half", old_instance_ids=[first])
        assert world.group_tags()["awsroll:was:desired-capacity"] == "3"
        assert len(world.group()["SuspendedProcesses"]) == 3
        world.machine.until_done("retire_old_half", old_instance_ids=rest)
        assert world.group_tags() == {"awsroll:stages": "deploy-42 done"}
        group = world.group()
        assert (group["DesiredCapacity"], group["SuspendedProcesses"]) == (3, [])
        assert world.watch.problems == []


@pytest.mark.parametrize("second", ["refused", "decrements"])
def test_a_lost_answer_lowers_the_capacity_once(second: str) -> None:
    with machine(grouped=True, bounds=Bounds(floor=3, ceiling=6), options={"second_terminate": second}) as world:
        old = doubled(world)["old_instance_ids"]
        world.sandbox.on_call(once(ConnectionLost(), "autoscaling:TerminateInstanceInAutoScalingGroup"), "after")
        with pytest.raises(Exception, match="TerminateInstanceInAutoScalingGroup"):
            one_call(world, "retire_old_half", old_instance_ids=old)
        world.machine.until_done("retire_old_half", old_instance_ids=old)
        group = world.group()
        assert (group["DesiredCapacity"], group["SuspendedProcesses"]) == (3, [])
        assert world.watch.problems == []


def test_an_old_member_that_ends_by_itself_leaves_no_surplus_behind() -> None:
    with machine(grouped=True, bounds=Bounds(floor=3, ceiling=7)) as world:
        old = doubled(world)["old_instance_ids"]
        world.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=old[0], ShouldDecrementDesiredCapacity=False
        )
        world.sandbox.jump(200)
        world.machine.until_done("retire_old_half", old_instance_ids=old)
        world.sandbox.jump(120)
        assert world.group()["DesiredCapacity"] == 3
        assert world.versions() == {"v2": 3}
        assert world.watch.problems == []


# --- reload_instances -------------------------------------------------------------------------------------------------


def reload_one(world: Watched, name: str, **changes: Any) -> Json:
    wanted = {"instance_ids": [name], "command": ["sandbox-version v2"], "app_version": "2.0"}
    return one_call(world, "reload_instances", **(wanted | changes))


def test_a_reload_that_fails_keeps_the_server_out_until_another_attempt() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        drained(world, name)
        assert reload_one(world, name, command=["exit 1"])["details"] == [f"the command is on its way to {name}"]
        world.sandbox.jump(10)
        with pytest.raises(FleetError, match=f"the command failed on {name}: Failed, exit code 1"):
            reload_one(world, name, command=["exit 1"])
        assert len(world.sandbox.elb.targets(world.fleet.target_group_arns[0])) == 2
        wanted = {"instance_ids": [name], "command": ["sandbox-version v2"], "attempt": 2}
        done = world.machine.until_done("reload_instances", **wanted)
        assert done["reloaded"] == [name]
        world.machine.until_done("check_healthy", instance_ids=[name])
        assert world.versions() == {"v1": 2, "v2": 1}


def test_a_server_whose_agent_is_offline_is_waited_for() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        drained(world, name)
        world.sandbox.on_call(once(ApiError("InvalidInstanceId", "not online"), "ssm:SendCommand"))
        assert reload_one(world, name)["details"] == [f"the command is on its way to {name}"]
        world.machine.until_done("reload_instances", instance_ids=[name], command=["sandbox-version v2"])


def test_a_groups_minimum_gives_way_and_comes_back() -> None:
    with machine(grouped=True, bounds=Bounds(floor=1, ceiling=3), min_size=3) as world:
        names = list(world.fleet.instance_ids[:2])
        for name in names:
            one_call(world, "deregister_targets", instance_ids=[name])
        group = world.group()
        assert (group["MinSize"], group["DesiredCapacity"]) == (1, 1)
        assert world.group_tags()["awsroll:was:min-size"] == "3"
        world.sandbox.jump(31)
        for name in names:
            world.machine.until_done("check_drained", instance_ids=[name])
            world.machine.until_done("reload_instances", instance_ids=[name], command=["sandbox-version v2"])
        group = world.group()
        assert (group["MinSize"], group["DesiredCapacity"], group["SuspendedProcesses"]) == (3, 3, [])
        assert world.watch.problems == []
