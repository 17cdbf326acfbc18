"""A sandbox with one Auto Scaling group, for tests: builders and queries without assertions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from awsroll.sandbox.inprocess import Sandbox
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.testing.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "web"
BOOT_SECONDS = 40
SETTLED_SECONDS = 120
DRAIN_SECONDS = 60
STOP_SECONDS = 30
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


class Lab:
    """Clients, a launch template with two versions, three subnets in three zones, a target group in use.

    Args:
        sandbox: an entered sandbox.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        session = sandbox.session()
        self.sandbox = sandbox
        self.ec2 = session.client("ec2")
        self.elb = session.client("elbv2")
        self.asg = session.client("autoscaling")
        subnets = self.ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": list(ZONES)}])["Subnets"]
        self.subnets = {each["AvailabilityZone"]: each["SubnetId"] for each in subnets}
        self.vpc = subnets[0]["VpcId"]
        self.template = self.ec2.create_launch_template(
            LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
        )["LaunchTemplate"]["LaunchTemplateId"]
        self.new_version()
        self.balancer = self.elb.create_load_balancer(Name="lb", Subnets=list(self.subnets.values()))["LoadBalancers"][
            0
        ]["LoadBalancerArn"]
        self.port = 8000
        self.target_group = self.new_target_group("tg")

    def new_version(self, **tags: str) -> None:
        """Add a launch template version with instance tags; `_` in a name becomes `-`, with the prefix `sandbox:`."""
        pairs = [{"Key": f"sandbox:{key.replace('_', '-')}", "Value": value} for key, value in tags.items()]
        data: dict[str, Any] = {"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
        if pairs:
            data["TagSpecifications"] = [{"ResourceType": "instance", "Tags": pairs}]
        self.ec2.create_launch_template_version(LaunchTemplateId=self.template, LaunchTemplateData=data)

    def new_target_group(self, name: str) -> str:
        """Create a target group behind a listener, with a short drain."""
        arn = self.elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=80,
            VpcId=self.vpc,
            HealthCheckIntervalSeconds=10,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.port += 1
        self.elb.create_listener(
            LoadBalancerArn=self.balancer,
            Port=self.port,
            Protocol="HTTP",
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(DRAIN_SECONDS)}
        self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])
        return str(arn)

    def create(self, desired: int = 3, *, settle: bool = True, **changes: Any) -> None:
        """Create the group; by default wait until it has settled."""
        request: dict[str, Any] = {
            "MinSize": 1,
            "MaxSize": 10,
            "DesiredCapacity": desired,
            "LaunchTemplate": {"LaunchTemplateId": self.template, "Version": "1"},
            "VPCZoneIdentifier": ",".join(self.subnets[zone] for zone in ZONES),
            "TargetGroupARNs": [self.target_group],
        }
        request |= changes
        self.asg.create_auto_scaling_group(
            AutoScalingGroupName=NAME, **{key: value for key, value in request.items() if value is not None}
        )
        if settle:
            self.sandbox.jump(SETTLED_SECONDS)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an Auto Scaling operation on the group."""
        answer: dict[str, Any] = getattr(self.asg, operation)(AutoScalingGroupName=NAME, **parameters)
        return answer

    def refusal(self, operation: str, **parameters: Any) -> str:
        """Call an operation and return its error as `Code: message`, or an empty text if it succeeds."""
        try:
            self.call(operation, **parameters)
        except ClientError as error:
            return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
        return ""

    def jump(self, seconds: float) -> None:
        """Move the clock."""
        self.sandbox.jump(seconds)

    def group(self) -> dict[str, Any]:
        """Return the group in the shape of the API."""
        group: dict[str, Any] = self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])[
            "AutoScalingGroups"
        ][0]
        return group

    def members(self, state: str | None = None) -> list[dict[str, Any]]:
        """Return the members, all or in one lifecycle state, oldest first."""
        return [each for each in self.group()["Instances"] if state in (None, each["LifecycleState"])]

    def ids(self, state: str | None = None) -> list[str]:
        """Return the members' ids."""
        return [each["InstanceId"] for each in self.members(state)]

    def states(self) -> list[str]:
        """Return the members' lifecycle states, sorted."""
        return sorted(each["LifecycleState"] for each in self.members())

    def zones(self) -> list[str]:
        """Return the last letters of the zones of members that are in service or launching, sorted."""
        gone = ("Terminating", "Standby", "Entering", "Detach")
        return sorted(m["AvailabilityZone"][-1] for m in self.members() if not m["LifecycleState"].startswith(gone))

    def sizes(self) -> tuple[int, int, int]:
        """Return minimum, desired and maximum."""
        group = self.group()
        return group["MinSize"], group["DesiredCapacity"], group["MaxSize"]

    def state(self, instance_id: str) -> str | None:
        """Return a member's lifecycle state, or None for another instance."""
        return next((each["LifecycleState"] for each in self.members() if each["InstanceId"] == instance_id), None)

    def target(self, instance_id: str, target_group: str | None = None) -> str | None:
        """Return a target's state in the target group, or None if it is not listed."""
        answer = self.elb.describe_target_health(TargetGroupArn=target_group or self.target_group)
        rows = answer["TargetHealthDescriptions"]
        return next((each["TargetHealth"]["State"] for each in rows if each["Target"]["Id"] == instance_id), None)

    def ec2_state(self, instance_id: str) -> str:
        """Return an instance's state in EC2."""
        answer = self.ec2.describe_instances(InstanceIds=[instance_id])
        return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])

    def tags(self, instance_id: str) -> dict[str, str]:
        """Return an instance's tags in EC2."""
        answer = self.ec2.describe_instances(InstanceIds=[instance_id])
        return {tag["Key"]: tag["Value"] for tag in answer["Reservations"][0]["Instances"][0].get("Tags", [])}

    def activities(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return the group's scaling activities in the order of the API."""
        activities: list[dict[str, Any]] = self.call("describe_scaling_activities", **parameters)["Activities"]
        return activities

    def terminate(self, *instance_ids: str, decrement: bool) -> dict[str, Any]:
        """Terminate one member by InstanceId, or several by InstanceIds."""
        if len(instance_ids) == 1:
            answer: dict[str, Any] = self.asg.terminate_instance_in_auto_scaling_group(
                InstanceId=instance_ids[0], ShouldDecrementDesiredCapacity=decrement
            )
            return answer
        return self.call(
            "terminate_instance_in_auto_scaling_group",
            InstanceIds=list(instance_ids),
            ShouldDecrementDesiredCapacity=decrement,
        )

    def suspend(self, *processes: str) -> None:
        """Suspend processes."""
        self.call("suspend_processes", ScalingProcesses=list(processes))

    def resume(self, *processes: str) -> None:
        """Resume processes."""
        self.call("resume_processes", ScalingProcesses=list(processes))


@contextmanager
def open_lab(**options: Any) -> Iterator[Lab]:
    """Open a sandbox in virtual time with the durations above."""
    defaults: dict[str, Any] = {"boot_seconds": BOOT_SECONDS, "stop_seconds": STOP_SECONDS, "api_visibility_seconds": 0}
    with Sandbox(clock=VirtualClock(), options=SandboxOptions(**(defaults | options))) as sandbox:
        yield Lab(sandbox)


def refusal_of(call: Callable[..., Any], **parameters: Any) -> str:
    """Call a client method and return its error as `Code: message`, or an empty text if it succeeds."""
    try:
        call(**parameters)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return ""
