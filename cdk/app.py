"""Deploy one `RollingDeployment`: run `cdk deploy -c asg=web` in this folder.

Context values: `asg` (names, separated by commas) or `target_groups` (ARNs, separated by commas) name the fleets.
`strategy`, `surges`, `stages`, `codepipeline`, `durable`, `many_fleets`, `sign_records` and `tracing` are options of
the construct. `stack` is the name of the stack.
"""

import aws_cdk as cdk
from constructs import Node

from awsroll_cdk import Fleet, RollingDeployment, Rollouts, check_solutions


def build(app: cdk.App) -> cdk.Stack:
    """Add the stack to the app, according to its context values."""
    context = app.node
    stack = cdk.Stack(
        app, str(context.try_get_context("stack") or "awsroll"), description="awsroll: rolling deployments"
    )
    RollingDeployment(
        stack,
        "Deployment",
        fleet=_fleet(context),
        rollouts=Rollouts(
            strategy=str(context.try_get_context("strategy") or "replace"), surges=_is_on(context, "surges")
        ),
        stages=_is_on(context, "stages"),
        codepipeline=_is_on(context, "codepipeline"),
        durable=_is_on(context, "durable"),
        many_fleets=_is_on(context, "many_fleets"),
        sign_records=_is_on(context, "sign_records"),
        tracing=_is_on(context, "tracing"),
    )
    return stack


def _fleet(context: Node) -> Fleet:
    names, target_groups = _names(context, "asg"), _names(context, "target_groups")
    if names:
        return Fleet.groups(names=names, target_groups=target_groups)
    if target_groups:
        return Fleet.standalone(target_groups=target_groups)
    problem = "no fleet is named: pass -c asg=NAME, or -c target_groups=ARN,ARN for servers registered by hand"
    raise SystemExit(problem)


def _names(context: Node, name: str) -> list[str]:
    return [one for one in str(context.try_get_context(name) or "").split(",") if one]


def _is_on(context: Node, name: str) -> bool:
    return str(context.try_get_context(name)).lower() == "true"


if __name__ == "__main__":
    app = cdk.App()
    build(app)
    check_solutions(app)
    app.synth()
