"""Ready-made fleets: network, load balancer, target groups, launch template and healthy servers.

They are built through the AWS API, so they work in process and on a server alike. They are returned when every server
is healthy behind its load balancer. Tests, `awsroll demo` and users who try awsroll use them.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IMAGE_ID = "ami-0123456789abcdef0"
PATIENCE = 1000
"""The number of calls of `Pace.pause` before building a fleet fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetShape:
    """The settings of a fleet to build."""

    name: str = "web"
    servers: int = 9
    """The size of a standalone fleet. A group uses `desired`."""
    desired: int = 4
    min_size: int = 0
    max_size: int = 20
    zones: int = 3
    ports: tuple[int, ...] = (80,)
    """A standalone server is registered on every port, a group member on the first port only."""
    target_groups: int = 1
    target_group_names: tuple[str, ...] = ()
    """The names of the target groups; by default the name of the fleet and a number: `web-1`."""
    health_check_interval_seconds: int = 10
    health_check_timeout_seconds: int = 5
    healthy_threshold: int = 3
    unhealthy_threshold: int = 2
    deregistration_delay_seconds: int = 30
    template_tags: Mapping[str, str] | None = None
    """Tags that every template version puts on its instances."""
    further_versions: tuple[Mapping[str, str], ...] = ()
    """Tags of versions 3, 4, ... of the launch template, to make them misbehave: `{"sandbox:health": "unhealthy"}`."""
    versions_differ: bool = False
    """Give each version of the launch template user data of its own, so that a plan has a difference to show."""
    health_check_type: str = "ELB"
    """For an Auto Scaling group."""
    health_check_grace_seconds: int = 0
    """For an Auto Scaling group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The ids of a fleet and its network."""

    vpc_id: str
    subnet_ids: tuple[str, ...]
    load_balancer_arn: str
    listener_arns: tuple[str, ...]
    target_group_arns: tuple[str, ...]
    ports: tuple[int, ...]
    template_id: str
    template_name: str
    instance_ids: tuple[str, ...]
    group_name: str | None = None
    """The name of the Auto Scaling group; None for a standalone fleet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How time passes while a fleet is built."""

    pause: Callable[[], None]


class Clients:
    """boto3 clients of one session, each created once: creating a client takes longer than many calls.

    Args:
        session: a boto3 session of a sandbox.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._made: dict[str, Any] = {}
        self.region_name: str = session.region_name

    def client(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._made:
            self._made[service] = self._session.client(service)
        return self._made[service]


def standalone_fleet(clients: Clients, shape: FleetShape, pace: Pace) -> Fleet:
    """Build standalone servers that are registered in target groups.

    Args:
        clients: the clients of a sandbox.
        shape: the settings of the fleet.
        pace: how time passes while waiting.
    """
    network = _Network(clients, shape)
    ec2, elb = clients.client("ec2"), clients.client("elbv2")
    instance_ids = tuple(
        ec2.run_instances(
            LaunchTemplate={"LaunchTemplateId": network.template_id, "Version": "1"},
            SubnetId=network.subnet_ids[number % len(network.subnet_ids)],
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[_tags("instance", {"Name": f"{shape.name}-{number + 1}"})],
        )["Instances"][0]["InstanceId"]
        for number in range(shape.servers)
    )
    _wait(pace, lambda: _all_running(ec2, instance_ids), "running")
    targets = [{"Id": instance_id, "Port": port} for instance_id in instance_ids for port in shape.ports]
    for arn in network.target_group_arns:
        if targets:
            elb.register_targets(TargetGroupArn=arn, Targets=targets)
    _wait(pace, lambda: _all_healthy(elb, network.target_group_arns, len(targets)), "healthy")
    return network.fleet(instance_ids, None)


def auto_scaling_fleet(clients: Clients, shape: FleetShape, pace: Pace) -> Fleet:
    """Build an Auto Scaling group that is attached to target groups, with its members in service.

    Args:
        clients: the clients of a sandbox.
        shape: the settings of the fleet.
        pace: how time passes while waiting.
    """
    network = _Network(clients, shape)
    autoscaling, elb = clients.client("autoscaling"), clients.client("elbv2")
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=shape.name,
        LaunchTemplate={"LaunchTemplateId": network.template_id, "Version": "1"},
        MinSize=shape.min_size,
        MaxSize=shape.max_size,
        DesiredCapacity=shape.desired,
        VPCZoneIdentifier=",".join(network.subnet_ids),
        TargetGroupARNs=list(network.target_group_arns),
        HealthCheckType=shape.health_check_type,
        HealthCheckGracePeriod=shape.health_check_grace_seconds,
    )

    def members() -> Sequence[Mapping[str, Any]]:
        answer = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[shape.name])
        instances: Sequence[Mapping[str, Any]] = answer["AutoScalingGroups"][0]["Instances"]
        return instances

    def in_service() -> bool:
        states = [member["LifecycleState"] for member in members()]
        return states == ["InService"] * shape.desired

    _wait(pace, in_service, "in service")
    _wait(pace, lambda: _all_healthy(elb, network.target_group_arns, shape.desired), "healthy")
    return network.fleet(tuple(member["InstanceId"] for member in members()), shape.name)


class _Network:
    """The network, the load balancer, the target groups and the launch template."""

    def __init__(self, clients: Clients, shape: FleetShape) -> None:
        self._shape = shape
        self._ec2, self._elb = clients.client("ec2"), clients.client("elbv2")
        self.vpc_id = self._ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet_ids = tuple(self._subnet(clients.region_name, number) for number in range(shape.zones))
        balancers = self._elb.create_load_balancer(Name=shape.name, Subnets=list(self.subnet_ids))
        self.load_balancer_arn = balancers["LoadBalancers"][0]["LoadBalancerArn"]
        self.target_group_arns = tuple(self._target_group(number) for number in range(shape.target_groups))
        self.listener_arns = tuple(self._listener(number, arn) for number, arn in enumerate(self.target_group_arns))
        self.template_id = self._template()

    def fleet(self, instance_ids: tuple[str, ...], group_name: str | None) -> Fleet:
        """Return the ids of the fleet."""
        return Fleet(
            vpc_id=self.vpc_id,
            subnet_ids=self.subnet_ids,
            load_balancer_arn=self.load_balancer_arn,
            listener_arns=self.listener_arns,
            target_group_arns=self.target_group_arns,
            ports=self._shape.ports,
            template_id=self.template_id,
            template_name=self._shape.name,
            instance_ids=instance_ids,
            group_name=group_name,
        )

    def _subnet(self, region: str, number: int) -> str:
        zone = f"{region}{'abcdef'[number]}"
        answer = self._ec2.create_subnet(VpcId=self.vpc_id, CidrBlock=f"10.0.{16 * number}.0/20", AvailabilityZone=zone)
        subnet_id: str = answer["Subnet"]["SubnetId"]
        return subnet_id

    def _target_group(self, number: int) -> str:
        shape = self._shape
        names = shape.target_group_names
        answer = self._elb.create_target_group(
            Name=names[number] if number < len(names) else f"{shape.name}-{number + 1}",
            Protocol="HTTP",
            Port=shape.ports[0],
            VpcId=self.vpc_id,
            HealthCheckIntervalSeconds=shape.health_check_interval_seconds,
            HealthCheckTimeoutSeconds=shape.health_check_timeout_seconds,
            HealthyThresholdCount=shape.healthy_threshold,
            UnhealthyThresholdCount=shape.unhealthy_threshold,
        )
        arn: str = answer["TargetGroups"][0]["TargetGroupArn"]
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(shape.deregistration_delay_seconds)}
        self._elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return arn

    def _listener(self, number: int, target_group_arn: str) -> str:
        answer = self._elb.create_listener(
            LoadBalancerArn=self.load_balancer_arn,
            Protocol="HTTP",
            Port=80 + number,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group_arn}],
        )
        arn: str = answer["Listeners"][0]["ListenerArn"]
        return arn

    def _template(self) -> str:
        shape = self._shape
        versions = [{}, {}, *shape.further_versions]
        answer = self._ec2.create_launch_template(
            LaunchTemplateName=shape.name, LaunchTemplateData=self._template_data(1, versions[0])
        )
        template_id: str = answer["LaunchTemplate"]["LaunchTemplateId"]
        for number, tags in enumerate(versions[1:], start=2):
            self._ec2.create_launch_template_version(
                LaunchTemplateId=template_id, LaunchTemplateData=self._template_data(number, tags)
            )
        return template_id

    def _template_data(self, version: int, tags: Mapping[str, str]) -> dict[str, Any]:
        data: dict[str, Any] = {"ImageId": IMAGE_ID, "InstanceType": "t3.micro"}
        if self._shape.versions_differ:
            script = f"#!/bin/sh\nstart-{self._shape.name} --release {version}\n"
            data["UserData"] = base64.b64encode(script.encode()).decode()
        if every := {**(self._shape.template_tags or {}), **tags}:
            data["TagSpecifications"] = [_tags("instance", every)]
        return data


def _tags(resource_type: str, tags: Mapping[str, str]) -> dict[str, Any]:
    return {"ResourceType": resource_type, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _all_running(ec2: Any, instance_ids: Sequence[str]) -> bool:
    if not instance_ids:
        return True
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": ["running"]}]
    )
    running = {
        instance["InstanceId"] for page in pages for group in page["Reservations"] for instance in group["Instances"]
    }
    return running.issuperset(instance_ids)


def _all_healthy(elb: Any, target_group_arns: Sequence[str], count: int) -> bool:
    for arn in target_group_arns:
        health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        if [description["TargetHealth"]["State"] for description in health] != ["healthy"] * count:
            return False
    return True


def _wait(pace: Pace, is_reached: Callable[[], bool], what: str) -> None:
    for _ in range(PATIENCE):
        if is_reached():
            return
        pace.pause()
    message = f"The new fleet is not {what} after {PATIENCE} checks. Check the tags of template version 1."
    raise RuntimeError(message)
