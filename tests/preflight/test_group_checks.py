"""The checks of group settings that the sandbox lacks, on descriptions as AWS returns them."""

from typing import Any

import pytest

from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError
from awsroll.preflight.findings import Findings
from awsroll.preflight.group_checks import _check_warm_pool, check_group
from tests.support.amazon import connection, stubbed

TEMPLATE = {"LaunchTemplateId": "lt-1", "Version": "1"}


def judged(group: dict[str, Any], *, pool: dict[str, Any] | None = None, **spec: Any) -> tuple[list[str], list[str]]:
    """Return the refusals and the warnings."""
    aws, findings = connection(), Findings()
    named = {"AutoScalingGroupName": "web", **group}
    with stubbed(aws, "autoscaling") as stubber:
        stubber.add_response("describe_instance_refreshes", {"InstanceRefreshes": []})
        stubber.add_response("describe_warm_pool", pool or {"Instances": []})
        check_group(aws, named, RolloutSpec(asg="web", **spec), findings)
    found = findings._found
    return [one.message for one in found if one.severity == "refuse"], findings_warned(findings)


def findings_warned(findings: Findings) -> list[str]:
    return [one.message for one in findings.warnings()]


def test_an_ordinary_group_is_fine() -> None:
    assert judged({"LaunchTemplate": TEMPLATE}) == ([], [])


def test_refuses_a_launch_configuration() -> None:
    refused, _ = judged({"LaunchConfigurationName": "web-2019"})
    assert refused == ["group web launches from the launch configuration web-2019: move it to a launch template first"]


@pytest.mark.parametrize("unit", ["vcpu", "memory-mib"])
def test_refuses_a_group_that_counts_something_else(unit: str) -> None:
    refused, _ = judged({"LaunchTemplate": TEMPLATE, "DesiredCapacityType": unit})
    assert f"counts its capacity in {unit}" in refused[0]


def test_units_and_weights_of_one_are_instances() -> None:
    launch = {"LaunchTemplateSpecification": TEMPLATE, "Overrides": [{"WeightedCapacity": "1"}]}
    group = {"MixedInstancesPolicy": {"LaunchTemplate": launch}, "DesiredCapacityType": "units"}
    assert judged(group) == ([], [])


POOL = {
    "WarmPoolConfiguration": {"MinSize": 1},
    "Instances": [
        {
            "InstanceId": "i-1",
            "AvailabilityZone": "a",
            "LifecycleState": "Warmed:Stopped",
            "HealthStatus": "Healthy",
            "ProtectedFromScaleIn": False,
        }
    ],
}


def test_refuses_a_warm_pool() -> None:
    refused, _ = judged({"LaunchTemplate": TEMPLATE}, pool=POOL)
    assert "--warm-pool purge" in refused[0]


def test_a_warm_pool_that_is_to_be_purged_is_a_warning() -> None:
    refused, warned = judged({"LaunchTemplate": TEMPLATE}, pool=POOL, warm_pool="purge")
    assert refused == []
    assert "deleted for the rollout with its 1 instances, and restored at the end" in warned[0]


def test_a_warm_pool_that_could_not_be_put_back_as_it_was_is_refused() -> None:
    pool = {**POOL, "WarmPoolConfiguration": {"MinSize": 1, "Status": "PendingDelete"}}
    assert judged({"LaunchTemplate": TEMPLATE}, pool=pool, warm_pool="purge")[0] == []

    newer = {**POOL, "WarmPoolConfiguration": {"MinSize": 1, "Novelty": 2}}
    findings = Findings()
    _check_warm_pool(_FixedPool(newer), {"AutoScalingGroupName": "web"}, RolloutSpec(warm_pool="purge"), findings)
    with pytest.raises(FleetError, match=r"cannot restore \(Novelty\)"):
        findings.raise_refusals()


class _FixedPool:
    """Answers with settings that the installed botocore does not know, which a stub cannot."""

    def __init__(self, pool: dict[str, Any]) -> None:
        self.autoscaling = self
        self.warm_pool = lambda _name: pool
