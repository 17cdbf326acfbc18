"""Deletes what a ledger lists, in an order that AWS accepts. Repeating it is harmless.

A resource whose create call was not answered has no id: it is found by its name or by the probe's tag. A deletion that
is refused because something else is still in use is tried again, until `PATIENCE_SECONDS` have passed.
"""

from collections.abc import Callable, Mapping
from typing import Any, assert_never

from awsroll.aws.raw_calls import Answer, RawCalls
from awsroll.ports import Clock
from awsroll.probe.lab import instances_of
from awsroll.probe.ledger import TAG, Entry, Kind, Ledger

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 5.0
UNSEEN_SECONDS = 15.0
"""EC2 may not show an instance for some seconds after its launch."""
_ENDING = ("pending", "running", "stopping", "stopped", "shutting-down")
_MISSING = (
    "NotFound",
    "NoSuchEntity",
    "TargetGroupNotFound",
    "LoadBalancerNotFound",
    "ListenerNotFound",
    "Gateway.NotAttached",
    "ResourceNotFoundException",
    "KMSInvalidStateException",
)


def tear_down(aws: RawCalls, clock: Clock, ledger: Ledger) -> tuple[Entry, ...]:
    """Delete every resource of a ledger, and return those that could not be deleted."""
    deadline = clock.monotonic() + PATIENCE_SECONDS
    if any(entry.kind is Kind.INSTANCES for entry in ledger.open_entries()):
        clock.sleep(UNSEEN_SECONDS)
    while ledger.open_entries():
        # An instance that EC2 has shown late keeps its subnet from being deleted, so this round finds it.
        _terminate(aws, ledger.header.probe_id)
        for entry in ledger.open_entries():
            if _delete(aws, ledger.header.probe_id, entry):
                ledger.deleted(entry)
        if not ledger.open_entries() or clock.monotonic() > deadline:
            break
        clock.sleep(PAUSE_SECONDS)
    return ledger.open_entries()


def _delete(aws: RawCalls, probe_id: str, entry: Entry) -> bool:
    """Delete one resource, and return whether it no longer exists."""
    resource_id = entry.resource_id or _find(aws, probe_id, entry)
    if not resource_id and entry.kind is not Kind.INSTANCES:
        return True  # the create call had no effect
    return _delete_found(aws, probe_id, entry, resource_id)


def _delete_found(  # noqa: C901, PLR0911, PLR0912 - one case is one kind
    aws: RawCalls, probe_id: str, entry: Entry, resource_id: str
) -> bool:
    extra = entry.extra or {}
    match entry.kind:
        case Kind.ZONAL_SHIFT:
            return _is_gone(aws.call("arc-zonal-shift", "CancelZonalShift", zonalShiftId=resource_id))
        case Kind.GROUP:
            return _delete_group(aws, resource_id)
        case Kind.INSTANCES:
            return _terminate(aws, probe_id)
        case Kind.LISTENER:
            return _is_gone(aws.call("elbv2", "DeleteListener", ListenerArn=resource_id))
        case Kind.LOAD_BALANCER:
            return _is_gone(aws.call("elbv2", "DeleteLoadBalancer", LoadBalancerArn=resource_id))
        case Kind.TARGET_GROUP:
            return _is_gone(aws.call("elbv2", "DeleteTargetGroup", TargetGroupArn=resource_id))
        case Kind.LAUNCH_TEMPLATE:
            return _is_gone(aws.call("ec2", "DeleteLaunchTemplate", LaunchTemplateId=resource_id))
        case Kind.KEY:
            key_id = resource_id.rpartition("/")[2]  # an ARN would do on AWS; emulators know the id alone
            return _is_gone(aws.call("kms", "ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7))
        case Kind.INSTANCE_PROFILE:
            role = extra.get("role", "")
            aws.call("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=entry.name, RoleName=role)
            return _is_gone(aws.call("iam", "DeleteInstanceProfile", InstanceProfileName=entry.name))
        case Kind.ROLE:
            return _delete_role(aws, entry.name)
        case Kind.SECURITY_GROUP:
            return _is_gone(aws.call("ec2", "DeleteSecurityGroup", GroupId=resource_id))
        case Kind.SUBNET:
            return _is_gone(aws.call("ec2", "DeleteSubnet", SubnetId=resource_id))
        case Kind.INTERNET_GATEWAY:
            aws.call("ec2", "DetachInternetGateway", InternetGatewayId=resource_id, VpcId=extra.get("vpc", ""))
            return _is_gone(aws.call("ec2", "DeleteInternetGateway", InternetGatewayId=resource_id))
        case Kind.VPC:
            return _is_gone(aws.call("ec2", "DeleteVpc", VpcId=resource_id))
        case _:
            assert_never(entry.kind)


def _is_gone(answer: Answer) -> bool:
    return answer.succeeded or any(code in answer.code for code in _MISSING)


def _delete_group(aws: RawCalls, name: str) -> bool:
    deleted = aws.call("autoscaling", "DeleteAutoScalingGroup", AutoScalingGroupName=name, ForceDelete=True)
    if not deleted.succeeded and "not found" not in deleted.message:
        return False
    left = aws.call("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name])
    return left.succeeded and not left.result["AutoScalingGroups"]


def _terminate(aws: RawCalls, probe_id: str) -> bool:
    """Terminate every instance of the probe, and return whether all are terminated."""
    left = instances_of(aws, probe_id, states=_ENDING)
    ids = [each["InstanceId"] for each in left if each["State"]["Name"] != "shutting-down"]
    if ids:
        aws.call("ec2", "TerminateInstances", InstanceIds=ids)
    return not left


def _delete_role(aws: RawCalls, name: str) -> bool:
    attached = aws.call("iam", "ListAttachedRolePolicies", RoleName=name).result.get("AttachedPolicies", [])
    for policy in attached:
        aws.call("iam", "DetachRolePolicy", RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy_name in aws.call("iam", "ListRolePolicies", RoleName=name).result.get("PolicyNames", []):
        aws.call("iam", "DeleteRolePolicy", RoleName=name, PolicyName=policy_name)
    return _is_gone(aws.call("iam", "DeleteRole", RoleName=name))


# --- resources whose create call was not answered ---


def _find(  # noqa: C901, PLR0911, PLR0912 - one case is one kind
    aws: RawCalls, probe_id: str, entry: Entry
) -> str:
    """Return the id of a resource by its name or tag; empty if it does not exist."""
    name, extra = entry.name, entry.extra or {}
    match entry.kind:
        case Kind.GROUP | Kind.INSTANCE_PROFILE | Kind.ROLE:
            return name  # the name is the id
        case Kind.INSTANCES:
            return ""
        case Kind.LOAD_BALANCER:
            return _first(aws.call("elbv2", "DescribeLoadBalancers", Names=[name]), "LoadBalancers", "LoadBalancerArn")
        case Kind.TARGET_GROUP:
            return _first(aws.call("elbv2", "DescribeTargetGroups", Names=[name]), "TargetGroups", "TargetGroupArn")
        case Kind.LISTENER:
            balancer = extra.get("load_balancer", "")
            answer = aws.call("elbv2", "DescribeListeners", LoadBalancerArn=balancer)
            return _first(answer, "Listeners", "ListenerArn", lambda each: str(each["Port"]) == extra.get("port"))
        case Kind.LAUNCH_TEMPLATE:
            answer = aws.call("ec2", "DescribeLaunchTemplates", LaunchTemplateNames=[name])
            return _first(answer, "LaunchTemplates", "LaunchTemplateId")
        case Kind.KEY:
            filters = [{"Key": TAG, "Values": [probe_id]}]
            answer = aws.call(
                "resourcegroupstaggingapi", "GetResources", TagFilters=filters, ResourceTypeFilters=["kms:key"]
            )
            return _first(answer, "ResourceTagMappingList", "ResourceARN")
        case Kind.ZONAL_SHIFT:
            answer = aws.call("arc-zonal-shift", "ListZonalShifts", status="ACTIVE")
            return _first(answer, "items", "zonalShiftId", lambda each: probe_id in str(each.get("comment")))
        case Kind.SECURITY_GROUP:
            return _tagged(aws, probe_id, "DescribeSecurityGroups", "SecurityGroups", "GroupId")
        case Kind.SUBNET:
            zone = extra.get("zone")
            return _tagged(
                aws, probe_id, "DescribeSubnets", "Subnets", "SubnetId", lambda each: each["AvailabilityZone"] == zone
            )
        case Kind.INTERNET_GATEWAY:
            return _tagged(aws, probe_id, "DescribeInternetGateways", "InternetGateways", "InternetGatewayId")
        case Kind.VPC:
            return _tagged(aws, probe_id, "DescribeVpcs", "Vpcs", "VpcId")
        case _:
            assert_never(entry.kind)


def _any(_: Mapping[str, Any]) -> bool:
    return True


def _first(answer: Answer, key: str, id_key: str, matches: Callable[[Mapping[str, Any]], bool] = _any) -> str:
    found = answer.result.get(key) or []
    items = [found] if isinstance(found, Mapping) else found
    return next((str(each[id_key]) for each in items if matches(each)), "")


def _tagged(  # noqa: PLR0913, PLR0917 - the operation and the two names of its answer belong together
    aws: RawCalls,
    probe_id: str,
    operation: str,
    key: str,
    id_key: str,
    matches: Callable[[Mapping[str, Any]], bool] = _any,
) -> str:
    filters = [{"Name": f"tag:{TAG}", "Values": [probe_id]}]
    return _first(aws.call("ec2", operation, Filters=filters), key, id_key, matches)
