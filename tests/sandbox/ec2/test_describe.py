"""What EC2 shows: eventual consistency, filters, pages, status checks, attributes."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import Bench, bench, refused


def found(it: Bench, name: str, *values: str) -> list[str]:
    answer = it.ec2.describe_instances(Filters=[{"Name": name, "Values": list(values)}])
    return [each["InstanceId"] for group in answer["Reservations"] for each in group["Instances"]]


def test_an_instance_just_launched_is_unknown_by_id_and_omitted_by_filters() -> None:
    with bench(SandboxOptions(api_visibility_seconds=5)) as it:
        instance_id = it.launch()
        with refused("InvalidInstanceID.NotFound"):
            it.describe(instance_id)
        with refused("InvalidInstanceID.NotFound"):
            it.tag(instance_id, "a", "b")
        assert found(it, "instance-id", instance_id) == []
        it.jump(5)
        assert it.state(instance_id) == "pending"
        assert found(it, "instance-id", instance_id) == [instance_id]


def test_one_unknown_id_fails_the_call_and_a_filter_omits_it() -> None:
    with bench(servers=1) as it:
        known, unknown = it.fleet.instance_ids[0], "i-00000000000000000"
        with refused("InvalidInstanceID.NotFound"):
            it.ec2.describe_instances(InstanceIds=[known, unknown])
        assert found(it, "instance-id", known, unknown) == [known]


def test_filters() -> None:
    with bench(servers=3) as it:
        first, second, third = it.fleet.instance_ids
        it.tag(second, "team", "blue-2")
        it.ec2.stop_instances(InstanceIds=[third])
        assert found(it, "tag:team", "blue-?") == [second]
        assert found(it, "tag:team", "blue*", "red") == [second]
        assert found(it, "tag:team", "Blue-2") == []
        assert found(it, "tag-key", "team") == [second]
        assert found(it, "tag:Name", "web-1") == [first]
        assert found(it, "instance-state-name", "running", "pending") == [first, second]
        assert found(it, "instance-state-code", "64") == [third]
        assert found(it, "availability-zone", "us-east-1b") == [second]
        assert found(it, "subnet-id", it.fleet.subnet_ids[2]) == [third]
        assert found(it, "vpc-id", it.fleet.vpc_id) == [first, second, third]
        assert found(it, "instance-type", "t3.*") == [first, second, third]
        with refused("InvalidParameterValue"):
            found(it, "shoe-size", "44")


def test_several_filters_must_all_match() -> None:
    with bench(servers=3) as it:
        answer = it.ec2.describe_instances(
            Filters=[
                {"Name": "availability-zone", "Values": ["us-east-1a", "us-east-1b"]},
                {"Name": "tag:Name", "Values": ["web-2", "web-3"]},
            ]
        )
        assert [each["Instances"][0]["InstanceId"] for each in answer["Reservations"]] == [it.fleet.instance_ids[1]]


def test_too_many_filter_values_are_refused() -> None:
    with bench() as it, refused("FilterLimitExceeded"):
        found(it, "instance-id", *[f"i-{number:017x}" for number in range(201)])


def test_pages() -> None:
    with bench(servers=12) as it:
        pages = list(it.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
        assert [sum(len(group["Instances"]) for group in page["Reservations"]) for page in pages] == [5, 5, 2]
        with refused("InvalidParameterCombination"):
            it.ec2.describe_instances(InstanceIds=[it.fleet.instance_ids[0]], MaxResults=5)
        with refused("InvalidParameterValue"):
            it.ec2.describe_instances(MaxResults=1)


def test_status_is_of_running_instances_unless_all_are_asked_for() -> None:
    with bench(servers=2) as it:
        first, second = it.fleet.instance_ids
        it.ec2.stop_instances(InstanceIds=[second])
        statuses = it.ec2.describe_instance_status(InstanceIds=[first, second])["InstanceStatuses"]
        assert [each["InstanceId"] for each in statuses] == [first]
        every = it.ec2.describe_instance_status(InstanceIds=[first, second], IncludeAllInstances=True)
        assert [each["InstanceState"]["Name"] for each in every["InstanceStatuses"]] == ["running", "stopping"]
        assert every["InstanceStatuses"][1]["InstanceStatus"]["Status"] == "not-applicable"


def test_status_checks_initialize_before_they_are_ok() -> None:
    with bench() as it:
        instance_id = it.running()

        def verdicts() -> set[str]:
            status = it.ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"][0]
            return {status[each]["Status"] for each in ("InstanceStatus", "SystemStatus", "AttachedEbsStatus")}

        assert verdicts() == {"initializing"}
        it.jump(120)
        assert verdicts() == {"ok"}
        it.tag(instance_id, "sandbox:status", "impaired")
        assert verdicts() == {"impaired"}


def test_attributes_that_the_sandbox_leaves_to_moto_are_answered_too() -> None:
    with bench(servers=1) as it:
        answer = it.ec2.describe_instance_attribute(
            InstanceId=it.fleet.instance_ids[0], Attribute="instanceInitiatedShutdownBehavior"
        )
        assert answer["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


@pytest.mark.parametrize("operation", ["describe_instances", "describe_instance_status"])
def test_dry_run_of_a_question(operation: str) -> None:
    with bench() as it, refused("DryRunOperation"):
        getattr(it.ec2, operation)(DryRun=True)


def test_describe_shows_what_a_rollout_reads() -> None:
    with bench(servers=1) as it:
        instance = it.describe(it.fleet.instance_ids[0])
        assert instance["Placement"]["AvailabilityZone"] == "us-east-1a"
        assert instance["VpcId"] == it.fleet.vpc_id
        assert instance["PrivateIpAddress"].startswith("10.0.")
        assert instance["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is True


def test_tags_can_be_read_and_deleted_and_aws_own_ones_are_out_of_reach() -> None:
    with bench(servers=1) as it:
        instance_id = it.fleet.instance_ids[0]
        it.tag(instance_id, "team", "a & <b>")
        assert it.tags(instance_id)["team"] == "a & <b>"
        it.ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": "team"}])
        assert "team" not in it.tags(instance_id)
        with refused("InvalidParameterValue"):
            it.tag(instance_id, "aws:autoscaling:groupName", "mine")
