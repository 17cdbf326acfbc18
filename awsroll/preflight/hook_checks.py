"""The checks of hooks: points that this fleet never reaches, and missing programs and functions."""

import shutil
from collections.abc import Iterable
from typing import assert_never

from awsroll.aws.connection import Connection
from awsroll.core.model.hooks import Hook, HookKind, HookPoint
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import OnFailure
from awsroll.errors import AwsError, AwsRefusedError, NotImplementedByEndpointError
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.reload_checks import WINDOWS

_OF_OLD_SERVERS = (HookPoint.BEFORE_DEREGISTER, HookPoint.WHILE_DRAINING, HookPoint.AFTER_DRAIN)
_UNKNOWN_FUNCTION = "ResourceNotFoundException"


def check_hooks(aws: Connection, rollout: Rollout, findings: Findings) -> None:
    """Refuse hooks that cannot run, and warn of hooks that never run."""
    for problem in refused_points(rollout, rollout.hooks):
        findings.refuse(problem)
    for hook in rollout.hooks:
        _check_kind(aws, hook, findings)
        if hook.point is HookPoint.AT_CHECKPOINT and not rollout.gates.names:
            findings.warn(f"hook {hook.name}: there is no --checkpoint, so this hook never runs")
        if hook.point is HookPoint.ON_FAILURE and rollout.on_failure is OnFailure.PAUSE:
            findings.warn(f"hook {hook.name}: --on-failure pause pauses at once, so this hook never runs")


def _check_kind(aws: Connection, hook: Hook, findings: Findings) -> None:
    match hook.kind:
        case HookKind.COMMAND:
            if shutil.which(hook.command[0]) is None:
                findings.refuse(
                    f"hook {hook.name}: there is no program {hook.command[0]!r} to run: check its path (a relative "
                    "path starts where awsroll runs) and its execute permission"
                )
        case HookKind.FUNCTION:
            _check_function(aws, hook, findings)
        case HookKind.SCRIPT | HookKind.CALLABLE | HookKind.URL | HookKind.METRIC | HookKind.ANOMALIES:
            # `check_agents` checks what scripts need
            pass
        case _:
            assert_never(hook.kind)


def check_agents(aws: Connection, rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Refuse scripts on old servers whose agent is offline; warn if new servers may have no agent either."""
    scripts = [hook for hook in rollout.hooks if hook.kind is HookKind.SCRIPT]
    if not scripts or rollout.reloads or not fleet.live:  # the checks of a reload cover the agents
        return
    try:
        online = aws.ssm.platforms([instance.instance_id for instance in fleet.live])
    except NotImplementedByEndpointError:
        findings.leave_unchecked("the endpoint does not report which SSM agents are online")
        return
    except AwsError as error:
        findings.warn_unchecked(f"hook {scripts[0].name}: awsroll could not check which SSM agents are online: {error}")
        return
    offline = [
        instance.instance_id
        for instance in fleet.live
        if not goal.is_on(instance) and instance.instance_id not in online
    ]
    windows = sorted(name for name, platform in online.items() if platform == WINDOWS)
    if windows:
        findings.refuse(
            f"hook {scripts[0].name}: {shortened(windows)} run Windows, and a script runs as a shell script "
            "(AWS-RunShellScript), which needs Linux or macOS: use another kind of hook"
        )
    for hook in scripts:
        if hook.point in _OF_OLD_SERVERS and offline:
            findings.refuse(
                f"hook {hook.name}: the SSM agent is not online on {shortened(sorted(offline))}: the script "
                "cannot run there. Check the agent, the instance profile and the network, or use another kind of hook"
            )
        elif hook.point not in _OF_OLD_SERVERS and not online:
            findings.warn(
                f"hook {hook.name}: the SSM agent is not online on any server now. The script needs it on the new "
                "servers, within the hook's timeout"
            )


def refused_points(rollout: Rollout, hooks: Iterable[Hook]) -> list[str]:
    """Return why hooks cannot run on this kind of fleet, one line for each hook."""
    match rollout.kind:
        case FleetKind.STANDALONE:
            return []
        case FleetKind.AUTO_SCALING:
            return [problem for hook in hooks if (problem := _refused_on_a_group(rollout, hook))]
        case _ as never:
            assert_never(never)


def _refused_on_a_group(rollout: Rollout, hook: Hook) -> str:
    if hook.point is HookPoint.BEFORE_REGISTER:
        return (
            f"hook {hook.name}: the group {rollout.group} registers its members by itself, so there is no "
            "before_register: use a launch lifecycle hook of the group, or after_launch"
        )
    if hook.point is HookPoint.WHILE_DRAINING:
        return (
            f"hook {hook.name}: the group {rollout.group} drains its members by itself, for the whole deregistration "
            "delay, so a drain probe cannot end a drain: use --deregistration-delay, and remove the probe"
        )
    if hook.point is HookPoint.AFTER_DRAIN and not (rollout.reloads or rollout.keep_old):
        return (
            f"hook {hook.name}: the group {rollout.group} drains and terminates its members in one step, so there is "
            "no after_drain: use a terminate lifecycle hook of the group, --strategy reload or --keep-old"
        )
    return ""


def _check_function(aws: Connection, hook: Hook, findings: Findings) -> None:
    try:
        aws.functions.check(hook.function)
    except NotImplementedByEndpointError:
        findings.leave_unchecked(f"hook {hook.name}: the endpoint does not report Lambda functions")
        return
    except AwsRefusedError as error:
        if error.code == _UNKNOWN_FUNCTION:
            findings.refuse(
                f"hook {hook.name}: there is no Lambda function {hook.function!r} in {aws.region}: check its name "
                "and --region"
            )
        else:
            findings.warn(f"hook {hook.name}: the function {hook.function} may not be invokable: {error}")
    except AwsError as error:
        findings.warn_unchecked(
            f"hook {hook.name}: awsroll could not check that the function {hook.function} exists: {error}"
        )
