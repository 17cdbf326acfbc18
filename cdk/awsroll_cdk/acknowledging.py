"""Check an app with the AwsSolutions rules of cdk-nag, and acknowledge a finding on its construct with a reason."""

from collections.abc import Iterable, Mapping
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct

ANY_RESOURCE = "IAM5[Resource::*]"


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Acknowledge a finding on a construct and its children."""
    cdk.Validations.of(construct).acknowledge(
        cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{finding}", reason=reason)
    )


def acknowledge_wildcards(
    construct: IConstruct, statements: Iterable[Mapping[str, Any]], reasons: Mapping[str, str]
) -> None:
    """Acknowledge each resource with a wildcard in a policy, with the reason of its statement.

    Args:
        construct: the policy.
        statements: statements of IAM in JSON, with a `Sid`.
        reasons: reasons by `Sid`. A statement without a reason stays a finding.
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
    """Fail synthesis on a finding that is not acknowledged. This needs the package cdk-nag."""
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415 - an app that uses the construct need not have it

    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def spelt(construct: IConstruct, value: str) -> str:
    """Return a value with references as cdk-nag writes them: `<AWS::Region>`, `<Function.Arn>`."""
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
