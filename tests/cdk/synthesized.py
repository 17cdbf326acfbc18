"""The stacks that the tests look at, synthesized in one go: node takes seconds to start.

`group`: the app for an Auto Scaling group with every option on. `standalone`: the construct with nothing but a fleet.
`released_group`, `released_standalone`: the plain templates of a release.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GROUP = "web"
TARGET_GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/0123456789abcdef"
OTHER_ACCOUNT = "arn:aws:iam::210987654321:role/awsroll"
_OPTIONS = (
    "surges",
    "stages",
    "codepipeline",
    "durable",
    "many_fleets",
    "approval_links",
    "tracing",
    "retention",
    "sign_records",
)
ALL = ("group", "standalone", "released_group", "released_standalone")
ALERTS = "arn:aws:sns:eu-west-1:123456789012:alerts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesized:
    """Templates by name."""

    templates: Mapping[str, Mapping[str, Any]]

    def resources(self, template: str, kind: str) -> dict[str, Any]:
        """Return the resources of a kind, `AWS::Lambda::Function`, by their logical ids."""
        found = self.templates[template]["Resources"]
        return {name: one for name, one in found.items() if one["Type"] == kind}

    def statements(self, template: str, role: str) -> list[dict[str, Any]]:
        """Return what the policies of a role allow; the role is named by a part of its logical id."""
        return [
            statement
            for policy in self.resources(template, "AWS::IAM::Policy").values()
            if any(role in one["Ref"] for one in policy["Properties"]["Roles"])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]


def _kept_file(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "kept.yaml"
    file.write_text(f"waves: [{{fleets: [{{asg: {GROUP}, launch-template: {GROUP}, max-age-days: 30}}]}}]\n")
    return file


def synthesize(folder: Path) -> Synthesized:
    """Synthesize all stacks. A finding of cdk-nag that is not acknowledged fails this."""
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    import aws_cdk as cdk
    from aws_cdk import aws_iam as iam, aws_sns as sns

    from awsroll_cdk import Fleet, RollingDeployment, check_solutions, context_app, plain_template
    from awsroll_cdk.acknowledging import acknowledge, spelt

    context = {
        "aws:cdk:bundling-stacks": [],  # the bundle has tests of its own
        "stack": "group",
        "asg": GROUP,
        "topic": ALERTS,
        "target_groups": TARGET_GROUP,
        "keep": str(_kept_file(folder)),
        **dict.fromkeys(_OPTIONS, "true"),
    }
    whole = cdk.App(outdir=str(folder), context=context)
    context_app.build(whole)
    bare = cdk.Stack(whole, "standalone")
    api = RollingDeployment(
        bare,
        "Api",
        fleet=Fleet.standalone(target_groups=[TARGET_GROUP], name="api"),
        notify=sns.Topic.from_topic_arn(bare, "Alerts", ALERTS),
        roles_to_assume=[OTHER_ACCOUNT],
    )
    starter = iam.Role(bare, "Starter", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    api.grant_start(starter)
    api.grant_approve(starter)
    versions = f"IAM5[Resource::{spelt(starter, api.functions['control'].function_arn)}:*]"
    acknowledge(starter, versions, "the CDK allows the versions of a function with the function")
    check_solutions(whole)
    assembly = whole.synth()
    templates = {name: assembly.get_stack_by_name(name).template for name in ("group", "standalone")}
    templates |= {
        f"released_{fleet}": plain_template.template(fleet, "arm64", checked=True) for fleet in plain_template.FLEETS
    }
    return Synthesized(templates=templates)
