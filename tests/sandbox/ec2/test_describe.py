"""The reads of EC2: eventual consistency, filters, pages, status checks, attributes."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import Bench, open_bench, refused


def found(bench: Bench, name: str, *values: str) -> list[str]:
    answer = bench.ec2.describe_instances(Filters=[{"Name": name, "Values": list(values)}])
    return [each["InstanceId"] for group in answer["Reservations"] for each in group["Instances"]]


def test_an_instance_just_launched_is_unknown_by_id_and_omitted_by_filters() -> None:
    with open_bench(SandboxOptions(api_visibility_seconds=5)) as bench:
        instance_id = bench.launch()
        with refused("InvalidInstanceID.NotFound"):
            bench.describe(instance_id)
        with refused("InvalidInstanceID.NotFound"):
            bench.tag(instance_id, "a", "b")
        assert found(bench, "instance-id", instance_id) == []
        bench.jump(5)
        assert bench.state(instance_id) == "pending"
        assert found(bench, "instance-id", instance_id) == [instance_id]


def test_one_unknown_id_fails_the_call_and_a_filter_omits_it() -> None:
    with open_bench(servers=1) as bench:
        known, unknown = bench.fleet.instance_ids[0], "i-00000000000000000"
        with refused("InvalidInstanceID.NotFound"):
            bench.ec2.describe_instances(InstanceIds=[known, unknown])
        assert found(bench, "instance-id", known, unknown) == [known]


def test_filters() -> None:
    with open_bench(servers=3) as bench:
        first, second, third = bench.fleet.instance_ids
        bench.tag(second, "team", "blue-2")
        bench.ec2.stop_instances(InstanceIds=[third])
        assert found(bench, "tag:team", "blue-?") == [second]
        assert found(bench, "tag:team", "blue*", "red") == [second]
        assert found(bench, "tag:team", "Blue-2") == []
        assert found(bench, "tag-key", "team") == [second]
        assert found(bench, "tag:Name", "web-1") == [first]
        assert found(bench, "instance-state-name", "running", "pending") == [first, second]
        assert found(bench, "instance-state-code", "64") == [third]
        assert found(bench, "availability-zone", "us-east-1b") == [second]
        assert found(bench, "subnet-id", bench.fleet.subnet_ids[2]) == [third]
        assert found(bench, "vpc-id", bench.fleet.vpc_id) == [first, second, third]
        assert found(bench, "instance-type", "t3.*") == [first, second, third]
        with refused("InvalidParameterValue"):
            found(bench, "shoe-size", "44")


def test_several_filters_must_all_match() -> None:
    with open_bench(servers=3) as bench:
        answer = bench.ec2.describe_instances(
            Filters=[
                {"Name": "availability-zone", "Values": ["us-east-1a", "us-east-1b"]},
                {"Name": "tag:Name", "Values": ["web-2", "web-3"]},
            ]
        )
        assert [each["Instances"][0]["InstanceId"] for each in answer["Reservations"]] == [bench.fleet.instance_ids[1]]


def test_too_many_filter_values_are_refused() -> None:
    with open_bench() as bench, refused("FilterLimitExceeded"):
        found(bench, "instance-id", *[f"i-{number:017x}" for number in range(201)])


def test_pages() -> None:
    with open_bench(servers=12) as bench:
        pages = list(bench.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
        assert [sum(len(group["Instances"]) for group in page["Reservations"]) for page in pages] == [5, 5, 2]
        with refused("InvalidParameterCombination"):
            bench.ec2.describe_instances(InstanceIds=[bench.fleet.instance_ids[0]], MaxResults=5)
        with refused("InvalidParameterValue"):
            bench.ec2.describe_instances(MaxResults=1)


def test_status_is_of_running_instances_unless_all_are_asked_for() -> None:
    with open_bench(servers=2) as bench:
        first, second = bench.fleet.instance_ids
        bench.ec2.stop_instances(InstanceIds=[second])
        statuses = bench.ec2.describe_instance_status(InstanceIds=[first, second])["InstanceStatuses"]
        assert [each["InstanceId"] for each in statuses] == [first]
        every = bench.ec2.describe_instance_status(InstanceIds=[first, second], IncludeAllInstances=True)
        assert [each["InstanceState"]["Name"] for each in every["InstanceStatuses"]] == ["running", "stopping"]
        assert every["InstanceStatuses"][1]["InstanceStatus"]["Status"] == "not-applicable"


STATUSES = {"InstanceStatus", "SystemStatus", "AttachedEbsStatus"}
IMPAIRED = {
    "impaired": {"InstanceStatus"},
    "system-impaired": {"InstanceStatus", "SystemStatus"},
    "volumes-impaired": {"AttachedEbsStatus"},
}


def test_status_checks_initialize_before_they_are_ok() -> None:
    with open_bench() as bench:
        instance_id = bench.running()

        def verdicts(verdict: str) -> set[str]:
            status = bench.ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"][0]
            return {each for each in STATUSES if status[each]["Status"] == verdict}

        assert verdicts("initializing") == STATUSES
        bench.jump(120)
        assert verdicts("ok") == STATUSES
        for status, failed in IMPAIRED.items():
            bench.tag(instance_id, "sandbox:status", status)
            assert verdicts("impaired") == failed


def test_attributes_that_the_sandbox_leaves_to_moto_are_answered_too() -> None:
    with open_bench(servers=1) as bench:
        answer = bench.ec2.describe_instance_attribute(
            InstanceId=bench.fleet.instance_ids[0], Attribute="instanceInitiatedShutdownBehavior"
        )
        assert answer["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


@pytest.mark.parametrize("operation", ["describe_instances", "describe_instance_status"])
def test_dry_run_of_a_question(operation: str) -> None:
    with open_bench() as bench, refused("DryRunOperation"):
        getattr(bench.ec2, operation)(DryRun=True)


def test_describe_shows_what_a_rollout_reads() -> None:
    with open_bench(servers=1) as bench:
        instance = bench.describe(bench.fleet.instance_ids[0])
        assert instance["Placement"]["AvailabilityZone"] == "us-east-1a"
        assert instance["VpcId"] == bench.fleet.vpc_id
        assert instance["PrivateIpAddress"].startswith("10.0.")
        assert instance["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True


def test_tags_can_be_read_and_deleted_and_aws_own_ones_are_out_of_reach() -> None:
    with open_bench(servers=1) as bench:
        instance_id = bench.fleet.instance_ids[0]
        bench.tag(instance_id, "team", "a & <b>")
        assert bench.tags(instance_id)["team"] == "a & <b>"
        bench.ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": "team"}])
        assert "team" not in bench.tags(instance_id)
        with refused("InvalidParameterValue"):
            bench.tag(instance_id, "aws:autoscaling:groupName", "mine")
