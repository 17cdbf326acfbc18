"""Target health: states, reasons and times. Checks run every 10 s, with 2 s timeout, 3 passes and 2 failures."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import Bench, open_bench

CHECKS = {"health_check_interval_seconds": 10, "health_check_timeout_seconds": 2}


def timeline(bench: Bench, instance_id: str, seconds: int) -> list[tuple[int, str, str | None]]:
    """Return each change of health within the next seconds, polled every second."""
    changes: list[tuple[int, str, str | None]] = [(0, *bench.health(instance_id))]
    for second in range(1, seconds + 1):
        bench.jump(1)
        if (now := bench.health(instance_id)) != changes[-1][1:]:
            changes.append((second, *now))
    return changes


def test_a_good_target_goes_from_registration_over_first_checks_to_healthy_after_one_pass() -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        assert timeline(bench, instance_id, 30) == [
            (0, "initial", "Elb.RegistrationInProgress"),
            (3, "initial", "Elb.InitialHealthChecking"),
            (13, "healthy", None),
        ]


def test_healthy_has_neither_reason_nor_description_and_initial_has_both() -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        read = lambda: bench.elb.describe_target_health(TargetGroupArn=bench.group)["TargetHealthDescriptions"][0]  # noqa: E731
        assert read()["TargetHealth"]["Description"] == "Target registration is in progress"
        bench.jump(20)
        assert read()["TargetHealth"] == {"State": "healthy"}


def test_first_health_needs_the_threshold_by_switch() -> None:
    with open_bench(SandboxOptions(first_healthy_needs="threshold"), **CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        assert timeline(bench, instance_id, 40)[-1] == (33, "healthy", None)


def test_first_check_can_be_made_at_once() -> None:
    with open_bench(SandboxOptions(first_check="at-once"), **CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        assert timeline(bench, instance_id, 20)[-1] == (3, "healthy", None)


@pytest.mark.parametrize(
    ("health", "reason", "description", "at"),
    [
        ("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]", 23),
        ("never-answers", "Target.Timeout", "Request timed out", 25),
    ],
)
def test_a_bad_application_is_unhealthy_after_the_unhealthy_threshold(
    health: str, reason: str, description: str, at: int
) -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.running(tags={"sandbox:health": health})
        bench.register(instance_id)
        assert timeline(bench, instance_id, 60)[-1] == (at, "unhealthy", reason)
        answer = bench.elb.describe_target_health(TargetGroupArn=bench.group)["TargetHealthDescriptions"][0]
        assert answer["TargetHealth"]["Description"] == description


def test_a_target_registered_before_its_application_is_up_turns_unhealthy_and_then_needs_the_threshold() -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.launch(tags={"sandbox:application-seconds": "30"})
        bench.jump(40)
        bench.register(instance_id)
        assert timeline(bench, instance_id, 60) == [
            (0, "initial", "Elb.RegistrationInProgress"),
            (3, "initial", "Elb.InitialHealthChecking"),
            (23, "unhealthy", "Target.FailedHealthChecks"),
            (53, "healthy", None),  # up at 30, passes at 33, 43, 53
        ]


def test_a_healthy_target_that_turns_unhealthy_is_detected_at_its_own_checks_and_recovers_by_the_threshold() -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        bench.jump(15)  # checks at 13, 23, 33, ... after the registration
        bench.tag(instance_id, "sandbox:health", "unhealthy")
        assert timeline(bench, instance_id, 30)[1:] == [(18, "unhealthy", "Target.ResponseCodeMismatch")]
        bench.tag(instance_id, "sandbox:health", "healthy")  # now at 45
        assert timeline(bench, instance_id, 40)[1:] == [(28, "healthy", None)]  # passes at 53, 63, 73


def test_one_failed_check_between_good_ones_changes_nothing() -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        bench.jump(20)
        bench.tag(instance_id, "sandbox:health", "unhealthy")
        bench.jump(5)
        bench.tag(instance_id, "sandbox:health", "healthy")
        assert timeline(bench, instance_id, 60) == [(0, "healthy", None)]


def test_each_target_group_checks_on_its_own_settings() -> None:
    with open_bench(target_groups=2, **CHECKS) as bench:
        first, second = bench.fleet.target_group_arns
        bench.elb.modify_target_group(TargetGroupArn=second, HealthCheckIntervalSeconds=60)
        instance_id = bench.running()
        for arn in (first, second):
            bench.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": instance_id}])
        bench.jump(20)
        state = lambda arn: bench.sandbox.elb.targets(arn)[0].state  # noqa: E731
        assert (state(first), state(second)) == ("healthy", "initial")
        bench.jump(43)
        assert state(second) == "healthy"


def test_a_target_group_without_listener_checks_nothing_until_it_has_one() -> None:
    with open_bench(**CHECKS) as bench:
        bench.elb.delete_listener(ListenerArn=bench.fleet.listener_arns[0])
        instance_id = bench.running()
        bench.register(instance_id)
        bench.jump(300)
        answer = bench.elb.describe_target_health(TargetGroupArn=bench.group)["TargetHealthDescriptions"][0][
            "TargetHealth"
        ]
        assert (answer["State"], answer["Reason"]) == ("unused", "Target.NotInUse")
        assert "not configured to receive traffic" in answer["Description"]
        assert (
            bench.elb.describe_target_groups(TargetGroupArns=[bench.group])["TargetGroups"][0]["LoadBalancerArns"] == []
        )
        listen(bench)
        assert timeline(bench, instance_id, 20)[-1] == (13, "healthy", None)
        users = bench.elb.describe_target_groups(TargetGroupArns=[bench.group])["TargetGroups"][0]["LoadBalancerArns"]
        assert users == [bench.fleet.load_balancer_arn]


def test_a_rule_uses_a_target_group_like_a_listener() -> None:
    with open_bench(target_groups=2, **CHECKS) as bench:
        _, second = bench.fleet.target_group_arns
        bench.elb.delete_listener(ListenerArn=bench.fleet.listener_arns[1])
        instance_id = bench.running()
        bench.elb.register_targets(TargetGroupArn=second, Targets=[{"Id": instance_id}])
        assert bench.sandbox.elb.targets(second)[0].reason == "Target.NotInUse"
        rule = bench.elb.create_rule(
            ListenerArn=bench.fleet.listener_arns[0],
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/api/*"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": second}]}}],
        )["Rules"][0]["RuleArn"]
        bench.jump(13)
        assert bench.sandbox.elb.targets(second)[0].state == "healthy"
        bench.elb.delete_rule(RuleArn=rule)
        assert bench.sandbox.elb.targets(second)[0].reason == "Target.NotInUse"


def test_a_target_in_a_zone_outside_the_load_balancer_is_not_in_use() -> None:
    with open_bench(**CHECKS) as bench:
        bench.elb.set_subnets(LoadBalancerArn=bench.fleet.load_balancer_arn, Subnets=list(bench.fleet.subnet_ids[:2]))
        instance_id = bench.running(subnet=2)
        bench.register(instance_id)
        answer = bench.elb.describe_target_health(TargetGroupArn=bench.group)["TargetHealthDescriptions"][0][
            "TargetHealth"
        ]
        assert (answer["State"], answer["Reason"]) == ("unused", "Target.NotInUse")
        assert "Availability Zone that is not enabled" in answer["Description"]
        bench.elb.set_subnets(LoadBalancerArn=bench.fleet.load_balancer_arn, Subnets=list(bench.fleet.subnet_ids))
        bench.jump(13)
        assert bench.health(instance_id) == ("healthy", None)


def test_terminated_while_registered_is_invalid_and_leaves_later() -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        bench.jump(20)
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        assert timeline(bench, instance_id, 35)[1:] == [
            (13, "unhealthy", "Target.FailedHealthChecks"),
            (30, "unused", "Target.InvalidState"),
        ]
        assert bench.listed() == {(instance_id, 80): "unused"}
        bench.jump(120)
        assert bench.listed() == {}


@pytest.mark.parametrize("by_id", ["draining", "not-registered"])
def test_a_target_that_was_terminated_while_registered_is_draining_if_asked_for_by_id(by_id: str) -> None:
    with open_bench(SandboxOptions(ended_target_by_id=by_id), **CHECKS) as bench:  # type: ignore[arg-type]
        instance_id = bench.running()
        bench.register(instance_id)
        bench.jump(20)
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(200)
        assert bench.listed() == {}
        gone, draining = ("unused", "Target.NotRegistered"), ("draining", "Target.DeregistrationInProgress")
        assert bench.health(instance_id) == (draining if by_id == "draining" else gone)
        bench.jump(600)
        assert bench.health(instance_id) == gone


def test_stopped_while_registered_is_invalid_until_it_runs_again() -> None:
    with open_bench(**CHECKS) as bench:
        instance_id = bench.running()
        bench.register(instance_id)
        bench.jump(20)
        bench.ec2.stop_instances(InstanceIds=[instance_id])
        bench.jump(30)
        answer = bench.elb.describe_target_health(TargetGroupArn=bench.group)["TargetHealthDescriptions"][0][
            "TargetHealth"
        ]
        assert (answer["Reason"], answer["Description"]) == (
            "Target.InvalidState",
            "Target is in the stopped state",
        )
        bench.ec2.start_instances(InstanceIds=[instance_id])
        bench.jump(120)
        assert bench.health(instance_id) == ("healthy", None)


def test_health_check_port_is_the_targets_own_or_the_one_that_is_set() -> None:
    with open_bench(ports=(80, 8080), servers=1, **CHECKS) as bench:
        ports = lambda: {  # noqa: E731
            each["Target"]["Port"]: each["HealthCheckPort"]
            for each in bench.elb.describe_target_health(TargetGroupArn=bench.group)["TargetHealthDescriptions"]
        }
        assert ports() == {80: "80", 8080: "8080"}
        bench.elb.modify_target_group(TargetGroupArn=bench.group, HealthCheckPort="9000")
        assert ports() == {80: "9000", 8080: "9000"}


def test_each_port_has_a_health_of_its_own() -> None:
    with open_bench(ports=(80, 8080), servers=1, **CHECKS) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.tag(instance_id, "sandbox:health:8080", "unhealthy")
        bench.jump(30)
        assert bench.listed() == {(instance_id, 80): "healthy", (instance_id, 8080): "unhealthy"}


def test_asking_for_anomalies_has_no_effect() -> None:
    with open_bench(servers=1, **CHECKS) as bench:
        answer = bench.elb.describe_target_health(TargetGroupArn=bench.group, Include=["All"])
        assert answer["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == "healthy"


def test_many_healthy_targets_cost_no_events() -> None:
    with open_bench(servers=20, **CHECKS) as bench:
        bench.jump(600)
        assert bench.sandbox.world.next_event_at() is None
        assert set(bench.listed().values()) == {"healthy"}


def listen(bench: Bench) -> None:
    bench.elb.create_listener(
        LoadBalancerArn=bench.fleet.load_balancer_arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": bench.group}],
    )
