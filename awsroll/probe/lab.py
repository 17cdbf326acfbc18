"""What every experiment works with: calls, the ledger, the limits, the clock, and ways to wait for a state."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from awsroll.aws.raw_calls import Answer, RawCalls
from awsroll.errors import AwsrollError
from awsroll.ports import Clock
from awsroll.probe.guard import Budget
from awsroll.probe.ledger import TAG, Entry, Kind, Ledger
from awsroll.probe.transcript import Transcript

POLL_SECONDS = 2.0


class UnexpectedAnswerError(AwsrollError):
    """Raised when a call that an experiment builds on was refused, or a state was not reached in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What an experiment found out."""

    values: Mapping[str, Any] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)
    """Values for switches of the sandbox, by the names of `SandboxOptions`."""
    note: str = ""
    """What could not be measured, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """The tools of one probe."""

    aws: RawCalls
    clock: Clock
    ledger: Ledger
    budget: Budget
    transcript: Transcript
    lock: Any = field(default_factory=threading.RLock)

    @property
    def probe_id(self) -> str:
        """Return the id of the probe, which begins every name."""
        return self.ledger.header.probe_id

    @property
    def account(self) -> str:
        """Return the number of the account."""
        return self.ledger.header.account

    def name(self, suffix: str) -> str:
        """Return the name of a resource of the probe."""
        return f"{self.probe_id}-{suffix}"

    # --- calls ---

    def ask(self, service: str, operation: str, **parameters: Any) -> Answer:
        """Make a call whose refusal is an answer of the experiment too."""
        self.budget.check_time()
        return self.aws.call(service, operation, **parameters)

    def call(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Make a call that must succeed, and return its result.

        Raises:
            UnexpectedAnswerError: the call was refused.
        """
        answer = self.ask(service, operation, **parameters)
        if not answer.succeeded:
            problem = f"{service}:{operation} was refused: {answer.code}: {answer.message}"
            raise UnexpectedAnswerError(problem)
        return answer.result

    def tags(self, *more: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the tag that every resource of the probe carries, and more tags."""
        return [{"Key": TAG, "Value": self.probe_id}, *(dict(tag) for tag in more)]

    def specifications(self, *resource_types: str) -> list[dict[str, Any]]:
        """Return the tag in the form of EC2's create calls."""
        return [{"ResourceType": each, "Tags": self.tags()} for each in resource_types]

    def create(self, kind: Kind, name: str, make: Callable[[], str], **extra: str) -> Entry:
        """Create a resource: the ledger has it before the call."""
        self.budget.check_time()
        return self.ledger.created(self.ledger.announce(kind, name, **extra), make())

    # --- waiting ---

    def wait(self, seconds: float) -> None:
        """Wait, at most until the time limit."""
        self.budget.check_time()
        self.clock.sleep(seconds)

    def until(self, what: str, is_reached: Callable[[], bool], *, seconds: float, every: float = POLL_SECONDS) -> float:
        """Wait for a state, and return the seconds that it took.

        Raises:
            UnexpectedAnswerError: the state was not reached in time.
        """
        started_at = self.clock.monotonic()
        while not is_reached():
            if self.clock.monotonic() - started_at > seconds:
                problem = f"{what} was not reached within {seconds:g} s"
                raise UnexpectedAnswerError(problem)
            self.wait(every)
        return round(self.clock.monotonic() - started_at, 1)

    def watch(
        self, look: Callable[[], Any], *, seconds: float, every: float = POLL_SECONDS, ends: Callable[[Any], bool]
    ) -> list[tuple[float, Any]]:
        """Look again and again, and return each change with the seconds since the start."""
        started_at = self.clock.monotonic()
        changes: list[tuple[float, Any]] = []
        while True:
            elapsed = round(self.clock.monotonic() - started_at, 1)
            state = look()
            if not changes or changes[-1][1] != state:
                changes.append((elapsed, state))
            if ends(state) or elapsed >= seconds:
                return changes
            self.wait(every)

    # --- instances ---

    def instances(self) -> list[Mapping[str, Any]]:
        """Return the pending and running instances of the probe."""
        return instances_of(self.aws, self.probe_id)

    def reserve(self, count: int) -> None:
        """Check the limit of instances before a launch.

        Raises:
            LimitReachedError: the launch would exceed the limit.
        """
        self.budget.check_time()
        self.budget.check_instances(len(self.instances()), count)

    def instance_state(self, instance_id: str) -> str:
        """Return the state of an instance; `gone` if EC2 does not show it."""
        answer = self.ask("ec2", "DescribeInstances", InstanceIds=[instance_id])
        found = [each for group in answer.result.get("Reservations", []) for each in group["Instances"]]
        return str(found[0]["State"]["Name"]) if found else "gone"

    # --- targets and members ---

    def target(self, target_group: str, instance_id: str) -> str:
        """Return the state of a target in the list of its target group; `absent` if it is not listed."""
        listed = self.call("elbv2", "DescribeTargetHealth", TargetGroupArn=target_group)["TargetHealthDescriptions"]
        states = [each["TargetHealth"]["State"] for each in listed if each["Target"]["Id"] == instance_id]
        return str(states[0]) if states else "absent"

    def named_target(self, target_group: str, instance_id: str, port: int) -> tuple[str, str]:
        """Return state and reason of a target that the request names, also if the list no longer has it."""
        target = [{"Id": instance_id, "Port": port}]
        answer = self.ask("elbv2", "DescribeTargetHealth", TargetGroupArn=target_group, Targets=target)
        if not answer.succeeded:
            return answer.code, ""
        health = answer.result["TargetHealthDescriptions"][0]["TargetHealth"]
        return str(health["State"]), str(health.get("Reason", ""))

    def set_delay(self, target_group: str, seconds: int) -> None:
        """Set the deregistration delay of a target group."""
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}
        self.call("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=target_group, Attributes=[delay])

    def group(self, name: str) -> Mapping[str, Any]:
        """Return an Auto Scaling group."""
        groups = self.call("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=[name])
        found: Sequence[Mapping[str, Any]] = groups["AutoScalingGroups"]
        if not found:
            problem = f"the group {name} does not exist"
            raise UnexpectedAnswerError(problem)
        return found[0]

    def in_service(self, name: str) -> list[str]:
        """Return the members of a group that are in service."""
        members = self.group(name)["Instances"]
        return sorted(each["InstanceId"] for each in members if each["LifecycleState"] == "InService")

    def member_state(self, group: str, instance_id: str) -> str:
        """Return the lifecycle state of a member; `left` if the group does not have it."""
        members = self.group(group)["Instances"]
        return next((str(each["LifecycleState"]) for each in members if each["InstanceId"] == instance_id), "left")

    def settle(self, group: str, count: int, *, target_group: str = "", seconds: float = 420) -> list[str]:
        """Wait until a group has `count` members in service and no other, and return them."""

        def is_settled() -> bool:
            members = self.group(group)["Instances"]
            ids = [each["InstanceId"] for each in members if each["LifecycleState"] == "InService"]
            healthy = not target_group or all(self.target(target_group, each) == "healthy" for each in ids)
            return len(ids) == len(members) == count and healthy

        self.until(f"{count} members in service in {group}", is_settled, seconds=seconds, every=5)
        return self.in_service(group)


def instances_of(
    aws: RawCalls, probe_id: str, *, states: Sequence[str] = ("pending", "running")
) -> list[Mapping[str, Any]]:
    """Return the instances that carry the tag of a probe."""
    filters = [{"Name": f"tag:{TAG}", "Values": [probe_id]}, {"Name": "instance-state-name", "Values": list(states)}]
    result = aws.call("ec2", "DescribeInstances", Filters=filters).result
    return [each for group in result.get("Reservations", []) for each in group["Instances"]]


def metric(lab: Lab, arns: tuple[str, str], name: str, statistic: str, *, since: datetime) -> list[float]:
    """Return the values per minute of a metric of a load balancer and target group; empty if CloudWatch has none."""
    load_balancer, target_group = arns
    dimensions = {
        "LoadBalancer": load_balancer.partition("loadbalancer/")[2],
        "TargetGroup": target_group.rpartition(":")[2],
    }
    answer = lab.ask(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/ApplicationELB",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=since - timedelta(minutes=1),
        EndTime=lab.clock.now() + timedelta(minutes=1),
        Period=60,
        Statistics=[statistic],
    )
    return [each[statistic] for each in answer.result.get("Datapoints", [])]
