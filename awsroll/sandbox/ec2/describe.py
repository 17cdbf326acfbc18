"""The EC2 operations that read instances: DescribeInstances, DescribeInstanceStatus, DescribeInstanceAttribute.

Answers have the shapes of botocore's model. A new instance stays invisible for a while (eventual consistency).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from awsroll.sandbox.api_errors import refuse, refuse_dry_run
from awsroll.sandbox.ec2.instance_quotas import cpu_options
from awsroll.sandbox.ec2.network_interfaces import interface_shapes
from awsroll.sandbox.ec2.world import Ec2World, unknown_instances
from awsroll.sandbox.instance import STATE_CODES, Impaired, SimInstance
from awsroll.sandbox.interfaces import ServiceContext
from awsroll.sandbox.service_limits import DESCRIBED_INSTANCE_STATUSES, INSTANCES_PER_PAGE

FILTERS: Mapping[str, Callable[[SimInstance], Iterable[str]]] = {
    "availability-zone": lambda instance: (instance.zone,),
    "client-token": lambda instance: (instance.client_token,),
    "image-id": lambda instance: (instance.record.image_id,),
    "instance-id": lambda instance: (instance.instance_id,),
    "instance-state-code": lambda instance: (str(STATE_CODES[instance.state]),),
    "instance-state-name": lambda instance: (instance.state,),
    "instance-type": lambda instance: (instance.record.instance_type,),
    "private-ip-address": lambda instance: (instance.record.private_ip_address or "",),
    "reservation-id": lambda instance: (instance.reservation_id,),
    "state-reason-code": lambda instance: (instance.state_reason.code,),
    "subnet-id": lambda instance: (instance.subnet_id,),
    "tag-key": lambda instance: instance.tags.keys(),
    "vpc-id": lambda instance: (instance.vpc_id,),
}


def is_visible(context: ServiceContext, instance: SimInstance) -> bool:
    """Return whether EC2 shows the instance yet."""
    return instance.visible_from is None or context.now() >= instance.visible_from


def known_instances(context: ServiceContext, ec2: Ec2World, instance_ids: Sequence[str]) -> list[SimInstance]:
    """Return the instances with these ids.

    Raises:
        ApiError: an id is malformed, unknown, or not visible yet.
    """
    for instance_id in instance_ids:
        if not re.fullmatch(r"i-[0-9a-f]{8,17}", instance_id):
            refuse("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
    instances = {instance_id: ec2.find(instance_id) for instance_id in instance_ids}
    missing = [
        instance_id
        for instance_id, instance in instances.items()
        if instance is None or not is_visible(context, instance)
    ]
    if missing:
        raise unknown_instances(missing)
    return [instance for instance in instances.values() if instance is not None]


def describe_instances(context: ServiceContext, ec2: Ec2World, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of DescribeInstances, with one reservation per launch."""
    refuse_dry_run(parameters)
    if parameters.get("InstanceIds") and "MaxResults" in parameters:
        message = "The parameter instancesSet cannot be used with the parameter maxResults"
        refuse("InvalidParameterCombination", message)
    page, token = _page(_matching(context, ec2, parameters), parameters)
    reservations: dict[str, list[SimInstance]] = {}
    for instance in page:
        reservations.setdefault(instance.reservation_id, []).append(instance)
    shapes = [reservation_shape(context, key, members) for key, members in reservations.items()]
    return {"Reservations": shapes, **token}


def describe_instance_status(context: ServiceContext, ec2: Ec2World, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of DescribeInstanceStatus: running instances, or all if the request includes all."""
    refuse_dry_run(parameters)
    if len(parameters.get("InstanceIds") or ()) > DESCRIBED_INSTANCE_STATUSES:
        refuse("InvalidParameterValue", f"At most {DESCRIBED_INSTANCE_STATUSES} instance ids")
    every_state = parameters.get("IncludeAllInstances", False)
    instances = [
        instance for instance in _matching(context, ec2, parameters) if every_state or instance.state == "running"
    ]
    page, token = _page(instances, parameters)
    return {"InstanceStatuses": [_status_shape(context, instance) for instance in page], **token}


def describe_instance_attribute(
    context: ServiceContext, ec2: Ec2World, parameters: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the answer for termination and stop protection, or None for attributes that moto answers."""
    refuse_dry_run(parameters)
    record = known_instances(context, ec2, [parameters["InstanceId"]])[0].record
    guards = {"disableApiTermination": "disable_api_termination", "disableApiStop": "disable_api_stop"}
    attribute = parameters["Attribute"]
    if attribute not in guards:
        return None
    value = {"Value": bool(getattr(record, guards[attribute]))}
    return {"InstanceId": record.id, attribute[0].upper() + attribute[1:]: value}


def reservation_shape(context: ServiceContext, reservation_id: str, members: Sequence[SimInstance]) -> dict[str, Any]:
    """Return a reservation with its instances, in the shape of RunInstances and DescribeInstances."""
    return {
        "ReservationId": reservation_id,
        "OwnerId": context.account_id,
        "Groups": [],
        "Instances": [instance_shape(context, instance) for instance in members],
    }


def instance_shape(context: ServiceContext, instance: SimInstance) -> dict[str, Any]:
    """Return an instance in the shape of the API."""
    record = instance.record
    ended = instance.state == "terminated"
    shape: dict[str, Any] = {
        "AmiLaunchIndex": record.ami_launch_index,
        "Architecture": record.architecture,
        "BlockDeviceMappings": [],
        "ClientToken": instance.client_token,
        "CpuOptions": cpu_options(record.instance_type),
        "EbsOptimized": record.ebs_optimized,
        "Hypervisor": record.hypervisor,
        "ImageId": record.image_id,
        "InstanceId": instance.instance_id,
        "InstanceType": record.instance_type,
        "LaunchTime": instance.launched_at,
        "Monitoring": {"State": record.monitoring_state},
        "Placement": {"AvailabilityZone": instance.zone, "GroupName": "", "Tenancy": "default"},
        "PrivateDnsName": "" if ended else record.private_dns_name,
        "PublicDnsName": "" if ended else record.public_dns_name or "",
        "RootDeviceName": record.root_device_name,
        "RootDeviceType": record.root_device_type,
        "SecurityGroups": [{"GroupId": group.id, "GroupName": group.name} for group in record.security_groups],
        "State": state_shape(instance.state),
        "StateTransitionReason": instance.transition_reason,
        "VirtualizationType": record.virtualization_type,
    }
    if not ended:
        volumes = record.get_block_device_mapping
        shape["BlockDeviceMappings"] = [_volume_shape(instance, name, block) for name, block in volumes]
        shape |= {"SubnetId": instance.subnet_id, "VpcId": instance.vpc_id}
        shape |= {"PrivateIpAddress": record.private_ip_address}
        shape["NetworkInterfaces"] = interface_shapes(context, instance)
        if record.public_ip:
            shape["PublicIpAddress"] = record.public_ip
    if record.key_name:
        shape["KeyName"] = record.key_name
    if instance.state_reason.code:
        shape["StateReason"] = {"Code": instance.state_reason.code, "Message": instance.state_reason.message}
    if tags := instance.tags:
        shape["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return shape


def state_shape(state: str) -> dict[str, Any]:
    """Return a state with its code."""
    return {"Code": STATE_CODES[state], "Name": state}


def _volume_shape(instance: SimInstance, name: str, block: Any) -> dict[str, Any]:
    ebs = {
        "VolumeId": block.volume_id,
        "Status": "attached",
        "AttachTime": instance.launched_at,
        "DeleteOnTermination": bool(block.delete_on_termination),
    }
    return {"DeviceName": name, "Ebs": ebs}


def _status_shape(context: ServiceContext, instance: SimInstance) -> dict[str, Any]:
    fails = instance.impaired
    return {
        "InstanceId": instance.instance_id,
        "AvailabilityZone": instance.zone,
        "InstanceState": state_shape(instance.state),
        "InstanceStatus": _check_shape(context, instance, fails=fails in (Impaired.INSTANCE, Impaired.SYSTEM)),
        "SystemStatus": _check_shape(context, instance, fails=fails is Impaired.SYSTEM),
        "AttachedEbsStatus": _check_shape(context, instance, fails=fails is Impaired.VOLUMES),
    }


def _check_shape(context: ServiceContext, instance: SimInstance, *, fails: bool) -> dict[str, Any]:
    if instance.running_since is None:
        return {"Status": "not-applicable"}
    if context.now() < instance.running_since + context.scaled(context.options.status_check_seconds):
        return {"Status": "initializing", "Details": [{"Name": "reachability", "Status": "initializing"}]}
    verdict, passed = ("impaired", "failed") if fails else ("ok", "passed")
    return {"Status": verdict, "Details": [{"Name": "reachability", "Status": passed}]}


def _matching(context: ServiceContext, ec2: Ec2World, parameters: Mapping[str, Any]) -> list[SimInstance]:
    filters = parameters.get("Filters") or []
    if sum(len(condition.get("Values") or ()) for condition in filters) > context.options.filter_values_limit:
        message = f"The maximum number of filter values is {context.options.filter_values_limit}"
        refuse("FilterLimitExceeded", message)
    tests = [_filter(condition["Name"], condition.get("Values") or []) for condition in filters]
    if instance_ids := parameters.get("InstanceIds"):
        candidates = known_instances(context, ec2, instance_ids)
    else:
        candidates = [instance for instance in ec2.instances() if is_visible(context, instance)]
    return [instance for instance in candidates if all(test(instance) for test in tests)]


def _filter(name: str, values: Sequence[str]) -> Callable[[SimInstance], bool]:
    """Return the test of one filter, which matches any of its values with the wildcards `*` and `?`."""
    read: Callable[[SimInstance], Iterable[str]]
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")

        def read(instance: SimInstance) -> Iterable[str]:
            tags = instance.tags
            return (tags[key],) if key in tags else ()
    elif name in FILTERS:
        read = FILTERS[name]
    else:
        refuse("InvalidParameterValue", f"The filter '{name}' is invalid")
    plain = {value for value in values if not re.search(r"[*?]", value)}
    patterns = [_wildcards(value) for value in values if value not in plain]

    def test(instance: SimInstance) -> bool:
        texts = tuple(read(instance))
        return any(text in plain for text in texts) or any(
            pattern.fullmatch(text) for pattern in patterns for text in texts
        )

    return test


def _wildcards(value: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in value), re.DOTALL)


def _page(
    instances: Sequence[SimInstance], parameters: Mapping[str, Any]
) -> tuple[Sequence[SimInstance], dict[str, str]]:
    """Return one page, and the NextToken of the answer if there is a next page."""
    least, most = INSTANCES_PER_PAGE
    size = int(parameters.get("MaxResults") or most)
    if not least <= size <= most:
        message = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value from {least} to {most}."
        refuse("InvalidParameterValue", message)
    start = _start(parameters.get("NextToken"))
    rest = instances[start:]
    return rest[:size], {"NextToken": f"page-{start + size}"} if len(rest) > size else {}


def _start(token: str | None) -> int:
    if not token:
        return 0
    number = token.removeprefix("page-")
    if not number.isdecimal():
        refuse("InvalidParameterValue", "The NextToken is not valid")
    return int(number)
