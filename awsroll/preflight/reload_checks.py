"""The checks of a reload: Systems Manager must reach each server before the first one leaves traffic."""

from collections.abc import Mapping

from awsroll.aws.connection import Connection
from awsroll.core.model.rollout import VersionCount
from awsroll.core.model.rollout_choices import ReloadCommand
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import NotImplementedByEndpointError
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal

WINDOWS = "Windows"  # the platform in the answers of Systems Manager (service model, PlatformType)
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
    """Refuse servers whose agent is not online or cannot run the command, and a document that does not exist."""
    outdated = [instance.instance_id for instance in fleet.live if not goal.is_on(instance)]
    try:
        platforms = aws.ssm.platforms(outdated) if outdated else {}
        offline = sorted(set(outdated) - platforms.keys())
    except NotImplementedByEndpointError:
        findings.warn_unchecked("the endpoint does not report SSM agents; awsroll assumes that all are online")
        platforms, offline = {}, []
    _check_platforms(spec, platforms, findings)
    if offline:
        findings.refuse(
            f"the SSM agent is not online on {shortened(offline)}: the command cannot run there. Check the agent, "
            "the instance profile and the network, or replace these servers with --strategy replace"
        )
    if spec.document and not spec.document.startswith(_OWNED_BY_AWS):
        _check_document(aws, spec.document, findings)


def _check_platforms(spec: RolloutSpec, platforms: Mapping[str, str], findings: Findings) -> None:
    given = {
        "--command": bool(spec.command),
        "--rollback-command": bool(spec.rollback_command),
        "a hook with a script": any(hook.script for hook in spec.all_hooks),
    }
    shell = [name for name, is_given in given.items() if is_given]
    windows = [name for name, platform in platforms.items() if platform == WINDOWS]
    if shell and windows:
        findings.refuse(
            f"{shortened(windows)} run Windows: {' and '.join(shell)} runs as a shell script (AWS-RunShellScript), "
            "which needs Linux or macOS. Pass --document AWS-RunPowerShellScript with --parameter commands=COMMAND "
            "instead of --command"
        )


def _check_document(aws: Connection, name: str, findings: Findings) -> None:
    try:
        exists = aws.ssm.has_document(name)
    except NotImplementedByEndpointError:
        findings.leave_unchecked(f"the endpoint does not report the SSM document {name}")
        return
    if not exists:
        findings.refuse(f"there is no SSM document {name!r} in {aws.region}: check --document and --region")
