"""The checks of a reload: Systems Manager must reach each server before the first one leaves traffic."""

from awsroll.aws.connection import Connection
from awsroll.core.model.rollout import ReloadCommand, VersionCount
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import NotImplementedByEndpointError
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal

_OWNED_BY_AWS = ("AWS-", "AmazonCloudWatch-")  # always there


def reload_command(spec: RolloutSpec, app_version: str) -> ReloadCommand:
    """Return the reload command of a request."""
    return ReloadCommand(
        app_version=app_version,
        commands=spec.command,
        document=spec.document,
        parameters={key: list(values) for key, values in spec.parameter.items()},
    )


def rollback_command(spec: RolloutSpec, baseline: tuple[VersionCount, ...]) -> ReloadCommand | None:
    """Return the command that restores the old version on a server; None if the request has none."""
    if not spec.rollback_command:
        return None
    return ReloadCommand(app_version=baseline[0].version if baseline else "", commands=spec.rollback_command)


def check_reload(aws: Connection, spec: RolloutSpec, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Refuse servers whose agent is not online, and a document that does not exist."""
    outdated = [instance.instance_id for instance in fleet.live if not goal.is_on(instance)]
    try:
        offline = sorted(set(outdated) - aws.ssm.online(outdated)) if outdated else []
    except NotImplementedByEndpointError:
        findings.warn("the endpoint does not report SSM agents; awsroll assumes that all are online")
        offline = []
    if offline:
        findings.refuse(
            f"the SSM agent is not online on {shortened(offline)}: the command cannot run there. Check the agent, "
            "the instance profile and the network, or replace these servers with --strategy replace"
        )
    if spec.document and not spec.document.startswith(_OWNED_BY_AWS):
        _check_document(aws, spec.document, findings)


def _check_document(aws: Connection, name: str, findings: Findings) -> None:
    try:
        exists = aws.ssm.has_document(name)
    except NotImplementedByEndpointError:
        return
    if not exists:
        findings.refuse(f"there is no SSM document {name!r} in {aws.region}: check --document and --region")
