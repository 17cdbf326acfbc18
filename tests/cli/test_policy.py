"""`awsroll policy`: what it reads from the embedded AWS and what it prints."""

import json
from pathlib import Path
from typing import Any

import pytest

from awsroll.cli.main import run
from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock

ACCOUNT = "arn:aws:ec2:us-east-1:123456789012"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, Any]]:
    assert run(["policy", *arguments]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made.keys() == {"Version", "Statement"}
    return {statement["Sid"]: statement for statement in made["Statement"]}


def new_version(sandbox: Sandbox, template: str, **data: Any) -> None:
    sandbox.session().client("ec2").create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="2", LaunchTemplateData=data
    )


def test_finds_the_target_groups_and_the_template_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.auto_scaling_fleet(desired=1, target_groups=2)
        before = sandbox.calls.copy()
        request = ("--asg", "web", "--launch-first", "--deregistration-delay", "5")
        made = printed(capsys, *request, "--state", "dynamodb://records")
        called = {call.partition(":")[2] for call in sandbox.calls - before}

    assert made["LabelTargetGroups"]["Resource"] == sorted(fleet.target_group_arns)
    assert made["LaunchFromTemplate"]["Condition"] == {
        "ArnLike": {"ec2:LaunchTemplate": [f"{ACCOUNT}:launch-template/{fleet.template_id}"]}
    }
    assert "autoscaling:LaunchInstances" in made["SteerGroup"]["Action"]
    assert made["KeepRecords"]["Resource"] == ["arn:aws:dynamodb:us-east-1:123456789012:table/records"]
    assert all(operation.startswith(("Describe", "Get", "List")) for operation in called)


def test_needs_no_version_of_a_standalone_fleet_and_uses_its_tag(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.standalone_fleet(servers=1, target_groups=2)
        both = [word for arn in reversed(fleet.target_group_arns) for word in ("--target-group", arn)]
        made = printed(capsys, *both)
        reloading = printed(capsys, *both, "--strategy", "reload")

    ours = {"StringEquals": {"aws:ResourceTag/awsroll:fleet": ["web-1+web-2"]}}
    assert made["TerminateTaggedServers"]["Condition"] == ours
    assert made["MoveTraffic"]["Resource"] == sorted(fleet.target_group_arns)
    assert made["LaunchFromTemplate"]["Condition"] == {
        "ArnLike": {"ec2:LaunchTemplate": [f"{ACCOUNT}:launch-template/{fleet.template_id}"]}
    }
    assert reloading["SendToServers"]["Condition"] == ours
    assert reloading["SendDocument"]["Resource"] == ["arn:aws:ssm:us-east-1::document/AWS-RunShellScript"]


def test_finds_the_roles_and_images_of_the_old_and_the_new_version(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.auto_scaling_fleet(desired=1)
        iam = sandbox.session().client("iam")
        iam.create_role(RoleName="server", Path="/web/", AssumeRolePolicyDocument="{}")
        profile = iam.create_instance_profile(InstanceProfileName="web", Path="/web/")["InstanceProfile"]
        iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="server")
        image = "resolve:ssm:/web/image:7"
        new_version(sandbox, fleet.template_id, IamInstanceProfile={"Arn": profile["Arn"]}, ImageId=image)
        made = printed(capsys, "--asg", "web")
        former = printed(capsys, "--asg", "web", "--launch-template", f"{fleet.template_id}:2")

    assert made["PassInstanceRole"]["Resource"] == ["arn:aws:iam::123456789012:role/web/server"]
    assert made["FindImage"]["Resource"] == ["arn:aws:ssm:us-east-1:123456789012:parameter/web/image"]
    assert not {"PassInstanceRole", "FindImage"} & former.keys()


def test_finds_the_ports_that_a_group_does_not_manage(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.auto_scaling_fleet(desired=1, target_groups=2)
        sandbox.elb.register(fleet.target_group_arns[1], fleet.instance_ids[0], 8080)
        made = printed(capsys, "--asg", "web")

    assert made["MoveTraffic"]["Resource"] == [fleet.target_group_arns[1]]


def test_a_file_names_hooks_and_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rollout.json"
    hooks = [
        {"point": "after_healthy", "function": "check:live"},
        {"point": "after_drain", "script": ["true"]},
    ]
    file.write_text(json.dumps({"asg": "web", "strategy": "double-half", "keep-old": True, "hooks": hooks}))
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.auto_scaling_fleet(desired=1)
        made = printed(
            capsys, "-f", str(file), "--alarm", "errors", "--deregistration-delay", "5", "--warm-pool", "purge",
            "--health-check-threshold", "2",
        )  # fmt: skip

    assert made["InvokeHooks"]["Resource"] == ["arn:aws:lambda:us-east-1:123456789012:function:check:live"]
    assert {"SendToServers", "SetDeregistrationDelayAndHealthChecks", "TagServers"} <= made.keys()
    assert "cloudwatch:DescribeAlarms" in made["Read"]["Action"]
    assert {"autoscaling:PutWarmPool", "autoscaling:EnterStandby"} <= set(made["SteerGroup"]["Action"])


def test_a_fleet_that_cannot_be_rolled_now_still_has_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.auto_scaling_fleet(desired=1)
        autoscaling = sandbox.session().client("autoscaling")
        autoscaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])

        assert run(["doctor", "--asg", "web"]) == 2
        capsys.readouterr()
        assert "SteerGroup" in printed(capsys, "--asg", "web")


def test_json_output_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.auto_scaling_fleet(desired=1)
        assert run(["policy", "--asg", "web", "--json"]) == 0

    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--asg", "wep"], "there is no Auto Scaling group 'wep' in us-east-1 (did you mean web?)"),
        (["--target-group", "wep-1"], "there is no target group 'wep-1' in us-east-1 (did you mean web-1?)"),
        (["--asg", "web", "--launch-template", "lt-0"], "there is no launch template lt-0 in us-east-1"),
        (
            ["--asg", "web", "--launch-first", "--strategy", "double-half"],
            "--launch-first needs --strategy replace",
        ),
        ([], "no fleet is named"),
    ],
    ids=["group", "target-group", "template", "limits", "nothing"],
)
def test_a_name_that_does_not_exist_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        sandbox.auto_scaling_fleet(desired=1)

        assert run(["policy", *arguments]) == 2

    out, err = capsys.readouterr()
    assert (out, message in err) == ("", True), err


def test_a_missing_instance_profile_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.auto_scaling_fleet(desired=1)
        new_version(sandbox, fleet.template_id, IamInstanceProfile={"Name": "gone"})

        assert run(["policy", "--asg", "web"]) == 2

    assert "there is no instance profile 'gone', which a launch template names" in capsys.readouterr().err


def test_a_group_in_no_target_group_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.auto_scaling_fleet(desired=1)
        autoscaling = sandbox.session().client("autoscaling")
        autoscaling.detach_load_balancer_target_groups(
            AutoScalingGroupName="web", TargetGroupARNs=list(fleet.target_group_arns)
        )
        sandbox.jump(120)

        assert run(["policy", "--asg", "web"]) == 2

    assert "web is in no target group, so awsroll cannot roll it" in capsys.readouterr().err
