"""The limits of policies: what they do not allow, their size, and how fast they load."""

import json
import subprocess
import sys

import pytest

from awsroll.iam import Fleets, Place, Rollouts, policy
from tests.iam.policies import API, BY_HAND, GROUP_ARN, HERE, KINDS, WEB, asks, ec2, statements

LARGEST_MANAGED_POLICY = 6144  # characters, white space not counted


@pytest.mark.parametrize("fleets", KINDS.values(), ids=KINDS)
def test_what_is_not_of_the_fleet_is_out_of_reach(fleets: Fleets) -> None:
    made = policy(
        HERE, fleets, Rollouts(strategy="double-half", launch_templates=("lt-1",), store="dynamodb://records")
    )
    (server,) = ec2("instance/i-1")
    (template,) = ec2("launch-template/lt-9")
    group = "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:uuid:autoScalingGroupName/web-2"

    assert not asks(made, "ec2:TerminateInstances", server)
    assert not asks(made, "ec2:TerminateInstances", server, **{"aws_ResourceTag__awsroll:fleet": ["other"]})
    assert not asks(made, "ec2:CreateTags", server, aws_TagKeys=["Name"])
    assert not asks(made, "ec2:CreateTags", server, aws_TagKeys=["awsroll:fleet"])
    assert not asks(made, "ec2:RunInstances", server, ec2_LaunchTemplate=[template])
    assert not asks(made, "ec2:RunInstances", server)
    for image in ("arn:aws:ec2:eu-west-1::image/ami-1", "arn:aws:ec2:eu-west-1:111122223333:key-pair/mine"):
        for action in ("ec2:RunInstances", "ec2:CreateFleet"):
            assert not asks(made, action, image, ec2_IsLaunchTemplateResource=["false"])
    assert not asks(made, "elasticloadbalancing:DeregisterTargets", API)
    assert not asks(made, "elasticloadbalancing:AddTags", WEB, aws_TagKeys=["team"])
    assert not asks(made, "elasticloadbalancing:DeleteTargetGroup", WEB)
    assert not asks(made, "autoscaling:UpdateAutoScalingGroup", group)
    assert not asks(made, "autoscaling:CreateOrUpdateTags", GROUP_ARN, aws_TagKeys=["team"])
    assert not asks(made, "dynamodb:DeleteTable", "arn:aws:dynamodb:eu-west-1:111122223333:table/records")
    assert not asks(made, "dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/others")
    assert not asks(made, "ssm:SendCommand", server)
    assert not asks(made, "iam:PassRole", "arn:aws:iam::111122223333:role/admin")


def test_only_a_server_with_the_fleet_tag_can_be_terminated() -> None:
    made = policy(HERE, BY_HAND, Rollouts())
    (server,) = ec2("instance/i-1")
    mark = {"aws_RequestTag__awsroll:fleet": ["web"]}

    assert asks(made, "ec2:CreateTags", server, aws_TagKeys=["awsroll:fleet", "awsroll:role"], **mark)
    assert asks(made, "ec2:TerminateInstances", server, **{"aws_ResourceTag__awsroll:fleet": ["web"]})


@pytest.mark.parametrize("fleets", KINDS.values(), ids=KINDS)
def test_the_largest_policy_fits_a_managed_policy(fleets: Fleets) -> None:
    many = tuple(WEB.replace("web", f"a-target-group-of-length-32-{number:04}") for number in range(3))
    large = Fleets(groups=fleets.groups, names=fleets.names, target_groups=many, extra_target_groups=many[:1])
    for strategy in ("double-half", "reload"):
        wanted = Rollouts(
            strategy=strategy,
            keep_old=True,
            alarms=True,
            changes_deregistration_delay=True,
            changes_health_checks=True,
            purges_warm_pool=True,
            launch_templates=("lt-0123456789abcdef0",),
            roles=("arn:aws:iam::111122223333:role/server",),
            functions=("check",),
            script_points=("before_deregister",),
            store="dynamodb://records",
            answers_tasks=True,
        )
        text = json.dumps(policy(HERE, large, wanted), separators=(",", ":"))
        assert len(text) < LARGEST_MANAGED_POLICY


def test_placeholders_are_passed_on_as_they_are() -> None:
    token = "${Token[TOKEN.7]}"
    place = Place(partition=token, region=token, account=token)
    made = policy(
        place,
        Fleets(groups=(token,), target_groups=(token,)),
        Rollouts(store=f"dynamodb://{token}", changes_deregistration_delay=True),
    )

    assert statements(made)["SteerGroup"]["Resource"] == [
        f"arn:{token}:autoscaling:{token}:{token}:autoScalingGroup:*:autoScalingGroupName/{token}"
    ]
    assert statements(made)["KeepRecords"]["Resource"] == [f"arn:{token}:dynamodb:{token}:{token}:table/{token}"]
    assert statements(made)["LabelTargetGroups"]["Resource"] == [token]


def test_importing_it_brings_neither_the_sdk_nor_any_other_library() -> None:
    code = "import sys, awsroll.iam; print(sorted({one.partition('.')[0] for one in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True).stdout

    assert not {"boto3", "botocore", "msgspec", "structlog", "rich", "click", "tenacity"} & set(
        json.loads(loaded.replace("'", '"'))
    )
