"""Traffic sources of groups by type: Classic Load Balancers and VPC Lattice beside target groups."""

from typing import Any

from tests.sandbox.autoscaling.lab import Lab, open_lab

LATTICE = "arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-0123456789abcdef0"


def classic_load_balancer(lab: Lab, name: str = "old") -> Any:
    classic = lab.sandbox.session().client("elb")
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    classic.create_load_balancer(LoadBalancerName=name, Listeners=[listener], Subnets=list(lab.subnets.values()))
    return classic


def listed(classic: Any, name: str = "old") -> set[str]:
    found = classic.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"][0]["Instances"]
    return {one["InstanceId"] for one in found}


def test_traffic_sources_are_shown_by_type() -> None:
    with open_lab() as lab:
        classic_load_balancer(lab)
        lab.create(desired=1)
        sources = [{"Identifier": "old"}, {"Identifier": LATTICE, "Type": "vpc-lattice"}]
        lab.call("attach_traffic_sources", TrafficSources=sources)
        group = lab.group()
        assert group["LoadBalancerNames"] == ["old"]
        assert group["TargetGroupARNs"] == [lab.target_group]
        shown = {one["Identifier"]: one["Type"] for one in group["TrafficSources"]}
        assert shown == {lab.target_group: "elbv2", "old": "elb", LATTICE: "vpc-lattice"}
        by_type = lab.call("describe_traffic_sources", TrafficSourceType="vpc-lattice")["TrafficSources"]
        assert [one["Identifier"] for one in by_type] == [LATTICE]
        lab.call("detach_traffic_sources", TrafficSources=[{"Identifier": LATTICE}])
        assert LATTICE not in {one["Identifier"] for one in lab.group()["TrafficSources"]}


def test_members_are_registered_with_a_classic_load_balancer_until_they_leave() -> None:
    with open_lab() as lab:
        classic = classic_load_balancer(lab)
        lab.create(desired=2, LoadBalancerNames=["old"])
        lab.jump(60)
        first, second = lab.ids()
        assert listed(classic) == {first, second}
        lab.terminate(first, decrement=True)
        assert listed(classic) == {second}
        assert lab.call("describe_load_balancers")["LoadBalancers"] == [
            {"LoadBalancerName": "old", "State": "InService"}
        ]
        lab.call("detach_load_balancers", LoadBalancerNames=["old"])
        assert listed(classic) == set()
        lab.call("attach_load_balancers", LoadBalancerNames=["old"])
        assert listed(classic) == {second}


def test_a_traffic_source_that_does_not_exist_is_refused() -> None:
    with open_lab() as lab:
        lab.create(desired=1)
        assert "may not be valid" in lab.refusal("attach_load_balancers", LoadBalancerNames=["nope"])
        assert "not part of the group" in lab.refusal("detach_load_balancers", LoadBalancerNames=["nope"])
        unknown = [{"Identifier": "x", "Type": "newer"}]
        assert "type newer is not valid" in lab.refusal("attach_traffic_sources", TrafficSources=unknown)
