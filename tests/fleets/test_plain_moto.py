"""A plain moto server: no simulated time, no LaunchInstances, one id per terminate call. Fallbacks replace these."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from awsroll.aws.connection import Connection
from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import (
    DeregisterTargets,
    LaunchInGroup,
    LaunchInstance,
    RegisterTargets,
    SendCommand,
    SetDesiredCapacity,
    TerminateInGroup,
    TerminateInstance,
    UpdateGroup,
)
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import CommandState, InstanceState, TargetKey, TargetState, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.server_record import Server
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import NotImplementedByEndpointError
from awsroll.fleets import fleet_of
from awsroll.preflight import prepare
from awsroll.testing.clock import VirtualClock


@dataclass
class Moto:
    """A moto server with one target group behind a load balancer."""

    url: str
    session: Any
    template_id: str
    subnet_ids: list[str]
    target_group: str

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.url)

    def connect(self) -> Connection:
        clock = VirtualClock(datetime.now(UTC))
        return Connection(self.session, clock=clock, endpoint_url=self.url)

    @property
    def key(self) -> TargetKey:
        return TargetKey(target_group=self.target_group, port=80)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(url: str, request: pytest.FixtureRequest) -> Moto:
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    ec2, elbv2 = session.client("ec2", endpoint_url=url), session.client("elbv2", endpoint_url=url)
    name = f"n{abs(hash(request.node.name)) % 10**9}"
    data = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"}
    made = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    template_id = made["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=template_id, SourceVersion="1", LaunchTemplateData=data)
    subnets = ec2.describe_subnets()["Subnets"][:2]
    ids = [one["SubnetId"] for one in subnets]
    group = elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=subnets[0]["VpcId"])
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    balancer = elbv2.create_load_balancer(Name=name, Subnets=ids)["LoadBalancers"][0]["LoadBalancerArn"]
    actions = [{"Type": "forward", "TargetGroupArn": arn}]
    elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=actions)
    return Moto(url=url, session=session, template_id=template_id, subnet_ids=ids, target_group=arn)


def standalone(moto: Moto) -> list[str]:
    ec2 = moto.client("ec2")
    setting = {"LaunchTemplateId": moto.template_id, "Version": "1"}
    made = ec2.run_instances(LaunchTemplate=setting, SubnetId=moto.subnet_ids[0], MinCount=2, MaxCount=2)
    names = [one["InstanceId"] for one in made["Instances"]]
    targets = [{"Id": name, "Port": 80} for name in names]
    moto.client("elbv2").register_targets(TargetGroupArn=moto.target_group, Targets=targets)
    return names


def auto_scaling(moto: Moto) -> str:
    moto.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=moto.template_id,
        MinSize=1,
        MaxSize=8,
        DesiredCapacity=3,
        LaunchTemplate={"LaunchTemplateId": moto.template_id, "Version": "1"},
        VPCZoneIdentifier=",".join(moto.subnet_ids),
        TargetGroupARNs=[moto.target_group],
    )
    return moto.template_id


def test_a_call_that_moto_lacks_differs_from_a_refusal(moto: Moto) -> None:
    aws, name = moto.connect(), auto_scaling(moto)
    with pytest.raises(NotImplementedByEndpointError):
        aws.autoscaling.launch_instances({"AutoScalingGroupName": name, "ClientToken": "t", "RequestedCapacity": 1})
    members = aws.autoscaling.group(name)
    assert members is not None
    ids = [one["InstanceId"] for one in members["Instances"]]
    with pytest.raises(NotImplementedByEndpointError):
        aws.autoscaling.terminate_members(name, ids, decrement=False)
    with pytest.raises(NotImplementedByEndpointError):
        aws.autoscaling.instance_refreshes(name)
    with pytest.raises(NotImplementedByEndpointError):
        aws.ssm.online(ids)
    assert len({one["InstanceId"] for one in (aws.autoscaling.group(name) or {})["Instances"]} & set(ids)) == 3


def test_replaces_a_server_of_a_standalone_fleet(moto: Moto) -> None:
    aws, (name, _) = moto.connect(), standalone(moto)
    prepared = prepare(RolloutSpec(target_group=(moto.target_group,), launch_template=moto.template_id), aws)
    rollout, fleet = prepared.rollout, fleet_of(prepared.rollout, aws)
    launch = Launch(
        number=1,
        token="awsroll-x-1",
        at=aws.clock.now(),
        subnet_id=moto.subnet_ids[0],
        template=rollout.template,
        tags=(("awsroll:rollout", rollout.rollout_id),),
    )
    key, old = (moto.key,), TemplateVersion(template_id=moto.template_id, number=1)
    (launched,) = fleet.execute(rollout, [LaunchInstance(launch=launch, reason=Reason.SURGING)])
    new = launched.instance_ids[0]
    steps = (
        RegisterTargets(instance_id=new, targets=key, reason=Reason.NEW_INSTANCE_RUNNING),
        DeregisterTargets(instance_id=name, targets=key, reason=Reason.OUTDATED),
        TerminateInstance(instance_id=name, not_registered=key, template=old, reason=Reason.DRAINED),
    )
    for step in steps:
        (result,) = fleet.execute(rollout, [step])
        assert result.answer is Answer.DONE, result
    look = fleet.observe(rollout, prepared.status)
    seen, gone = look.instance(new), look.instance(name)
    assert seen is not None
    assert (seen.template, seen.targets[0].state) == (rollout.template, TargetState.HEALTHY)
    assert gone is not None
    assert gone.state in (InstanceState.TERMINATED, InstanceState.SHUTTING_DOWN)


def test_reads_commands_one_by_one_where_they_cannot_be_listed(moto: Moto) -> None:
    aws, (name, _) = moto.connect(), standalone(moto)
    spec = RolloutSpec(target_group=(moto.target_group,), strategy=Strategy.RELOAD, command=("true",), app_version="v2")
    prepared, warnings = prepare(spec, aws), list[str]()
    assert "SSM agents" in prepared.findings[0].message
    fleet = fleet_of(prepared.rollout, aws, warn=warnings.append)
    action = SendCommand(instance_ids=(name,), attempt=1, not_registered=(), reason=Reason.DRAINED)
    (result,) = fleet.execute(prepared.rollout, [action])
    assert result.answer is Answer.DONE
    flights = {name: Server(phase=ServerPhase.RELOADING, since=aws.clock.now(), attempt=1)}
    (found,) = fleet.observe(prepared.rollout, replace(prepared.status, servers=flights)).invocations
    assert (found.instance_id, found.state) == (name, CommandState.SUCCEEDED)
    assert len(warnings) == 1


def test_rolls_a_group_without_the_newer_calls(moto: Moto) -> None:
    aws, name, warnings = moto.connect(), auto_scaling(moto), list[str]()
    prepared = prepare(RolloutSpec(asg=name), aws)
    rollout, status = prepared.rollout, prepared.status
    fleet = fleet_of(rollout, aws, warn=warnings.append)
    before = {one.instance_id for one in fleet.observe(rollout, status).instances}
    status = replace(status, observed_at=aws.clock.now())
    launch = Launch(number=1, token="awsroll-x-1", at=aws.clock.now(), subnet_id=moto.subnet_ids[0])
    (stale,) = fleet.execute(rollout, [LaunchInGroup(group=name, launch=launch, reason=Reason.SURGING)])
    assert stale.answer is Answer.STALE
    group = fleet.observe(rollout, status).group
    assert group is not None
    assert not group.can_launch_instances
    first, second, third = sorted(before)
    for action in (
        UpdateGroup(group=name, template=rollout.template, reason=Reason.PINNING_VERSION),
        SetDesiredCapacity(group=name, value=4, expected=3, reason=Reason.SURGING),
        TerminateInGroup(
            group=name, instance_ids=(first, second), decrement=False, not_registered=(), reason=Reason.OUTDATED
        ),
        TerminateInGroup(group=name, instance_ids=(third,), decrement=True, not_registered=(), reason=Reason.SURPLUS),
    ):
        (result,) = fleet.execute(rollout, [action])
        assert result.answer is Answer.DONE, result
    look = fleet.observe(rollout, status)
    assert look.group is not None
    assert look.group.desired == 3
    # moto reports the default version for each member; the fleet corrects members that are new since the start.
    assert {one.template for one in look.instances if one.instance_id not in before} == {rollout.template}
    assert len(warnings) == 3
