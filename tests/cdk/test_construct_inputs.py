"""What the construct and the app take, and what they refuse at synthesis."""

import subprocess
import sys
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from awsroll.iam import Fleets, Rollouts
from tests.cdk.synthesized import GROUP, TARGET_GROUP


@pytest.mark.parametrize(
    ("fleets", "rollouts", "problem"),
    [
        (Fleets(groups=("web",)), Rollouts(strategy="blue-green"), "strategy is 'blue-green': pass one of replace"),
        (Fleets(groups=("web",)), Rollouts(script_points=("later",)), "script_points has later: pass some of before_"),
        (Fleets(), Rollouts(), "the fleet has no name"),
        (Fleets(groups=("",)), Rollouts(), "the fleet has no name"),
    ],
)
def test_values_that_no_rollout_has_are_refused_at_synthesis(fleets: Fleets, rollouts: Rollouts, problem: str) -> None:
    import aws_cdk as cdk

    from awsroll_cdk import Fleet, RollingDeployment

    with pytest.raises(ValueError, match=problem):
        RollingDeployment(cdk.Stack(), "Web", fleet=Fleet(permitted=fleets), notify=None, rollouts=rollouts)


def test_fleets_are_kept_only_with_the_machine_of_many_fleets() -> None:
    import aws_cdk as cdk

    from awsroll_cdk import Fleet, Keeping, RollingDeployment

    fleet, keep = Fleet.groups(["web"]), Keeping(fleets={"waves": []})
    with pytest.raises(ValueError, match="keep needs many_fleets=True"):
        RollingDeployment(cdk.Stack(), "Web", fleet=fleet, notify=None, keep=keep)


def test_the_app_refuses_a_switch_that_is_neither_true_nor_false() -> None:
    import aws_cdk as cdk

    from awsroll_cdk import context_app

    with pytest.raises(SystemExit, match="-c tracing=yes is not known: pass true or false"):
        context_app.build(cdk.App(context={"asg": "web", "topic": "none", "tracing": "yes"}))


def test_the_app_takes_a_bundle_that_is_built_already(tmp_path: Path) -> None:
    import aws_cdk as cdk
    from aws_cdk import assertions

    from awsroll_cdk import context_app

    given = {"asg": "web", "topic": "none", "code_version": "7", "log_retention": "one_month"}
    for wrong in (str(tmp_path / "none.zip"), "s3://bundles"):
        with pytest.raises(SystemExit, match=f"-c code={wrong} is not known"):
            context_app.build(cdk.App(context={**given, "code": wrong}))
    stack = context_app.build(cdk.App(context={**given, "code": "s3://bundles/awsroll/1.zip"}))
    resources = assertions.Template.from_stack(stack)
    resources.all_resources_properties(
        "AWS::Lambda::Function", {"Code": {"S3Bucket": "bundles", "S3Key": "awsroll/1.zip"}}
    )
    resources.all_resources_properties("AWS::Lambda::Version", {"Description": "7"})
    resources.all_resources_properties("AWS::Logs::LogGroup", {"RetentionInDays": 30})


def test_constructs_of_the_cdk_are_taken_as_well_as_names_and_arns() -> None:
    import aws_cdk as cdk
    from aws_cdk import (
        aws_autoscaling as autoscaling,
        aws_dynamodb as dynamodb,
        aws_elasticloadbalancingv2 as elbv2,
        aws_sns as sns,
    )

    from awsroll_cdk import Fleet, RollingDeployment

    stack = cdk.Stack()
    group = autoscaling.AutoScalingGroup.from_auto_scaling_group_name(stack, "Group", GROUP)
    targets = elbv2.ApplicationTargetGroup(stack, "Targets", target_type=elbv2.TargetType.INSTANCE)
    table = dynamodb.Table.from_table_name(stack, "Records", "records")
    made = RollingDeployment(
        stack,
        "Web",
        fleet=Fleet.group(group, target_groups=[targets, TARGET_GROUP]),
        notify=sns.Topic(stack, "Topic"),
        table=table,
        code=code(stack),
    )
    named = Fleet.group(
        f"arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:0123:autoScalingGroupName/{GROUP}"
    )

    assert Fleet.group(group).permitted.groups == named.permitted.groups == (GROUP,)
    assert stack.resolve(Fleet.group(group, target_groups=[targets]).permitted.target_groups[0])["Ref"].startswith(
        "Targ"
    )
    assert made.table.table_name == "records"
    assert {
        metric.metric_name for metric in (made.metric_started(), made.metric_succeeded(), made.metric_failed())
    } == {
        "ExecutionsStarted",
        "ExecutionsSucceeded",
        "ExecutionsFailed",
    }
    assert made.metric_duration().metric_name == "ExecutionTime"
    assert made.metric_person_awaited().metric_name.startswith("PersonAwaited")


def test_the_topic_is_asked_for() -> None:
    import aws_cdk as cdk

    from awsroll_cdk import Fleet, RollingDeployment, context_app

    with pytest.raises(TypeError, match="notify"):
        RollingDeployment(cdk.Stack(), "Web", fleet=Fleet.group(GROUP))  # type: ignore[call-arg]
    with pytest.raises(SystemExit, match="pass -c topic=ARN of an SNS topic, or -c topic=none"):
        context_app.build(cdk.App(context={"asg": GROUP}))


def test_the_app_takes_every_option_of_the_construct_and_of_rollouts() -> None:
    from awsroll_cdk import RollingDeployment, context_app

    source = Path(context_app.__file__).read_text()
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    elsewhere = {"fleet": "asg", "notify": "topic", "timeout": "timeout_hours", "architecture": "arch"}
    unlisted = {"self", "scope", "construct_id", "rollouts"}
    options = {elsewhere.get(name, name) for name in signature(RollingDeployment.__init__).parameters} - unlisted
    assert [name for name in options if f'"{name}"' not in source] == []
    fields_ = {field.name for field in fields(Rollouts)} - set(context_app.OF_THE_CONSTRUCT) - {"roles"}
    assert [name for name in sorted({*options, *fields_, "instance_roles"}) if f"`{name}`" not in page] == []


def test_the_construct_is_imported_without_cdk_nag() -> None:
    first = "import sys; sys.modules['cdk_nag'] = None; sys.path[:0] = ['cdk', '.']"
    code = f"{first}; from awsroll_cdk import RollingDeployment"
    ran = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def code(scope: Any) -> Any:
    """Return code that needs no bundle."""
    from aws_cdk import aws_lambda as lambda_, aws_s3 as s3

    return lambda_.Code.from_bucket_v2(s3.Bucket.from_bucket_name(scope, "Bundles", "bundles"), "awsroll.zip")
