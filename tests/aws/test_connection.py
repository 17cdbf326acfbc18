import subprocess
import sys
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY

from awsroll.errors import AccessRefusedError, AwsRefusedError, AwsUnansweredError, NotImplementedByEndpointError
from tests.support.amazon import client_of, connection, stubbed

NAME = "web"


def test_importing_awsroll_does_not_import_boto3() -> None:
    program = (
        "import sys, awsroll, awsroll.aws.connection, awsroll.fleets, awsroll.preflight;"
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_clients_make_a_single_attempt_with_short_timeouts_and_say_who_calls() -> None:
    config = client_of(connection(), "ec2").meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (5, 20)
    assert config.user_agent_extra.startswith("awsroll/")


def test_an_endpoint_and_a_region_of_ones_own_are_used() -> None:
    aws = connection(endpoint_url="http://127.0.0.1:1", region="eu-west-1")
    assert client_of(aws, "ec2").meta.endpoint_url == "http://127.0.0.1:1"
    assert aws.region == "eu-west-1"


def test_counts_every_attempt_by_operation() -> None:
    aws = connection()
    with stubbed(aws, "ec2") as ec2:
        ec2.add_client_error("describe_instances", "RequestLimitExceeded", http_status_code=503)
        ec2.add_response("describe_instances", {"Reservations": []})
        ec2.add_response("terminate_instances", {})
        aws.ec2.instances(["i-1"])
        aws.ec2.terminate_instance("i-1")
    assert aws.calls.by_operation == {"ec2:DescribeInstances": 2, "ec2:TerminateInstances": 1}
    assert (aws.calls.total, aws.calls.mutating) == (3, 1)


def test_describes_instances_by_filter_in_chunks_and_pages() -> None:
    aws, ids = connection(), [f"i-{number:04}" for number in range(250)]

    def asked(some: list[str], **more: str) -> dict[str, object]:
        return {"Filters": [{"Name": "instance-id", "Values": some}], "MaxResults": 1000, **more}

    with stubbed(aws, "ec2") as ec2:
        first = {"Reservations": [{"Instances": [{"InstanceId": ids[0]}]}], "NextToken": "more"}
        ec2.add_response("describe_instances", first, asked(ids[:200]))
        second = {"Reservations": [{"Instances": [{"InstanceId": ids[1]}]}]}
        ec2.add_response("describe_instances", second, asked(ids[:200], NextToken="more"))
        ec2.add_response("describe_instances", {"Reservations": []}, asked(ids[200:]))
        found = aws.ec2.instances(reversed(ids))
    assert [one["InstanceId"] for one in found] == ids[:2]


def test_describes_the_members_of_a_large_group_by_its_tag_and_only_the_others_by_id() -> None:
    aws, ids = connection(), [f"i-{number:04}" for number in range(250)]
    members = [{"InstanceId": name} for name in (*ids[:-1], "i-of-another-rollout")]
    by_tag = {"Name": "tag:aws:autoscaling:groupName", "Values": ["web"]}
    by_id = {"Name": "instance-id", "Values": ids[-1:]}
    with stubbed(aws, "ec2") as ec2:
        answer = {"Reservations": [{"Instances": members}]}
        ec2.add_response("describe_instances", answer, {"Filters": [by_tag], "MaxResults": 1000})
        other = {"Reservations": [{"Instances": [{"InstanceId": ids[-1]}]}]}
        ec2.add_response("describe_instances", other, {"Filters": [by_id], "MaxResults": 1000})
        found = aws.ec2.instances_among(ids, key="aws:autoscaling:groupName", value="web")
    assert [one["InstanceId"] for one in found] == ids


def test_describes_the_members_of_a_small_group_by_id() -> None:
    aws = connection()
    with stubbed(aws, "ec2") as ec2:
        by_id = {"Name": "instance-id", "Values": ["i-1"]}
        ec2.add_response("describe_instances", {"Reservations": []}, {"Filters": [by_id], "MaxResults": 1000})
        assert aws.ec2.instances_among(["i-1"], key="aws:autoscaling:groupName", value="web") == []


def test_makes_no_call_without_instances() -> None:
    aws = connection()
    with stubbed(aws, "ec2"):
        assert aws.ec2.instances([]) == []
    assert aws.calls.total == 0


def test_always_names_the_port_of_a_target() -> None:
    aws = connection()
    targets = [{"Id": "i-1", "Port": 8080}]
    with stubbed(aws, "elbv2") as elbv2:
        elbv2.add_response("deregister_targets", {}, {"TargetGroupArn": "arn", "Targets": targets})
        aws.elbv2.deregister("arn", [("i-1", 8080)])


def test_describes_tags_of_at_most_twenty_target_groups_at_once() -> None:
    aws, arns = connection(), [f"arn-{number}" for number in range(21)]
    with stubbed(aws, "elbv2") as elbv2:
        elbv2.add_response("describe_tags", {"TagDescriptions": []}, {"ResourceArns": arns[:20]})
        described = {"ResourceArn": "arn-20", "Tags": [{"Key": "a", "Value": "b"}]}
        elbv2.add_response("describe_tags", {"TagDescriptions": [described]}, {"ResourceArns": arns[20:]})
        assert aws.elbv2.tags(arns) == {"arn-20": {"a": "b"}}


def test_a_terminate_without_token_is_repeated_after_a_throttle() -> None:
    aws = connection()
    with stubbed(aws, "autoscaling") as autoscaling:
        operation = "terminate_instance_in_auto_scaling_group"
        autoscaling.add_client_error(operation, "Throttling", http_status_code=400)
        expected = {"InstanceId": "i-1", "ShouldDecrementDesiredCapacity": True}
        autoscaling.add_response(operation, {}, expected)
        aws.autoscaling.terminate_member("i-1", decrement=True)


@pytest.mark.parametrize("service", ["terminate", "enter-standby", "exit-standby", "send-command"])
def test_a_call_without_token_is_never_repeated_after_a_server_error(service: str) -> None:
    aws = connection()
    calls = {
        "terminate": ("autoscaling", "terminate_instance_in_auto_scaling_group"),
        "enter-standby": ("autoscaling", "enter_standby"),
        "exit-standby": ("autoscaling", "exit_standby"),
        "send-command": ("ssm", "send_command"),
    }
    name, operation = calls[service]
    with stubbed(aws, name) as stubber:
        stubber.add_client_error(operation, "InternalFailure", http_status_code=500)
        with pytest.raises(AwsUnansweredError):
            {
                "terminate": lambda: aws.autoscaling.terminate_members(NAME, ["i-1", "i-2"], decrement=True),
                "enter-standby": lambda: aws.autoscaling.enter_standby(NAME, ["i-1"]),
                "exit-standby": lambda: aws.autoscaling.exit_standby(NAME, ["i-1"]),
                "send-command": lambda: aws.ssm.send_command({"DocumentName": "d", "InstanceIds": ["i-1"]}),
            }[service]()


def test_a_launch_with_its_token_is_repeated_after_a_broken_connection() -> None:
    aws = connection()
    client = client_of(aws, "ec2")
    failures = [ReadTimeoutError(endpoint_url="https://nowhere")]

    def lose(**_: object) -> None:
        if failures:
            raise failures.pop()

    client.meta.events.register_first("before-parameter-build.ec2.RunInstances", lose)
    with stubbed(aws, "ec2") as ec2:
        expected = {"ClientToken": "token", "MinCount": 1, "MaxCount": 1}
        ec2.add_response("run_instances", {"Instances": [{"InstanceId": "i-1"}]}, expected)
        assert aws.ec2.run_instance({"ClientToken": "token"})["InstanceId"] == "i-1"
    assert aws.calls.by_operation == {"ec2:RunInstances": 2}


def test_an_operation_that_the_sdk_lacks_raises_without_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = connection()
    monkeypatch.setattr(aws._clients, "knows", lambda *_: False)
    assert not aws.autoscaling.can_launch_instances()
    with pytest.raises(NotImplementedByEndpointError):
        aws.autoscaling.launch_instances({})
    assert aws.calls.total == 0


def test_a_parameter_that_the_sdk_lacks_is_unknown_without_a_call() -> None:
    aws = connection()
    client = client_of(aws, "autoscaling")
    model = client.meta.service_model.operation_model("TerminateInstanceInAutoScalingGroup")
    del model.input_shape.members["InstanceIds"]
    with pytest.raises(NotImplementedByEndpointError):
        aws.autoscaling.terminate_members(NAME, ["i-1", "i-2"], decrement=False)


def test_a_refused_permission_is_an_access_error() -> None:
    aws = connection()
    with stubbed(aws, "elbv2") as elbv2:
        elbv2.add_client_error("describe_target_health", "AccessDenied", "not allowed", http_status_code=403)
        with pytest.raises(AccessRefusedError, match="elbv2:DescribeTargetHealth: AccessDenied: not allowed"):
            aws.elbv2.target_health("arn")


def test_unknown_names_are_none_and_other_refusals_are_errors() -> None:
    aws = connection()
    with stubbed(aws, "elbv2") as elbv2:
        elbv2.add_client_error("describe_target_groups", "TargetGroupNotFound", http_status_code=400)
        elbv2.add_client_error("describe_target_groups", "ValidationError", http_status_code=400)
        assert aws.elbv2.target_group_named("web") is None
        with pytest.raises(AwsRefusedError):
            aws.elbv2.target_group_named("web")


def test_activities_end_with_the_page_that_reaches_back_far_enough() -> None:
    aws, since = connection(), datetime(2026, 1, 1, 12, tzinfo=UTC)

    def activity(name: str, hour: int) -> dict[str, object]:
        return {
            "ActivityId": name,
            "AutoScalingGroupName": NAME,
            "Cause": "c",
            "StartTime": datetime(2026, 1, 1, hour, tzinfo=UTC),
            "StatusCode": "Successful",
        }

    with stubbed(aws, "autoscaling") as autoscaling:
        # The activity in progress comes first although it began long ago.
        first = [activity("running", 1), activity("newest", 14), activity("newer", 13)]
        autoscaling.add_response("describe_scaling_activities", {"Activities": first, "NextToken": "more"}, ANY_REQUEST)
        second = {"Activities": [activity("new", 12), activity("old", 11)], "NextToken": "never asked for"}
        autoscaling.add_response("describe_scaling_activities", second, ANY_REQUEST | {"NextToken": "more"})
        pages = list(aws.autoscaling.activities(NAME, since))
    assert [[one["ActivityId"] for one in page] for page in pages] == [["newest", "newer"], ["new"]]


ANY_REQUEST = {"AutoScalingGroupName": ANY, "MaxRecords": ANY}


def test_suspending_nothing_is_not_suspending_everything() -> None:
    aws = connection()
    with stubbed(aws, "autoscaling"):
        aws.autoscaling.suspend(NAME, ())
        aws.autoscaling.resume(NAME, ())
    assert aws.calls.total == 0
