"""What a stage refuses, and that it changes nothing then."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from awsroll.errors import AccessRefusedError, AwsError, AwsrollError, FleetError, FleetLockedError
from awsroll.sandbox import ApiError
from tests.stages.machine import ROLLOUT, Bounds, Json, Watched, call, machine

ANY = Bounds(floor=0, ceiling=100)
UNKNOWN = "i-0fffffffffffffff0"
ALL_STAGES = {
    "deregister_targets": {"instance_ids": [UNKNOWN]},
    "check_drained": {"instance_ids": [UNKNOWN]},
    "terminate_and_launch": {"instance_ids": [UNKNOWN], "launch_template": "web:2"},
    "check_healthy": {"instance_ids": [UNKNOWN]},
    "reload_instances": {"instance_ids": [UNKNOWN], "command": ["true"]},
    "double_group": {},
    "retire_old_half": {"old_instance_ids": [UNKNOWN]},
}
OF_SERVERS = [name for name in ALL_STAGES if name not in ("double_group", "retire_old_half")]


def refused(world: Watched, name: str, event: Json, kind: type[Exception] = FleetError) -> str:
    """Call a stage that must refuse and change nothing. Return its message."""
    before = world.state()
    with pytest.raises(kind) as caught:
        call(name, event, world.machine.connection())
    assert world.state() == before
    return str(caught.value)


@pytest.mark.parametrize("name", ALL_STAGES)
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rollout_id": ""}, "Expected `str` matching regex"),
        ({"rollout_id": "a b"}, "Expected `str` matching regex"),
        ({"rollout_id": 7}, "Expected `str`, got `int` - at `$.rollout_id`"),
        ({"asg": ["web"]}, "Expected `str`, got `array` - at `$.asg`"),
        ({"target_group": "web"}, "Expected `array`, got `str` - at `$.target_group`"),
        ({"asg": "", "target_group": []}, "name the "),
    ],
    ids=["no-name", "name-with-space", "name-is-number", "asg-is-list", "target-group-is-text", "no-fleet"],
)
def test_an_event_of_the_wrong_form_is_refused(name: str, changes: Json, problem: str) -> None:
    with machine(grouped=True, bounds=ANY, servers=1) as world:
        event = {**world.machine.named, **ALL_STAGES[name], **changes}
        assert problem in refused(world, name, event, msgspec.ValidationError)


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("deregister_targets", {"instance_ids": []}, "Expected `array` of length >= 1"),
        ("deregister_targets", {"instance_ids": ["web-1"]}, "Expected `str` matching regex"),
        ("deregister_targets", {"min_healthy": -1}, "Expected `int` >= 0"),
        ("terminate_and_launch", {"launch_template": "web:$Latest"}, "Expected `str` matching regex"),
        (
            "terminate_and_launch",
            {"launch_template": "", "asg": ""},
            "servers registered by hand need a launch_template",
        ),
        ("terminate_and_launch", {"protected": "ignore"}, "Invalid enum value 'ignore'"),
        ("check_healthy", {"instance_ids": []}, "name the servers that must be healthy"),
        ("check_healthy", {"instance_ids": [UNKNOWN, UNKNOWN]}, f"instance_ids names {UNKNOWN} more than once"),
        ("reload_instances", {"command": []}, "pass either a command or a document"),
        ("reload_instances", {"document": "Mine"}, "pass either a command or a document"),
        ("reload_instances", {"parameters": {"a": ["b"]}}, "parameters belong to a document"),
        ("reload_instances", {"timeout_seconds": 29}, "Expected `int` >= 30"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(name: str, changes: Json, problem: str) -> None:
    with machine(grouped=False, bounds=ANY, servers=1) as world:
        event = {**world.machine.named, "target_group": ["web"], **ALL_STAGES[name], **changes}
        assert problem in refused(world, name, event, msgspec.ValidationError)


@pytest.mark.parametrize("name", OF_SERVERS)
def test_unknown_instances_are_refused(name: str) -> None:
    with machine(grouped=False, bounds=ANY, servers=1) as world:
        event = {**world.machine.named, **ALL_STAGES[name]} | (
            {"launch_template": world.machine.template()} if name == "terminate_and_launch" else {}
        )
        assert f"EC2 knows no instance {UNKNOWN}" in refused(world, name, event)


@pytest.mark.parametrize("name", ALL_STAGES)
def test_an_unknown_group_is_refused(name: str) -> None:
    with machine(grouped=True, bounds=ANY, servers=1) as world:
        message = refused(world, name, {**world.machine.named, **ALL_STAGES[name], "asg": "webb"})
        assert message.startswith("there is no Auto Scaling group 'webb' in us-east-1 (did you mean web?)")
        assert message.endswith("nothing was changed")


@pytest.mark.parametrize("name", ALL_STAGES)
def test_a_group_in_no_target_group_is_refused(name: str) -> None:
    with machine(grouped=True, bounds=ANY, servers=1) as world:
        world.client("autoscaling").detach_load_balancer_target_groups(
            AutoScalingGroupName="web", TargetGroupARNs=list(world.fleet.target_group_arns)
        )
        world.sandbox.jump(120)
        message = refused(world, name, {**world.machine.named, **ALL_STAGES[name]})
        assert "group web has no target group" in message


@pytest.mark.parametrize("name", OF_SERVERS)
def test_an_unknown_target_group_is_refused(name: str) -> None:
    with machine(grouped=False, bounds=ANY, servers=1) as world:
        message = refused(world, name, {**world.machine.named, **ALL_STAGES[name], "target_group": ["wib"]})
        assert "there is no target group 'wib'" in message


@pytest.mark.parametrize("name", OF_SERVERS)
def test_a_member_is_not_taken_for_a_server_registered_by_hand(name: str) -> None:
    with machine(grouped=True, bounds=ANY, servers=1) as world:
        (member,) = world.fleet.instance_ids
        event = {
            "rollout_id": ROLLOUT,
            "target_group": list(world.fleet.target_group_arns),
            **ALL_STAGES[name],
            "instance_ids": [member],
        }
        if name == "terminate_and_launch":
            event["launch_template"] = world.machine.template()
        assert f"{member} belongs to group web: name it as asg" in refused(world, name, event)


@pytest.mark.parametrize("name", ["deregister_targets", "terminate_and_launch", "reload_instances", "check_healthy"])
def test_an_instance_of_no_group_is_no_member(name: str) -> None:
    with machine(grouped=True, bounds=ANY, servers=1) as world:
        answer = world.client("ec2").run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)
        stranger = answer["Instances"][0]["InstanceId"]
        world.sandbox.jump(60)
        event = {**world.machine.named, **ALL_STAGES[name], "instance_ids": [stranger], "launch_template": ""}
        if name in ("deregister_targets", "reload_instances"):
            del event["launch_template"]
        message = refused(world, name, event)
        assert stranger in message
        assert world.sandbox.ec2.instance(stranger).state == "running"


@pytest.mark.parametrize("name", ["deregister_targets", "terminate_and_launch", "reload_instances"])
def test_a_server_that_is_in_no_target_group_of_the_fleet_is_not_touched(name: str) -> None:
    with machine(grouped=False, bounds=ANY, servers=1) as world:
        answer = world.client("ec2").run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)
        stranger = answer["Instances"][0]["InstanceId"]
        world.sandbox.jump(60)
        event = {**world.machine.named, **ALL_STAGES[name], "instance_ids": [stranger]}
        if name == "terminate_and_launch":
            event["launch_template"] = world.machine.template()
        assert stranger in refused(world, name, event)


@pytest.mark.parametrize("name", ["deregister_targets", "terminate_and_launch", "reload_instances", "double_group"])
def test_a_fleet_that_a_rollout_holds_is_locked(name: str) -> None:
    with machine(grouped=True, bounds=ANY, servers=2) as world:
        until = world.sandbox.clock.now() + timedelta(minutes=10)
        held = f"other s3://elsewhere {until:%Y-%m-%dT%H:%M:%SZ}"
        arn = world.fleet.target_group_arns[0]
        tag = {"Key": "awsroll:held-by", "Value": held}
        world.client("elbv2").add_tags(ResourceArns=[arn], Tags=[tag])
        event = {**world.machine.named, **ALL_STAGES[name], "launch_template": world.machine.template(1)}
        if name != "double_group":
            event["instance_ids"] = [world.fleet.instance_ids[0]]
        if name in ("deregister_targets", "reload_instances"):
            del event["launch_template"]
        assert "is held by rollout other" in refused(world, name, event, FleetLockedError)


def test_the_last_serving_servers_are_not_taken_out() -> None:
    with machine(grouped=False, bounds=ANY, servers=2) as world:
        event = {**world.machine.named, "instance_ids": list(world.fleet.instance_ids)}
        assert "only 0 serve in web-1, not 1" in refused(world, "deregister_targets", event)
        call("deregister_targets", {**event, "min_healthy": 0}, world.machine.connection())
        assert {one.state for one in world.sandbox.elb.targets(world.fleet.target_group_arns[0])} == {"draining"}


def test_a_server_that_still_gets_requests_is_not_ended() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        replace = {**world.machine.named, "instance_ids": [name], "launch_template": world.machine.template()}
        assert f"{name} may still get requests (healthy)" in refused(world, "terminate_and_launch", replace)
        world.machine.call("deregister_targets", instance_ids=[name])
        message = refused(world, "terminate_and_launch", replace)
        assert f"{name} may still get requests (draining (Target.DeregistrationInProgress))" in message


def test_a_server_that_another_rollout_took_out_is_not_ended_unless_it_is_named_with_its_targets() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        out = world.machine.call("deregister_targets", instance_ids=[name])
        world.sandbox.jump(out["wait_seconds"] + 5)
        event = {
            **world.machine.named,
            "rollout_id": "another",
            "instance_ids": [name],
            "launch_template": world.machine.template(),
        }
        assert f"{name} was not taken out by rollout another" in refused(world, "terminate_and_launch", event)
        answer = call("terminate_and_launch", {**event, "targets": out["targets"]}, world.machine.connection())
        assert len(answer["new_instance_ids"]) == 1


def test_a_server_in_traffic_is_not_reloaded() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        event = {**world.machine.named, "instance_ids": [name], "command": ["true"]}
        assert f"{name} was not taken out by rollout" in refused(world, "reload_instances", event)
        world.machine.call("deregister_targets", instance_ids=[name])
        assert f"{name} may still get requests" in refused(world, "reload_instances", event)


def test_a_server_protected_from_termination_gets_no_replacement() -> None:
    with machine(grouped=False, bounds=ANY) as world:
        name = world.fleet.instance_ids[0]
        world.client("ec2").modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": True})
        out = world.machine.call("deregister_targets", instance_ids=[name])
        world.sandbox.jump(out["wait_seconds"] + 5)
        event = {**world.machine.named, "instance_ids": [name], "launch_template": world.machine.template()}
        assert f"{name} is protected from termination" in refused(world, "terminate_and_launch", event)


def protect(world: Watched) -> None:
    world.client("autoscaling").set_instance_protection(
        AutoScalingGroupName="web", InstanceIds=[world.fleet.instance_ids[0]], ProtectedFromScaleIn=True
    )


def by_hand(world: Watched) -> None:
    targets = [{"Id": world.fleet.instance_ids[0], "Port": 8080}]
    world.client("elbv2").register_targets(TargetGroupArn=world.fleet.target_group_arns[0], Targets=targets)


def saved_settings(world: Watched) -> None:
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    world.client("autoscaling").create_or_update_tags(Tags=[{**tag, "Key": "awsroll:was:max-size", "Value": "9"}])


def suspend_launch(world: Watched) -> None:
    world.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])


def grow(world: Watched) -> None:
    world.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
    world.sandbox.jump(1)


def empty(world: Watched) -> None:
    world.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    world.sandbox.jump(300)


@pytest.mark.parametrize(
    ("name", "arrange", "problem"),
    [
        ("terminate_and_launch", protect, "is protected from scale-in"),
        ("terminate_and_launch", by_hand, "is also registered by hand (web-1:8080)"),
        (
            "terminate_and_launch",
            saved_settings,
            "an earlier rollout has left settings of group web changed (max-size)",
        ),
        ("terminate_and_launch", suspend_launch, "group web has Launch suspended"),
        ("deregister_targets", saved_settings, "an earlier rollout has left settings of group web changed (max-size)"),
        ("double_group", protect, "protected from scale-in"),
        ("double_group", saved_settings, "an earlier rollout has left settings of group web changed (max-size)"),
        ("double_group", suspend_launch, "group web has Launch suspended"),
        ("double_group", grow, "group web has 3 of 4 members in service"),
        ("double_group", empty, "there is nothing to double"),
        ("retire_old_half", saved_settings, "was not doubled by rollout deploy-42"),
    ],
)
def test_a_group_in_an_unsuitable_state_is_refused(name: str, arrange: Callable[[Watched], None], problem: str) -> None:
    with machine(grouped=True, bounds=ANY) as world:
        arrange(world)
        event: dict[str, Any] = dict(world.machine.named)
        if name == "retire_old_half":
            event["old_instance_ids"] = list(world.fleet.instance_ids)
        elif name != "double_group":
            event["instance_ids"] = [world.fleet.instance_ids[0]]
        assert problem in refused(world, name, event)


def test_a_group_that_launches_another_version_is_refused() -> None:
    with machine(grouped=True, bounds=ANY) as world:
        template = world.machine.template(2)
        event = {**world.machine.named, "launch_template": template}
        message = f"group web launches {world.machine.template(1)}, not {template}"
        assert message in refused(world, "double_group", event)
        names = {"instance_ids": [world.fleet.instance_ids[0]]}
        assert message in refused(world, "terminate_and_launch", {**event, **names})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ApiError("UnauthorizedOperation", "no"), AccessRefusedError),
        (ApiError("InvalidParameterValue", "no"), AwsError),
    ],
    ids=["denied", "refused"],
)
def test_a_refusal_of_aws_is_raised_unchanged(error: Exception, kind: type[AwsrollError]) -> None:
    with machine(grouped=False, bounds=ANY) as world:

        def fail(_service: str, operation: str, _: Any) -> None:
            if operation == "CreateTags":
                raise error

        world.sandbox.on_call(fail)
        event = {**world.machine.named, "instance_ids": [world.fleet.instance_ids[0]]}
        refused(world, "deregister_targets", event, kind)
