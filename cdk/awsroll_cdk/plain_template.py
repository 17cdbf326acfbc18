"""Write a plain CloudFormation template, for users without the CDK and for releases.

    python cdk/template.py --out dist/awsroll.template.json                      for an Auto Scaling group
    python cdk/template.py --fleet standalone --out dist/awsroll.template.json   for servers registered by hand

`python -m awsroll_cdk.plain_template` does the same where the package is installed. The fleet and the bucket are
parameters, so the template also works as a nested stack. The code is the zip of `lambda/build.py --zip` in a bucket of
your own. The account does not need to be bootstrapped.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import jsii
from aws_cdk import aws_cloudwatch as cloudwatch, aws_iam as iam, aws_lambda as lambda_, aws_s3 as s3
from constructs import Construct

from awsroll.iam import Rollouts
from awsroll_cdk.acknowledging import check_solutions
from awsroll_cdk.deployment import RollingDeployment
from awsroll_cdk.fleet import Fleet
from awsroll_cdk.outputs import add_outputs
from awsroll_cdk.permissions import permit_passing, permit_publishing, permit_reloads

FLEETS = ("group", "standalone")
_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


def template(fleet: str, architecture: str, *, checked: bool = False) -> dict[str, Any]:
    """Return the template."""
    with tempfile.TemporaryDirectory() as folder:
        app = cdk.App(outdir=folder, analytics_reporting=False)
        stack = cdk.Stack(
            app,
            "awsroll",
            description="awsroll: rolling deployments, driven by a state machine",
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        code, key = _code(stack)
        named = _fleet(stack, fleet)
        made = RollingDeployment(
            stack,
            "Deployment",
            fleet=named,
            notify=None,  # `_tell_topic` adds the topic of the parameter
            rollouts=Rollouts(
                surges=True,
                keep_old=True,
                keeps_failed=True,
                alarms=True,
                calendars=("*",),
                changes_deregistration_delay=True,
                changes_health_checks=True,
            ),
            architecture=_ARCHITECTURES[architecture],
            code=code,
            code_version=key,
            stages=True,
            codepipeline=True,
            many_fleets=True,
        )
        _permit_instance_role(stack, made, grouped=fleet == "group")
        _tell_topic(stack, made)
        _permit_reloads(stack, made, named)
        add_outputs(stack, made)
        if checked:
            check_solutions(app)
        written: dict[str, Any] = app.synth().get_stack_by_name("awsroll").template
    return written


def _code(stack: cdk.Stack) -> tuple[lambda_.Code, str]:
    """Return the code, and its key: another key publishes the next version of each function."""
    bucket = cdk.CfnParameter(stack, "CodeBucket", description="Bucket that holds the zip of lambda/build.py")
    key = cdk.CfnParameter(stack, "CodeKey", default="awsroll-lambda.zip", description="Its key in the bucket")
    named = s3.Bucket.from_bucket_name(stack, "Code", bucket.value_as_string)
    return lambda_.Code.from_bucket_v2(named, key.value_as_string), str(key.value_as_string)


@jsii.implements(cloudwatch.IAlarmAction)
class _TellTopic:
    """The action of an alarm: the topic of the parameter, if it has one."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def bind(self, scope: Construct, alarm: cloudwatch.IAlarm) -> cloudwatch.AlarmActionConfig:  # noqa: ARG002
        return cloudwatch.AlarmActionConfig(alarm_action_arn=self._topic)


def _tell_topic(stack: cdk.Stack, made: RollingDeployment) -> None:
    """Send alarms and notices to the topic of a parameter, unless it is empty."""
    arn = cdk.CfnParameter(
        stack,
        "TopicArn",
        default="",
        description="SNS topic that gets a message when a rollout waits for a person or fails; empty: none",
    ).value_as_string
    given = cdk.CfnCondition(stack, "HasTopic", expression=cdk.Fn.condition_not(cdk.Fn.condition_equals(arn, "")))
    for alarm in made.alarms:
        cdk.Validations.of(alarm).acknowledge(
            cdk.Acknowledgment(id="CloudFormation-Validate::F3033", reason="a condition chooses the ARN or nothing")
        )
    made.add_alarm_action(_TellTopic(cdk.Fn.condition_if(given.logical_id, arn, cdk.Aws.NO_VALUE).to_string()))
    notify = cdk.Fn.condition_if(given.logical_id, f"sns:{arn}", "").to_string()
    for function in made.functions.values():
        function.add_environment("AWSROLL_NOTIFY", notify)
    roles = [made.fleet_role, cast("iam.Role", made.functions["prepare"].role)]
    permitted = permit_publishing(stack, roles, arn).node.default_child
    cast("iam.CfnPolicy", permitted).cfn_options.condition = given


def _permit_reloads(stack: cdk.Stack, made: RollingDeployment, fleet: Fleet) -> None:
    """Allow rollouts to run commands on servers only if a parameter says so."""
    asked = cdk.CfnParameter(
        stack,
        "ReloadsServers",
        default="false",
        allowed_values=["true", "false"],
        description="Whether rollouts may reload servers in place: run commands on them by Systems Manager",
    )
    reloads = cdk.CfnCondition(stack, "Reloads", expression=cdk.Fn.condition_equals(asked.value_as_string, "true"))
    permitted = permit_reloads(stack, [made.fleet_role], fleet).node.default_child
    cast("iam.CfnPolicy", permitted).cfn_options.condition = reloads


def _permit_instance_role(stack: cdk.Stack, made: RollingDeployment, *, grouped: bool) -> None:
    arn = cdk.CfnParameter(
        stack,
        "InstanceRoleArn",
        default="",
        description="Role in the instance profile of the launch templates; empty if they have none",
    )
    has_one = cdk.CfnCondition(
        stack, "HasInstanceRole", expression=cdk.Fn.condition_not(cdk.Fn.condition_equals(arn.value_as_string, ""))
    )
    # Without a group, the stages launch servers themselves.
    roles = [one for one in (made.fleet_role, None if grouped else made.stages_role) if one is not None]
    permitted = permit_passing(stack, roles, arn.value_as_string).node.default_child
    cast("iam.CfnPolicy", permitted).cfn_options.condition = has_one


def _fleet(stack: cdk.Stack, kind: str) -> Fleet:
    description = "ARNs of the fleet's target groups, joined by commas"
    arns = cdk.CfnParameter(stack, "TargetGroupArns", type="CommaDelimitedList", description=description)
    if kind == "standalone":
        return Fleet.standalone(target_groups=arns.value_as_list)
    name = cdk.CfnParameter(stack, "AutoScalingGroup", description="Name of the Auto Scaling group")
    return Fleet.group(name=name.value_as_string, target_groups=arns.value_as_list)


def main(arguments: list[str] | None = None) -> int:
    """Write the template to a file."""
    about, _, more = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="file to write")
    parser.add_argument("--fleet", choices=FLEETS, default="group", help="kind of fleet (group)")
    parser.add_argument("--arch", choices=tuple(_ARCHITECTURES), default="arm64", help="processor of the zip (arm64)")
    chosen = parser.parse_args(arguments)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(template(chosen.fleet, chosen.arch), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
