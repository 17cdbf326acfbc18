"""A call in process that skips the transport has the answer, and the errors, of one that takes the whole way."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError, ConnectionClosedError

from awsroll.sandbox import ApiError, Sandbox
from awsroll.sandbox.api_errors import ConnectionLost
from awsroll.testing.clock import VirtualClock

ONCE = Config(retries={"total_max_attempts": 1})
ASKED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "instances": ("ec2", lambda client: client.describe_instances()["Reservations"]),
    "filtered": (
        "ec2",
        lambda client: client.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])[
            "Reservations"
        ],
    ),
    "versions": ("ec2", lambda client: client.describe_launch_template_versions(LaunchTemplateName="web")),
    "health": (
        "elbv2",
        lambda client: client.describe_target_health(
            TargetGroupArn=client.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
        )["TargetHealthDescriptions"],
    ),
    "group": ("autoscaling", lambda client: client.describe_auto_scaling_groups()["AutoScalingGroups"]),
    "activities": ("autoscaling", lambda client: client.describe_scaling_activities()["Activities"]),
    "unknown-instance": ("ec2", lambda client: client.describe_instances(InstanceIds=["i-00000000000000000"])),
    "unknown-group": (
        "autoscaling",
        lambda client: client.enter_standby(
            AutoScalingGroupName="none", InstanceIds=["i-1"], ShouldDecrementDesiredCapacity=True
        ),
    ),
    "unknown-target-group": ("elbv2", lambda client: client.describe_target_health(TargetGroupArn="arn:none")),
}


def outcome(client: Any, ask: Callable[[Any], Any]) -> Any:
    try:
        answer = ask(client)
    except ClientError as error:
        return error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    if isinstance(answer, dict):
        answer.pop("ResponseMetadata")
    return answer


@pytest.mark.parametrize("asked", ASKED)
def test_the_answer_is_the_one_of_the_whole_way(asked: str) -> None:
    service, ask = ASKED[asked]
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.auto_scaling_fleet(desired=2)
        direct, whole = sandbox.session().client(service, config=ONCE), boto3.client(service)
        assert outcome(direct, ask) == outcome(whole, ask)


def test_only_what_moto_answers_takes_the_whole_way(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, send = [], Endpoint.make_request

    def make_request(endpoint: Endpoint, model: Any, request: Any) -> Any:
        sent.append(model.name)
        return send(endpoint, model, request)

    monkeypatch.setattr(Endpoint, "make_request", make_request)
    with Sandbox(clock=VirtualClock()) as sandbox:
        ec2 = sandbox.session().client("ec2", config=ONCE)
        ec2.describe_instances()
        assert sent == []
        assert ec2.describe_vpcs()["Vpcs"]
        assert sent == ["DescribeVpcs"]
        assert sandbox.calls == {"ec2:DescribeInstances": 1, "ec2:DescribeVpcs": 1}
        boto3.client("ec2").describe_instances()
        assert sent == ["DescribeVpcs", "DescribeInstances"]


@pytest.mark.parametrize(
    ("retries", "calls"), [({"total_max_attempts": 1}, 1), ({"mode": "standard"}, 3), ({"mode": "legacy"}, 5)]
)
@pytest.mark.parametrize("lost", [ApiError("InternalError", "try again", 500), ConnectionLost()], ids=["error", "lost"])
def test_a_failed_call_is_made_again_as_often_as_the_client_says(
    lost: Exception, retries: Any, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with Sandbox(clock=VirtualClock()) as sandbox:
        ec2 = sandbox.session().client("ec2", config=Config(retries=retries))

        def fail(*_: Any) -> None:
            raise lost

        end = sandbox.on_call(fail)
        with pytest.raises((ClientError, ConnectionClosedError)):
            ec2.describe_instances()
        assert sandbox.calls == {"ec2:DescribeInstances": calls}
        end()
        assert ec2.describe_instances()["ResponseMetadata"]["RetryAttempts"] == 0


def test_another_region_takes_the_whole_way() -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.standalone_fleet(servers=1)
        assert (
            sandbox.session().client("ec2", region_name="eu-west-1", config=ONCE).describe_instances()["Reservations"]
            == []
        )
