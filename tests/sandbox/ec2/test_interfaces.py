"""The network interfaces of instances: their addresses, and what becomes of them when the instance ends."""

from typing import Any

from tests.sandbox.bench import Bench, open_bench


def interfaces(bench: Bench, instance_id: str) -> list[dict[str, Any]]:
    answer = bench.ec2.describe_instances(InstanceIds=[instance_id])
    found: list[dict[str, Any]] = answer["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    return found


def test_an_elastic_ip_is_shown_on_its_instance_with_the_account_as_owner() -> None:
    with open_bench(servers=1) as bench:
        name = bench.fleet.instance_ids[0]
        assert "Association" not in interfaces(bench, name)[0]
        address = bench.ec2.allocate_address(Domain="vpc")
        bench.ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=name)
        (interface,) = interfaces(bench, name)
        assert interface["Association"]["PublicIp"] == address["PublicIp"]
        assert interface["Association"]["IpOwnerId"] == "123456789012"
        assert interface["PrivateIpAddresses"][0]["Association"] == interface["Association"]


def test_a_public_address_that_ec2_assigns_belongs_to_amazon() -> None:
    with open_bench(servers=1) as bench:
        answer = bench.ec2.run_instances(
            LaunchTemplate={"LaunchTemplateId": bench.fleet.template_id},
            NetworkInterfaces=[
                {"DeviceIndex": 0, "SubnetId": bench.fleet.subnet_ids[0], "AssociatePublicIpAddress": True}
            ],
            MinCount=1,
            MaxCount=1,
        )
        bench.jump(60)
        (interface,) = interfaces(bench, answer["Instances"][0]["InstanceId"])
        assert interface["Association"]["IpOwnerId"] == "amazon"


def test_an_interface_of_the_launch_goes_with_its_instance_and_one_attached_later_stays() -> None:
    with open_bench(servers=1) as bench:
        name = bench.fleet.instance_ids[0]
        made = bench.ec2.create_network_interface(SubnetId=bench.fleet.subnet_ids[0])
        second = made["NetworkInterface"]["NetworkInterfaceId"]
        bench.ec2.attach_network_interface(NetworkInterfaceId=second, InstanceId=name, DeviceIndex=1)
        kept = {one["NetworkInterfaceId"]: one["Attachment"]["DeleteOnTermination"] for one in interfaces(bench, name)}
        assert list(kept.values()) == [True, False]
        assert list(kept)[1] == second
