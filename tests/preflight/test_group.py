from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.aws.connection import Connection
from awsroll.core.model.finding import NOTE
from awsroll.core.model.observation import FleetKind, TargetKey, TemplateVersion
from awsroll.core.model.rollout_choices import SkipPolicy, Strategy, Zones
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError
from awsroll.preflight import Prepared, prepare
from awsroll.sandbox import Fleet, Sandbox
from tests.support.amazon import sandbox


class Bench:
    """A group named web with three members, and a valid request."""

    def __init__(self, made: Sandbox, aws: Connection, built: Fleet) -> None:
        self.sandbox, self.aws, self.built = made, aws, built

    def client(self, service: str) -> Any:
        return self.sandbox.session().client(service)

    def update(self, **settings: Any) -> None:
        self.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", **settings)

    def prepare(self, **changes: Any) -> Prepared:
        return prepare(RolloutSpec(**{"asg": "web", **changes}), self.aws)

    def problems(self, **changes: Any) -> tuple[str, ...]:
        with pytest.raises(FleetError) as caught:
            self.prepare(**changes)
        return caught.value.problems

    def warnings(self, **changes: Any) -> list[str]:
        return list(self.prepare(**changes).warnings)

    def setting(self, version: str = "1") -> dict[str, str]:
        return {"LaunchTemplateId": self.built.template_id, "Version": version}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with sandbox() as (made, aws):
        yield Bench(made, aws, made.auto_scaling_fleet(desired=3, zones=3, max_size=6))


def test_resolves_the_request(bench: Bench) -> None:
    prepared = bench.prepare()
    rollout, desired = prepared.rollout, prepared.status.desired
    assert (rollout.kind, rollout.fleet, rollout.group) == (FleetKind.AUTO_SCALING, "web", "web")
    assert rollout.template == TemplateVersion(template_id=bench.built.template_id, number=2)
    assert rollout.group_version == "1"
    assert rollout.target_groups == bench.built.target_group_arns
    assert rollout.extra_targets == ()
    assert desired is not None
    assert (desired.goal, desired.expected, desired.previous) == (3, 3, 3)
    assert prepared.status.slots == ()
    assert prepared.warnings == ()
    assert bench.aws.calls.mutating == 0


def test_an_arn_does_as_well_as_a_name(bench: Bench) -> None:
    groups = bench.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert bench.prepare(asg=groups[0]["AutoScalingGroupARN"]).rollout.group == "web"


def test_an_unknown_group_is_reported_with_similar_names_and_other_mistakes(bench: Bench) -> None:
    problems = bench.problems(asg="wep", target_group=("nope",))
    assert len(problems) == 2
    assert "there is no Auto Scaling group 'wep'" in problems[0]
    assert "did you mean web?" in problems[0]
    assert "there is no target group 'nope'" in problems[1]


def test_an_alias_is_pinned_with_a_warning(bench: Bench) -> None:
    bench.update(LaunchTemplate=bench.setting("$Latest"))
    prepared = bench.prepare()
    assert prepared.rollout.group_version == "$Latest"
    assert "$Latest" in prepared.status.warnings[0]


def test_the_baseline_comes_from_the_members_not_from_the_group(bench: Bench) -> None:
    bench.update(LaunchTemplate=bench.setting("$Latest"))
    assert bench.prepare().rollout.baseline_template == TemplateVersion(template_id=bench.built.template_id, number=1)


def test_an_old_version_that_no_longer_exists_is_a_warning_for_a_rollback(bench: Bench) -> None:
    ec2, template = bench.client("ec2"), bench.built.template_id
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["1"])
    (warning,) = bench.warnings(launch_template=f"{template}:2")
    assert f"launch template version {template}:1 no longer exists, and 3 servers run it" in warning
    assert bench.warnings(launch_template=f"{template}:2", on_failure="pause") == []


def notes(prepared: Prepared) -> str:
    return " | ".join(finding.message for finding in prepared.findings if finding.severity == NOTE)


def test_the_permissions_of_a_surge_are_named_because_they_cannot_be_checked(bench: Bench) -> None:
    needed = "the surge needs the permissions autoscaling:LaunchInstances and ec2:CreateFleet"
    assert needed in notes(bench.prepare(launch_first=True))
    assert needed not in notes(bench.prepare())  # without a surge the group replaces its members by itself


def test_a_group_that_mixes_on_demand_and_spot_surges_by_its_desired_capacity(bench: Bench) -> None:
    template = {"LaunchTemplateSpecification": bench.setting()}
    spread = {"OnDemandPercentageAboveBaseCapacity": 50}
    bench.update(MixedInstancesPolicy={"LaunchTemplate": template, "InstancesDistribution": spread})
    assert "mixes On-Demand and Spot Instances, which LaunchInstances does not support: awsroll raises the desired" in (
        notes(bench.prepare(strategy=Strategy.DOUBLE_HALF))
    )
    with pytest.raises(FleetError, match="--zones one-by-one needs it for a surge"):
        bench.prepare(launch_first=True, zones=Zones.ONE_BY_ONE)


def test_hooks_extend_deadlines(bench: Bench) -> None:
    for name, transition, seconds in (
        ("up", "LAUNCHING", 300),
        ("down", "TERMINATING", 120),
        ("more", "TERMINATING", 60),
    ):
        bench.client("autoscaling").put_lifecycle_hook(
            AutoScalingGroupName="web",
            LifecycleHookName=name,
            LifecycleTransition=f"autoscaling:EC2_INSTANCE_{transition}",
            HeartbeatTimeout=seconds,
        )
    limits = bench.prepare().rollout.limits
    assert limits.launch_seconds == 600 + 300
    assert limits.drain_seconds == 30 + 60 + 180
    assert "180 s of terminate hooks" in bench.problems(drain_timeout=200)[0]


# --- further target groups ------------------------------------------------------------------------------------------


def target_group(bench: Bench, name: str, *, used: bool = True) -> str:
    elbv2 = bench.client("elbv2")
    made = elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=bench.built.vpc_id)
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    if used:
        actions = [{"Type": "forward", "TargetGroupArn": arn}]
        balancer = bench.built.load_balancer_arn
        elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=8080, DefaultActions=actions)
    return arn


def register(bench: Bench, arn: str, *names: str, port: int = 80) -> None:
    targets = [{"Id": name, "Port": port} for name in names]
    bench.client("elbv2").register_targets(TargetGroupArn=arn, Targets=targets)


def test_finds_target_groups_in_which_members_are_registered_by_hand(bench: Bench) -> None:
    arn = target_group(bench, "admin")
    register(bench, arn, *bench.built.instance_ids)
    rollout = bench.prepare().rollout
    assert set(rollout.target_groups) == {*bench.built.target_group_arns, arn}
    assert rollout.extra_targets == (TargetKey(target_group=arn, port=80),)


def test_finds_further_ports_of_an_attached_target_group(bench: Bench) -> None:
    arn = bench.built.target_group_arns[0]
    register(bench, arn, *bench.built.instance_ids[:2], port=81)
    assert bench.prepare().rollout.extra_targets == (TargetKey(target_group=arn, port=81),)


def test_a_port_of_a_minority_is_not_passed_on(bench: Bench) -> None:
    register(bench, bench.built.target_group_arns[0], bench.built.instance_ids[0], port=81)
    assert bench.prepare().rollout.extra_targets == ()


def test_leaves_out_target_groups_without_members(bench: Bench) -> None:
    target_group(bench, "other")
    assert bench.prepare().rollout.target_groups == bench.built.target_group_arns


def test_other_instances_are_a_warning_or_with_strict_a_refusal(bench: Bench) -> None:
    stranger = bench.client("ec2").run_instances(
        LaunchTemplate=bench.setting(), SubnetId=bench.built.subnet_ids[0], MinCount=1, MaxCount=1
    )["Instances"][0]["InstanceId"]
    bench.sandbox.jump(60)
    register(bench, bench.built.target_group_arns[0], stranger)
    (warning,) = bench.warnings()
    assert stranger in warning
    (problem,) = bench.problems(strict=True)
    assert stranger in problem


# --- groups that cannot be rolled -----------------------------------------------------------------------------------


def test_refuses_an_active_instance_refresh(bench: Bench) -> None:
    bench.client("autoscaling").start_instance_refresh(AutoScalingGroupName="web")
    (problem,) = bench.problems()
    assert "instance refresh in progress" in problem


@pytest.mark.parametrize("process", ["Launch", "Terminate", "AddToLoadBalancer"])
def test_refuses_a_suspended_process_that_it_needs(bench: Bench, process: str) -> None:
    bench.client("autoscaling").suspend_processes(
        AutoScalingGroupName="web", ScalingProcesses=[process, "ScheduledActions"]
    )
    (problem,) = bench.problems()
    assert f"has {process} suspended" in problem


def test_refuses_weights(bench: Bench) -> None:
    overrides = [{"InstanceType": "t3.micro", "WeightedCapacity": "2"}]
    template = {"LaunchTemplateSpecification": bench.setting(), "Overrides": overrides}
    bench.update(MixedInstancesPolicy={"LaunchTemplate": template})
    (problem,) = bench.problems()
    assert "counts its capacity in weights" in problem


def test_refuses_templates_of_single_instance_types(bench: Bench) -> None:
    overrides = [{"InstanceType": "t3.micro", "LaunchTemplateSpecification": bench.setting()}]
    template = {"LaunchTemplateSpecification": bench.setting(), "Overrides": overrides}
    bench.update(MixedInstancesPolicy={"LaunchTemplate": template})
    (problem,) = bench.problems()
    assert "separate launch templates for some instance types" in problem


def test_a_mixed_instances_policy_with_one_template_is_fine(bench: Bench) -> None:
    overrides = [{"InstanceType": "t3.micro"}, {"InstanceType": "t3a.micro"}]
    template = {"LaunchTemplateSpecification": bench.setting("$Default"), "Overrides": overrides}
    bench.update(MixedInstancesPolicy={"LaunchTemplate": template})
    assert bench.prepare().rollout.group_version == "$Default"


def test_refuses_to_wait_for_members_that_the_group_itself_protects(bench: Bench) -> None:
    bench.update(NewInstancesProtectedFromScaleIn=True)
    bench.client("autoscaling").set_instance_protection(
        AutoScalingGroupName="web", InstanceIds=list(bench.built.instance_ids), ProtectedFromScaleIn=True
    )
    (problem,) = bench.problems()
    assert "--protected replace" in problem
    assert bench.prepare(protected=SkipPolicy.REPLACE).rollout.protected is SkipPolicy.REPLACE


def test_refuses_a_group_in_no_target_group(bench: Bench) -> None:
    bench.client("autoscaling").detach_load_balancer_target_groups(
        AutoScalingGroupName="web", TargetGroupARNs=list(bench.built.target_group_arns)
    )
    bench.sandbox.jump(120)
    (problem,) = bench.problems()
    assert "in no target group" in problem


def test_reports_all_problems_at_once(bench: Bench) -> None:
    bench.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
    bench.client("elbv2").delete_listener(ListenerArn=bench.built.listener_arns[0])
    problems = bench.problems(drain_timeout=1, launch_template="nope", concurrent=3)
    said = "\n".join(problems)
    for part in ("Launch suspended", "used by no load balancer", "no launch template nope"):
        assert part in said


def test_a_reload_on_a_group_warns_of_what_it_launches_later(bench: Bench) -> None:
    bench.sandbox.jump(60)
    (warning,) = bench.warnings(strategy=Strategy.RELOAD, command=("deploy",))
    assert "still launches from its template" in warning


def test_an_empty_group_is_no_mistake(bench: Bench) -> None:
    bench.update(MinSize=0, DesiredCapacity=0)
    bench.sandbox.jump(300)
    prepared = bench.prepare()
    assert prepared.rollout.baseline == ()
    assert prepared.status.desired is not None
    assert prepared.status.desired.goal == 0
