"""RunInstances: templates, counts, tags, capacity."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import open_bench, refused


def test_a_launch_answers_pending_and_runs_after_the_boot_time() -> None:
    with open_bench() as bench:
        answer = bench.run()
        instance_id = answer["Instances"][0]["InstanceId"]
        assert answer["Instances"][0]["State"] == {"Code": 0, "Name": "pending"}
        bench.jump(39)
        assert bench.state(instance_id) == "pending"
        bench.jump(1)
        assert bench.state(instance_id) == "running"


def test_boot_jitter_makes_boots_longer_and_repeats_in_every_run() -> None:
    def running_at() -> list[float]:
        with open_bench(SandboxOptions(boot_jitter_seconds=20)) as bench:
            ids = [bench.launch() for _ in range(5)]
            booted: dict[str, float] = {}
            for second in range(41, 62):
                bench.jump(1 if booted or second > 41 else 41)
                for each in ids:
                    if each not in booted and bench.state(each) == "running":
                        booted[each] = second
            return [booted[each] for each in ids]

    first = running_at()
    assert len(set(first)) > 1
    assert running_at() == first


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2", "2"), ("$Latest", "3"), ("$Default", "1"), (None, "1")],
    ids=["number", "latest", "default", "omitted-means-default"],
)
def test_template_version_is_resolved_to_a_number_and_tagged(version: str | None, expected: str) -> None:
    with open_bench(further_versions=({"sandbox:version": "third"},)) as bench:
        instance_id = bench.running(version=version)
        assert bench.tags(instance_id)["aws:ec2launchtemplate:version"] == expected
        assert bench.tags(instance_id)["aws:ec2launchtemplate:id"] == bench.fleet.template_id
        assert bench.sandbox.ec2.instance(instance_id).template_version == int(expected)


def test_the_default_version_can_be_moved_and_a_template_be_named() -> None:
    with open_bench() as bench:
        bench.ec2.modify_launch_template(LaunchTemplateId=bench.fleet.template_id, DefaultVersion="2")
        answer = bench.ec2.run_instances(
            LaunchTemplate={"LaunchTemplateName": bench.fleet.template_name},
            SubnetId=bench.fleet.subnet_ids[0],
            MinCount=1,
            MaxCount=1,
        )
        tags = {tag["Key"]: tag["Value"] for tag in answer["Instances"][0]["Tags"]}
        assert tags["aws:ec2launchtemplate:version"] == "2"


def test_a_version_without_source_holds_only_what_was_passed() -> None:
    with open_bench(template_tags={"team": "a"}) as bench:
        for source in ({}, {"SourceVersion": "1"}):
            bench.ec2.create_launch_template_version(
                LaunchTemplateId=bench.fleet.template_id,
                LaunchTemplateData={"ImageId": "ami-00000000000000002"},
                **source,
            )
        versions = bench.ec2.describe_launch_template_versions(
            LaunchTemplateId=bench.fleet.template_id, Versions=["3", "4"]
        )["LaunchTemplateVersions"]
        assert "TagSpecifications" not in versions[0]["LaunchTemplateData"]
        assert versions[1]["LaunchTemplateData"]["TagSpecifications"][0]["Tags"] == [{"Key": "team", "Value": "a"}]
        assert versions[1]["LaunchTemplateData"]["ImageId"] == "ami-00000000000000002"


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ({"LaunchTemplateId": "lt-00000000000000000"}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplateId": "web"}, "InvalidLaunchTemplateId.Malformed"),
        ({"LaunchTemplateName": "missing"}, "InvalidLaunchTemplateName.NotFoundException"),
        ({"LaunchTemplateName": "web", "Version": "9"}, "InvalidLaunchTemplateId.VersionNotFound"),
        ({"LaunchTemplateName": "web", "Version": "0"}, "InvalidLaunchTemplateId.VersionNotFound"),
        ({"LaunchTemplateName": "web", "Version": "new"}, "InvalidParameterValue"),
        ({"LaunchTemplateName": "web", "LaunchTemplateId": "lt-00000000000000000"}, "InvalidParameterCombination"),
    ],
    ids=["unknown-id", "malformed-id", "unknown-name", "unknown-version", "version-zero", "no-number", "both"],
)
def test_a_template_that_does_not_exist_is_refused_with_its_own_code(reference: dict[str, str], code: str) -> None:
    with open_bench() as bench:
        with refused(code):
            bench.ec2.run_instances(LaunchTemplate=reference, MinCount=1, MaxCount=1)
        assert bench.sandbox.ec2.instances() == ()


def test_describing_templates_that_do_not_exist_is_refused() -> None:
    with open_bench() as bench:
        with refused("InvalidLaunchTemplateId.NotFound"):
            bench.ec2.describe_launch_templates(LaunchTemplateIds=["lt-00000000000000000"])
        with refused("InvalidLaunchTemplateId.VersionNotFound"):
            bench.ec2.describe_launch_template_versions(LaunchTemplateId=bench.fleet.template_id, Versions=["9"])


def test_a_deleted_version_is_gone_and_the_default_version_cannot_be_deleted() -> None:
    with open_bench() as bench:
        named = {"LaunchTemplateId": bench.fleet.template_id}
        answer = bench.ec2.delete_launch_template_versions(**named, Versions=["1", "2", "9"])
        deleted = [each["VersionNumber"] for each in answer["SuccessfullyDeletedLaunchTemplateVersions"]]
        left = [each["VersionNumber"] for each in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]]

        assert (deleted, left) == ([2], [1, 9])
        with refused("InvalidLaunchTemplateId.VersionNotFound"):
            bench.ec2.describe_launch_template_versions(**named, Versions=["2"])
        versions = bench.ec2.describe_launch_template_versions(**named)["LaunchTemplateVersions"]
        assert [each["VersionNumber"] for each in versions] == [1]
        shown = bench.ec2.describe_launch_templates(LaunchTemplateIds=[bench.fleet.template_id])["LaunchTemplates"]
        assert shown[0]["LatestVersionNumber"] == 1
        template = {"LaunchTemplate": named | {"Version": "$Latest"}, "MinCount": 1, "MaxCount": 1}
        launched = bench.ec2.run_instances(**template)["Instances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in launched["Tags"]}
        assert tags["aws:ec2launchtemplate:version"] == "1"


def test_request_parameters_override_the_template() -> None:
    with open_bench() as bench:
        instance_id = bench.running(InstanceType="m5.large")
        assert bench.describe(instance_id)["InstanceType"] == "m5.large"
        assert bench.describe(instance_id)["ImageId"] == "ami-0123456789abcdef0"


def test_one_call_launches_several_instances_in_one_reservation() -> None:
    with open_bench() as bench:
        answer = bench.run(MinCount=3, MaxCount=3)
        bench.jump(40)
        assert [each["AmiLaunchIndex"] for each in answer["Instances"]] == [0, 1, 2]
        reservations = bench.ec2.describe_instances()["Reservations"]
        assert [len(each["Instances"]) for each in reservations] == [3]


def test_capacity_short_of_max_count_launches_fewer_and_short_of_min_count_none() -> None:
    with open_bench(SandboxOptions(capacity_error_status=400)) as bench:
        bench.sandbox.ec2.capacity["us-east-1a"] = 3
        assert len(bench.run(MinCount=1, MaxCount=5)["Instances"]) == 3
        with refused("InsufficientInstanceCapacity") as caught:
            bench.run(MinCount=1, MaxCount=1)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert "us-east-1a" in str(caught.value)
        assert len(bench.run(subnet=1)["Instances"]) == 1


def test_capacity_error_is_a_server_error_by_default() -> None:
    with open_bench() as bench:
        bench.sandbox.ec2.capacity["us-east-1a"] = 0
        with refused("InsufficientInstanceCapacity") as caught:
            bench.run()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert bench.sandbox.calls["ec2:RunInstances"] > 1  # botocore retried by itself


def test_min_count_above_max_count_is_refused() -> None:
    with open_bench() as bench, refused("InvalidParameterValue"):
        bench.run(MinCount=2, MaxCount=1)


def test_request_tags_are_merged_over_template_tags() -> None:
    with open_bench(template_tags={"team": "a", "stage": "test"}) as bench:
        tags = bench.tags(bench.running(tags={"stage": "live", "Name": "web-1"}))
        assert {tags[key] for key in ("team", "stage", "Name")} == {"a", "live", "web-1"}


def test_request_tags_replace_template_tags_by_switch() -> None:
    with open_bench(SandboxOptions(launch_tags="replaced"), template_tags={"team": "a"}) as bench:
        tags = bench.tags(bench.running(tags={"Name": "web-1"}))
        assert "team" not in tags
        assert tags["Name"] == "web-1"
        assert bench.tags(bench.running())["team"] == "a"


@pytest.mark.parametrize(
    ("specification", "code"),
    [
        ({"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidParameterValue"),
        ({"ResourceType": "spot-instances-request", "Tags": [{"Key": "a", "Value": "b"}]}, "InvalidParameterValue"),
        (
            {"ResourceType": "instance", "Tags": [{"Key": f"k{n}", "Value": "v"} for n in range(51)]},
            "TagLimitExceeded",
        ),
    ],
    ids=["reserved-prefix", "resource-not-launched", "more-than-50"],
)
def test_tags_that_may_not_be_set_fail_the_launch(specification: dict[str, object], code: str) -> None:
    with open_bench() as bench:
        with refused(code):
            bench.run(TagSpecifications=[specification])
        assert bench.sandbox.ec2.instances() == ()


def test_subnet_beside_network_interfaces_is_refused() -> None:
    with open_bench() as bench:
        interface = {"DeviceIndex": 0, "SubnetId": bench.fleet.subnet_ids[1]}
        with refused("InvalidParameterCombination"):
            bench.run(NetworkInterfaces=[interface])
        inside = bench.running(SubnetId=None, NetworkInterfaces=[interface])
        assert bench.describe(inside)["SubnetId"] == bench.fleet.subnet_ids[1]
        assert bench.describe(inside)["Placement"]["AvailabilityZone"] == "us-east-1b"


def test_a_launch_without_an_image_or_into_an_unknown_subnet_is_refused() -> None:
    with open_bench() as bench:
        with refused("MissingParameter"):
            bench.ec2.run_instances(MinCount=1, MaxCount=1)
        with refused("InvalidSubnetID.NotFound"):
            bench.run(SubnetId="subnet-00000000")


def test_dry_run_launches_nothing() -> None:
    with open_bench() as bench:
        with refused("DryRunOperation"):
            bench.run(DryRun=True)
        assert bench.sandbox.ec2.instances() == ()


def test_block_devices_and_protection_of_the_template_are_applied() -> None:
    with open_bench() as bench:
        bench.ec2.create_launch_template_version(
            LaunchTemplateId=bench.fleet.template_id,
            SourceVersion="1",
            LaunchTemplateData={
                "DisableApiTermination": True,
                "BlockDeviceMappings": [{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 5}}],
            },
        )
        instance_id = bench.running(version="3")
        names = [each["DeviceName"] for each in bench.describe(instance_id)["BlockDeviceMappings"]]
        assert "/dev/sdb" in names
        answer = bench.ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="disableApiTermination")
        assert answer["DisableApiTermination"]["Value"] is True


def test_another_service_launches_with_its_own_tags_and_subnet() -> None:
    with open_bench() as bench:
        bench.ec2.create_launch_template_version(
            LaunchTemplateId=bench.fleet.template_id,
            SourceVersion="1",
            LaunchTemplateData={"NetworkInterfaces": [{"DeviceIndex": 0, "Description": "primary"}]},
        )
        for version in ("1", "$Latest"):
            instance = bench.sandbox.ec2.launch(
                template_id=bench.fleet.template_id,
                template_version=version,
                subnet_id=bench.fleet.subnet_ids[1],
                tags={"aws:autoscaling:groupName": "web"},
                client_token=None,
            )
            bench.jump(2)
            assert bench.tags(instance.instance_id)["aws:autoscaling:groupName"] == "web"
            assert bench.describe(instance.instance_id)["SubnetId"] == bench.fleet.subnet_ids[1]


PROFILES = {
    "Name": "Value (gone) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    "Arn": "Value (gone) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN",
}


def test_a_key_pair_that_does_not_exist_is_refused() -> None:
    with open_bench() as bench:
        with refused("InvalidKeyPair.NotFound"):
            bench.run(KeyName="gone")
        bench.ec2.create_key_pair(KeyName="gone")
        assert bench.run(KeyName="gone")["Instances"][0]["KeyName"] == "gone"


@pytest.mark.parametrize("by", ["Name", "Arn"])
def test_an_instance_profile_that_does_not_exist_is_refused(by: str) -> None:
    with open_bench() as bench:
        with refused("InvalidParameterValue") as caught:
            bench.run(IamInstanceProfile={by: "gone"})
        assert caught.value.response["Error"]["Message"] == PROFILES[by]
        iam = bench.sandbox.session().client("iam")
        made = iam.create_instance_profile(InstanceProfileName="web")["InstanceProfile"]
        named = {"Name": "web", "Arn": made["Arn"]}
        assert bench.run(IamInstanceProfile={by: named[by]})["Instances"]


def test_the_vcpus_of_a_bucket_are_limited_by_a_quota() -> None:
    with open_bench(SandboxOptions(vcpu_quota=4)) as bench:  # t3.micro has two
        launched = bench.run(MinCount=2, MaxCount=2)["Instances"]
        assert [one["CpuOptions"] for one in launched] == [{"CoreCount": 1, "ThreadsPerCore": 2}] * 2
        with refused("VcpuLimitExceeded"):
            bench.run()
        assert bench.run(InstanceType="g4dn.xlarge")["Instances"]  # another bucket


def test_service_quotas_answers_the_quota_that_ec2_enforces() -> None:
    with open_bench(SandboxOptions(vcpu_quota=4)) as bench:
        quotas = bench.sandbox.session().client("service-quotas")
        assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"] == 4
        bench.sandbox.change_options(vcpu_quota=0)
        assert quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]["Value"] > 1000
        with refused("NoSuchResourceException"):
            quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-0000")
