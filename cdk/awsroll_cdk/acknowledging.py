"""cdk-nag's AwsSolutions rules: how an app is checked, and how a finding is acknowledged where it is, with a reason."""

from collections.abc import Iterable, Mapping
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

ANY_RESOURCE = "IAM5[Resource::*]"


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Acknowledge a finding on a construct and what is under it."""
    cdk.Validations.of(construct).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
    )


def acknowledge_wildcards(
    construct: IConstruct, statements: Iterable[Mapping[str, Any]], reasons: Mapping[str, str]
) -> None:
    """Acknowledge each resource with a star in a policy, with the reason of its statement.

    Args:
        construct: the policy.
        statements: as IAM's JSON has them, with a `Sid`.
        reasons: by `Sid`; a statement whose reason is missing stays a finding.
    """
    found = {
        f"IAM5[Resource::{spelt(construct, one)}]": reasons[statement["Sid"]]
        for statement in statements
        if statement["Sid"] in reasons
        for one in statement["Resource"]
    }
    for finding, reason in found.items():
        if "*" in finding:
            acknowledge(construct, finding, reason)


def check_solutions(app: cdk.App) -> None:
    """Let synthesis fail on any finding that is not acknowledged."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def spelt(construct: IConstruct, value: str) -> str:
    """Return a value with what CloudFormation fills in as cdk-nag spells it: `<AWS::Region>`, `<Function.Arn>`."""
    return _spelt(cdk.Stack.of(construct).resolve(value))


def _spelt(value: Any) -> str:
    match value:
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [between, parts]}:
            return str(between).join(_spelt(one) for one in parts)
    return str(value)
