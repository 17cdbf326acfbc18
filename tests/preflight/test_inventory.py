"""The inventory: everything that sends requests to a server or depends on it is handled, refused or reported."""

from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.aws.connection import Connection
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError, SpecError
from awsroll.preflight import Prepared, prepare
from awsroll.preflight.address_owners import AddressOwners
from awsroll.preflight.inventory import Entry, EntryKind, finding_of
from awsroll.preflight.read_inventory import sources_of_group
from awsroll.sandbox import ApiError, ConnectionLost, Fleet, Sandbox
from tests.support.amazon import Requests, sandbox

HANDLED, REFUSED, WARNED = None, "refuse", "warn"

# Each kind, with what happens when servers are replaced, and when they are reloaded.
TREATMENT: dict[EntryKind, tuple[str | None, str | None]] = {
    EntryKind.ROLLED_TARGET_GROUP: (HANDLED, HANDLED),
    EntryKind.UNNAMED_TARGET_GROUP: (REFUSED, REFUSED),
    EntryKind.UNEVEN_TARGET_GROUP: (REFUSED, REFUSED),
    EntryKind.ADDRESS_TARGET_GROUP: (REFUSED, REFUSED),
    EntryKind.GATEWAY_TARGET_GROUP: (REFUSED, REFUSED),
    EntryKind.EXCLUDED_TARGET_GROUP: (WARNED, WARNED),
    EntryKind.IDLE_TARGET_GROUP: (WARNED, HANDLED),
    EntryKind.CLASSIC_LOAD_BALANCER: (REFUSED, REFUSED),
    EntryKind.LATTICE_TARGET_GROUP: (REFUSED, REFUSED),
    EntryKind.UNKNOWN_TRAFFIC_SOURCE: (REFUSED, REFUSED),
    EntryKind.ODD_PORT: (WARNED, HANDLED),
    EntryKind.DIFFERENT_PORTS: (WARNED, HANDLED),
    EntryKind.LIFECYCLE_HOOK: (HANDLED, HANDLED),
    EntryKind.ELASTIC_IP: (WARNED, HANDLED),
    EntryKind.KEPT_VOLUME: (WARNED, HANDLED),
    EntryKind.DELETED_VOLUME: (WARNED, HANDLED),
    EntryKind.KEPT_INTERFACE: (WARNED, HANDLED),
}


def test_every_kind_is_classified() -> None:
    assert TREATMENT.keys() == set(EntryKind)


@pytest.mark.parametrize("kind", EntryKind)
@pytest.mark.parametrize("replaces", [True, False])
def test_an_entry_is_handled_refused_or_reported_by_name(kind: EntryKind, *, replaces: bool) -> None:
    entry = Entry(kind=kind, name="thing", servers=("i-1", "i-2"), group="web")
    finding = finding_of(entry, replaces=replaces)
    expected = TREATMENT[kind][0 if replaces else 1]
    assert (None if finding is None else finding.severity) == expected
    if finding is not None:
        assert "thing" in finding.message
        assert "i-1, i-2" in finding.message


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ({"Identifier": "old", "Type": "elb"}, "the Classic Load Balancer old"),
        ({"Identifier": "arn:aws:vpc-lattice:eu-west-1:1:targetgroup/tg-1"}, "the VPC Lattice target group arn"),
        ({"Identifier": "x", "Type": "newer"}, "x, a traffic source of an unknown type"),
    ],
    ids=["classic", "lattice", "unknown"],
)
def test_traffic_that_is_not_observed_is_refused(source: dict[str, str], shown: str) -> None:
    (entry,) = sources_of_group({"AutoScalingGroupName": "web", "TrafficSources": [source]})
    finding = finding_of(entry, replaces=True)
    assert finding is not None
    assert finding.severity == REFUSED
    assert finding.message.startswith(f"group web is behind {shown}")
    assert "detach it from the group" in finding.message


class Bench:
    """A fleet, its sandbox, and a valid request."""

    def __init__(self, made: Sandbox, aws: Connection, built: Fleet) -> None:
        self.sandbox, self.aws, self.built = made, aws, built

    def client(self, service: str) -> Any:
        return self.sandbox.session().client(service)

    def prepare(self, **changes: Any) -> Prepared:
        named = {"asg": "web"} if self.built.group_name else {"target_group": self.built.target_group_arns}
        return prepare(RolloutSpec(**{**named, "launch_template": self.built.template_id, **changes}), self.aws)

    def problems(self, **changes: Any) -> tuple[str, ...]:
        with pytest.raises(FleetError) as caught:
            self.prepare(**changes)
        return caught.value.problems

    def warnings(self, **changes: Any) -> list[str]:
        return list(self.prepare(**changes).warnings)

    def target_group(self, name: str, *, used: bool = True, **more: Any) -> str:
        elb = self.client("elbv2")
        made = elb.create_target_group(
            **{"Name": name, "Protocol": "HTTP", "Port": 9000, "VpcId": self.built.vpc_id, **more}
        )
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        if used:
            elb.create_rule(
                ListenerArn=self.built.listener_arns[0],
                Priority=5,
                Conditions=[{"Field": "path-pattern", "Values": [f"/{name}/*"]}],
                Actions=[{"Type": "forward", "TargetGroupArn": arn}],
            )
        return arn

    def register(self, arn: str, *ids: str, port: int | None = None) -> None:
        targets = [{"Id": one, **({} if port is None else {"Port": port})} for one in ids]
        self.client("elbv2").register_targets(TargetGroupArn=arn, Targets=targets)

    def described(self, name: str) -> dict[str, Any]:
        answer = self.client("ec2").describe_instances(InstanceIds=[name])
        found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return found


@pytest.fixture
def servers() -> Iterator[Bench]:
    with sandbox() as (made, aws):
        yield Bench(made, aws, made.standalone_fleet(servers=3, zones=3))


@pytest.fixture
def group() -> Iterator[Bench]:
    with sandbox() as (made, aws):
        yield Bench(made, aws, made.auto_scaling_fleet(desired=3, zones=3))


# --- target groups ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
def test_a_target_group_that_was_not_named_is_refused_with_both_ways_out(servers: Bench, count: int) -> None:
    servers.register(servers.target_group("admin"), *servers.built.instance_ids[:count])
    (problem,) = servers.problems()
    assert "target group admin" in problem
    assert "--target-group admin" in problem
    assert "--exclude-target-group admin" in problem
    assert all(name in problem for name in servers.built.instance_ids[:count])


def test_a_named_target_group_is_part_of_the_fleet(servers: Bench) -> None:
    arn = servers.target_group("admin")
    servers.register(arn, *servers.built.instance_ids)
    rollout = servers.prepare(target_group=(*servers.built.target_group_arns, "admin")).rollout
    assert arn in rollout.target_groups


@pytest.mark.parametrize("fleet", ["servers", "group"])
def test_an_excluded_target_group_is_a_warning(fleet: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    arn = bench.target_group("admin")
    bench.register(arn, *bench.built.instance_ids)
    prepared = bench.prepare(exclude_target_group=("admin",))
    (warning,) = prepared.warnings
    assert "target group admin is excluded" in warning
    assert arn not in prepared.rollout.target_groups
    assert prepared.rollout.extra_targets == ()


def test_an_unknown_excluded_target_group_is_refused(servers: Bench) -> None:
    (problem,) = servers.problems(exclude_target_group=("web",))
    assert "there is no target group 'web'" in problem
    assert "did you mean web-1?" in problem
    assert "check --exclude-target-group" in problem


def test_a_target_group_of_the_fleet_cannot_be_excluded(servers: Bench) -> None:
    (problem,) = servers.problems(exclude_target_group=("web-1",))
    assert "--target-group names it too" in problem
    with pytest.raises(SpecError, match="both name web-1"):
        servers.prepare(target_group=("web-1",), exclude_target_group=("web-1",))


def test_an_attached_target_group_cannot_be_excluded(group: Bench) -> None:
    (problem,) = group.problems(exclude_target_group=group.built.target_group_arns)
    assert "Detach it from the group" in problem


@pytest.mark.parametrize("fleet", ["servers", "group"])
def test_a_target_group_of_addresses_is_refused(fleet: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    name = bench.built.instance_ids[1]
    arn = bench.target_group("addresses", TargetType="ip")
    bench.register(arn, bench.described(name)["PrivateIpAddress"])
    (problem,) = bench.problems()
    assert "target group addresses" in problem
    assert name in problem
    assert len(bench.warnings(exclude_target_group=("addresses",))) == 1


def test_a_secondary_address_is_found_too(servers: Bench) -> None:
    name = servers.built.instance_ids[0]
    interface = servers.described(name)["NetworkInterfaces"][0]["NetworkInterfaceId"]
    servers.client("ec2").assign_private_ip_addresses(
        NetworkInterfaceId=interface, PrivateIpAddresses=["10.0.0.200"], AllowReassignment=True
    )
    servers.register(servers.target_group("addresses", TargetType="ip"), "10.0.0.200")
    (problem,) = servers.problems()
    assert name in problem


def test_an_address_in_a_prefix_of_a_server_is_found_too() -> None:
    interface = {"Ipv4Prefixes": [{"Ipv4Prefix": "10.0.1.16/28"}], "Ipv6Prefixes": [{"Ipv6Prefix": "2600:1f14::/80"}]}
    owners = AddressOwners({"i-1": {"PrivateIpAddress": "10.0.1.5", "NetworkInterfaces": [interface]}})
    assert [owners.of(one) for one in ("10.0.1.20", "2600:1f14::7", "10.0.1.5")] == ["i-1"] * 3
    assert [owners.of(one) for one in ("10.0.1.32", "not an address")] == ["", ""]


@pytest.mark.parametrize("fleet", ["servers", "group"])
@pytest.mark.parametrize("zone", [{"AvailabilityZone": "all"}, {}], ids=["address-of-the-peer", "same-address-there"])
def test_an_address_in_a_target_group_of_a_peered_vpc_is_refused(
    fleet: str, zone: dict[str, str], request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    ec2, name = bench.client("ec2"), bench.built.instance_ids[1]
    address = bench.described(name)["PrivateIpAddress"]
    block = "10.9.0.0/16" if zone else "10.0.0.0/16"
    other = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    if not zone:  # another server of that VPC has the same address
        ec2.create_subnet(VpcId=other, CidrBlock="10.0.0.0/16")
    arn = bench.target_group("peer", TargetType="ip", VpcId=other)
    bench.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": address, **zone}])
    if not zone:
        assert bench.prepare().warnings == ()
        return
    (problem,) = bench.problems()
    assert "target group peer holds private addresses" in problem
    assert name in problem
    assert len(bench.warnings(exclude_target_group=("peer",))) == 1


@pytest.mark.parametrize("fleet", ["servers", "group"])
def test_an_address_in_a_zone_behind_a_network_load_balancer_of_a_peered_vpc_is_refused(
    fleet: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    ec2, elb, name = bench.client("ec2"), bench.client("elbv2"), bench.built.instance_ids[1]
    found = bench.described(name)
    zone = found["Placement"]["AvailabilityZone"]
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=other, CidrBlock="10.9.0.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
    arn = bench.target_group("flows", used=False, TargetType="ip", VpcId=other, Protocol="TCP")
    made = elb.create_load_balancer(Name="flows", Type="network", Subnets=[subnet])
    elb.create_listener(
        LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="TCP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    target = {"Id": found["PrivateIpAddress"], "AvailabilityZone": zone}
    elb.register_targets(TargetGroupArn=arn, Targets=[target])

    (problem,) = bench.problems()
    assert f"target group flows holds private addresses of {name}" in problem
    assert "other servers have these addresses in another VPC" in problem
    assert len(bench.warnings(exclude_target_group=("flows",))) == 1


def test_a_target_group_without_a_load_balancer_is_a_warning(servers: Bench) -> None:
    servers.register(servers.target_group("green", used=False), *servers.built.instance_ids)
    (warning,) = servers.warnings()
    assert "target group green, which no load balancer uses" in warning


def test_target_groups_of_other_servers_are_no_finding(servers: Bench) -> None:
    servers.target_group("empty")
    assert servers.prepare().warnings == ()


def test_every_target_group_of_the_vpc_is_searched_and_no_other(servers: Bench) -> None:
    for number in range(60):
        servers.target_group(f"more-{number}", used=False)
    other = servers.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    servers.target_group("elsewhere", used=False, VpcId=other)
    requests = Requests(servers.sandbox)
    assert servers.prepare().warnings == ()
    asked = [request["TargetGroupArn"] for request in requests.of("elbv2:DescribeTargetHealth")]
    assert len(asked) == len(set(asked)) == 61
    assert servers.aws.calls.mutating == 0


def test_a_target_group_that_is_deleted_meanwhile_is_no_problem(servers: Bench) -> None:
    gone = servers.target_group("gone", used=False)

    def refuse(_service: str, operation: str, parameters: Any) -> None:
        if operation == "DescribeTargetHealth" and parameters["TargetGroupArn"] == gone:
            raise missing

    missing = ApiError("TargetGroupNotFound", "One or more target groups not found", 400)
    servers.sandbox.on_call(refuse)
    assert servers.prepare().warnings == ()


def test_members_in_a_target_group_that_is_not_attached_are_passed_on_or_refused(group: Bench) -> None:
    arn = group.target_group("admin")
    group.register(arn, group.built.instance_ids[0])
    (problem,) = group.problems()
    assert "target group admin" in problem
    assert "fewer than half of the members of group web" in problem
    group.register(arn, group.built.instance_ids[1])
    assert arn in group.prepare().rollout.target_groups


def test_ports_that_differ_for_each_member_are_refused(group: Bench) -> None:
    arn = group.target_group("tasks")
    for port, name in zip((32768, 32769, 32770), group.built.instance_ids, strict=True):
        group.register(arn, name, port=port)
    for named in ({}, {"target_group": ("tasks",)}):
        (problem,) = group.problems(**named)
        assert "target group tasks" in problem
        assert "--exclude-target-group tasks" in problem


def test_ports_that_differ_for_each_server_are_a_warning(servers: Bench) -> None:
    arn = servers.target_group("tasks")
    for port, name in zip((32768, 32769, 32770), servers.built.instance_ids, strict=True):
        servers.register(arn, name, port=port)
    servers.sandbox.jump(60)
    (warning,) = servers.warnings(target_group=(*servers.built.target_group_arns, "tasks"))
    assert "different ports in target group tasks" in warning


def test_an_idle_attached_target_group_names_a_way_out(group: Bench) -> None:
    arn = group.target_group("green", used=False)
    group.client("autoscaling").attach_load_balancer_target_groups(AutoScalingGroupName="web", TargetGroupARNs=[arn])
    (problem,) = group.problems()
    assert "target group green is used by no load balancer" in problem
    assert "detach it from the Auto Scaling group" in problem


@pytest.mark.parametrize("fleet", ["servers", "group"])
def test_a_target_group_of_a_lambda_function_is_refused_by_name(fleet: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    made = bench.client("elbv2").create_target_group(Name="fn", TargetType="lambda")
    function = "arn:aws:lambda:us-east-1:123456789012:function:hook"
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    bench.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": function}])
    problems = bench.problems(target_group=("fn",))
    assert any("target group fn has targets of type lambda" in problem for problem in problems)


@pytest.mark.parametrize("attached", [True, False])
def test_a_target_group_of_a_gateway_load_balancer_is_refused(group: Bench, *, attached: bool) -> None:
    arn = group.target_group("inspect", used=False, Protocol="GENEVE", Port=6081, HealthCheckProtocol="TCP")
    elb = group.client("elbv2")
    balancer = elb.create_load_balancer(Name="inspect", Type="gateway", Subnets=list(group.built.subnet_ids))
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )
    if attached:
        group.client("autoscaling").attach_load_balancer_target_groups(
            AutoScalingGroupName="web", TargetGroupARNs=[arn]
        )
    else:
        group.register(arn, *group.built.instance_ids)
    (problem,) = group.problems()
    assert "target group inspect" in problem
    assert "Gateway Load Balancer" in problem


# --- Classic Load Balancers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fleet", ["servers", "group"])
def test_a_server_in_a_classic_load_balancer_is_refused(fleet: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    classic, name = bench.client("elb"), bench.built.instance_ids[0]
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    classic.create_load_balancer(LoadBalancerName="old", Listeners=[listener], Subnets=list(bench.built.subnet_ids))
    assert bench.prepare().warnings == ()
    classic.register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": name}])
    (problem,) = bench.problems()
    assert problem.startswith(f"{name}: registered with the Classic Load Balancer old")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"Identifier": "old"}, "group web is behind the Classic Load Balancer old"),
        (
            {"Identifier": "arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-1", "Type": "vpc-lattice"},
            "group web is behind the VPC Lattice target group arn:aws:vpc-lattice",
        ),
    ],
    ids=["classic", "lattice"],
)
def test_another_traffic_source_of_a_group_is_refused_once(group: Bench, source: dict[str, str], said: str) -> None:
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    group.client("elb").create_load_balancer(
        LoadBalancerName="old", Listeners=[listener], Subnets=list(group.built.subnet_ids)
    )
    group.client("autoscaling").attach_traffic_sources(AutoScalingGroupName="web", TrafficSources=[source])
    (problem,) = group.problems()
    assert problem.startswith(said)


# --- addresses, volumes, interfaces -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fleet", ["servers", "group"])
@pytest.mark.parametrize("kind", ["INSTANCE", "IP"])
def test_a_server_in_a_target_group_of_vpc_lattice_is_refused(
    fleet: str, kind: str, request: pytest.FixtureRequest
) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    name, lattice = bench.built.instance_ids[0], bench.client("vpc-lattice")
    config = {"port": 80, "protocol": "HTTP", "vpcIdentifier": bench.built.vpc_id}
    made = lattice.create_target_group(name="mesh", type=kind, config=config)
    assert bench.prepare().warnings == ()
    target = name if kind == "INSTANCE" else bench.described(name)["PrivateIpAddress"]
    lattice.register_targets(targetGroupIdentifier=made["id"], targets=[{"id": target, "port": 80}])
    (problem,) = bench.problems()
    assert problem.startswith(f"{name}: registered with the VPC Lattice target group mesh")
    assert "deregister these servers from it before the rollout" in problem
    (problem,) = bench.problems(strategy=Strategy.RELOAD, command=("true",), launch_template="", app_version="2")
    assert "the VPC Lattice target group mesh" in problem
    assert bench.aws.calls.mutating == 0


def test_a_lattice_target_group_of_a_group_is_refused_once(group: Bench) -> None:
    config = {"port": 80, "protocol": "HTTP", "vpcIdentifier": group.built.vpc_id}
    made = group.client("vpc-lattice").create_target_group(name="mesh", type="INSTANCE", config=config)
    source = {"Identifier": made["arn"], "Type": "vpc-lattice"}
    group.client("autoscaling").attach_traffic_sources(AutoScalingGroupName="web", TrafficSources=[source])
    target = {"id": group.built.instance_ids[0], "port": 80}
    group.client("vpc-lattice").register_targets(targetGroupIdentifier=made["id"], targets=[target])
    (problem,) = group.problems()
    assert "detach it from the group" in problem


@pytest.mark.parametrize(
    ("operation", "refusal"),
    [
        ("ListTargetGroups", ApiError("AccessDeniedException", "not authorized", 403)),
        ("ListTargets", ApiError("AccessDeniedException", "not authorized", 403)),
        ("ListTargetGroups", ConnectionLost()),
    ],
    ids=["denied", "targets-denied", "unreachable"],
)
def test_without_an_answer_of_vpc_lattice_there_is_a_warning(
    servers: Bench, operation: str, refusal: Exception
) -> None:
    config = {"port": 80, "protocol": "HTTP", "vpcIdentifier": servers.built.vpc_id}
    servers.client("vpc-lattice").create_target_group(name="mesh", type="INSTANCE", config=config)

    def refuse(service: str, name: str, _: Any) -> None:
        if (service, name) == ("vpc-lattice", operation):
            raise refusal

    servers.sandbox.on_call(refuse)
    (warning,) = servers.warnings()
    assert "could not check whether VPC Lattice sends requests to the servers" in warning


@pytest.mark.parametrize("fleet", ["servers", "group"])
def test_an_elastic_ip_address_is_a_warning(fleet: str, request: pytest.FixtureRequest) -> None:
    bench: Bench = request.getfixturevalue(fleet)
    ec2, name = bench.client("ec2"), bench.built.instance_ids[0]
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=name)
    (warning,) = bench.warnings()
    assert warning.startswith(f"{name}: Elastic IP address {address['PublicIp']}")
    bench.sandbox.jump(60)
    reload = {"strategy": Strategy.RELOAD, "launch_template": "", "command": ("deploy",)}
    assert not any("Elastic IP" in one for one in bench.warnings(**reload))


@pytest.mark.parametrize(("deleted", "said"), [(True, "EC2 deletes volume"), (False, "outlives its server")])
def test_a_data_volume_is_a_warning(servers: Bench, *, deleted: bool, said: str) -> None:
    ec2, name = servers.client("ec2"), servers.built.instance_ids[0]
    volume = ec2.create_volume(AvailabilityZone=servers.described(name)["Placement"]["AvailabilityZone"], Size=8)
    ec2.attach_volume(VolumeId=volume["VolumeId"], InstanceId=name, Device="/dev/sdf")
    mapping = {"DeviceName": "/dev/sdf", "Ebs": {"DeleteOnTermination": deleted}}
    ec2.modify_instance_attribute(InstanceId=name, BlockDeviceMappings=[mapping])
    (warning,) = servers.warnings()
    assert f"volume {volume['VolumeId']} (/dev/sdf)" in warning
    assert said in warning


@pytest.mark.parametrize(("zone", "is_refused"), [("us-east-1a", True), ("", False)])
def test_a_further_interface_in_another_zone_than_a_server_is_refused(
    servers: Bench, zone: str, *, is_refused: bool
) -> None:
    ec2, built = servers.client("ec2"), servers.built
    further: dict[str, Any] = {"DeviceIndex": 1}
    if zone:
        made = ec2.create_subnet(VpcId=built.vpc_id, CidrBlock="10.0.240.0/24", AvailabilityZone=zone)
        further["SubnetId"] = made["Subnet"]["SubnetId"]
    data = {"ImageId": "ami-0123456789abcdef0", "NetworkInterfaces": [{"DeviceIndex": 0}, further]}
    ec2.create_launch_template_version(LaunchTemplateId=built.template_id, LaunchTemplateData=data)
    if not is_refused:
        assert not any("interface" in one.message for one in servers.prepare().findings)
        return
    (problem,) = servers.problems()
    assert "EC2 launches all interfaces of a server in one zone" in problem
    assert built.instance_ids[0] not in problem
    assert all(name in problem for name in built.instance_ids[1:])


def test_an_interface_that_outlives_its_server_is_a_warning(servers: Bench) -> None:
    ec2, name = servers.client("ec2"), servers.built.instance_ids[0]
    made = ec2.create_network_interface(SubnetId=servers.described(name)["SubnetId"])
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    ec2.attach_network_interface(NetworkInterfaceId=interface, InstanceId=name, DeviceIndex=1)
    (warning,) = servers.warnings()
    assert f"network interface {interface} outlives its server" in warning
