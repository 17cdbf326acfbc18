"""The experiments as a closed list: their calls, what is expected, what they settle, their duration and their cost.

Costs are in US dollars for the smallest instances in us-east-1, rounded up. They include the hour of the load balancer
that the base environment needs, once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from awsroll.errors import SpecError


class Experiment(StrEnum):
    """One experiment."""

    DRAIN_LAG = "P1"
    STICKY_MARK = "P2"
    LAUNCH_TOKENS = "P3"
    PERMISSIONS = "P4"
    DEREGISTERED_MEMBER = "P5"
    CHANGED_DELAY = "P6"
    RUN_TOKENS = "P7"
    SECOND_TERMINATE = "P8"
    TAGS = "P9"
    AGENT = "P10"
    POLICIES = "P11"
    ROUTING_THRESHOLD = "P12"
    NETWORK_LOAD_BALANCER = "P13"
    RETAINED = "P14"
    ZONAL_SHIFT = "P15"
    EVERY_STRATEGY = "P16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What an experiment is about. All of its resources are deleted at its end, or with the base environment."""

    title: str
    calls: str
    expected: str
    settles: str
    """The switch of the sandbox, or the statement about AWS, that the experiment decides."""
    minutes: int
    """How long it takes at most, without the base environment."""
    dollars: float
    instances: int
    """The most instances that it needs at once, with those of the base environment."""
    removes: str = "nothing of its own"
    """What it creates and deletes beside the base environment."""


BASE_MINUTES = 6
BASE_DOLLARS = 0.04

EXPERIMENTS: dict[Experiment, Description] = {
    Experiment.DRAIN_LAG: Description(
        title="How long after its deregistration delay a member of a group is terminated",
        calls="TerminateInstanceInAutoScalingGroup with delays of 0, 30 and 120 s; reads every 2 s",
        expected="shutting-down a few seconds after the delay; a replacement at once or after the drain",
        settles="drain_lag_seconds, drained_listed_seconds",
        minutes=14,
        dollars=0.01,
        instances=4,
    ),
    Experiment.STICKY_MARK: Description(
        title="Whether the Unhealthy mark of a group recovers by itself",
        calls="a group with a grace period of 20 s and version 3; SetInstanceHealth on one of two; ResumeProcesses",
        expected="the mark stays; only the member that was not set is replaced",
        settles="the mark is sticky and acts when ReplaceUnhealthy resumes",
        minutes=12,
        dollars=0.01,
        instances=6,
        removes="a group",
    ),
    Experiment.LAUNCH_TOKENS: Description(
        title="Client tokens of LaunchInstances",
        calls="LaunchInstances: a token again, from two threads, above the maximum, with a dot, of 65 characters",
        expected="the same ids; IdempotentCallInProgress; errors with codes",
        settles="token rules and shapes of answers; the life of a token (8 hours) exceeds the time limit",
        minutes=4,
        dollars=0.01,
        instances=4,
    ),
    Experiment.PERMISSIONS: Description(
        title="Where a missing permission of LaunchInstances shows",
        calls="LaunchInstances as roles without ec2:CreateFleet, iam:PassRole, kms:CreateGrant",
        expected="an error of the call, or an entry in Errors, or a failed instance with a state reason",
        settles="the code and its place",
        minutes=6,
        dollars=0.05,
        instances=4,
        removes="three roles, a KMS key (deletion is scheduled after 7 days)",
    ),
    Experiment.DEREGISTERED_MEMBER: Description(
        title="A member that someone deregisters by hand",
        calls="DeregisterTargets on a member in service; reads for 5 minutes",
        expected="replaced, kept or registered again",
        settles="member_deregistered_by_hand",
        minutes=7,
        dollars=0.01,
        instances=3,
    ),
    Experiment.CHANGED_DELAY: Description(
        title="A change of the delay while a target drains, and a target that ends while it is registered",
        calls="DeregisterTargets at 120 s, then ModifyTargetGroupAttributes to 10 s after 5 s; and from 10 to 120 s",
        expected="the target leaves at the old or at the new delay",
        settles="changed_delay, ended_target_by_id",
        minutes=20,
        dollars=0.01,
        instances=3,
        removes="one instance",
    ),
    Experiment.RUN_TOKENS: Description(
        title="Client tokens of RunInstances when the template chooses the subnet",
        calls="RunInstances: a token again, with the subnet named, another type, after terminate, after a refusal",
        expected="IdempotentParameterMismatch, a second instance, IdempotentInstanceTerminated",
        settles="template_subnet_token_scope, changed_token_parameters",
        minutes=5,
        dollars=0.01,
        instances=6,
        removes="up to four instances",
    ),
    Experiment.SECOND_TERMINATE: Description(
        title="Terminating a member twice, in standby, and at the minimum",
        calls="TerminateInstanceInAutoScalingGroup with decrement on a terminating and on a standby member, at MinSize",
        expected="a refusal or a second decrement; ValidationError at the minimum",
        settles="second_terminate, standby_terminate_decrement",
        minutes=12,
        dollars=0.01,
        instances=4,
    ),
    Experiment.TAGS: Description(
        title="Values and numbers of tags",
        calls="CreateOrUpdateTags with a dollar sign and with a 51st tag; AddTags of load balancing with a dollar sign",
        expected="accepted, or a code",
        settles="limits of tags",
        minutes=1,
        dollars=0.0,
        instances=2,
    ),
    Experiment.AGENT: Description(
        title="How soon Systems Manager shows that an agent has stopped",
        calls="SendCommand stops the agent; DescribeInstanceInformation; SendCommand meanwhile; RebootInstances",
        expected="ConnectionLost after minutes; InvalidInstanceId or Delivery Timed Out",
        settles="the lag of PingStatus",
        minutes=20,
        dollars=0.01,
        instances=3,
        removes="one instance",
    ),
    Experiment.POLICIES: Description(
        title="Whether the printed policies are sufficient",
        calls="rollouts (replace, launch-first, reload) by roles that have only what `awsroll policy` prints for each",
        expected="each succeeds without AccessDenied",
        settles="the policies are sufficient on AWS, with their conditions",
        minutes=30,
        dollars=0.01,
        instances=4,
        removes="three roles",
    ),
    Experiment.ROUTING_THRESHOLD: Description(
        title="Routing to targets that are not healthy yet, below a threshold",
        calls="a threshold of 60 %; as many new targets as healthy ones; load from an instance; CloudWatch metrics",
        expected="failed requests while the share of healthy targets is below the threshold",
        settles="initial targets count as registered for target_group_health",
        minutes=10,
        dollars=0.02,
        instances=6,
        removes="four instances",
    ),
    Experiment.NETWORK_LOAD_BALANCER: Description(
        title="New flows to a deregistered target of a Network Load Balancer",
        calls="a Network Load Balancer with a delay of 30 s; a connection per second; DeregisterTargets",
        expected="new flows for up to two minutes, beyond the delay",
        settles="network_registration_seconds, network_new_flows_seconds",
        minutes=14,
        dollars=0.04,
        instances=4,
        removes="a load balancer, a target group, two instances",
    ),
    Experiment.RETAINED: Description(
        title="Retained instances, images in overrides, replaced root volumes",
        calls="InstanceLifecyclePolicy and ABANDON; an override with ImageId; StartInstanceRefresh ReplaceRootVolume",
        expected="Terminating:Retained and a replacement; which version a member shows",
        settles="states of retained instances; versions and images that members show",
        minutes=25,
        dollars=0.01,
        instances=4,
        removes="three groups, the retained instance",
    ),
    Experiment.ZONAL_SHIFT: Description(
        title="What a zonal shift of the load balancer shows",
        calls="StartZonalShift for 10 minutes; DescribeTargetHealth; LaunchInstances into the zone; CancelZonalShift",
        expected="AdministrativeOverride on the targets of the zone; a launch there is accepted or refused",
        settles="states of a shift",
        minutes=5,
        dollars=0.01,
        instances=3,
        removes="the shift",
    ),
    Experiment.EVERY_STRATEGY: Description(
        title="Rollouts with every strategy, each killed in the middle and resumed",
        calls="rollouts of a group of 6 (double-half: 4), the process is killed, then `awsroll resume`",
        expected="exit code 0; capacity never below the floor",
        settles="a rollout survives its process on AWS",
        minutes=40,
        dollars=0.06,
        instances=8,
    ),
}


def parse_experiments(text: str) -> tuple[Experiment, ...]:
    """Return the experiments of a list such as `P1,P7`, each once, in their own order.

    Raises:
        SpecError: the list is empty or names an experiment that does not exist.
    """
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Experiment)]
    if unknown or not names:
        problem = f"--only {text}: give experiments from P1 to P16, such as P1,P7. `awsroll probe --list` shows them"
        raise SpecError(problem)
    return tuple(experiment for experiment in Experiment if experiment in names)


def dollars_of(experiments: Iterable[Experiment]) -> float:
    """Return what the experiments cost at most, with their environment."""
    return BASE_DOLLARS + sum(EXPERIMENTS[experiment].dollars for experiment in experiments)
