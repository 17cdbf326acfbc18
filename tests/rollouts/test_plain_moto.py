"""`awsroll.roll` against plain moto: a server without realistic timing and without the newer calls.

An operation that the endpoint does not implement is a warning and a fallback; everything else is as ever.
"""

import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.stores import LocalStore
from awsroll.testing.clock import VirtualClock

pytestmark = pytest.mark.process
IMAGE = "ami-12c6146b"


class PlainMoto:
    """A moto server with a load balancer, a target group and a launch template of two versions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
        ec2, elb = self.client("ec2"), self.client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")[
                "Subnet"
            ]["SubnetId"]
            for number, zone in enumerate("ab")
        ]
        balancer = elb.create_load_balancer(Name="web", Subnets=self.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)
        self.target_group: str = group["TargetGroups"][0]["TargetGroupArn"]
        elb.create_listener(
            LoadBalancerArn=balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target_group}],
        )
        data = {"ImageId": IMAGE, "InstanceType": "t3.micro"}
        template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)
        self.template: str = template["LaunchTemplate"]["LaunchTemplateId"]
        ec2.create_launch_template_version(LaunchTemplateId=self.template, LaunchTemplateData=data)

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.url)

    def register_servers(self, count: int) -> list[str]:
        template = {"LaunchTemplateId": self.template, "Version": "1"}
        started = [
            self.client("ec2").run_instances(
                LaunchTemplate=template, SubnetId=self.subnets[n % 2], MinCount=1, MaxCount=1
            )["Instances"][0]["InstanceId"]
            for n in range(count)
        ]
        targets = [{"Id": name} for name in started]
        self.client("elbv2").register_targets(TargetGroupArn=self.target_group, Targets=targets)
        return started

    def create_group(self, count: int) -> None:
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="web",
            LaunchTemplate={"LaunchTemplateId": self.template, "Version": "1"},
            MinSize=0,
            MaxSize=count,
            DesiredCapacity=count,
            VPCZoneIdentifier=",".join(self.subnets),
            TargetGroupARNs=[self.target_group],
        )

    def healthy(self) -> set[str]:
        answer = self.client("elbv2").describe_target_health(TargetGroupArn=self.target_group)
        return {
            one["Target"]["Id"]
            for one in answer["TargetHealthDescriptions"]
            if one["TargetHealth"]["State"] == "healthy"
        }

    def roll(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **spec: Any) -> awsroll.Report:
        monkeypatch.setenv("AWS_ENDPOINT_URL", self.url)
        request = RolloutSpec(launch_template=f"{self.template}:2", **spec)
        return awsroll.roll(request, session=self.session, store=LocalStore(folder), clock=self.clock())

    def clock(self) -> VirtualClock:
        """moto stamps its activities with the real time."""
        return VirtualClock(datetime.now(UTC))


@pytest.fixture
def moto() -> Iterator[PlainMoto]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        reset(url)  # moto keeps its state per process: another test's server may have left some
        yield PlainMoto(url)
        reset(url)
    finally:
        server.stop()


def reset(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()  # noqa: S310


WAYS = pytest.mark.parametrize(
    "wanted",
    [{}, {"launch_first": True}, {"strategy": Strategy.DOUBLE_HALF}],
    ids=["replace", "launch-first", "double-half"],
)


@WAYS
def test_rolls_standalone_servers(
    moto: PlainMoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    before = moto.register_servers(3)
    report = moto.roll(tmp_path, monkeypatch, target_group=("web",), **wanted)

    assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")
    assert len(moto.healthy()) == 3
    assert not moto.healthy() & set(before)


@WAYS
def test_rolls_a_group_with_fallbacks_for_what_moto_lacks(
    moto: PlainMoto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, Any]
) -> None:
    moto.create_group(3)
    before = moto.healthy()
    report = moto.roll(tmp_path, monkeypatch, asg="web", **wanted)
    group = moto.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    members = group["Instances"]

    assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")
    assert (group["DesiredCapacity"], group["MaxSize"], len(members)) == (3, 3, 3)
    # moto calls every member's version the template's default one; what counts is that each has been replaced.
    assert not {member["InstanceId"] for member in members} & before
    # moto's group never deregisters: what it has terminated stays in the target group.
    assert {member["InstanceId"] for member in members} <= moto.healthy()
