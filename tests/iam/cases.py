"""Cases: a fleet, a request, and the commands that run under exactly the policy that `awsroll policy` prints."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import awsroll
from awsroll.aws.connection import Connection
from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.events import Tee
from awsroll.preflight.iam_policy import policy_for
from awsroll.report import Report
from awsroll.sandbox import Sandbox
from awsroll.stores import LocalStore
from awsroll.stores.opening import open_store
from tests.iam.gate import Gate
from tests.rollouts.rolling import Rolling, enter, make_sandbox

_ON_THE_WAY = ("instance.launched", "group.instances-launched", "group.instances-terminated")
UNHEALTHY = {"sandbox:health": "unhealthy"}
PORT_BY_HAND = 8080


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A fleet in a sandbox, behind a gate that checks permissions."""

    rolling: Rolling
    gate: Gate
    wanted: Mapping[str, Any]
    state: str

    @property
    def around(self) -> dict[str, Any]:
        """Return the arguments of each public call, so that the gate checks all its calls to AWS."""
        session, clock = self.gate.session(), self.rolling.clock
        store = open_store(self.state, session=lambda: session, clock=clock) if self.state else self.rolling.store
        return {"session": session, "store": store, "clock": clock}

    def roll(self, sink: Tee | None = None, **more: Any) -> Report:
        report = awsroll.roll(self.rolling.request(**{**self.wanted, **more}), **self.around, sink=sink)
        assert self.gate.refused == []
        expected = ("pinned", "marked new servers", "not due to the version")
        assert [one for one in report.warnings if not any(words in one for words in expected)] == []
        return report


Try = Callable[[Trial], None]


def rolls(trial: Trial) -> None:
    report = trial.roll()
    assert report.status is Outcome.SUCCEEDED, report.reason


def rolls_and_goes_back(trial: Trial) -> None:
    report = trial.roll()
    request = trial.rolling.request(**trial.wanted)
    back = awsroll.rollback(report.rollout_id, **trial.around, request=request)
    assert (report.status, back.status) == (Outcome.SUCCEEDED, Outcome.ROLLED_BACK), (report, back)


def turns_back_from_a_bad_version(trial: Trial) -> None:
    report = trial.roll(version=3, healthy_timeout=60)
    assert report.status is Outcome.ROLLED_BACK, report.reason


def goes_back_to_kept_servers(trial: Trial) -> None:
    """Set an alarm while the new servers bake and the old servers are kept."""
    cloudwatch = trial.rolling.sandbox.session().client("cloudwatch")

    class Ringing(Tee):
        def event(self, name: str, at: datetime, **fields: object) -> None:
            if name == "rollout.baking":
                cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="too many")
            super().event(name, at, **fields)

    report = trial.roll(sink=Ringing())
    assert (report.status, "alarm errors is in ALARM" in report.reason) == (Outcome.ROLLED_BACK, True)


def repairs_what_a_dead_rollout_has_left(trial: Trial) -> None:
    """Let the driver die during a replacement, and repair the fleet without its record."""

    class Gone(BaseException):
        pass

    class Dying(Tee):
        def event(self, name: str, at: datetime, **fields: object) -> None:
            if name in _ON_THE_WAY:
                raise Gone
            super().event(name, at, **fields)

    with suppress(Gone):
        trial.roll(sink=Dying())
    trial.rolling.sandbox.jump(60)
    fleet, elsewhere = trial.rolling.fleet, LocalStore(trial.rolling.store.directory / "elsewhere")
    named = {"asg": fleet.group_name} if fleet.group_name else {"target_group": fleet.target_group_arns}
    repaired = awsroll.repair(**named, confirm_instance=bool, **{**trial.around, "store": elsewhere})
    assert (trial.gate.refused, bool(repaired.found), repaired.left) == ([], True, ()), repaired


def rolls_where_a_server_ends_in_standby(trial: Trial) -> None:
    """Let a member in standby die: the rollout restores the desired capacity that the standby took."""
    world, ended = trial.rolling.sandbox.world, list[str]()

    def end(_service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "SendCommand" and not ended:
            ended.extend(parameters["InstanceIds"])
            world.after(1, lambda: world.ec2.fail(ended[0], "Server.InternalError"))

    trial.rolling.sandbox.on_call(end, "after")
    trial.roll(launch_timeout=60, healthy_timeout=60)
    assert ended


@dataclass(frozen=True, kw_only=True)
class Case:
    """A fleet and a request.

    Attributes:
        wanted: of the request, beside the fleet and its version.
        state: as `--state` names it.
        shape: of the fleet.
        prepare: changes the fleet before its policy is asked for.
        tries: what is done under that policy, each to a fleet of its own, with the sandbox's options.
    """

    grouped: bool
    wanted: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""
    shape: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Rolling], None] = lambda _: None
    tries: tuple[tuple[Try, Mapping[str, Any]], ...] = ((rolls, {}),)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The results of all commands of a case."""

    policies: tuple[Mapping[str, Any], ...]
    used: frozenset[tuple[str, str]]


@contextmanager
def gated(case: Case, folder: Path, **options: Any) -> Iterator[Trial]:
    """Enter a sandbox with the fleet of a case, behind a gate with the policy of the case."""
    sandbox, clock = make_sandbox(**options)
    with sandbox:
        shape = {"servers": 2, "further_versions": (UNHEALTHY,), "template_tags": {"app": "web"}, **case.shape}
        rolling = enter(sandbox, clock, folder, grouped=case.grouped, **shape)
        _make_store(rolling, case.state)
        case.prepare(rolling)
        add_lattice_target_group(sandbox, rolling.fleet.vpc_id)
        if case.grouped:
            _mark_a_member(rolling)
        asked = rolling.request(**case.wanted)
        made = policy_for(asked, Connection(sandbox.session(), clock=clock), store=case.state)
        yield Trial(rolling=rolling, gate=Gate(sandbox, made), wanted=case.wanted, state=case.state)


def add_lattice_target_group(sandbox: Sandbox, vpc_id: str) -> None:
    """Give the VPC a target group of VPC Lattice, whose targets awsroll reads."""
    config = {"port": 80, "protocol": "HTTP", "vpcIdentifier": vpc_id}
    sandbox.session().client("vpc-lattice").create_target_group(name="mesh", type="INSTANCE", config=config)


def judge(case: Case, folder: Path) -> Judged:
    """Run all commands of a case; fail at the first refusal or error."""
    policies, used = [], set[tuple[str, str]]()
    for number, (attempt, options) in enumerate(case.tries):
        with gated(case, folder / str(number), **options) as trial:
            attempt(trial)
            policies.append(trial.gate.policy)
            used |= trial.gate.used
    return Judged(policies=tuple(policies), used=frozenset(used))


def _mark_a_member(rolling: Rolling) -> None:
    """Let the group mark one member unhealthy: the first new one, or in a reload the first that is reloaded."""
    autoscaling, left = rolling.sandbox.session().client("autoscaling"), [True]

    def look(_service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        if operation not in ("DescribeTargetHealth", "ExitStandby") or not left:
            return
        reloaded = parameters["InstanceIds"] if operation == "ExitStandby" else ()
        for member in rolling.group()["Instances"]:
            name = member["InstanceId"]
            is_new = name in reloaded or name not in rolling.fleet.instance_ids
            if left and is_new and (reloaded or member["LifecycleState"] == "InService"):
                left.pop()
                mark = {"InstanceId": name, "HealthStatus": "Unhealthy", "ShouldRespectGracePeriod": False}
                autoscaling.set_instance_health(**mark)

    rolling.sandbox.on_call(look)


def _make_store(rolling: Rolling, state: str) -> None:
    session = rolling.sandbox.session()
    if state.startswith("s3://"):
        session.client("s3").create_bucket(Bucket=state.removeprefix("s3://").partition("/")[0])
    if state:
        awsroll.open_store(state, session=session).create()


# --- fleets as they are found --------------------------------------------------------------------------------------


def with_an_instance_role(rolling: Rolling) -> None:
    """Give the servers of versions 2 and 3 a role."""
    session, template = rolling.sandbox.session(), rolling.fleet.template_id
    iam, ec2 = session.client("iam"), session.client("ec2")
    iam.create_role(RoleName="server", Path="/web/", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="server")
    ec2.create_launch_template_version(
        LaunchTemplateId=template,
        SourceVersion="2",
        LaunchTemplateData={"IamInstanceProfile": {"Name": "web"}},
    )


KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000001"
_RESERVED = "arn:aws:resource-groups:us-east-1:123456789012:group/reserved"
_LICENSE = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-1"


def with_all_that_a_template_can_name(rolling: Rolling) -> None:
    """Add version 4 with encrypted volumes, a reservation group, a license, a key pair and tagged Spot requests."""
    ec2 = rolling.sandbox.session().client("ec2")
    ec2.create_key_pair(KeyName="web", KeyType="ed25519")
    ec2.create_launch_template_version(
        LaunchTemplateId=rolling.fleet.template_id,
        SourceVersion="2",
        LaunchTemplateData={
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": KEY, "VolumeSize": 8}},
                {"DeviceName": "/dev/xvdb", "Ebs": {"Encrypted": True, "KmsKeyId": "alias/web", "VolumeSize": 8}},
            ],
            "CapacityReservationSpecification": {
                "CapacityReservationTarget": {"CapacityReservationResourceGroupArn": _RESERVED}
            },
            "LicenseSpecifications": [{"LicenseConfigurationArn": _LICENSE}],
            "KeyName": "web",
            "InstanceMarketOptions": {"MarketType": "spot"},
            "TagSpecifications": [
                {"ResourceType": "spot-instances-request", "Tags": [{"Key": "team", "Value": "web"}]},
                {"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "web"}]},
            ],
        },
    )


def with_a_key_for_every_volume(rolling: Rolling) -> None:
    """Encrypt the volumes of the region by default, with a customer managed key."""
    ec2 = rolling.sandbox.session().client("ec2")
    ec2.enable_ebs_encryption_by_default()
    ec2.modify_ebs_default_kms_key_id(KmsKeyId=KEY)


def with_an_encrypted_store(rolling: Rolling) -> None:
    """Encrypt the bucket of the records by a customer managed key."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}
    rolling.sandbox.session().client("s3").put_bucket_encryption(
        Bucket="records", ServerSideEncryptionConfiguration={"Rules": [rule]}
    )


def following_the_latest_version(rolling: Rolling) -> None:
    """Set an alias as the group's version, and its minimum to its desired capacity."""
    autoscaling = rolling.sandbox.session().client("autoscaling")
    setting = {"LaunchTemplateId": rolling.fleet.template_id, "Version": "$Latest"}
    size = len(rolling.fleet.instance_ids)
    autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=setting, MinSize=size)


def with_a_port_by_hand(rolling: Rolling) -> None:
    for name in rolling.fleet.instance_ids:
        rolling.sandbox.world.elb.register(rolling.fleet.target_group_arns[0], name, PORT_BY_HAND)
    rolling.sandbox.jump(60)


def behind_a_network_load_balancer(rolling: Rolling) -> None:
    """Attach a target group of a Network Load Balancer, with a delay that awsroll raises for the rollout."""
    session, fleet = rolling.sandbox.session(), rolling.fleet
    elb = session.client("elbv2")
    balancer = elb.create_load_balancer(Name="flows", Type="network", Subnets=list(fleet.subnet_ids))
    made = elb.create_target_group(Name="flows", Protocol="TCP", Port=80, VpcId=fleet.vpc_id, HealthCheckProtocol="TCP")
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]
    )
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="TCP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    session.client("autoscaling").attach_load_balancer_target_groups(
        AutoScalingGroupName=fleet.group_name, TargetGroupARNs=[arn]
    )
    rolling.sandbox.jump(300)


def with_an_alarm(rolling: Rolling) -> None:
    cloudwatch = rolling.sandbox.session().client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        MetricName="Errors",
        Namespace="Web",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="fine")


def with_everything_around(rolling: Rolling) -> None:
    """Create the alarm, the function and the warm pool that the largest request names."""
    with_an_alarm(rolling)
    rolling.sandbox.functions["check"] = lambda _event: None
    if rolling.fleet.group_name:
        rolling.sandbox.session().client("autoscaling").put_warm_pool(
            AutoScalingGroupName="web", MinSize=1, PoolState="Stopped"
        )


def with_a_document(rolling: Rolling) -> None:
    ssm = rolling.sandbox.session().client("ssm")
    content = '{"schemaVersion": "2.2", "description": "", "mainSteps": []}'
    ssm.create_document(Name="Web-Reload", Content=content, DocumentType="Command")


EVERYTHING = {
    "alarm": ("errors",),
    "deregistration_delay": 5,
    "hooks": (
        HookSpec(point=HookPoint.AFTER_ROLLOUT, function="check"),
        HookSpec(point=HookPoint.AFTER_HEALTHY, script=("true",), timeout=120),
    ),
}
RELOAD = {"strategy": Strategy.RELOAD, "rollback_command": ("sandbox-version v1",)}
BY_DOCUMENT = {"strategy": Strategy.RELOAD, "command": (), "document": "Web-Reload"}
KEEP_OLD = {"strategy": Strategy.DOUBLE_HALF, "keep_old": True, "bake_time": 60, "alarm": ("errors",)}
BACK_WHILE_BAKING = ((goes_back_to_kept_servers, {}),)
OLDER = {"launch_instances_available": False}

CASES = {
    "standalone-replace": Case(
        grouped=False,
        state="s3://records/some/prefix",
        tries=((rolls_and_goes_back, {}), (turns_back_from_a_bad_version, {})),
    ),
    "standalone-batches": Case(grouped=False, wanted={"strategy": Strategy.DOUBLE_HALF}, shape={"servers": 6}),
    "standalone-launch-first": Case(
        grouped=False,
        wanted={"launch_first": True, "version": 4},
        prepare=with_an_instance_role,
        state="dynamodb://records",
        tries=((rolls, {}), (repairs_what_a_dead_rollout_has_left, {})),
    ),
    "standalone-with-all-that-a-template-can-name": Case(
        grouped=False, wanted={"version": 4}, prepare=with_all_that_a_template_can_name
    ),
    "standalone-key-for-every-volume": Case(grouped=False, prepare=with_a_key_for_every_volume),
    "standalone-encrypted-store": Case(grouped=False, prepare=with_an_encrypted_store, state="s3://records/web"),
    "group-with-all-that-a-template-can-name": Case(
        grouped=True,
        wanted={"version": 4, "launch_first": True},
        prepare=with_all_that_a_template_can_name,
        tries=((rolls, {}), (rolls, OLDER)),
    ),
    "standalone-keep-old": Case(
        grouped=False, wanted=KEEP_OLD, shape={"target_groups": 2}, prepare=with_an_alarm, tries=BACK_WHILE_BAKING
    ),
    "standalone-reload": Case(grouped=False, wanted=RELOAD, tries=((rolls_and_goes_back, {}),)),
    "standalone-reload-by-document": Case(grouped=False, wanted=BY_DOCUMENT, prepare=with_a_document),
    "standalone-everything-around": Case(grouped=False, wanted=EVERYTHING, prepare=with_everything_around),
    "group-replace": Case(grouped=True, tries=((rolls_and_goes_back, {}), (repairs_what_a_dead_rollout_has_left, {}))),
    "group-launch-first": Case(
        grouped=True,
        wanted={"launch_first": True, "version": 4},
        prepare=with_an_instance_role,
        tries=((rolls, {}), (rolls, OLDER)),
    ),
    "group-double-half": Case(
        grouped=True,
        wanted={"strategy": Strategy.DOUBLE_HALF},
        tries=((repairs_what_a_dead_rollout_has_left, {}), (rolls, OLDER)),
    ),
    "group-keep-old": Case(
        grouped=True, wanted=KEEP_OLD, prepare=with_an_alarm, tries=(*BACK_WHILE_BAKING, (rolls, OLDER))
    ),
    "group-reload": Case(
        grouped=True,
        wanted=RELOAD,
        prepare=following_the_latest_version,
        tries=((rolls, {}), (rolls_where_a_server_ends_in_standby, {})),
    ),
    "group-port-by-hand": Case(grouped=True, prepare=with_a_port_by_hand),
    "group-behind-a-network-load-balancer": Case(
        grouped=True, shape={"zones": 1}, prepare=behind_a_network_load_balancer
    ),
    "group-everything-around": Case(
        grouped=True, wanted={**EVERYTHING, "warm_pool": "purge"}, prepare=with_everything_around
    ),
}
