"""The checks of an Auto Scaling group's settings. Read only."""

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import active_refresh, template_setting
from awsroll.core.classify.needed_processes import NEEDED_PROCESSES
from awsroll.core.model.finding import Check
from awsroll.core.model.rollout_choices import SkipPolicy, Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import NotImplementedByEndpointError
from awsroll.preflight.findings import Findings
from awsroll.preflight.image_checks import check_overrides
from awsroll.preflight.owner_checks import check_group_owner

_POOL_SETTINGS = {"MaxGroupPreparedCapacity", "MinSize", "PoolState", "Status", "InstanceReusePolicy"}


def check_group(aws: Connection, described: Reply, spec: RolloutSpec, findings: Findings) -> None:
    """Check whether the group's settings allow the rollout."""
    with findings.checking(Check.OWNERS):
        check_group_owner(described, findings)
    with findings.checking(Check.GROUP_SETTINGS):
        _check_settings(described, spec, findings)
    with findings.checking(Check.INSTANCE_REFRESH):
        _check_refresh(aws, described["AutoScalingGroupName"], findings)
    with findings.checking(Check.WARM_POOL):
        _check_warm_pool(aws, described, spec, findings)


def _check_settings(described: Reply, spec: RolloutSpec, findings: Findings) -> None:
    _check_template(described, spec, findings)
    _check_units(described, findings)
    _check_processes(described, findings)
    _check_protection(described, spec, findings)
    if spec.strategy is Strategy.RELOAD:
        findings.warn(
            f"group {described['AutoScalingGroupName']} still launches from its template: members that it launches "
            "later run the old code until the template has the new code"
        )


def _check_template(described: Reply, spec: RolloutSpec, findings: Findings) -> None:
    if spec.strategy is Strategy.RELOAD:
        return
    name = described["AutoScalingGroupName"]
    if template_setting(described) is None:
        findings.refuse(
            f"group {name} launches from the launch configuration {described.get('LaunchConfigurationName', '')}: "
            "move it to a launch template first"
        )
    check_overrides(described, findings)
    overrides = (described.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {}).get("Overrides", [])
    if any(override.get("LaunchTemplateSpecification") for override in overrides):
        findings.refuse(
            f"group {name} has separate launch templates for some instance types, so there is no single version to "
            "roll to: remove them from its mixed instances policy, or pass --strategy reload"
        )


def _check_units(described: Reply, findings: Findings) -> None:
    name = described["AutoScalingGroupName"]
    overrides = (described.get("MixedInstancesPolicy") or {}).get("LaunchTemplate", {}).get("Overrides", [])
    weighted = any(str(override.get("WeightedCapacity") or "1") != "1" for override in overrides)
    unit = described.get("DesiredCapacityType") or "units"
    if weighted or unit != "units":
        counted = "weights" if weighted else unit
        findings.refuse(
            f"group {name} counts its capacity in {counted}, not in instances: awsroll cannot roll such a group"
        )


def _check_processes(described: Reply, findings: Findings) -> None:
    suspended = {process["ProcessName"] for process in described.get("SuspendedProcesses", [])}
    missing = [process for process in NEEDED_PROCESSES if process in suspended]
    if missing:
        findings.refuse(
            f"group {described['AutoScalingGroupName']} has {', '.join(missing)} suspended, which a rollout needs: "
            "find out why, then resume these processes"
        )


def _check_refresh(aws: Connection, name: str, findings: Findings) -> None:
    try:
        refresh = active_refresh(aws.autoscaling.instance_refreshes(name))
    except NotImplementedByEndpointError:
        findings.warn_unchecked("the endpoint does not report instance refreshes; awsroll assumes that none is active")
        return
    if refresh is not None:
        findings.refuse(
            f"group {name} has an instance refresh in progress "
            f"({refresh.get('InstanceRefreshId', '')}, {refresh['Status']}): wait until it ends, or cancel it"
        )


def _check_warm_pool(aws: Connection, described: Reply, spec: RolloutSpec, findings: Findings) -> None:
    name = described["AutoScalingGroupName"]
    try:
        pool = aws.autoscaling.warm_pool(name)
    except NotImplementedByEndpointError:
        findings.leave_unchecked("the endpoint does not report warm pools; awsroll assumes that there is none")
        return
    if not (pool.get("WarmPoolConfiguration") or pool.get("Instances")):
        return
    held = len(pool.get("Instances", []))
    if spec.warm_pool == "refuse":
        findings.refuse(
            f"group {name} has a warm pool, and its {held} instances of the old version could enter service: "
            "delete the pool for the rollout, or pass --warm-pool purge"
        )
        return
    unknown = sorted(pool.get("WarmPoolConfiguration", {}).keys() - _POOL_SETTINGS)
    if unknown:
        findings.refuse(
            f"the warm pool of group {name} has settings that awsroll cannot restore ({', '.join(unknown)}): "
            "delete the pool before the rollout, and create it again afterwards"
        )
    findings.warn(
        f"the warm pool of group {name} is deleted for the rollout with its {held} instances, and restored at the end "
        "with its settings: until it is filled again, the group scales out without it"
    )


def _check_protection(described: Reply, spec: RolloutSpec, findings: Findings) -> None:
    """Refuse to wait for protected members if the group protects each new member from scale-in."""
    if not described.get("NewInstancesProtectedFromScaleIn") or spec.strategy is Strategy.RELOAD:
        return
    protects_any = any(instance.get("ProtectedFromScaleIn") for instance in described.get("Instances", []))
    if protects_any and spec.protected is SkipPolicy.WAIT:
        findings.refuse(
            f"group {described['AutoScalingGroupName']} protects every new member from scale-in, so waiting for "
            "unprotected members would not end: pass --protected replace or --protected ignore"
        )
