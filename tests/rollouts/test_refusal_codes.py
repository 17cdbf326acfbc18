"""Each refusal of a launch by its code: never, not here, not yet; as EC2 answers it and as a group reports it."""

from pathlib import Path
from typing import Any

import pytest

from awsroll.core.model.status import Outcome
from awsroll.sandbox import FaultRule
from awsroll.sandbox.faults.fault_rule import Fault
from tests.rollouts.rolling import Rolling, enter, make_sandbox

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
NEVER = {
    "image-gone": ("InvalidAMIID.NotFound", "The image id '[ami-0abc]' does not exist"),
    "image-not-shared": ("AuthFailure", "Not authorized for images: [ami-0abc]"),
    "architecture": (
        "InvalidParameterValue",
        "The architecture 'x86_64' of the specified instance type does not match the architecture 'arm64' of the AMI",
    ),
    "key-pair-gone": ("InvalidKeyPair.NotFound", "The key pair 'deploy' does not exist"),
    "security-group-gone": ("InvalidGroup.NotFound", "The security group 'sg-0abc' does not exist"),
    "instance-profile-gone": ("InvalidParameterValue", "Value (web) for parameter iamInstanceProfile.name is invalid."),
    "not-subscribed": (
        "OptInRequired",
        "In order to use this AWS Marketplace product you need to accept terms and subscribe.",
    ),
}
NOT_HERE = {
    "no-capacity": ("InsufficientInstanceCapacity", "We currently do not have sufficient t3.micro capacity here."),
    "no-addresses": ("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in 'subnet-0abc'."),
    "type-not-offered": (
        "Unsupported",
        "Your requested instance type (t3.micro) is not supported in your requested Availability Zone (us-east-1b).",
    ),
}
NOT_YET = {
    "address-in-use": ("InvalidIPAddress.InUse", "Address 10.0.0.7 is in use."),
    "interface-in-use": ("InvalidNetworkInterface.InUse", "interface: [eni-0abc] in use."),
    "image-pending": ("InvalidAMIID.Unavailable", "The image ID 'ami-0abc' is pending."),
}
SOON = 120


def refuse(one: Rolling, refusal: tuple[str, str], **conditions: Any) -> None:
    code, message = refusal
    one.sandbox.faults.add(FaultRule(fault=Fault.LAUNCH_REFUSED, code=code, message=message, **conditions))


@KINDS
@pytest.mark.parametrize("why", NEVER)
def test_what_can_never_launch_turns_the_rollout_back_soon_in_the_words_of_aws(
    tmp_path: Path, *, grouped: bool, why: str
) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=grouped, servers=1, zones=1)
        refuse(one, NEVER[why], versions=("2",))
        begun = clock.monotonic()
        report = one.roll(launch_first=True)

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert NEVER[why][1].rstrip(".") in report.reason
        assert clock.monotonic() - begun < SOON
        assert one.serving_versions() == {"v1": 1}


@KINDS
def test_a_disabled_key_that_ends_the_new_servers_turns_the_rollout_back_soon(tmp_path: Path, *, grouped: bool) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        disabled = {"sandbox:boot": "Client.InvalidKMSKey.InvalidState"}
        shape = {"servers": 1, "zones": 1, "further_versions": (disabled,)}
        one = enter(sandbox, clock, tmp_path, grouped=grouped, **shape)
        begun = clock.monotonic()
        report = one.roll(version=3, launch_first=True)

        assert report.status is Outcome.ROLLED_BACK, report.reason
        assert "Client.InvalidKMSKey.InvalidState" in report.reason
        assert clock.monotonic() - begun < SOON
        assert one.serving_versions() == {"v1": 1}


@pytest.mark.parametrize("why", NOT_HERE)
def test_what_a_zone_lacks_is_launched_in_another_zone(tmp_path: Path, why: str) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=True, servers=2, zones=2)
        refuse(one, NOT_HERE[why], zones=("us-east-1b",))
        report = one.roll(launch_first=True)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 2}


@KINDS
@pytest.mark.parametrize("why", [*NOT_YET, "no-capacity", "no-addresses"])
def test_what_is_not_free_yet_is_waited_for(tmp_path: Path, *, grouped: bool, why: str) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        one = enter(sandbox, clock, tmp_path, grouped=grouped, servers=1, zones=1)
        refuse(one, {**NOT_YET, **NOT_HERE}[why], times=4)
        report = one.roll(launch_first=True)

        assert report.succeeded, report.reason
        assert one.serving_versions() == {"v2": 1}
