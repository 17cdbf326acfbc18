"""Deploys one `RollingDeployment`: `cdk deploy -c asg=web`, from this folder.

Context values: `asg` (names, joined by commas) or `target_groups` (ARNs, likewise) name the fleets; `strategy`,
`surges`, `stages`, `codepipeline`, `durable`, `many_fleets`, `tracing` are as the construct's; `stack` names the stack.
"""

import aws_cdk as cdk
from constructs import Node

from awsroll_cdk import Fleet, RollingDeployment, Rollouts, check_solutions


def build(app: cdk.App) -> cdk.Stack:
    """Put the stack into the app, as its context values ask for."""
    asked = app.node
    stack = cdk.Stack(app, str(asked.try_get_context("stack") or "awsroll"), description="awsroll: rolling deployments")
    RollingDeployment(
        stack,
        "Deployment",
        fleet=_fleet(asked),
        rollouts=Rollouts(strategy=str(asked.try_get_context("strategy") or "replace"), surges=_said(asked, "surges")),
        stages=_said(asked, "stages"),
        codepipeline=_said(asked, "codepipeline"),
        durable=_said(asked, "durable"),
        many_fleets=_said(asked, "many_fleets"),
        tracing=_said(asked, "tracing"),
    )
    return stack


def _fleet(asked: Node) -> Fleet:
    names, target_groups = _listed(asked, "asg"), _listed(asked, "target_groups")
    if names:
        return Fleet.groups(names=names, target_groups=target_groups)
    if target_groups:
        return Fleet.standalone(target_groups=target_groups)
    problem = "no fleet is named: give -c asg=NAME, or -c target_groups=ARN,ARN for servers registered by hand"
    raise SystemExit(problem)


def _listed(asked: Node, name: str) -> list[str]:
    return [one for one in str(asked.try_get_context(name) or "").split(",") if one]


def _said(asked: Node, name: str) -> bool:
    return str(asked.try_get_context(name)).lower() == "true"


if __name__ == "__main__":
    app = cdk.App()
    build(app)
    check_solutions(app)
    app.synth()
