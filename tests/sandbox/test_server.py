"""The sandbox server: boto3 and the AWS CLI over HTTP, and the control interface."""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from awsroll.sandbox import ConnectionLost, SandboxOptions, SandboxServer, serve
from awsroll.testing.clock import VirtualClock
from tests.sandbox.control import control
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    """Serve in virtual time, which the test moves."""
    with serve(clock=VirtualClock()) as server:
        yield server


def test_boto3_finds_it_by_the_environment(server: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    fleet = server.standalone_fleet(servers=2, zones=2)
    session = boto3.Session()
    instances = session.client("ec2").describe_instances(InstanceIds=list(fleet.instance_ids))["Reservations"]
    assert [each["Instances"][0]["State"]["Name"] for each in instances] == ["running", "running"]
    health = session.client("elbv2").describe_target_health(TargetGroupArn=fleet.target_group_arns[0])
    assert [each["TargetHealth"]["State"] for each in health["TargetHealthDescriptions"]] == ["healthy", "healthy"]


def test_the_aws_cli_launches_registers_and_reads_health(server: SandboxServer) -> None:
    fleet = server.standalone_fleet(servers=0)
    launch = f"ec2 run-instances --launch-template LaunchTemplateId={fleet.template_id} --client-token t-1"
    instance_id = aws(server, f"{launch} --subnet-id {fleet.subnet_ids[0]}")["Instances"][0]["InstanceId"]
    server.jump(45)
    group = fleet.target_group_arns[0]
    aws(server, f"elbv2 register-targets --target-group-arn {group} --targets Id={instance_id}")
    server.jump(20)
    health = aws(server, f"elbv2 describe-target-health --target-group-arn {group}")["TargetHealthDescriptions"]
    assert [(each["Target"]["Id"], each["TargetHealth"]["State"]) for each in health] == [(instance_id, "healthy")]


def test_errors_have_code_and_status_over_http(server: SandboxServer) -> None:
    with pytest.raises(ClientError) as caught:
        server.session().client("ec2").describe_instances(InstanceIds=["i-00000000000000000"])
    assert caught.value.response["Error"]["Code"] == "InvalidInstanceID.NotFound"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


USER_DATA = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()
IMAGE = "ami-0123456789abcdef0"


@pytest.mark.parametrize(
    "launch",
    [
        pytest.param({"LaunchTemplate": {"LaunchTemplateName": "web", "Version": "3"}}, id="version-of-a-version"),
        pytest.param({"LaunchTemplate": {"LaunchTemplateName": "with-user-data"}}, id="template"),
        pytest.param({"ImageId": IMAGE, "UserData": "echo hello"}, id="call"),
    ],
)
def test_user_data_is_launched_over_http(server: SandboxServer, launch: dict[str, Any]) -> None:
    fleet, ec2 = server.standalone_fleet(servers=0), server.session().client("ec2")
    data = {"ImageId": IMAGE, "InstanceType": "t3.micro", "UserData": USER_DATA}
    ec2.create_launch_template(LaunchTemplateName="with-user-data", LaunchTemplateData=data)
    for source, added in ((None, data), ("3", {"InstanceType": "t3.small"})):
        version = {"SourceVersion": source} if source else {}
        ec2.create_launch_template_version(LaunchTemplateId=fleet.template_id, LaunchTemplateData=added, **version)
    described = ec2.describe_launch_template_versions(LaunchTemplateId=fleet.template_id, Versions=["4"])
    assert described["LaunchTemplateVersions"][0]["LaunchTemplateData"]["UserData"] == USER_DATA
    (launched,) = ec2.run_instances(MinCount=1, MaxCount=1, **launch)["Instances"]
    server.jump(2)
    shown = ec2.describe_instance_attribute(InstanceId=launched["InstanceId"], Attribute="userData")
    assert "echo hello" in base64.b64decode(shown["UserData"]["Value"]).decode()


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("ec2", "monitor_instances", {"InstanceIds": ["i-1"]}, "InvalidAction"),
        ("autoscaling", "describe_account_limits", {}, "InvalidAction"),
        ("ssm", "get_inventory", {}, "InvalidAction"),
        ("ec2", "modify_hosts", {"HostIds": ["h-1"]}, "UnsupportedOperation"),
        ("arc-zonal-shift", "list_autoshifts", {}, "InvalidAction"),
        ("autoscaling-plans", "describe_scaling_plans", {}, "UnsupportedOperation"),
    ],
)
def test_what_is_not_simulated_is_refused_and_never_a_server_error(
    server: SandboxServer, service: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    client = server.session().client(service, config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_lost_connection_is_lost_over_http_too(server: SandboxServer) -> None:
    def cut(*_: object) -> None:
        raise ConnectionLost

    server.on_call(cut)
    client = server.session().client("ec2", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ConnectionClosedError):
        client.describe_instances()


def test_it_listens_on_the_loopback_address_alone_and_stops(server: SandboxServer) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}"
    server.close()
    with pytest.raises(ConnectionRefusedError):
        control(server, "GET", "state")
    server.close()  # closing twice has no effect


def test_a_connection_that_is_open_when_it_closes_gets_no_more_answers(server: SandboxServer) -> None:
    client = server.session().client("ec2", config=Config(retries={"total_max_attempts": 1}))
    client.describe_instances()
    server.close()
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        client.describe_instances()


def test_in_real_time_simulated_time_runs_at_the_speed_asked_for() -> None:
    with serve(speed=400, options=SandboxOptions(boot_seconds=20)) as server:
        assert server.world.options == SandboxOptions(speed=400, boot_seconds=20)
        fleet = server.auto_scaling_fleet(desired=2, zones=2)
        assert server.world.options.speed == 400
        assert {server.ec2.instance(each).state for each in fleet.instance_ids} == {"running"}


def test_state_tells_what_is_going_on(server: SandboxServer) -> None:
    fleet = server.standalone_fleet(servers=1, zones=1)
    status, state = control(server, "GET", "state")
    assert status == 200
    assert state["virtual"] is True
    assert state["instances"] == [
        {
            "instance_id": fleet.instance_ids[0],
            "state": "running",
            "zone": "us-east-1a",
            "template_version": 1,
            "version": "v1",
            "application_healthy": True,
        }
    ]
    assert state["targets"][fleet.target_group_arns[0]][0]["state"] == "healthy"
    assert state["calls"]["ec2:RunInstances"] == 1


def test_options_capacity_boots_instances_and_time_can_be_controlled(server: SandboxServer) -> None:
    fleet = server.standalone_fleet(servers=1, zones=1)
    assert control(server, "POST", "options", {"boot_seconds": 7})[1]["boot_seconds"] == 7
    assert control(server, "GET", "options")[1]["boot_seconds"] == 7
    assert control(server, "POST", "capacity", {"us-east-1a": 0}) == (200, {"us-east-1a": 0})
    assert control(server, "POST", "capacity", {"us-east-1a": None}) == (200, {})
    assert control(server, "POST", "failing-boots", {"count": 2}) == (200, {"count": 2})
    path = f"instances/{fleet.instance_ids[0]}/fail"
    assert control(server, "POST", path, {})[1]["state"] == "terminated"
    before = server.clock.now()
    assert control(server, "POST", "time", {"jump": 60})[0] == 200
    assert (server.clock.now() - before).total_seconds() == 60


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("options", {"boot_time": 7}, "no such option: boot_time; nothing was changed"),
        ("options", {"speed": -1}, "speed must be above 0"),
        ("capacity", {"us-east-1a": "many"}, "Nothing was changed"),
        ("instances/i-0/fail", {}, "does not exist"),
        ("options", [], "must be a JSON object"),
    ],
    ids=["unknown", "out-of-range", "no-number", "no-instance", "no-object"],
)
def test_an_invalid_request_is_refused(server: SandboxServer, path: str, body: Any, message: str) -> None:
    before = server.world.options
    status, answer = control(server, "POST", path, body)
    assert status == 400
    assert message in answer["error"]
    assert server.world.options == before


def test_a_request_that_a_web_page_could_send_is_refused(server: SandboxServer) -> None:
    headers = {"Content-Type": "text/plain"}
    status, answer = control(server, "POST", "options", {"boot_seconds": 7}, **headers)
    assert (status, "Content-Type: application/json" in answer["error"]) == (400, True)
    assert server.world.options.boot_seconds == 40


def test_other_paths_under_its_prefix_are_refused(server: SandboxServer) -> None:
    assert control(server, "POST", "nonsense", {}) == (
        404,
        {"error": "Unknown path /_awsroll/nonsense. Nothing was changed."},
    )


def test_time_cannot_be_moved_on_the_wall_clock() -> None:
    with serve() as server:
        status, answer = control(server, "POST", "time", {"jump": 60})
        assert (status, "cannot jump" in answer["error"]) == (400, True)


def aws(server: SandboxServer, command: str) -> Any:
    """Run the AWS CLI against the server and return its output."""
    module = importlib.util.find_spec("awscli")
    program = [sys.executable, "-m", "awscli"] if module else [shutil.which("aws") or "aws"]
    process = subprocess.run(
        [*program, *command.split(), "--output", "json"],
        env={**os.environ, **server.environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout) if process.stdout.strip() else None
