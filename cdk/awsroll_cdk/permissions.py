"""The permissions of the functions: the policies of `awsroll.iam` for the region, account and table of the stack."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam, aws_lambda as lambda_, aws_stepfunctions as stepfunctions
from constructs import Construct

from awsroll.core.model.rollout_choices import Strategy
from awsroll.iam import FunctionKind, Place, Rollouts, function_policy, policy
from awsroll_cdk.acknowledging import ANY_RESOURCE, acknowledge, acknowledge_wildcards, spelt
from awsroll_cdk.fleet import Fleet

_ON_A_LAUNCH = "a launch creates resources without known names; its launch template chooses the resources that it uses"
_ON_AN_ALIAS = "IAM takes no alias as a resource: the condition limits the permission to keys with the alias"
_ON_TAGGED = "servers change: the condition limits the permission to servers of this fleet"
_WHY_STARS = {
    "CountRequests": "AWS does not limit these calls to a resource; they only read",
    "ReadAlarms": "a narrower resource hides composite alarms; the action only reads",
    "Read": "AWS cannot limit Describe actions to a resource",
    "PublishVersions": "without launch_templates, the fleets may have any template; a version alone launches nothing",
    "ReadRotation": "AWS cannot limit Describe actions to a resource",
    "ReadVersions": "AWS cannot limit Describe actions to a resource",
    "ReadTerminationProtection": "servers change; the action only reads",
    "SteerGroup": "the ARN of a group has an unknown id; its name is exact",
    "LabelGroup": "the ARN of a group has an unknown id; its name is exact",
    "TagServers": "servers change: the condition limits the tags to those of awsroll, and the servers to this fleet",
    "TagReloadedServers": _ON_TAGGED,
    "TagReplacements": _ON_TAGGED,
    "LaunchFromTemplate": _ON_A_LAUNCH,
    "LaunchInNetwork": _ON_A_LAUNCH,
    "LaunchAsNamed": _ON_A_LAUNCH,
    "LaunchWithNamed": _ON_A_LAUNCH,
    "LaunchWithFurther": _ON_A_LAUNCH,
    "LaunchInGroup": _ON_A_LAUNCH,
    "UseVolumeKeysByAlias": _ON_AN_ALIAS,
    "GrantVolumeKeysByAlias": _ON_AN_ALIAS,
    "UseStoreKeyByAlias": _ON_AN_ALIAS,
    "SignRecordsByAlias": _ON_AN_ALIAS,
    "TagLaunches": "a launch creates resources without known names: the condition limits the permission to launches",
    "TerminateTaggedServers": _ON_TAGGED,
    "SendToServers": _ON_TAGGED,
    "ReadCalendars": "a rollout names its calendar when it starts; the action only reads",
    "ReadCommands": "AWS cannot limit List actions to a resource",
}


_NAMES = {
    FunctionKind.DRIVE: "Rollouts",
    FunctionKind.CHECK: "Checking",
    FunctionKind.PIN: "Versions",
    FunctionKind.ASK: "Asking",
    FunctionKind.WATCH: "Watching",
    FunctionKind.KEEP: "Keeping",
}


def permit(scope: Construct, kind: FunctionKind, role: iam.Role, fleet: Fleet, rollouts: Rollouts) -> None:
    """Grant a role what functions of a kind call.

    Args:
        scope: the parent of the policy.
        kind: what the functions with this role do.
        role: the role.
        fleet: the fleet.
        rollouts: what its rollouts may do, and the store.
    """
    document = function_policy(kind, place_of(scope), fleet.permitted, rollouts)
    _permit(scope, _NAMES[kind], [role], document)


def permit_stages(scope: Construct, role: iam.Role, fleet: Fleet, rollouts: Rollouts) -> None:
    """Grant a role the permissions of all single stages, of every strategy, on the fleet; stages have no store."""
    requested = Rollouts(
        stages=True,
        launch_templates=rollouts.launch_templates,
        roles=rollouts.roles,
        image_parameters=rollouts.image_parameters,
        keys=rollouts.keys,
        capacity_groups=rollouts.capacity_groups,
        licenses=rollouts.licenses,
        tags_spot_requests=rollouts.tags_spot_requests,
        documents=rollouts.documents,
        runs_commands=rollouts.runs_commands,
    )
    place, strategies = place_of(scope), [each.value for each in Strategy]
    documents = [policy(place, fleet.permitted, replace(requested, strategy=strategy)) for strategy in strategies]
    _permit(scope, "Stages", [role], {**documents[0], "Statement": _together(documents)})


def permit_reloads(scope: Construct, roles: Sequence[iam.Role], fleet: Fleet) -> iam.Policy:
    """Allow roles to run reload commands on servers, beside what a rollout that replaces servers may do."""
    place = place_of(scope)
    replacing = policy(place, fleet.permitted, Rollouts())
    reloading = policy(place, fleet.permitted, Rollouts(strategy=Strategy.RELOAD.value))
    more = [statement for statement in reloading["Statement"] if statement not in replacing["Statement"]]
    return _permit(scope, "Reloading", roles, {**reloading, "Statement": more})


def _together(documents: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the statements of several policies. Statements for the same resources become one."""
    found: dict[str, dict[str, Any]] = {}
    for document in documents:
        for statement in document["Statement"]:
            rest = {key: value for key, value in statement.items() if key != "Action"}
            known = found.setdefault(json.dumps(rest, sort_keys=True), {**rest, "Action": []})
            known["Action"] = sorted({*known["Action"], *statement["Action"]})
    names = [statement["Sid"] for statement in found.values()]
    if len(set(names)) < len(names):
        problem = f"two statements have one Sid: {', '.join(sorted(names))}"
        raise ValueError(problem)
    return list(found.values())


def permit_passing(scope: Construct, roles: Sequence[iam.Role], passed: str) -> iam.Policy:
    """Allow roles to launch servers with an instance role that the policy of the rollouts does not name."""
    requested = Rollouts(roles=(passed,))
    whole = policy(place_of(scope), Fleet.standalone(target_groups=()).permitted, requested)
    statements = [statement for statement in whole["Statement"] if statement["Sid"] == "PassInstanceRole"]
    return _permit(scope, "Passing", roles, {**whole, "Statement": statements})


def permit_publishing(scope: Construct, roles: Sequence[iam.Role], topic: str) -> iam.Policy:
    """Allow roles to send notices to a topic that the policy of the rollouts does not name."""
    requested = Rollouts(notify=(f"sns:{topic}",))
    whole = policy(place_of(scope), Fleet.standalone(()).permitted, requested)
    statements = [statement for statement in whole["Statement"] if statement["Sid"] == "PublishNotices"]
    return _permit(scope, "Publishing", roles, {**whole, "Statement": statements})


def permit_answering(
    scope: Construct,
    roles: Sequence[iam.Role],
    machine: stepfunctions.StateMachine,
    mapping: stepfunctions.StateMachine | None,
) -> None:
    """Allow roles to answer states that wait for a person.

    The service authorization reference names no resource for this action. But AWS checks it against the machine that
    waits: refusals name that machine, and the CDK grants it (https://github.com/aws/aws-cdk/pull/8486). For executions
    of a distributed Map, the ARN of the machine ends in a label:
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html

    Args:
        scope: the deployment.
        roles: the roles that answer.
        machine: a machine that waits in its own executions.
        mapping: a machine that waits in the executions of its Map; None: there is none.
    """
    arns = [machine.state_machine_arn]
    labelled = [] if mapping is None else [f"{mapping.state_machine_arn}/*"]
    if mapping is not None:
        arns.append(mapping.state_machine_arn)
    statement = iam.PolicyStatement(actions=["states:SendTaskSuccess"], resources=[*arns, *labelled])
    made = iam.Policy(scope, "Answers", statements=[statement], roles=list(roles))
    for arn in labelled:
        acknowledge(made, f"IAM5[Resource::{spelt(made, arn)}]", "AWS generates the label of the executions of the Map")


def permit_pipeline(scope: Construct, role: iam.Role, function: lambda_.Function) -> None:
    """Allow a role to answer the jobs of CodePipeline, and to pass them on to versions of its function."""
    versions = f"{function.function_arn}:*"
    passing = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[versions])
    actions = ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"]
    answering = iam.PolicyStatement(actions=actions, resources=["*"])
    made = iam.Policy(scope, "Pipeline", statements=[answering, passing], roles=[role])
    acknowledge(made, f"IAM5[Resource::{spelt(made, versions)}]", "an action keeps the version that it began with")
    acknowledge(
        made,
        ANY_RESOURCE,
        "AWS cannot limit this to a resource: only the action of the pipeline knows the id of its job",
    )


def _permit(scope: Construct, name: str, roles: Sequence[iam.Role], document: Mapping[str, Any]) -> iam.Policy:
    made = iam.Policy(scope, name, document=iam.PolicyDocument.from_json(document), roles=list(roles))
    acknowledge_wildcards(made, document["Statement"], _WHY_STARS)
    return made


def place_of(scope: Construct) -> Place:
    """Return the partition, region and account of a construct, as far as synthesis knows them."""
    stack = cdk.Stack.of(scope)
    return Place(partition=stack.partition, region=stack.region, account=stack.account)
