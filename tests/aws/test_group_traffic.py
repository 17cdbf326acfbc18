import pytest

from awsroll.aws.group_traffic import SourceType, TrafficSource, attached_target_groups, traffic_sources

BALANCED = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/b/1"
LATTICE = "arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-1"


def test_attached_target_groups_come_from_both_lists() -> None:
    first = BALANCED.replace("/b/", "/a/")
    group = {"TargetGroupARNs": [first], "TrafficSources": [{"Identifier": BALANCED, "Type": "elbv2"}]}
    assert attached_target_groups(group) == {first, BALANCED}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"Identifier": BALANCED, "Type": "elbv2"}, SourceType.TARGET_GROUP),
        ({"Identifier": BALANCED}, SourceType.TARGET_GROUP),
        ({"Identifier": LATTICE, "Type": "vpc-lattice"}, SourceType.VPC_LATTICE),
        ({"Identifier": LATTICE}, SourceType.VPC_LATTICE),
        ({"Identifier": "old", "Type": "elb"}, SourceType.CLASSIC_LOAD_BALANCER),
        ({"Identifier": "old"}, SourceType.CLASSIC_LOAD_BALANCER),
        ({"Identifier": "x", "Type": "newer"}, SourceType.UNKNOWN),
    ],
)
def test_a_source_has_the_type_that_aws_names_or_its_identifier_shows(source: dict[str, str], kind: SourceType) -> None:
    assert traffic_sources({"TrafficSources": [source]}) == (TrafficSource(source["Identifier"], kind),)


def test_only_target_groups_of_elastic_load_balancing_are_attached_target_groups() -> None:
    sources = [{"Identifier": LATTICE}, {"Identifier": "old", "Type": "elb"}]
    assert attached_target_groups({"TrafficSources": sources, "LoadBalancerNames": ["old"]}) == frozenset()
