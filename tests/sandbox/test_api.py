"""API calls are counted, and callbacks refuse or cut them off before or after their effect."""

from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from awsroll.sandbox import ApiError, ConnectionLost, Sandbox
from awsroll.testing.clock import VirtualClock
from tests.sandbox.bench import open_bench, refused

ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


def test_calls_are_counted_by_operation_refused_ones_too() -> None:
    with open_bench() as bench:
        bench.sandbox.calls.clear()
        bench.ec2.describe_instances()
        bench.ec2.describe_vpcs()  # plain moto
        with refused("InvalidInstanceID.NotFound"):
            bench.ec2.terminate_instances(InstanceIds=["i-00000000000000000"])
        assert bench.sandbox.calls == {"ec2:DescribeInstances": 1, "ec2:DescribeVpcs": 1, "ec2:TerminateInstances": 1}


def test_a_callback_sees_service_operation_and_parameters() -> None:
    with open_bench() as bench:
        seen: list[tuple[str, str, Mapping[str, Any]]] = []
        end = bench.sandbox.on_call(lambda *call: seen.append(call))
        bench.elb.describe_target_health(TargetGroupArn=bench.group)
        end()
        bench.elb.describe_target_health(TargetGroupArn=bench.group)
        assert seen == [("elbv2", "DescribeTargetHealth", {"TargetGroupArn": bench.group})]


def test_a_refusal_before_the_effect_prevents_it() -> None:
    with open_bench(servers=1) as bench:
        bench.sandbox.on_call(throttle("TerminateInstances"))
        with refused("RequestLimitExceeded") as caught:
            client = bench.sandbox.session().client("ec2", config=ONE_ATTEMPT)
            client.terminate_instances(InstanceIds=list(bench.fleet.instance_ids))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert bench.state(bench.fleet.instance_ids[0]) == "running"


def test_a_refusal_after_the_effect_loses_the_answer_alone() -> None:
    with open_bench(servers=1) as bench:
        bench.sandbox.on_call(throttle("TerminateInstances"), when="after")
        client = bench.sandbox.session().client("ec2", config=ONE_ATTEMPT)
        with refused("RequestLimitExceeded"):
            client.terminate_instances(InstanceIds=list(bench.fleet.instance_ids))
        assert bench.state(bench.fleet.instance_ids[0]) == "shutting-down"


@pytest.mark.parametrize(("when", "launched"), [("before", 0), ("after", 1)])
def test_a_lost_connection_before_or_after_the_effect(when: str, launched: int) -> None:
    with open_bench() as bench:

        def cut(_service: str, operation: str, _parameters: Mapping[str, Any]) -> None:
            if operation == "RunInstances":
                raise ConnectionLost

        bench.sandbox.on_call(cut, when=when)  # type: ignore[arg-type]
        client = bench.sandbox.session().client("ec2", config=ONE_ATTEMPT)
        with pytest.raises(ConnectionClosedError):
            client.run_instances(
                LaunchTemplate={"LaunchTemplateId": bench.fleet.template_id},
                SubnetId=bench.fleet.subnet_ids[0],
                MinCount=1,
                MaxCount=1,
                ClientToken="t",
            )
        assert len(bench.sandbox.ec2.instances()) == launched


def test_a_refused_call_is_not_announced_as_done() -> None:
    with open_bench() as bench:
        done: list[str] = []
        bench.sandbox.on_call(lambda _service, operation, _parameters: done.append(operation), when="after")
        with refused("InvalidInstanceID.NotFound"):
            bench.ec2.terminate_instances(InstanceIds=["i-00000000000000000"])
        bench.ec2.describe_vpcs()
        assert done == ["DescribeVpcs"]


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("ec2", "describe_instances", {}),
        ("elbv2", "describe_target_groups", {}),
        ("autoscaling", "describe_auto_scaling_groups", {}),
        ("ssm", "list_commands", {}),
    ],
)
def test_errors_reach_clients_of_every_protocol(service: str, operation: str, arguments: dict[str, Any]) -> None:
    with open_bench() as bench:

        def refuse_all(*_: object) -> None:
            code = "AccessDenied"
            raise ApiError(code, "no <entry> & so on", 403)

        bench.sandbox.on_call(refuse_all)
        with refused("AccessDenied") as caught:
            getattr(bench.sandbox.session().client(service), operation)(**arguments)
        assert caught.value.response["Error"]["Message"] == "no <entry> & so on"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_time_passes_before_each_call() -> None:
    with open_bench() as bench:
        instance_id = bench.launch()
        bench.sandbox.clock.sleep(40)  # only the clock moves: the sandbox gets no notice
        assert bench.state(instance_id) == "running"


def test_other_services_and_regions_stay_plain_moto() -> None:
    with open_bench() as bench:
        assert bench.sandbox.session().client("sts").get_caller_identity()["Account"] == bench.sandbox.world.account_id
        elsewhere = bench.sandbox.session().client("ec2", region_name="eu-west-1")
        launched = elsewhere.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        instance = elsewhere.describe_instances(InstanceIds=[launched])["Reservations"][0]["Instances"][0]
        assert instance["State"]["Name"] == "running"
        assert bench.sandbox.ec2.instances() == ()


def test_the_account_of_an_assumed_role_stays_plain_moto() -> None:
    with open_bench() as bench:
        bench.launch()
        role = "arn:aws:iam::111122223333:role/deploy"
        keys = bench.sandbox.session().client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        elsewhere = boto3.client(
            "ec2",
            region_name=bench.sandbox.world.region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        assert elsewhere.describe_instances()["Reservations"] == []
        elsewhere.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)
        assert len(bench.sandbox.ec2.instances()) == 1


def test_an_operation_that_moto_does_not_have_fails_as_in_moto() -> None:
    with open_bench() as bench, pytest.raises(NotImplementedError):
        bench.ec2.describe_vpc_endpoint_connection_notifications()


def test_a_refusal_by_moto_inside_a_simulated_operation_reaches_the_caller_as_an_error() -> None:
    disk = {"DeviceName": "/dev/sdb", "Ebs": {"SnapshotId": "snap-00000000"}}
    with open_bench() as bench, refused("InvalidSnapshot.NotFound"):
        bench.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, BlockDeviceMappings=[disk])


def test_two_sandboxes_at_once_are_refused_and_the_first_continues() -> None:
    with open_bench() as bench:
        with pytest.raises(RuntimeError, match="another sandbox is active"), Sandbox(clock=VirtualClock()):
            pytest.fail("it must not be entered")
        assert bench.ec2.describe_instances()["Reservations"] == []


def test_moto_is_restored_afterwards() -> None:
    from moto import mock_aws

    with open_bench():
        pass
    with mock_aws():
        ec2 = boto3.client("ec2", region_name="us-east-1")
        ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)
        instance = ec2.describe_instances()["Reservations"][0]["Instances"][0]
        assert instance["State"]["Name"] == "running"


def throttle(name: str) -> Any:
    def refuse(_service: str, operation: str, _parameters: Mapping[str, Any]) -> None:
        if operation == name:
            code = "RequestLimitExceeded"
            raise ApiError(code, "Request limit exceeded.", 503)

    return refuse
