"""What the functions may do: the policies of `awsroll.iam`, filled in with the stack's place and table."""

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_stepfunctions as stepfunctions
from constructs import Construct

from awsroll.iam import Place, Rollouts, policy
from awsroll_cdk.acknowledging import ANY_RESOURCE, acknowledge, acknowledge_wildcards, spelt
from awsroll_cdk.fleet import Fleet

_ASKING = ("Read", "KeepRecords", "ListRecords")
_ON_A_LAUNCH = "what a launch creates has no name before, and what it uses is chosen by the template it is limited to"
_ON_MARKED = "servers come and go: the condition limits it to those of this fleet"
_WHY_STARS = {
    "Read": "AWS limits what is described to no resource",
    "ReadTerminationProtection": "servers come and go; it only reads",
    "SteerGroup": "a group's ARN holds an id that its name does not tell; the name is exact",
    "LabelGroup": "a group's ARN holds an id that its name does not tell; the name is exact",
    "TagServers": "servers come and go: the condition limits the tags to awsroll's own, and servers to this fleet's",
    "TagReloadedServers": _ON_MARKED,
    "LaunchFromTemplate": _ON_A_LAUNCH,
    "LaunchInGroup": _ON_A_LAUNCH,
    "TagLaunches": "what a launch creates has no name before: the condition limits it to launches",
    "TerminateTaggedServers": _ON_MARKED,
    "SendToServers": _ON_MARKED,
    "ReadCommands": "AWS limits what is listed to no resource",
    "KeepRecords": "objects under the prefix of the records",
}


def permit_rollouts(scope: Construct, role: iam.Role, fleet: Fleet, rollouts: Rollouts) -> None:
    """Allow a role what rollouts of the fleet take, the records among it.

    Args:
        scope: what the policy is part of.
        role: the role of the functions that touch the fleet.
        fleet: the fleet.
        rollouts: what its rollouts may do, and the store.
    """
    _permit(scope, "Rollouts", [role], policy(place_of(scope), fleet.permitted, rollouts))


def permit_stages(scope: Construct, role: iam.Role, fleet: Fleet, rollouts: Rollouts) -> None:
    """Allow a role what the single stages take of what rollouts of the fleet may do; they have no records."""
    asked = Rollouts(
        stages=True,
        strategy=rollouts.strategy,
        launch_templates=rollouts.launch_templates,
        roles=rollouts.roles,
        image_parameters=rollouts.image_parameters,
        documents=rollouts.documents,
        runs_commands=rollouts.runs_commands,
    )
    _permit(scope, "Stages", [role], policy(place_of(scope), fleet.permitted, asked))


def permit_asking(scope: Construct, role: iam.Role, fleet: Fleet, store: str) -> None:
    """Allow a role to keep what people want of a rollout, and to look at the fleet; it can change nothing of it."""
    whole = policy(place_of(scope), fleet.permitted, Rollouts(store=store))
    kept = [one for one in whole["Statement"] if one["Sid"] in _ASKING]
    _permit(scope, "Asking", [role], {**whole, "Statement": kept})


def permit_passing(scope: Construct, roles: Sequence[iam.Role], passed: str) -> iam.Policy:
    """Allow roles to launch servers that have another one, where the policy of the rollouts does not say so."""
    asked = Rollouts(roles=(passed,))
    whole = policy(place_of(scope), Fleet.standalone(target_groups=()).permitted, asked)
    kept = [one for one in whole["Statement"] if one["Sid"] == "PassInstanceRole"]
    return _permit(scope, "Passing", roles, {**whole, "Statement": kept})


def permit_answering(
    scope: Construct,
    roles: Sequence[iam.Role],
    machine: stepfunctions.StateMachine,
    mapping: stepfunctions.StateMachine | None,
) -> None:
    """Allow roles to answer states that wait for a person.

    The service authorization reference names no resource for this action, but AWS checks it against the machine that
    waits: it is what refusals name, and what the CDK's own grants are (https://github.com/aws/aws-cdk/pull/8486). Of a
    distributed Map's executions the machine's ARN has a label:
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html

    Args:
        scope: the deployment.
        roles: who answers.
        machine: one that waits in its own executions.
        mapping: one that waits in those of its Map; None: there is none.
    """
    arns = [machine.state_machine_arn]
    labelled = [] if mapping is None else [f"{mapping.state_machine_arn}/*"]
    if mapping is not None:
        arns.append(mapping.state_machine_arn)
    statement = iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=[*arns, *labelled])
    made = iam.Policy(scope, "Answers", statements=[statement], roles=list(roles))
    for arn in labelled:
        acknowledge(made, f"IAM5[Resource::{spelt(made, arn)}]", "AWS makes the label of the Map's executions up")


def permit_pipeline(scope: Construct, role: iam.Role) -> None:
    """Allow a role to tell CodePipeline how its action goes."""
    actions = ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"]
    made = iam.Policy(
        scope, "Pipeline", statements=[iam.PolicyStatement(actions=actions, resources=["*"])], roles=[role]
    )
    acknowledge(
        made, ANY_RESOURCE, "a job's result is limited to no resource: the job's id is known to its action alone"
    )


def _permit(scope: Construct, name: str, roles: Sequence[iam.Role], document: Mapping[str, Any]) -> iam.Policy:
    made = iam.Policy(scope, name, document=iam.PolicyDocument.from_json(document), roles=list(roles))
    acknowledge_wildcards(made, document["Statement"], _WHY_STARS)
    return made


def permit_assuming(scope: Construct, role: iam.Role, roles: Sequence[str]) -> None:
    """Allow a role to take on others, for fleets of other accounts."""
    if roles:
        statement = iam.PolicyStatement(actions=["sts:AssumeRole"], resources=list(roles))
        iam.Policy(scope, "OtherAccounts", statements=[statement], roles=[role])


def place_of(scope: Construct) -> Place:
    """Return where a construct is deployed to, as far as it is known before."""
    stack = cdk.Stack.of(scope)
    return Place(partition=stack.partition, region=stack.region, account=stack.account)
