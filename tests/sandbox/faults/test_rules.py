"""Fault rules: the calls that they match, the calls that fail, and their text form."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from awsroll.sandbox import ApiCall, ApiError, Fault, FaultRule
from tests.sandbox.bench import Bench, open_bench, refused


def outcomes(bench: Bench, count: int) -> str:
    """Call a read `count` times, and return `.` for each response and `x` for each error."""
    marks = ""
    for _ in range(count):
        try:
            bench.elb.describe_target_groups()
        except ClientError:
            marks += "x"
        else:
            marks += "."
    return marks


def refusing(**conditions: Any) -> FaultRule:
    return FaultRule(fault=Fault.DENIED, **conditions)  # a fault that botocore does not retry


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("*", True),
        ("elbv2:DescribeTargetGroups", True),
        ("elasticloadbalancing:*", True),
        ("DescribeTarget*", True),
        ("*:Describe*", True),
        ("ec2:*, elbv2:DescribeTargetGroups", True),
        ("ec2:*", False),
        ("elbv2:DescribeTarget", False),
    ],
)
def test_a_rule_matches_operations_by_patterns(pattern: str, matches: bool) -> None:
    assert refusing(operation=pattern).matches("elbv2", "DescribeTargetGroups") is matches


@pytest.mark.parametrize(
    ("operation", "matches"),
    [("RunInstances", True), ("PutItem", True), ("DescribeInstances", False), ("GetObject", False), ("Query", False)],
)
def test_a_rule_can_spare_the_calls_that_only_read(operation: str, matches: bool) -> None:
    assert refusing(changes_only=True).matches("ec2", operation) is matches


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, "xxxxx"),
        ({"calls": (2, 4)}, ".x.x."),
        ({"times": 2}, "xx..."),
        ({"probability": 0.0}, "....."),
        ({"operation": "ec2:*"}, "....."),
    ],
    ids=["every-call", "second-and-fourth", "twice", "never", "another-service"],
)
def test_a_rule_says_which_calls_fail(conditions: dict[str, Any], expected: str) -> None:
    with open_bench() as bench:
        bench.sandbox.faults.add(refusing(**conditions))
        assert outcomes(bench, 5) == expected


def test_calls_of_other_operations_are_not_counted() -> None:
    with open_bench() as bench:
        bench.sandbox.faults.add(refusing(operation="elbv2:*", calls=(2,)))
        bench.ec2.describe_vpcs()
        assert outcomes(bench, 3) == ".x."


def test_a_probability_repeats_by_its_seed() -> None:
    def run(seed: int) -> str:
        with open_bench() as bench:
            bench.sandbox.faults.add(refusing(probability=0.3, seed=seed))
            return outcomes(bench, 40)

    first = run(7)
    assert run(7) == first
    assert run(8) != first
    assert 4 <= first.count("x") <= 20


def test_a_rule_ends_when_it_is_removed_and_all_of_them_when_cleared() -> None:
    with open_bench() as bench:
        faults = bench.sandbox.faults
        rule_id = faults.add(refusing())
        faults.remove(rule_id)
        faults.remove(rule_id)
        assert outcomes(bench, 1) == "."
        faults.add(refusing())
        faults.clear()
        assert (outcomes(bench, 1), dict(faults.rules)) == (".", {})


def test_faults_that_fired_are_recorded() -> None:
    with open_bench() as bench:
        rule_id = bench.sandbox.faults.add("denied elbv2:* calls=2")
        outcomes(bench, 3)
        (fired,) = bench.sandbox.faults.fired
        assert (fired.operation, fired.number, fired.when) == ("elbv2:DescribeTargetGroups", 2, "before")
        assert (fired.fault, fired.rule_id, fired.at) == (Fault.DENIED, rule_id, bench.sandbox.world.now())


def test_the_first_rule_that_fires_decides_and_the_other_keeps_its_times() -> None:
    with open_bench() as bench:
        bench.sandbox.faults.add("denied calls=1")
        bench.sandbox.faults.add("refused code=ValidationError times=1")
        codes = []
        for _ in range(3):
            try:
                bench.elb.describe_target_groups()
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])
        assert codes == ["AccessDenied", "ValidationError"]


def test_a_call_refused_by_the_service_fires_nothing_after_its_effect() -> None:
    with open_bench() as bench:
        bench.sandbox.faults.add("denied ec2:TerminateInstances when=after times=1")
        with refused("InvalidInstanceID.NotFound"):
            bench.ec2.terminate_instances(InstanceIds=["i-00000000000000000"])
        assert bench.sandbox.faults.fired == []
        instance_id = bench.running()
        with refused("UnauthorizedOperation"):
            bench.ec2.terminate_instances(InstanceIds=[instance_id])
        assert bench.state(instance_id) == "shutting-down"


def test_a_function_is_called_at_the_calls_of_its_rule() -> None:
    with open_bench() as bench:
        seen: list[ApiCall] = []
        bench.sandbox.faults.call(seen.append, operation="elbv2:*", calls=(2,))
        bench.sandbox.faults.call(seen.append, operation="elbv2:*", calls=(3,), when="after")
        outcomes(bench, 4)
        assert [(call.name, call.number, call.phase) for call in seen] == [
            ("elbv2:DescribeTargetGroups", 2, "before"),
            ("elbv2:DescribeTargetGroups", 3, "after"),
        ]


@pytest.mark.parametrize(("when", "state"), [("before", "running"), ("after", "shutting-down")])
def test_a_function_may_refuse_the_call_before_or_after_its_effect(when: str, state: str) -> None:
    def refuse(_call: ApiCall) -> None:
        raise ApiError("Blocked", "no", 400)  # noqa: EM101  as AWS words it

    with open_bench(servers=1) as bench:
        bench.sandbox.faults.call(refuse, operation="ec2:TerminateInstances", when=when)
        with refused("Blocked"):
            bench.ec2.terminate_instances(InstanceIds=list(bench.fleet.instance_ids))
        assert bench.state(bench.fleet.instance_ids[0]) == state


def test_a_rule_is_written_as_text() -> None:
    text = "throttled 'ec2:*, s3:PutObject' when=after calls=2,3 probability=0.5 seed=7 times=4 changes_only=true"
    assert FaultRule.parse(text) == FaultRule(
        fault=Fault.THROTTLED,
        operation="ec2:*, s3:PutObject",
        when="after",
        calls=(2, 3),
        probability=0.5,
        seed=7,
        times=4,
        changes_only=True,
    )
    assert FaultRule.parse("no-capacity zones=us-east-1a,us-east-1b") == FaultRule(
        fault=Fault.NO_CAPACITY, zones=("us-east-1a", "us-east-1b")
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "give a fault"),
        ("slow", "'slow' is not one of throttled, internal-error"),
        ("callback", "'callback' is not one of"),
        ("denied ec2:* more", "at most one operation"),
        ("denied often=yes", "unknown fields often"),
        ("denied probability=2", "not between 0 and 1"),
        ("denied probability=often", "float"),
        ("denied when=later", "later"),
        ("denied calls=0", "counted from 1"),
        ("refused", "code is required"),
        ("no-capacity when=after", "when=after is not possible"),
    ],
)
def test_an_invalid_rule_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        FaultRule.parse(text)
