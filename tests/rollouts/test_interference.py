"""Changes that others make to a fleet of the embedded AWS during a rollout: the tests of `docs/interference.md`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import SkipPolicy, Strategy
from awsroll.core.model.status import Outcome
from awsroll.errors import FleetError
from awsroll.sandbox import Sandbox
from tests.rollouts.rolling import Rolling, enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
RETIRES = {True: "TerminateInstanceInAutoScalingGroup", False: "TerminateInstances"}


@contextmanager
def rolling(tmp_path: Path, *, grouped: bool = True, **shape: Any) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path, grouped=grouped, **shape)


def at_first(sandbox: Sandbox, operation: str, act: Callable[[], Any]) -> None:
    """Act once as another user, right after the first call of an operation by awsroll."""
    left = [act]

    def after(_service: str, name: str, _parameters: Any) -> None:
        if name == operation and left:
            left.pop()()

    sandbox.on_call(after, "after")


def client(one: Rolling, service: str = "autoscaling") -> Any:
    return one.sandbox.session().client(service)


def resume(one: Rolling, report: Any) -> Any:
    return awsroll.resume(report.rollout_id, session=one.sandbox.session(), store=one.store, clock=one.clock)


# --- settings -------------------------------------------------------------------------------------------------------


def test_a_setting_of_a_target_group_that_someone_else_sets_just_before_the_end_stays(tmp_path: Path) -> None:
    with rolling(tmp_path, grouped=False, servers=2) as one:
        (arn,) = one.fleet.target_group_arns
        elb = client(one, "elbv2")
        delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "45"}]
        left = [1, 2]

        def act(_service: str, name: str, _parameters: Any) -> None:
            if name == "TerminateInstances" and left.pop() == 1:
                elb.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=20)
                elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=delay)

        one.sandbox.on_call(act, "after")
        report = one.roll(deregistration_delay=5, health_check_interval=6, health_check_threshold=2)
        found = one.sandbox.elb.target_group(arn)

        assert report.succeeded, report.reason
        assert (found.deregistration_delay_seconds, found.interval_seconds, found.healthy_threshold) == (45, 20, 3)
        (tagged,) = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"]
        assert not any(tag["Key"].startswith("awsroll") for tag in tagged["Tags"])


# --- capacity -------------------------------------------------------------------------------------------------------


def test_a_scale_out_becomes_the_goal(tmp_path: Path) -> None:
    with rolling(tmp_path, servers=3, max_size=6) as one:
        scale = {"AutoScalingGroupName": "web", "DesiredCapacity": 5}
        at_first(one.sandbox, RETIRES[True], lambda: client(one).set_desired_capacity(**scale))
        report = one.roll()
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 5}
        assert one.group()["DesiredCapacity"] == 5


def test_a_scale_in_becomes_the_goal(tmp_path: Path) -> None:
    with rolling(tmp_path, servers=4, min_size=1) as one:
        scale = {"AutoScalingGroupName": "web", "DesiredCapacity": 2}
        at_first(one.sandbox, RETIRES[True], lambda: client(one).set_desired_capacity(**scale))
        report = one.roll()
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 2}
        assert (one.group()["MinSize"], one.group()["DesiredCapacity"]) == (1, 2)


def _detach(one: Rolling, name: str) -> None:
    client(one).detach_instances(AutoScalingGroupName="web", InstanceIds=[name], ShouldDecrementDesiredCapacity=True)


def _end(one: Rolling, name: str) -> None:
    client(one).terminate_instance_in_auto_scaling_group(InstanceId=name, ShouldDecrementDesiredCapacity=True)


@pytest.mark.parametrize("take_out", [_detach, _end], ids=["detach", "terminate"])
def test_a_member_that_someone_takes_out_with_a_decrement_lowers_the_goal_without_the_surge(
    tmp_path: Path, take_out: Callable[[Rolling, str], None]
) -> None:
    with rolling(tmp_path, servers=3, min_size=1) as one:
        one.sandbox.world.after(45, lambda: take_out(one, one.fleet.instance_ids[0]))
        report = one.roll(strategy=Strategy.DOUBLE_HALF)
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        assert one.group()["DesiredCapacity"] == 2
        assert one.serving_versions()["v2"] == 2


@KINDS
def test_a_server_that_someone_else_terminates_is_replaced(tmp_path: Path, *, grouped: bool) -> None:
    with rolling(tmp_path, grouped=grouped) as one:
        victim = one.fleet.instance_ids[-1]
        at_first(one.sandbox, RETIRES[grouped], lambda: client(one, "ec2").terminate_instances(InstanceIds=[victim]))
        report = one.roll()
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 4}
        assert len(one.running()) == 4


@KINDS
def test_a_server_that_someone_stops_is_replaced(tmp_path: Path, *, grouped: bool) -> None:
    with rolling(tmp_path, grouped=grouped, servers=2) as one:
        stop = {"InstanceIds": [one.fleet.instance_ids[-1]]}
        at_first(one.sandbox, RETIRES[grouped], lambda: client(one, "ec2").stop_instances(**stop))
        report = one.roll()
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 2}
        assert report.elapsed_s < 300


def test_a_process_that_someone_suspends_pauses_the_rollout(tmp_path: Path) -> None:
    with rolling(tmp_path, servers=2) as one:
        launching = {"AutoScalingGroupName": "web", "ScalingProcesses": ["Launch"]}
        at_first(one.sandbox, RETIRES[True], lambda: client(one).suspend_processes(**launching))
        report = one.roll()

        assert report.status is Outcome.PAUSED
        assert "group web has Launch suspended, by someone else or by AWS" in report.reason
        client(one).resume_processes(**launching)
        ended = resume(one, report)
        assert ended.succeeded, ended.reason
        assert one.serving_versions() == {"v2": 2}
        assert one.group()["SuspendedProcesses"] == []


@pytest.mark.parametrize(
    ("when", "setting", "kept"),
    [
        (60, {"MaxSize": 4}, {"MaxSize": 4, "DesiredCapacity": 4}),  # below the surge: the group lowers its capacity
        (60, {"MaxSize": 4, "DesiredCapacity": 4}, {"MaxSize": 4, "DesiredCapacity": 4}),
        (60, {"MinSize": 1, "MaxSize": 2, "DesiredCapacity": 2}, {"MinSize": 1, "MaxSize": 2, "DesiredCapacity": 2}),
        (140, {"MaxSize": 4}, {"MaxSize": 4, "DesiredCapacity": 3}),  # the surge has gone again
    ],
)
def test_a_schedule_that_sets_the_maximum_while_the_rollout_has_raised_it_is_kept(
    tmp_path: Path, when: float, setting: dict[str, int], kept: dict[str, int]
) -> None:
    with rolling(tmp_path, servers=3, min_size=2, max_size=3) as one:
        scheduled = {"StartTime": one.clock.now() + timedelta(seconds=when), **setting}
        action = {"AutoScalingGroupName": "web", "ScheduledActionName": "evening"}
        client(one).put_scheduled_update_group_action(**action, **scheduled)
        report = one.roll(strategy=Strategy.DOUBLE_HALF)
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        group = one.group()
        assert {name: group[name] for name in kept} == kept
        assert one.serving_versions() == {"v2": kept["DesiredCapacity"]}


def _end_all(one: Rolling, _taken: Any) -> None:
    others = one.running() & {*one.fleet.instance_ids}
    client(one, "ec2").terminate_instances(InstanceIds=sorted(others))


def _end_draining(one: Rolling, taken: Any) -> None:
    client(one, "ec2").terminate_instances(InstanceIds=[taken["Targets"][0]["Id"]])


def _register_draining(one: Rolling, taken: Any) -> None:
    (arn,) = one.fleet.target_group_arns
    client(one, "elbv2").register_targets(TargetGroupArn=arn, Targets=taken["Targets"])


def _remove_tags(one: Rolling, _taken: Any) -> None:
    client(one, "ec2").delete_tags(Resources=sorted(one.running()))


@pytest.mark.parametrize("act", [_end_all, _end_draining, _register_draining, _remove_tags])
def test_a_standalone_fleet_is_whole_after_someone_has_changed_its_servers(
    tmp_path: Path, act: Callable[[Rolling, Any], None]
) -> None:
    with rolling(tmp_path, grouped=False, servers=2) as one:
        taken: list[Any] = []

        def change(_service: str, name: str, parameters: Any) -> None:
            if name == "DeregisterTargets" and not taken:
                taken.append(parameters)
                act(one, parameters)

        one.sandbox.on_call(change, "after")
        report = one.roll()
        one.sandbox.jump(300)

        assert taken
        assert (report.succeeded, report.failures) == (True, ()), report.reason
        assert one.serving_versions() == {"v2": 2}
        assert len(one.running()) == 2


# --- other replacements, and other launch settings ------------------------------------------------------------------


def test_a_capacity_that_someone_raises_above_the_cap_pauses_the_rollout(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2)
        autoscaling = sandbox.session().client("autoscaling")

        def raise_desired(_service: str, name: str, _: Any) -> None:
            if name == "TerminateInstanceInAutoScalingGroup":
                stop()
                autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)

        stop = sandbox.on_call(raise_desired, "after")
        begun = clock.monotonic()
        paused = one.roll(max_running="3")

        assert paused.status is Outcome.PAUSED, paused.reason
        assert "is 3 now, and --max-running 3 allows 3 servers" in paused.reason
        assert clock.monotonic() - begun < 300
        autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
        sandbox.jump(60)
        report = awsroll.resume(paused.rollout_id, session=sandbox.session(), store=one.store, clock=clock)
        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 2}


def test_an_instance_refresh_pauses_the_rollout(tmp_path: Path) -> None:
    with rolling(tmp_path) as one:
        at_first(one.sandbox, RETIRES[True], lambda: client(one).start_instance_refresh(AutoScalingGroupName="web"))
        report = one.roll()

        assert report.status is Outcome.PAUSED
        assert "an instance refresh of group web is in progress" in report.reason
        assert "v1" in one.serving_versions()

        again = resume(one, report)
        assert (again.status, again.reason) == (Outcome.PAUSED, report.reason)

        client(one).cancel_instance_refresh(AutoScalingGroupName="web")
        one.sandbox.jump(60)
        ended = resume(one, report)
        assert ended.succeeded, ended.reason
        assert one.serving_versions() == {"v2": 4}


def test_a_template_version_set_meanwhile_is_pinned_again_and_reported(tmp_path: Path) -> None:
    with rolling(tmp_path, further_versions=({},)) as one:
        setting = {"LaunchTemplateId": one.fleet.template_id, "Version": "3"}
        at_first(
            one.sandbox,
            RETIRES[True],
            lambda: client(one).update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=setting),
        )
        report = one.roll()

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 4}
        assert one.group()["LaunchTemplate"]["Version"] == "2"
        (warning,) = [said for said in report.warnings if "launch template" in said]
        assert f"set the launch template of web to {one.fleet.template_id}:3" in warning


# --- the fleet itself -----------------------------------------------------------------------------------------------


def _without_target_group(one: Rolling) -> Callable[[], None]:
    def delete() -> None:
        elb, arn = client(one, "elbv2"), one.fleet.target_group_arns[-1]
        for balancer in elb.describe_load_balancers()["LoadBalancers"]:
            for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
                elb.delete_listener(ListenerArn=listener["ListenerArn"])
        elb.delete_target_group(TargetGroupArn=arn)

    return delete


@KINDS
def test_a_target_group_that_is_deleted_pauses_the_rollout_and_terminates_no_server(
    tmp_path: Path, *, grouped: bool
) -> None:
    with rolling(tmp_path, grouped=grouped) as one:
        at_first(one.sandbox, RETIRES[grouped], _without_target_group(one))
        ended: list[str] = []
        report = one.roll()
        one.sandbox.on_call(lambda _service, name, _parameters: ended.append(name))

        assert report.status is Outcome.PAUSED
        assert "no longer exists. awsroll changes nothing more" in report.reason
        assert f"`awsroll abort {report.rollout_id}` restores what still exists" in report.reason
        assert len(one.running()) >= 3

        before = one.running()
        again = resume(one, report)
        assert again.status is Outcome.PAUSED
        assert one.running() == before
        assert not [name for name in ended if name.startswith("Terminate")]


@KINDS
def test_a_listener_that_someone_deletes_pauses_the_rollout_until_there_is_one_again(
    tmp_path: Path, *, grouped: bool
) -> None:
    with rolling(tmp_path, grouped=grouped) as one:
        elb, (listener,) = client(one, "elbv2"), one.fleet.listener_arns
        at_first(one.sandbox, RETIRES[grouped], lambda: elb.delete_listener(ListenerArn=listener))
        report = one.roll()

        assert report.status is Outcome.PAUSED
        assert "no load balancer sends requests to target group web-1 (Target.NotInUse)" in report.reason
        assert not report.failures

        forward = [{"Type": "forward", "TargetGroupArn": one.fleet.target_group_arns[0]}]
        balancer = one.fleet.load_balancer_arn
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
        one.sandbox.jump(60)
        assert resume(one, report).succeeded


def test_a_zone_that_someone_disables_on_the_load_balancer_is_no_failure_of_the_version(tmp_path: Path) -> None:
    with rolling(tmp_path, grouped=False, servers=3) as one:
        elb = client(one, "elbv2")

        def enable(*subnets: str) -> None:
            elb.set_subnets(LoadBalancerArn=one.fleet.load_balancer_arn, Subnets=list(subnets))

        at_first(one.sandbox, "RunInstances", lambda: enable(*one.fleet.subnet_ids[1:]))
        one.sandbox.world.after(1200, lambda: enable(*one.fleet.subnet_ids))
        report = one.roll()

        assert (report.succeeded, report.failures) == (True, ()), report.reason


def test_a_group_that_is_deleted_pauses_the_rollout(tmp_path: Path) -> None:
    with rolling(tmp_path) as one:
        delete = {"AutoScalingGroupName": "web", "ForceDelete": True}
        at_first(one.sandbox, RETIRES[True], lambda: client(one).delete_auto_scaling_group(**delete))
        report = one.roll()

        assert report.status is Outcome.PAUSED
        assert "Auto Scaling group web no longer exists, or is being deleted" in report.reason

        one.sandbox.jump(900)
        assert "Auto Scaling group web no longer exists" in resume(one, report).reason


def test_one_answer_without_the_group_is_no_proof_that_it_is_gone(tmp_path: Path) -> None:
    with rolling(tmp_path, servers=2) as one:
        session, left = one.sandbox.session(), [1]
        request = one.request()

        def lose(parsed: dict[str, Any], **_: Any) -> None:
            if one.sandbox.calls["autoscaling:SuspendProcesses"] and left:
                left.clear()
                parsed["AutoScalingGroups"] = []

        session.events.register("after-call.auto-scaling.DescribeAutoScalingGroups", lose)
        report = awsroll.roll(request, session=session, store=one.store, clock=one.clock)

        assert (report.status, left) == (Outcome.SUCCEEDED, []), report.reason


@KINDS
def test_answers_without_servers_that_run_leave_no_server_behind(tmp_path: Path, *, grouped: bool) -> None:
    with rolling(tmp_path, grouped=grouped, servers=3) as one:
        session, request, reads = one.sandbox.session(), one.request(), [0]

        def lose(parsed: dict[str, Any], **_: Any) -> None:
            reads[0] += 1
            if reads[0] > 4 and reads[0] % 5 == 0:
                parsed["Reservations"] = []

        session.events.register("after-call.ec2.DescribeInstances", lose)
        report = awsroll.roll(request, session=session, store=one.store, clock=one.clock)
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        assert len(one.running()) == 3


def test_a_target_group_that_someone_attaches_pauses_the_rollout(tmp_path: Path) -> None:
    """awsroll does not verify new servers there, so it must not go on."""
    with rolling(tmp_path) as one:
        elb, groups = client(one, "elbv2"), client(one)
        old = elb.describe_target_groups(TargetGroupArns=list(one.fleet.target_group_arns))["TargetGroups"][0]
        created = elb.create_target_group(Name="other", Protocol="HTTP", Port=80, VpcId=old["VpcId"])
        arn = created["TargetGroups"][0]["TargetGroupArn"]
        attach = {"AutoScalingGroupName": "web", "TargetGroupARNs": [arn]}
        at_first(one.sandbox, RETIRES[True], lambda: groups.attach_load_balancer_target_groups(**attach))
        report = one.roll()

        assert report.status is Outcome.PAUSED
        assert f"group web is attached to another target group, {arn}" in report.reason

        groups.detach_load_balancer_target_groups(**attach)
        one.sandbox.jump(60)
        ended = resume(one, report)
        assert ended.succeeded, ended.reason


def test_a_target_group_that_someone_detaches_pauses_the_rollout(tmp_path: Path) -> None:
    """Without it nothing shows whether a new server takes requests."""
    with rolling(tmp_path) as one:
        (arn,) = one.fleet.target_group_arns
        detach = {"AutoScalingGroupName": "web", "TargetGroupARNs": [arn]}
        at_first(one.sandbox, RETIRES[True], lambda: client(one).detach_load_balancer_target_groups(**detach))
        report = one.roll()

        assert report.status is Outcome.PAUSED
        assert f"group web is no longer attached to target group {arn}" in report.reason


# --- protection -----------------------------------------------------------------------------------------------------


def test_the_rollout_waits_for_a_member_that_was_protected_before_it_was_selected(tmp_path: Path) -> None:
    with rolling(tmp_path) as one:
        kept = one.fleet.instance_ids[-1]
        protect = {"AutoScalingGroupName": "web", "InstanceIds": [kept], "ProtectedFromScaleIn": True}
        at_first(one.sandbox, "SuspendProcesses", lambda: client(one).set_instance_protection(**protect))
        report = one.roll(protected=SkipPolicy.IGNORE)

        assert report.succeeded, report.reason
        assert report.instances.skipped == 1
        assert one.serving_versions() == {"v1": 1, "v2": 3}
        assert kept in one.running()


def test_a_member_that_was_protected_after_it_was_selected_is_terminated(tmp_path: Path) -> None:
    with rolling(tmp_path) as one:
        chosen: list[str] = []

        def protect(_service: str, operation: str, parameters: Any) -> None:
            if operation == RETIRES[True] and not chosen:
                chosen.append(parameters.get("InstanceId") or parameters["InstanceIds"][0])
                client(one).set_instance_protection(
                    AutoScalingGroupName="web", InstanceIds=chosen, ProtectedFromScaleIn=True
                )

        one.sandbox.on_call(protect)
        report = one.roll()

        assert report.succeeded, report.reason
        assert chosen[0] not in one.running()
        assert one.serving_versions() == {"v2": 4}


def test_a_standalone_server_that_is_protected_meanwhile_runs_on_and_its_place_is_filled(tmp_path: Path) -> None:
    with rolling(tmp_path, grouped=False) as one:
        chosen: list[str] = []

        def protect(_service: str, operation: str, parameters: Any) -> None:
            if operation == "DeregisterTargets" and not chosen:
                chosen.append(parameters["Targets"][0]["Id"])
                client(one, "ec2").modify_instance_attribute(
                    InstanceId=chosen[0], DisableApiTermination={"Value": True}
                )

        one.sandbox.on_call(protect)
        report = one.roll()
        one.sandbox.jump(300)

        assert report.succeeded, report.reason
        assert chosen[0] in one.running()
        assert one.serving_versions() == {"v2": 4}
        assert [text for text in report.warnings if f"{chosen[0]}: someone has protected it" in text]


def test_a_fleet_that_a_dead_rollout_left_changed_is_repaired_before_the_next_rollout(tmp_path: Path) -> None:
    with rolling(tmp_path, servers=2) as it:
        group = str(it.fleet.group_name)
        tag = {"ResourceId": group, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
        old = [{**tag, "Key": "awsroll:was:max-size", "Value": str(it.group()["MaxSize"])}]
        it.sandbox.session().client("autoscaling").create_or_update_tags(Tags=old)
        before = it.running()

        with pytest.raises(FleetError, match=r"left changed settings \(max-size\).*awsroll repair --asg"):
            it.roll()
        assert it.running() == before
        awsroll.repair(asg=group, session=it.sandbox.session(), store=it.store, clock=it.clock)
        assert it.roll().status is Outcome.SUCCEEDED
