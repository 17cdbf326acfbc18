"""The sandbox's shortcuts for answers that repeat give what botocore gives."""

from datetime import datetime

import botocore.parsers
import pytest
from botocore.utils import parse_timestamp as parse_any

from awsroll.sandbox import Sandbox
from awsroll.sandbox.repeated_answers import REMEMBERED, Remembered, parse_timestamp
from awsroll.testing.clock import VirtualClock


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T00:00:00.123Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01",
        "20260101T000000Z",
        "Thu, 01 Jan 2026 00:00:00 GMT",
        "2026-01-01T02:00:00+02:00",
        1767225600,
        1767225600.5,
    ],
)
def test_an_instant_is_the_one_that_botocore_parses(value: object) -> None:
    parsed, expected = parse_timestamp(value), parse_any(value)
    assert (parsed, parsed.tzinfo) == (expected, expected.tzinfo)


def test_a_repeated_answer_equals_the_one_that_botocore_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = []
    real = botocore.parsers.EC2QueryParser._do_parse

    def parse(parser: botocore.parsers.EC2QueryParser, response: dict[str, bytes], shape: object) -> object:
        documents.append(response["body"])
        return real(parser, response, shape)

    monkeypatch.setattr(botocore.parsers.EC2QueryParser, "_do_parse", parse)
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.standalone_fleet(servers=2)
        ec2 = sandbox.session().client("ec2")
        ec2.create_tags(Resources=list(fleet.instance_ids), Tags=[{"Key": "answer", "Value": "not given before"}])
        documents.clear()
        first, second = ec2.describe_instances(), ec2.describe_instances()
    assert len(documents) == 1
    assert isinstance(first["Reservations"][0]["Instances"][0]["LaunchTime"], datetime)
    assert first["Reservations"] == second["Reservations"]
    assert first["Reservations"] is not second["Reservations"]


def test_a_caller_may_change_an_answer_without_changing_the_next_one() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.standalone_fleet(servers=1)
        ec2 = sandbox.session().client("ec2")
        ec2.describe_instances()["Reservations"].clear()
        assert ec2.describe_instances()["Reservations"]


def test_a_session_with_handlers_of_its_own_shares_no_client() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        shared, own, seen = sandbox.session(), sandbox.session(), []
        own.events.register("provide-client-params", lambda model, **_: seen.append(model.name))
        shared.client("ec2").describe_vpcs()
        assert not seen
        own.client("ec2").describe_vpcs()
        assert seen == ["DescribeVpcs"]
        assert sandbox.session().client("ec2") is shared.client("ec2")
        assert sandbox.session().client("ec2") is not sandbox.session().client("ec2", region_name="eu-west-1")


def test_only_so_much_is_remembered() -> None:
    remembered, made = Remembered(), []
    for number in (0, *range(REMEMBERED + 1), 0):
        remembered.get(number, lambda: made.append(1))
    assert len(made) == REMEMBERED + 2
