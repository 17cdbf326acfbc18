"""Write a plain CloudFormation template, for users without the CDK and for releases.

    python cdk/template.py --out dist/awsroll.template.json                      for an Auto Scaling group
    python cdk/template.py --fleet standalone --out dist/awsroll.template.json   for servers registered by hand

The fleet and the bucket are parameters. The code is the zip of `lambda/build.py --zip` in a bucket of your own. The
account does not need to be bootstrapped.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_lambda as lambda_, aws_s3 as s3

from awsroll_cdk import Fleet, RollingDeployment, Rollouts, add_outputs, check_solutions
from awsroll_cdk.permissions import permit_passing

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
        made = RollingDeployment(
            stack,
            "Deployment",
            fleet=_fleet(stack, fleet),
            rollouts=Rollouts(surges=True, keep_old=True, alarms=True, changes_deregistration_delay=True),
            architecture=_ARCHITECTURES[architecture],
            code=_code(stack),
            stages=True,
            codepipeline=True,
            many_fleets=True,
        )
        _permit_instance_role(stack, made, grouped=fleet == "group")
        add_outputs(stack, made)
        if checked:
            check_solutions(app)
        written: dict[str, Any] = app.synth().get_stack_by_name("awsroll").template
    return written


def _code(stack: cdk.Stack) -> lambda_.Code:
    bucket = cdk.CfnParameter(stack, "CodeBucket", description="Bucket that holds the zip of lambda/build.py")
    key = cdk.CfnParameter(stack, "CodeKey", default="awsroll-lambda.zip", description="Its key in the bucket")
    named = s3.Bucket.from_bucket_name(stack, "Code", bucket.value_as_string)
    return lambda_.Code.from_bucket_v2(named, key.value_as_string)


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
