"""The environment that every experiment uses: a network, a load balancer, target groups, a launch template, a group.

Version 1 and 2 of the launch template start a small HTTP server at once. Version 3 answers after 120 s. The tags
`sandbox:...` have a meaning in the sandbox alone, where user data is not run.
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from awsroll.probe.lab import Lab
from awsroll.probe.ledger import Kind
from awsroll.probe.network import build_network, build_security_group

IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
INSTANCE_TYPE = "t4g.nano"
PORT = 80
SLOW_SECONDS = 120
DELAY_SECONDS = 30
MIN_SIZE, MAX_SIZE = 2, 4
_SERVER = """\
#!/bin/sh
sleep {seconds}
mkdir -p /srv/www && echo {version} >/srv/www/index.html
systemd-run --unit=probe-web --working-directory=/srv/www python3 -m http.server 80
"""
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MANAGED_NODE_POLICY = "AmazonSSMManagedInstanceCore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The ids of the environment."""

    image_id: str
    vpc_id: str
    subnets: tuple[str, ...]
    zones: tuple[str, ...]
    security_group: str
    load_balancer: str
    load_balancer_name: str
    dns_name: str
    group_targets: str
    """The target group of the Auto Scaling group."""
    hand_targets: str
    """The target group of instances that are registered by hand, on port 81 of the load balancer."""
    template: str
    group: str
    partition: str


def build_base(lab: Lab) -> Base:
    """Create the environment, and return when the group serves."""
    image_id = str(lab.call("ssm", "GetParameter", Name=IMAGE_PARAMETER)["Parameter"]["Value"])
    vpc_id, subnets, zones = build_network(lab, INSTANCE_TYPE)
    security_group = build_security_group(lab, vpc_id, ports=(PORT, PORT + 1))
    balancer = _load_balancer(lab, subnets, security_group)
    group_targets, hand_targets = (_target_group(lab, suffix, vpc_id) for suffix in ("group", "hand"))
    for port, target_group in ((PORT, group_targets), (PORT + 1, hand_targets)):
        add_listener(lab, balancer["LoadBalancerArn"], port, target_group, protocol="HTTP")
    template = _template(lab, image_id, security_group, _profile(lab))
    lab.ledger.announce(Kind.INSTANCES, "all")
    group = add_group(lab, "group", template, subnets, [group_targets], sizes=(MIN_SIZE, MAX_SIZE, MIN_SIZE))
    lab.settle(group, MIN_SIZE, target_group=group_targets)
    return Base(
        image_id=image_id,
        vpc_id=vpc_id,
        subnets=subnets,
        zones=zones,
        security_group=security_group,
        load_balancer=balancer["LoadBalancerArn"],
        load_balancer_name=balancer["LoadBalancerName"],
        dns_name=balancer["DNSName"],
        group_targets=group_targets,
        hand_targets=hand_targets,
        template=template,
        group=group,
        partition=balancer["LoadBalancerArn"].split(":")[1],
    )


def add_group(  # noqa: PLR0913 - each is a part of the request
    lab: Lab,
    suffix: str,
    template: str,
    subnets: tuple[str, ...],
    target_groups: list[str],
    *,
    sizes: tuple[int, int, int],
    version: str = "1",
    **more: Any,
) -> str:
    """Create an Auto Scaling group with minimum, maximum and desired size, and return its name."""
    name, (least, most, desired) = lab.name(suffix), sizes
    lab.reserve(desired)
    request: dict[str, Any] = {
        "AutoScalingGroupName": name,
        "LaunchTemplate": {"LaunchTemplateId": template, "Version": version},
        "MinSize": least,
        "MaxSize": most,
        "DesiredCapacity": desired,
        "VPCZoneIdentifier": ",".join(subnets),
        "TargetGroupARNs": target_groups,
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": 60,
        "Tags": [{**tag, "PropagateAtLaunch": True} for tag in lab.tags()],
    } | more
    if "MixedInstancesPolicy" in request:
        del request["LaunchTemplate"]

    def make() -> str:
        lab.call("autoscaling", "CreateAutoScalingGroup", **request)
        return name

    lab.create(Kind.GROUP, name, make)
    return name


def remove_group(lab: Lab, name: str) -> None:
    """Delete a group with its members before the end of the probe, so that others fit within the limit of instances."""
    entry = next(each for each in lab.ledger.open_entries() if (each.kind, each.name) == (Kind.GROUP, name))
    members = [each["InstanceId"] for each in lab.group(name)["Instances"]]
    lab.call("autoscaling", "DeleteAutoScalingGroup", AutoScalingGroupName=name, ForceDelete=True)
    if members:
        lab.ask("ec2", "TerminateInstances", InstanceIds=members)  # a retained instance outlives its group

    def is_gone() -> bool:
        groups = lab.call("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name])
        return not groups["AutoScalingGroups"]

    lab.until(f"the end of the group {name}", is_gone, seconds=300, every=5)
    lab.ledger.deleted(entry)


def add_listener(lab: Lab, load_balancer: str, port: int, target_group: str, *, protocol: str) -> str:
    """Create a listener that forwards to one target group, and return its ARN."""

    def make() -> str:
        answer = lab.call(
            "elbv2",
            "CreateListener",
            LoadBalancerArn=load_balancer,
            Protocol=protocol,
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group}],
            Tags=lab.tags(),
        )
        return str(answer["Listeners"][0]["ListenerArn"])

    name = f"{load_balancer.split('/')[-2]}:{port}"
    return lab.create(Kind.LISTENER, name, make, load_balancer=load_balancer, port=str(port)).resource_id


def _load_balancer(lab: Lab, subnets: tuple[str, ...], security_group: str) -> dict[str, Any]:
    made: list[dict[str, Any]] = []

    def make() -> str:
        answer = lab.call(
            "elbv2",
            "CreateLoadBalancer",
            Name=lab.name("alb"),
            Subnets=list(subnets),
            SecurityGroups=[security_group],
            Scheme="internal",
            Tags=lab.tags(),
        )
        made.extend(answer["LoadBalancers"])
        return str(made[0]["LoadBalancerArn"])

    lab.create(Kind.LOAD_BALANCER, lab.name("alb"), make)
    return made[0]


def _target_group(lab: Lab, suffix: str, vpc_id: str) -> str:
    def make() -> str:
        answer = lab.call(
            "elbv2",
            "CreateTargetGroup",
            Name=lab.name(suffix),
            Protocol="HTTP",
            Port=PORT,
            VpcId=vpc_id,
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
            Tags=lab.tags(),
        )
        return str(answer["TargetGroups"][0]["TargetGroupArn"])

    arn = lab.create(Kind.TARGET_GROUP, lab.name(suffix), make).resource_id
    lab.set_delay(arn, DELAY_SECONDS)
    return arn


def _profile(lab: Lab) -> str:
    """Create the instance profile that lets Systems Manager reach the servers, and return its name."""
    name = lab.name("node")

    def make_role() -> str:
        lab.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST), Tags=lab.tags())
        return name

    def make_profile() -> str:
        lab.call("iam", "CreateInstanceProfile", InstanceProfileName=name, Tags=lab.tags())
        return name

    lab.create(Kind.ROLE, name, make_role)
    partition = str(lab.call("sts", "GetCallerIdentity")["Arn"]).split(":")[1]
    policy = f"arn:{partition}:iam::aws:policy/{MANAGED_NODE_POLICY}"
    lab.ask("iam", "AttachRolePolicy", RoleName=name, PolicyArn=policy)
    lab.create(Kind.INSTANCE_PROFILE, name, make_profile, role=name)
    lab.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=name)
    lab.wait(20)  # EC2 knows a new profile after some seconds
    return name


def _template(lab: Lab, image_id: str, security_group: str, profile: str) -> str:
    def data(version: int, seconds: int) -> dict[str, Any]:
        script = _SERVER.format(version=f"v{version}", seconds=seconds)
        slow = [{"Key": "sandbox:application-seconds", "Value": str(seconds)}] if seconds else []
        return {
            "ImageId": image_id,
            "InstanceType": INSTANCE_TYPE,
            "SecurityGroupIds": [security_group],
            "IamInstanceProfile": {"Name": profile},
            "UserData": b64encode(script.encode()).decode(),
            "MetadataOptions": {"HttpTokens": "required"},
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": lab.tags(*slow)},
                {"ResourceType": "volume", "Tags": lab.tags()},
            ],
        }

    def make() -> str:
        answer = lab.call(
            "ec2",
            "CreateLaunchTemplate",
            LaunchTemplateName=lab.name("template"),
            LaunchTemplateData=data(1, 0),
            TagSpecifications=lab.specifications("launch-template"),
        )
        return str(answer["LaunchTemplate"]["LaunchTemplateId"])

    template = lab.create(Kind.LAUNCH_TEMPLATE, lab.name("template"), make).resource_id
    for version, seconds in ((2, 0), (3, SLOW_SECONDS)):
        lab.call(
            "ec2", "CreateLaunchTemplateVersion", LaunchTemplateId=template, LaunchTemplateData=data(version, seconds)
        )
    return template
