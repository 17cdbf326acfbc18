from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.aws.connection import Connection
from awsroll.core.model.amount import Amount
from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.model.observation import FleetKind, TargetKey, TemplateVersion
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import NO_VERSION, RolloutSpec
from awsroll.errors import AccessRefusedError, FleetError, SpecError
from awsroll.preflight import Prepared, prepare
from awsroll.sandbox import ApiError, Fleet, Sandbox
from tests.support.amazon import Requests, sandbox


class Bench:
    """A standalone fleet, and a valid request."""

    def __init__(self, made: Sandbox, aws: Connection, built: Fleet) -> None:
        self.sandbox, self.aws, self.built = made, aws, built

    def client(self, service: str) -> Any:
        return self.sandbox.session().client(service)

    def prepare(self, **changes: Any) -> Prepared:
        fine = {"target_group": self.built.target_group_arns, "launch_template": self.built.template_id}
        return prepare(RolloutSpec(**{**fine, **changes}), self.aws)

    def problems(self, **changes: Any) -> tuple[str, ...]:
        with pytest.raises(FleetError) as caught:
            self.prepare(**changes)
        return caught.value.problems

    def warnings(self, **changes: Any) -> list[str]:
        return list(self.prepare(**changes).warnings)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with sandbox() as (made, aws):
        yield Bench(made, aws, made.standalone_fleet(servers=3, zones=2, ports=(80, 81), target_groups=2))


def test_resolves_the_request(bench: Bench) -> None:
    prepared = bench.prepare(concurrent="50%")
    rollout = prepared.rollout
    assert rollout.kind is FleetKind.STANDALONE
    assert rollout.fleet == "web-1+web-2"
    assert rollout.target_groups == tuple(sorted(bench.built.target_group_arns))
    assert rollout.template == TemplateVersion(template_id=bench.built.template_id, number=2)
    assert rollout.max_unavailable == Amount(value=50, is_percentage=True)
    assert (rollout.region, rollout.account) == ("us-east-1", "123456789012")
    assert [(one.version, one.count) for one in rollout.baseline] == [(f"{bench.built.template_id}:1", 3)]
    assert rollout.baseline_template == TemplateVersion(template_id=bench.built.template_id, number=1)
    assert prepared.warnings == ()
    assert prepared.status.desired is None


def test_changes_nothing(bench: Bench) -> None:
    bench.prepare()
    assert bench.aws.calls.mutating == 0


def test_ids_of_rollouts_differ_and_begin_with_the_name_of_the_fleet(bench: Bench) -> None:
    first, second = bench.prepare().rollout.rollout_id, bench.prepare().rollout.rollout_id
    assert first != second
    assert first.startswith("web-1-web-2-20260101-")


def test_groups_places_by_subnet_and_registrations(bench: Bench) -> None:
    arn = bench.built.target_group_arns[0]
    bench.client("elbv2").deregister_targets(
        TargetGroupArn=arn, Targets=[{"Id": bench.built.instance_ids[2], "Port": 81}]
    )
    slots = bench.prepare().status.slots
    assert sum(len(place.instance_ids) for place in slots) == 3
    odd = next(place for place in slots if bench.built.instance_ids[2] in place.instance_ids)
    assert TargetKey(target_group=arn, port=81) not in odd.targets
    assert len(odd.targets) == 3
    assert {place.zone for place in slots} == {"us-east-1a", "us-east-1b"}


def test_names_do_as_well_as_arns(bench: Bench) -> None:
    named = bench.prepare(target_group=("web-1", "web-2"), launch_template="web:$Default").rollout
    assert named.target_groups == tuple(sorted(bench.built.target_group_arns))
    assert named.template == TemplateVersion(template_id=bench.built.template_id, number=1)


@pytest.mark.parametrize(("version", "number"), [("", 2), (":1", 1), (":2", 2), (":$Latest", 2), (":$Default", 1)])
def test_pins_the_version(bench: Bench, version: str, number: int) -> None:
    template = bench.prepare(launch_template=f"{bench.built.template_id}{version}").rollout.template
    assert template is not None
    assert template.number == number


def test_reports_all_unknown_names_with_similar_names(bench: Bench) -> None:
    problems = bench.problems(target_group=("wbe-1", "web-1"), launch_template="nope")
    assert len(problems) == 2
    assert "wbe-1" in problems[0]
    assert "web-1" in problems[0]
    assert "there is no launch template nope" in problems[1]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("web:9", "has no version 9"),
        ("lt-0123456789abcdef0", "there is no launch template lt-0123456789abcdef0"),
        ("web:newest", "VERSION is a number"),
        ("we:2", "there is no launch template we in us-east-1 (did you mean web?)"),
    ],
)
def test_refuses_an_unknown_template_or_version(bench: Bench, template: str, said: str) -> None:
    (problem,) = bench.problems(launch_template=template)
    assert said in problem


def test_without_a_version_an_unknown_target_group_is_named_too(bench: Bench) -> None:
    with pytest.raises(SpecError) as refused:
        bench.prepare(target_group=("wbe-1",), launch_template="")

    assert "there is no target group 'wbe-1' in us-east-1 (did you mean web-1" in refused.value.problems[0]
    assert refused.value.problems[1] == NO_VERSION


def test_without_a_version_a_request_is_refused_also_if_aws_does_not_list_target_groups(bench: Bench) -> None:
    def refuse(service: str, operation: str, _: object) -> None:
        if operation == "DescribeTargetGroups":
            raise denied

    denied = ApiError("AccessDenied", "you may not", 403)
    bench.sandbox.on_call(refuse)
    with pytest.raises(SpecError) as refused:
        bench.prepare(launch_template="")

    assert refused.value.problems == (NO_VERSION,)


def test_an_invalid_request_is_refused_before_the_first_call(bench: Bench) -> None:
    with pytest.raises(SpecError):
        bench.prepare(concurrent=0)
    assert bench.aws.calls.total == 0


def test_counts_mixed_old_versions_most_common_first_and_the_goal_last(bench: Bench) -> None:
    ec2, template = bench.client("ec2"), bench.built.template_id
    ec2.create_launch_template_version(LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData={})
    names = [
        ec2.run_instances(
            LaunchTemplate={"LaunchTemplateId": template, "Version": version},
            SubnetId=bench.built.subnet_ids[0],
            MinCount=1,
            MaxCount=1,
        )["Instances"][0]["InstanceId"]
        for version in ("2", "3", "3", "3", "3")
    ]
    bench.sandbox.jump(60)
    targets = [{"Id": name, "Port": 80} for name in names]
    bench.client("elbv2").register_targets(TargetGroupArn=bench.built.target_group_arns[0], Targets=targets)
    baseline = bench.prepare().rollout.baseline
    assert [(one.version.rpartition(":")[2], one.count) for one in baseline] == [("1", 3), ("2", 1), ("3", 4)]


def test_an_empty_fleet_is_no_mistake(bench: Bench) -> None:
    for arn in bench.built.target_group_arns:
        targets = [{"Id": name, "Port": port} for name in bench.built.instance_ids for port in (80, 81)]
        bench.client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=targets)
    bench.sandbox.jump(60)
    assert bench.prepare().status.slots == ()


def test_refuses_to_leave_nothing_serving_unless_max_unavailable_allows_it(bench: Bench) -> None:
    (problem,) = bench.problems(concurrent=3)
    assert "all 3 servers" in problem
    assert "--launch-first" in problem
    assert bench.prepare(max_unavailable=3).rollout.max_unavailable == Amount(value=3)
    assert bench.prepare(concurrent=3, launch_first=True).rollout.max_surge == Amount(value=3)
    assert bench.prepare(strategy=Strategy.DOUBLE_HALF).rollout.strategy is Strategy.DOUBLE_HALF


def test_refuses_a_target_group_that_no_listener_uses(bench: Bench) -> None:
    bench.client("elbv2").delete_listener(ListenerArn=bench.built.listener_arns[1])
    (problem,) = bench.problems()
    assert "target group web-2 is used by no load balancer" in problem


def test_refuses_targets_that_are_no_instances(bench: Bench) -> None:
    elbv2 = bench.client("elbv2")
    made = elbv2.create_target_group(
        Name="addresses", Protocol="HTTP", Port=80, VpcId=bench.built.vpc_id, TargetType="ip"
    )
    (problem,) = bench.problems(target_group=(made["TargetGroups"][0]["TargetGroupArn"],))
    assert "only target groups of type instance" in problem


def test_refuses_members_of_a_group(bench: Bench) -> None:
    setting = {"LaunchTemplateId": bench.built.template_id, "Version": "1"}
    bench.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="other",
        LaunchTemplate=setting,
        MinSize=1,
        MaxSize=1,
        VPCZoneIdentifier=bench.built.subnet_ids[0],
        TargetGroupARNs=[bench.built.target_group_arns[0]],
    )
    bench.sandbox.jump(120)
    (problem,) = bench.problems()
    assert "--asg other" in problem


def test_leaves_out_what_is_registered_but_does_not_run(bench: Bench) -> None:
    name = bench.built.instance_ids[0]
    bench.client("ec2").stop_instances(InstanceIds=[name])
    bench.sandbox.jump(60)
    prepared = bench.prepare()
    assert sum(len(place.instance_ids) for place in prepared.status.slots) == 2
    assert any(name in one.message for one in prepared.findings)


def test_finds_protected_instances(bench: Bench) -> None:
    name = bench.built.instance_ids[1]
    bench.client("ec2").modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": True})
    assert bench.prepare().rollout.termination_protected == (name,)


def test_spends_no_call_on_the_protection_of_each_server_if_it_may_assume_that_there_is_none(bench: Bench) -> None:
    name = bench.built.instance_ids[1]
    bench.client("ec2").modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": True})
    requests = Requests(bench.sandbox)

    prepared = bench.prepare(termination_protection="assume-none")

    assert prepared.rollout.termination_protected == ()
    assert requests.of("ec2:DescribeInstanceAttribute") == []
    assert any("termination protection is not read" in one.message for one in prepared.findings)
    assert prepared.warnings == ()


# --- deadlines ------------------------------------------------------------------------------------------------------


def test_fills_in_deadlines_that_fit_the_fleet(bench: Bench) -> None:
    limits = bench.prepare(min_healthy_time=5, progress_timeout=4000, settle_time=7, poll=0.5).rollout.limits
    assert limits.drain_seconds == 30 + 60
    assert (limits.launch_seconds, limits.healthy_seconds) == (600, 600)
    assert (limits.min_healthy_seconds, limits.progress_seconds) == (5, 4000)
    assert (limits.settle_seconds, limits.poll_seconds) == (7, 0.5)


def test_the_time_without_progress_covers_the_longest_drain(bench: Bench) -> None:
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "3600"}]
    bench.client("elbv2").modify_target_group_attributes(
        TargetGroupArn=bench.built.target_group_arns[0], Attributes=attributes
    )
    prepared = bench.prepare()
    assert prepared.rollout.limits.progress_seconds > prepared.rollout.limits.drain_seconds == 3660
    (warning,) = bench.warnings()
    assert "--progress-timeout 3600 is shorter than the longest wait of this rollout: a drain may take" in warning


def test_a_progress_timeout_below_the_longest_wait_is_raised_with_a_warning(bench: Bench) -> None:
    prepared = bench.prepare(progress_timeout=99)
    assert prepared.rollout.limits.progress_seconds == 1200
    (warning,) = bench.warnings(progress_timeout=99)
    assert warning.startswith("--progress-timeout 99 is shorter than the longest wait of this rollout")


def test_the_slowest_target_group_sets_the_drain(bench: Bench) -> None:
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}]
    bench.client("elbv2").modify_target_group_attributes(
        TargetGroupArn=bench.built.target_group_arns[1], Attributes=attributes
    )
    assert bench.prepare().rollout.limits.drain_seconds == 360
    assert bench.prepare(deregistration_delay=10).rollout.limits.drain_seconds == 70


def test_refuses_a_health_check_interval_that_is_not_longer_than_the_timeout(bench: Bench) -> None:
    problems = bench.problems(health_check_interval=5)
    assert len(problems) == 2
    assert "timeout of target group web-1, 5 s: pass 6 or more" in problems[0]
    rollout = bench.prepare(health_check_interval=6, health_check_threshold=2).rollout
    assert (rollout.health_check_interval_seconds, rollout.health_check_threshold) == (6, 2)
    assert rollout.held_target_groups == rollout.target_groups


def test_refuses_a_drain_that_would_be_cut_short(bench: Bench) -> None:
    (problem,) = bench.problems(drain_timeout=60)
    assert "Pass 90 or more" in problem
    assert bench.prepare(drain_timeout=90).rollout.limits.drain_seconds == 90


def test_slow_health_checks_get_the_time_they_need(bench: Bench) -> None:
    bench.client("elbv2").modify_target_group(
        TargetGroupArn=bench.built.target_group_arns[0], HealthCheckIntervalSeconds=100, HealthyThresholdCount=10
    )
    assert bench.prepare().rollout.limits.healthy_seconds > 1100
    assert "--healthy-timeout 30 is short" in bench.warnings(healthy_timeout=30)[0]


# --- reload ---------------------------------------------------------------------------------------------------------

RELOAD = {"strategy": Strategy.RELOAD, "launch_template": "", "command": ("deploy",)}


def test_prepares_a_reload(bench: Bench) -> None:
    bench.sandbox.jump(60)
    rollout = bench.prepare(**RELOAD, app_version="v2").rollout
    assert rollout.template is None
    assert rollout.reload is not None
    assert (rollout.to_version, rollout.reload.commands) == ("v2", ("deploy",))
    assert rollout.baseline_template is None


def test_a_reload_without_a_name_reloads_everything(bench: Bench) -> None:
    bench.sandbox.jump(60)
    rollout = bench.prepare(**RELOAD).rollout
    assert rollout.to_version == rollout.rollout_id


def test_refuses_a_reload_that_cannot_reach_its_servers() -> None:
    with sandbox(ssm_online_seconds=9999) as (made, aws):
        bench = Bench(made, aws, made.standalone_fleet(servers=2, zones=2))
        (problem,) = bench.problems(**RELOAD)
        assert all(name in problem for name in bench.built.instance_ids)
        assert "SSM agent is not online" in problem


def test_refuses_a_document_that_is_not_there(bench: Bench) -> None:
    bench.sandbox.jump(60)
    (problem,) = bench.problems(**{**RELOAD, "command": (), "document": "nope"})
    assert "no SSM document 'nope'" in problem


# --- scripts on servers ---------------------------------------------------------------------------------------------


def script_at(point: HookPoint) -> dict[str, Any]:
    return {"hooks": (HookSpec(point=point, script=("true",), name="look"),)}


def test_refuses_a_script_for_old_servers_whose_agent_is_not_online() -> None:
    with sandbox(ssm_online_seconds=9999) as (made, aws):
        bench = Bench(made, aws, made.standalone_fleet(servers=2, zones=2))
        for point in (HookPoint.BEFORE_DEREGISTER, HookPoint.AFTER_DRAIN):
            (problem,) = bench.problems(**script_at(point))
            assert all(name in problem for name in bench.built.instance_ids)
            assert problem.startswith("hook look: the SSM agent is not online on")


def test_warns_of_a_script_for_new_servers_where_no_agent_is_online() -> None:
    with sandbox(ssm_online_seconds=9999) as (made, aws):
        bench = Bench(made, aws, made.standalone_fleet(servers=2, zones=2))
        (warning,) = bench.warnings(**script_at(HookPoint.AFTER_HEALTHY))
        assert "the SSM agent is not online on any server now" in warning


def test_a_script_that_reaches_all_servers_is_no_finding(bench: Bench) -> None:
    bench.sandbox.jump(60)
    for point in (HookPoint.BEFORE_DEREGISTER, HookPoint.AFTER_HEALTHY):
        assert bench.warnings(**script_at(point)) == []


def test_a_refused_read_of_the_agents_is_a_warning(bench: Bench) -> None:
    def refuse(service: str, operation: str, _: object) -> None:
        if operation == "DescribeInstanceInformation":
            raise denied

    denied = ApiError("AccessDenied", "you may not", 403)
    bench.sandbox.on_call(refuse)
    (warning,) = bench.warnings(**script_at(HookPoint.BEFORE_DEREGISTER))
    assert "could not check which SSM agents are online" in warning


# --- refusals of AWS ------------------------------------------------------------------------------------------------


def test_a_refused_permission_is_no_finding(bench: Bench) -> None:
    def refuse(service: str, operation: str, _: object) -> None:
        if operation == "DescribeTargetHealth":
            raise denied

    denied = ApiError("AccessDenied", "you may not", 403)
    bench.sandbox.on_call(refuse)
    with pytest.raises(AccessRefusedError, match="you may not"):
        bench.prepare()


def test_an_unreadable_account_is_a_warning(bench: Bench) -> None:
    def refuse(service: str, operation: str, _: object) -> None:
        if operation == "GetCallerIdentity":
            raise broken

    broken = ApiError("InternalFailure", "broken", 500)
    bench.sandbox.on_call(refuse)
    prepared = bench.prepare()
    assert prepared.rollout.account == ""
    assert "STS" in prepared.findings[0].message


def test_requests_are_only_read(bench: Bench) -> None:
    requests = Requests(bench.sandbox)
    bench.prepare(strategy=Strategy.DOUBLE_HALF)
    assert all(name.partition(":")[2].startswith(("Describe", "Get", "List")) for name, _ in requests.seen)
