"""A launch that no retry can fix is a failure at once; a temporary failure waits for its deadline."""

from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.core.classify.refusals import (
    Refusal,
    frees_what_is_missing,
    is_not_offered,
    is_short_of_capacity,
    may_appear,
    refusal_of,
)
from awsroll.core.model.observation import FleetKind, Lifecycle, ScalingFailure
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Desired, Owner
from awsroll.core.planner import plan
from awsroll.testing.clock import T0
from tests.support.looks import NEW, OLD, group, group_look, later, member, rollout, status

WHILE_PENDING = "Instance became unhealthy while waiting for instance to be in InService state."
NEVER = (
    "The image id '[ami-0abc]' does not exist. Launching EC2 instance failed.",
    "The AMI ID ami-0abc does not exist. Launching EC2 instance failed.",
    "The requested instance type's architecture (i386) does not match the architecture in the manifest for ami-0abc.",
    "The architecture 'arm64' of the specified instance type does not match the architecture 'x86_64' of the AMI.",
    "Value (web) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state",
    "Not authorized for images: [ami-0abc]",
    "The snapshot 'snap-1' does not exist.",
    "The subnet ID 'subnet-1' does not exist",
    "In order to use this AWS Marketplace product you need to accept terms and subscribe.",
    "The security group 'sg-1' does not exist. Launching EC2 instance failed.",
    "The key pair 'deploy' does not exist. Launching EC2 instance failed.",
    "Invalid device name upload. Launching EC2 instance failed.",
    "Value (a) for parameter virtualName is invalid. Expected: 'ephemeralN'. Launching EC2 instance failed.",
    "The requested configuration is currently not supported. Launching EC2 instance failed.",
    "EBS block device mappings not supported for instance-store AMIs.",
    "Placement groups may not be used with instances of type 't1.micro'. Launching EC2 instance failed.",
    "Client.InternalError: Client error on launch.",
    "Your Spot request price of 0.01 is lower than the minimum required Spot request fulfillment price of 0.03.",
    "One or more target groups not found. Validating load balancer configuration failed.",
    "You are not authorized to use launch template: lt-1",
    "The instance configuration for this AWS Marketplace product is not supported. Please see the product's page.",
    "Enhanced networking with the Elastic Network Adapter (ENA) is required for the 'm5.large' instance type.",
    "Volume of size 8GB is smaller than snapshot 'snap-1', expect size >= 30GB. Launching EC2 instance failed.",
    "The parameter groupName cannot be used with the parameter subnet. Launching EC2 instance failed.",
    "The request must contain the parameter size or snapshotId. Launching EC2 instance failed.",
    "Tag keys starting with 'aws:' are reserved for internal use. Launching EC2 instance failed.",
)
NOT_HERE = (
    "We currently do not have sufficient t3.small capacity in the Availability Zone you requested (us-east-1a).",
    "There is no Spot capacity available that matches your request.",
    "Your requested instance type (t3.small) is not supported in your requested Availability Zone (us-east-1e).",
    "There are not enough free addresses in subnet 'subnet-1' to satisfy the requested number of instances.",
    "The requested Availability Zone is no longer supported. Please retry your request by choosing us-east-1a.",
    "The requested Availability Zone is currently constrained and we are no longer accepting requests for m1 types.",
    "The requested reservation does not have sufficient compatible and available capacity for this request.",
)
NOT_YET = (
    "Interface: [eni-0abc] in use. Launching EC2 instance failed.",
    "AMI ami-0abc is pending, and cannot be run. Launching EC2 instance failed.",
    "Lifecycle Action Completed with ABANDON Result",
    "The instance has a security group",
    "",
)
QUOTA = (
    "20 instance(s) are already running. Launching EC2 instance failed.",
    "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket.",
    "You have requested more instances (7) than your current instance limit of 6 allows for the instance type.",
    "Your quota allows for 0 more running instance(s). You requested at least 1. Launching EC2 instance failed.",
    "Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance count exceeded.",
)
MESSAGES = (
    *((Refusal.NEVER, message) for message in NEVER),
    *((Refusal.NOT_HERE, message) for message in NOT_HERE),
    *((Refusal.NOT_YET, message) for message in NOT_YET),
)
CODES = {
    "InvalidAMIID.NotFound": Refusal.NEVER,
    "InvalidKeyPair.NotFound": Refusal.NEVER,
    "InvalidGroup.NotFound": Refusal.NEVER,
    "InvalidParameterValue": Refusal.NEVER,
    "InvalidKMSKey.InvalidState": Refusal.NEVER,
    "UnsupportedOperation": Refusal.NEVER,
    "OptInRequired": Refusal.NEVER,
    "PrivateIpAddressLimitExceeded": Refusal.NEVER,
    "SecurityGroupsPerInstanceLimitExceeded": Refusal.NEVER,
    "InsufficientInstanceCapacity": Refusal.NOT_HERE,
    "InsufficientCapacityOnHost": Refusal.NOT_HERE,
    "InsufficientFreeAddressesInSubnet": Refusal.NOT_HERE,
    "UnfulfillableCapacity": Refusal.NOT_HERE,
    "InvalidNetworkInterface.InUse": Refusal.NOT_YET,
    "InvalidIPAddress.InUse": Refusal.NOT_YET,
    "VolumeInUse": Refusal.NOT_YET,
    "IncorrectState": Refusal.NOT_YET,
    "SomethingNew": Refusal.NOT_YET,
    "UnauthorizedOperation": Refusal.NOT_PERMITTED,
    "AccessDenied": Refusal.NOT_PERMITTED,
}


@pytest.mark.parametrize(("refusal", "message"), MESSAGES)
def test_the_message_of_a_failed_launch_says_whether_a_retry_can_succeed(refusal: Refusal, message: str) -> None:
    assert refusal_of("", message) is refusal


@pytest.mark.parametrize(("code", "refusal"), CODES.items())
def test_a_code_of_ec2_says_whether_a_retry_can_succeed(code: str, refusal: Refusal) -> None:
    assert refusal_of(code, "so says AWS") is refusal


@pytest.mark.parametrize(
    ("code", "message", "frees"),
    [
        ("InsufficientInstanceCapacity", NOT_HERE[0], False),
        ("InvalidKeyPair.NotFound", "The key pair 'deploy' does not exist", False),
        ("InvalidLaunchTemplateId.NotFound", "The launch template 'lt-1' does not exist", False),
        ("InsufficientFreeAddressesInSubnet", NOT_HERE[3], True),
        ("InsufficientCapacityOnHost", "Insufficient capacity on host h-1.", True),
        ("ReservationCapacityExceeded", "The capacity reservation does not have sufficient capacity.", True),
        ("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of 8 allows", True),
        ("InvalidNetworkInterface.InUse", "Interface: [eni-1] in use.", True),
    ],
)
def test_the_end_of_a_drained_server_frees_only_what_a_server_holds(code: str, message: str, *, frees: bool) -> None:
    assert frees_what_is_missing(code, message) is frees


@pytest.mark.parametrize("message", QUOTA)
def test_a_quota_is_not_yet_while_an_instance_of_ours_is_leaving(message: str) -> None:
    assert refusal_of("", message) is Refusal.NEVER
    assert refusal_of("", message, frees_quota=True) is Refusal.NOT_YET


@pytest.mark.parametrize("code", ["InstanceLimitExceeded", "VcpuLimitExceeded", "AddressLimitExceeded"])
def test_a_code_for_a_quota_is_judged_the_same(code: str) -> None:
    assert refusal_of(code, "") is Refusal.NEVER
    assert refusal_of(code, "", frees_quota=True) is Refusal.NOT_YET


def test_the_message_is_more_precise_than_the_code() -> None:
    assert refusal_of("Unsupported", NOT_HERE[2]) is Refusal.NOT_HERE
    assert refusal_of("Unsupported", NEVER[14]) is Refusal.NEVER
    assert refusal_of("InvalidAMIID.Unavailable", NOT_YET[1]) is Refusal.NOT_YET


def test_a_type_that_a_zone_does_not_offer_is_no_lack_of_capacity() -> None:
    assert is_not_offered("Unsupported", NOT_HERE[2])
    assert not is_not_offered("InsufficientInstanceCapacity", NOT_HERE[0])


def test_capacity_codes_are_distinguished_from_others() -> None:
    assert is_short_of_capacity("InsufficientInstanceCapacity")
    assert not is_short_of_capacity("InvalidParameterValue")


def _failed(message: str, at: float) -> ScalingFailure:
    return ScalingFailure(activity_id=f"a-{at}", at=later(at), message=message)


def _decide(*failures: ScalingFailure, template: int = 2, members: int = 3, **kept: object) -> Status:
    """Return the status after one observation of a group of four, 60 s after the start."""
    ours = rollout(FleetKind.AUTO_SCALING)
    seen = group(desired=4, template=NEW if template == 2 else OLD, version=str(template), launch_failures=failures)
    before = status(
        **{
            "desired": Desired(goal=4, expected=4, previous=4, moved_at=T0),
            "owed_since": later(40),
            "observed_at": later(55),
            **kept,
        }
    )
    look = group_look(*(member(f"i-{number}") for number in range(members)), at=60, seen=seen)
    return plan(ours, look, before).status


def test_a_definite_failure_counts_at_once_with_its_message() -> None:
    decided = _decide(_failed(NEVER[0], 50))

    assert decided.mode is not Mode.ROLLING
    assert decided.reason == f"the group cannot launch: {NEVER[0]}"


def test_a_new_instance_profile_may_take_a_while_to_appear() -> None:
    since = later(40)
    assert _decide(_failed(NEVER[4], 50), owed_since=since).mode is Mode.ROLLING
    assert may_appear(NEVER[4], None)
    assert may_appear(NEVER[4], timedelta(seconds=44))
    assert not may_appear(NEVER[4], timedelta(seconds=45))
    assert not may_appear(NEVER[0], None)


@pytest.mark.parametrize(
    ("message", "owner"),
    [
        ("Instance failed to complete user's Lifecycle Action: it was abandoned: Heartbeat Timeout", Owner.VERSION),
        (f"{WHILE_PENDING} Termination Reason: Client.InstanceInitiatedShutdown: shut down", Owner.VERSION),
        (f"{WHILE_PENDING} Termination Reason: Server.SpotInstanceTermination: interrupted", Owner.OTHERS),
    ],
)
def test_a_new_member_that_its_group_gives_up_is_a_failure_of_its_cause(message: str, owner: Owner) -> None:
    ours, name = rollout(FleetKind.AUTO_SCALING), "i-9"
    launch = replace(_failed(message, 50), instance_id=name)
    seen = group(desired=4, template=NEW, version="2", launch_failures=(launch,))
    given_up = member(name, NEW, lifecycle=Lifecycle.TERMINATING)
    look = group_look(*(member(f"i-{number}") for number in range(3)), given_up, at=60, seen=seen)
    decided = plan(ours, look, status(desired=Desired(goal=4, expected=4, previous=4, moved_at=T0))).status

    assert [(failure.instance_id, failure.owner) for failure in decided.failures] == [(name, owner)]
    assert message in decided.failures[0].cause


def test_a_temporary_failure_waits_for_the_launch_deadline() -> None:
    decided = _decide(_failed(NOT_HERE[0], 50))

    assert decided.mode is Mode.ROLLING
    assert decided.shortage.reason == NOT_HERE[0]


def test_a_failure_from_before_a_launch_was_due_is_excused() -> None:
    settled = _decide(_failed(NEVER[0], 50), members=4)
    assert (settled.mode, settled.shortage.excused_until, settled.shortage.since) == (Mode.ROLLING, later(50), None)

    owed = _decide(_failed(NEVER[0], 50), excused_until=settled.shortage.excused_until)
    assert owed.mode is Mode.ROLLING

    again = _decide(_failed(NEVER[0], 50), _failed(NEVER[1], 58), excused_until=settled.shortage.excused_until)
    assert again.reason == f"the group cannot launch: {NEVER[1]}"


def test_a_failure_of_the_old_template_does_not_stop_the_rollout_that_fixes_it() -> None:
    before = _decide(_failed(NEVER[0], 50), template=1)
    assert (before.mode, before.shortage.excused_until) == (Mode.ROLLING, later(50))

    pinned = _decide(_failed(NEVER[0], 50), excused_until=before.shortage.excused_until)
    assert pinned.mode is Mode.ROLLING


def test_a_later_attempt_with_another_outcome_counts() -> None:
    decided = _decide(_failed(NEVER[0], 50), _failed(NOT_HERE[0], 55))

    assert decided.mode is Mode.ROLLING


def test_no_failure_without_a_launch_that_is_due() -> None:
    waiting = replace(member("i-3"), lifecycle=Lifecycle.PENDING)
    seen = group(desired=4, launch_failures=(_failed(NEVER[0], 50),))
    kept = status(desired=Desired(goal=4, expected=4, previous=4, moved_at=T0))
    look = group_look(*(member(f"i-{number}") for number in range(3)), waiting, at=60, seen=seen)

    assert plan(rollout(FleetKind.AUTO_SCALING), look, kept).status.mode is Mode.ROLLING
