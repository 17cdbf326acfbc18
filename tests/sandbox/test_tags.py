"""The limits of tags: 50 on each resource, and the longest keys and values, at every call that sets them."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from awsroll.sandbox import Fleet, Sandbox
from awsroll.testing.clock import VirtualClock

Tags = dict[str, str]
Put = Callable[[Any, Fleet, Tags], None]


def _tag_instance(session: Any, fleet: Fleet, tags: Tags) -> None:
    session.client("ec2").create_tags(Resources=[fleet.instance_ids[0]], Tags=_pairs(tags))


def _launch(session: Any, fleet: Fleet, tags: Tags) -> None:
    session.client("ec2").run_instances(
        LaunchTemplate={"LaunchTemplateId": fleet.template_id, "Version": "1"},
        SubnetId=fleet.subnet_ids[0], MinCount=1, MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": _pairs(tags)}],
    )  # fmt: skip


def _tag_group(session: Any, fleet: Fleet, tags: Tags) -> None:
    more = {"ResourceId": fleet.group_name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
    session.client("autoscaling").create_or_update_tags(Tags=[pair | more for pair in _pairs(tags)])


def _tag_target_group(session: Any, fleet: Fleet, tags: Tags) -> None:
    session.client("elbv2").add_tags(ResourceArns=[fleet.target_group_arns[0]], Tags=_pairs(tags))


def _pairs(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


CALLS = {
    "CreateTags": (_tag_instance, "InvalidParameterValue", "TagLimitExceeded"),
    "RunInstances": (_launch, "InvalidParameterValue", "TagLimitExceeded"),
    "CreateOrUpdateTags": (_tag_group, "ValidationError", "ValidationError"),
    "AddTags": (_tag_target_group, "ValidationError", "TooManyTags"),
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> tuple[Put, str, str]:
    put, long, many = CALLS[request.param]
    return put, long, many


def _refusal(call: Callable[[], None]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def test_long_keys_and_values_and_the_51st_tag_are_refused(call: tuple[Put, str, str]) -> None:
    put, long, many = call
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet, session = sandbox.auto_scaling_fleet(desired=1), sandbox.session()
        put(session, fleet, {"k" * 128: "v" * 256})
        assert _refusal(lambda: put(session, fleet, {"key": "v" * 257})) == long
        assert _refusal(lambda: put(session, fleet, {"k" * 129: "v"})) == long
        assert _refusal(lambda: put(session, fleet, {f"k{number}": "v" for number in range(51)})) == many


def test_a_key_that_is_given_twice_is_refused() -> None:
    twice = [{"Key": "team", "Value": "web"}, {"Key": "team", "Value": "shop"}]
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet, session = sandbox.standalone_fleet(servers=1), sandbox.session()
        ec2, elb = session.client("ec2"), session.client("elbv2")
        assert _refusal(lambda: ec2.create_tags(Resources=[*fleet.instance_ids], Tags=twice)) == "InvalidParameterValue"
        add = {"ResourceArns": [*fleet.target_group_arns], "Tags": twice}
        assert _refusal(lambda: elb.add_tags(**add)) == "DuplicateTagKeys"


@pytest.mark.parametrize("tag", [{"team": "lt-1:$Latest"}, {"team!": "web"}, {"team": "a(b)"}], ids=str)
def test_load_balancing_takes_letters_digits_spaces_and_few_signs(tag: Tags) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet, session = sandbox.auto_scaling_fleet(desired=1), sandbox.session()
        assert _refusal(lambda: _tag_target_group(session, fleet, tag)) == "ValidationError"
        _tag_target_group(session, fleet, {"Gruppe ä": "wéb 1_.:/=+-@"})
        _tag_group(session, fleet, tag)
        _tag_instance(session, fleet, tag)


def test_the_number_of_resources_in_one_call_is_limited() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet, session = sandbox.standalone_fleet(servers=1), sandbox.session()
        ec2, elb = session.client("ec2"), session.client("elbv2")
        arns, tags = [*fleet.target_group_arns] * 21, [{"Key": "team", "Value": "web"}]
        assert _refusal(lambda: elb.add_tags(ResourceArns=arns, Tags=tags)) == "ValidationError"
        assert _refusal(lambda: elb.describe_tags(ResourceArns=arns)) == "ValidationError"
        ids = [*fleet.instance_ids] * 1001
        assert _refusal(lambda: ec2.create_tags(Resources=ids, Tags=tags)) == "InvalidParameterValue"
