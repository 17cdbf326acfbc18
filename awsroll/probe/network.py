"""The network of a probe: two subnets with a way out, and a security group that lets in the network itself only."""

from awsroll.probe.lab import Lab
from awsroll.probe.ledger import Kind


def build_network(lab: Lab, instance_type: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Create a network with two subnets. Its servers reach Systems Manager; nothing outside reaches them."""
    vpc_id = lab.create(
        Kind.VPC,
        lab.name("vpc"),
        lambda: lab.call("ec2", "CreateVpc", CidrBlock="10.99.0.0/16", TagSpecifications=lab.specifications("vpc"))[
            "Vpc"
        ]["VpcId"],
    ).resource_id
    lab.call("ec2", "ModifyVpcAttribute", VpcId=vpc_id, EnableDnsHostnames={"Value": True})
    gateway = lab.create(
        Kind.INTERNET_GATEWAY,
        lab.name("gateway"),
        lambda: lab.call("ec2", "CreateInternetGateway", TagSpecifications=lab.specifications("internet-gateway"))[
            "InternetGateway"
        ]["InternetGatewayId"],
        vpc=vpc_id,
    ).resource_id
    lab.call("ec2", "AttachInternetGateway", InternetGatewayId=gateway, VpcId=vpc_id)
    tables = lab.call("ec2", "DescribeRouteTables", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    lab.call(
        "ec2",
        "CreateRoute",
        RouteTableId=tables[0]["RouteTableId"],
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=gateway,
    )
    zones = _zones(lab, instance_type)
    return vpc_id, tuple(_subnet(lab, vpc_id, number, zone) for number, zone in enumerate(zones)), zones


def _zones(lab: Lab, instance_type: str) -> tuple[str, ...]:
    """Return two zones that offer the instance type."""
    available = lab.call("ec2", "DescribeAvailabilityZones", Filters=[{"Name": "state", "Values": ["available"]}])
    names = [str(each["ZoneName"]) for each in available["AvailabilityZones"]]
    wanted = [{"Name": "instance-type", "Values": [instance_type]}]
    offered = lab.ask("ec2", "DescribeInstanceTypeOfferings", LocationType="availability-zone", Filters=wanted)
    places = {each["Location"] for each in offered.result.get("InstanceTypeOfferings", [])}
    return tuple(name for name in names if name in places or not places)[:2]


def _subnet(lab: Lab, vpc_id: str, number: int, zone: str) -> str:
    def make() -> str:
        answer = lab.call(
            "ec2",
            "CreateSubnet",
            VpcId=vpc_id,
            CidrBlock=f"10.99.{number}.0/24",
            AvailabilityZone=zone,
            TagSpecifications=lab.specifications("subnet"),
        )
        return str(answer["Subnet"]["SubnetId"])

    subnet_id = lab.create(Kind.SUBNET, lab.name(f"subnet-{number}"), make, zone=zone).resource_id
    lab.call("ec2", "ModifySubnetAttribute", SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    return subnet_id


def build_security_group(lab: Lab, vpc_id: str, *, ports: tuple[int, int]) -> str:
    """Create a security group that lets in the network itself only."""

    def make() -> str:
        answer = lab.call(
            "ec2",
            "CreateSecurityGroup",
            GroupName=lab.name("servers"),
            Description="awsroll probe: traffic inside the network",
            VpcId=vpc_id,
            TagSpecifications=lab.specifications("security-group"),
        )
        return str(answer["GroupId"])

    group_id = lab.create(Kind.SECURITY_GROUP, lab.name("servers"), make).resource_id
    inside = {"IpProtocol": "tcp", "FromPort": ports[0], "ToPort": ports[1], "IpRanges": [{"CidrIp": "10.99.0.0/16"}]}
    lab.call("ec2", "AuthorizeSecurityGroupIngress", GroupId=group_id, IpPermissions=[inside])
    return group_id
