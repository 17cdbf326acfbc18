"""Who owns or operates a fleet, and which settings act by themselves, on descriptions as AWS returns them."""

from typing import Any

import pytest

from awsroll.preflight.findings import Findings
from awsroll.preflight.owner_checks import check_group_owner, check_server_owners


def group_findings(**group: Any) -> list[tuple[str, str]]:
    findings = Findings()
    check_group_owner({"AutoScalingGroupName": "web", **group}, findings)
    return [(finding.severity, finding.message) for finding in findings._found]


def server_findings(*instances: dict[str, Any], in_group: bool = False) -> list[tuple[str, str]]:
    findings = Findings()
    check_server_owners(instances, findings, in_group=in_group)
    return [(finding.severity, finding.message) for finding in findings._found]


def tagged(key: str, value: str = "") -> list[dict[str, str]]:
    return [{"Key": key, "Value": value}]


def test_an_ordinary_group_has_no_owner() -> None:
    assert group_findings(Tags=tagged("team", "shop"), CapacityRebalance=False, InstanceLifecyclePolicy={}) == []


def test_a_group_with_an_operator_is_refused() -> None:
    ((severity, message),) = group_findings(Operator={"Principal": "eks.amazonaws.com"})
    assert severity == "refuse"
    assert "its operator eks.amazonaws.com" in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        pytest.param("eks:nodegroup-name", "workers", "the EKS managed node group workers: EKS sets", id="eks"),
        pytest.param("elasticbeanstalk:environment-name", "shop", "the Elastic Beanstalk environment shop", id="eb"),
        pytest.param("AmazonECSManaged", "", "an ECS capacity provider: ECS scales", id="ecs"),
        pytest.param("AmazonECSManaged", "true", "an ECS capacity provider true", id="ecs-with-value"),
        pytest.param("aws:cloudformation:stack-name", "shop", "the CloudFormation stack shop", id="cloudformation"),
        pytest.param("kubernetes.io/cluster/prod", "owned", "the Kubernetes cluster prod", id="kubernetes"),
    ],
)
def test_the_service_that_owns_a_group_is_named(key: str, value: str, words: str) -> None:
    ((severity, message),) = group_findings(Tags=tagged(key, value))
    assert severity == "warn"
    assert f"group web belongs to {words}" in message


def test_another_service_that_marks_a_group_is_named_once() -> None:
    tags = [*tagged("aws:servicecatalog:productArn", "a"), *tagged("aws:servicecatalog:provisioningPrincipalArn", "b")]
    ((severity, message),) = group_findings(Tags=[*tags, *tagged("aws:autoscaling:x"), *tagged("aws:createdBy")])
    assert severity == "warn"
    assert "has the tag aws:servicecatalog:productArn" in message
    assert "the AWS service servicecatalog" in message


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"MaxInstanceLifetime": 7 * 86400}, "MaxInstanceLifetime is 7 days"),
        ({"CapacityRebalance": True}, "CapacityRebalance is on"),
        ({"AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-only"}}, "balanced-only"),
        (
            {"InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}},
            "retains members (TerminateHookAbandon)",
        ),
        (
            {"CapacityReservationSpecification": {"CapacityReservationPreference": "capacity-reservations-only"}},
            "Capacity Reservations only",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_setting_that_acts_by_itself_is_named(setting: dict[str, Any], words: str) -> None:
    ((severity, message),) = group_findings(**setting)
    assert severity == "warn"
    assert words in message


@pytest.mark.parametrize(
    "setting",
    [
        {"AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-best-effort"}},
        {"InstanceLifecyclePolicy": {"RetentionTriggers": {"TerminateHookAbandon": "terminate"}}},
        {"CapacityReservationSpecification": {"CapacityReservationPreference": "default"}},
        {"MaxInstanceLifetime": 0},
    ],
    ids=lambda value: next(iter(value)),
)
def test_the_default_of_such_a_setting_is_no_finding(setting: dict[str, Any]) -> None:
    assert group_findings(**setting) == []


@pytest.mark.parametrize("in_group", [True, False])
def test_servers_with_an_operator_are_refused(*, in_group: bool) -> None:
    managed = {"InstanceId": "i-1", "Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}}
    ordinary = {"InstanceId": "i-2", "Operator": {"Managed": False}}
    ((severity, message),) = server_findings(managed, ordinary, in_group=in_group)
    assert severity == "refuse"
    assert message.startswith("i-1 are managed by their operator eks.amazonaws.com")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("aws:ec2:fleet-id", "the EC2 Fleet x"),
        ("aws:ec2spot:fleet-request-id", "the Spot Fleet request x"),
        ("aws:cloudformation:stack-name", "the CloudFormation stack x"),
        ("karpenter.sh/nodepool", "the Karpenter node pool x"),
    ],
)
def test_the_service_that_owns_servers_is_named_once(key: str, words: str) -> None:
    servers = [{"InstanceId": name, "Tags": tagged(key, "x")} for name in ("i-1", "i-2")]
    ((severity, message),) = server_findings(*servers)
    assert severity == "warn"
    assert f"i-1, i-2 belong to {words}" in message
    assert server_findings(*servers, in_group=True) == []
