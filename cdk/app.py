"""Deploy one `RollingDeployment`: run `cdk deploy -c asg=web` in this folder.

Context values: `asg` (names, separated by commas) or `target_groups` (ARNs, separated by commas) name the fleets.
The others are options of the construct and of `Rollouts`: docs/deploy.md lists them. `stack` is the name of the stack.
"""

import aws_cdk as cdk
from constructs import Node

from awsroll_cdk import Fleet, RollingDeployment, Rollouts, add_outputs


def build(app: cdk.App) -> cdk.Stack:
    """Add the stack to the app, according to its context values."""
    context = app.node
    stack = cdk.Stack(
        app, str(context.try_get_context("stack") or "awsroll"), description="awsroll: rolling deployments"
    )
    made = RollingDeployment(
        stack,
        "Deployment",
        fleet=_fleet(context),
        rollouts=Rollouts(
            strategy=str(context.try_get_context("strategy") or "replace"),
            surges=_is_on(context, "surges"),
            keep_old=_is_on(context, "keep_old"),
            alarms=_is_on(context, "alarms"),
            changes_deregistration_delay=_is_on(context, "changes_deregistration_delay"),
            changes_health_checks=_is_on(context, "changes_health_checks"),
            purges_warm_pool=_is_on(context, "purges_warm_pool"),
            runs_commands=_is_on(context, "runs_commands"),
            roles=tuple(_names(context, "instance_roles")),
            functions=tuple(_names(context, "functions")),
            notify=tuple(_names(context, "notify")),
            launches_batches=not _names(context, "asg"),
        ),
        roles_to_assume=_names(context, "roles_to_assume"),
        stages=_is_on(context, "stages"),
        codepipeline=_is_on(context, "codepipeline"),
        durable=_is_on(context, "durable"),
        many_fleets=_is_on(context, "many_fleets"),
        sign_records=_is_on(context, "sign_records"),
        tracing=_is_on(context, "tracing"),
    )
    add_outputs(stack, made)
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
    value = str(context.try_get_context(name) or "false").lower()
    if value not in ("true", "false"):
        problem = f"-c {name}={value} is not known: pass true or false"
        raise SystemExit(problem)
    return value == "true"


if __name__ == "__main__":
    app = cdk.App()
    build(app)
    app.synth()
