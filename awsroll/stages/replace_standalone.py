"""Replace servers that are registered by hand: launch, terminate the old one, register the new one when it runs.

The launch comes first, while the old server still shows its subnet and tags. So a call that dies can be repeated, and a
refused launch costs nothing. The client token is derived from rollout and old id, so an old server gets one replacement
however often the stage is called.
"""

from dataclasses import dataclass, replace

from awsroll.core.aws_names import client_token
from awsroll.core.classify.replacement import replacement_tags, slot_of
from awsroll.core.classify.serving import ALIVE, unregistered
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import Instance, InstanceState, TargetKey, TemplateVersion
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import REPLACEMENT, REPLACES_TAG
from awsroll.errors import FleetError
from awsroll.preflight.versions import template_tags
from awsroll.stages.carry_out import carry_out
from awsroll.stages.check_drained import still_registered
from awsroll.stages.deregister_targets import Registration
from awsroll.stages.routes import check_other_routes
from awsroll.stages.scope import Scope, check_known, pinned_template, refuse
from awsroll.stages.stage_tags import is_taken_out, port_tags, registered_at

_NOT_SHOWN_YET = "IdempotentParameterMismatch"  # the token was used before: EC2 will show its instance soon
_ENDED_ALREADY = "IdempotentInstanceTerminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementRequest:
    """What the replacements must be.

    Attributes:
        template: a launch template and its version.
        targets: where the old servers were registered, as the caller says.
        even_protected: replace members that are protected from scale-in, too.
        min_healthy: the number of other servers that must serve before a member goes.
    """

    template: str = ""
    targets: tuple[Registration, ...] = ()
    even_protected: bool = False
    min_healthy: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementProgress:
    """How far the replacements are.

    Attributes:
        new: the ids of the new servers that are known.
        waiting: what is still missing, one line each.
    """

    new: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Replacement:
    """One replacement: the old server, where it was registered, and the new server if it was launched."""

    old: Instance
    keys: tuple[TargetKey, ...]
    new: Instance | None


def replace_servers(scope: Scope, names: tuple[str, ...], request: ReplacementRequest) -> ReplacementProgress:
    """Make the next step of each replacement.

    Raises:
        FleetError: if a server may not be terminated, or a replacement has ended.
        AwsError: if AWS refused or did not answer.
    """
    template = pinned_template(scope, request.template)
    if template is None:  # cannot happen: an unknown version was refused
        refuse(f"launch template {request.template} cannot be read")
    replacements = [_read_replacement(scope, old, request) for old in scope.observe(names).values()]
    _check(scope, replacements, template, request)
    launched, waiting = _launch(scope, replacements, template)
    _terminate(scope, launched)
    waiting += _register(scope, launched)
    return ReplacementProgress(new=tuple(one.new.instance_id for one in launched if one.new), waiting=tuple(waiting))


def _read_replacement(scope: Scope, old: Instance, request: ReplacementRequest) -> _Replacement:
    given = {
        TargetKey(target_group=target.target_group, port=target.port)
        for target in request.targets
        if target.instance_id == old.instance_id
    }
    tagged = scope.aws.ec2.instances_tagged(REPLACES_TAG, old.instance_id)
    token = client_token(scope.rollout.rollout_id, old.instance_id)
    ours = [one for one in scope.observe(one["InstanceId"] for one in tagged).values() if one.client_token == token]
    new = max(ours, key=lambda one: one.state in ALIVE, default=None)
    recorded = () if new is None else registered_at(new, scope.arns)
    keys = given | set(registered_at(old, scope.arns)) | set(recorded)
    return _Replacement(old=old, keys=tuple(sorted(keys)), new=new)


def _check(
    scope: Scope, replacements: list[_Replacement], template: TemplateVersion, request: ReplacementRequest
) -> None:
    """Check everything before the first change.

    Raises:
        FleetError: with all problems.
    """
    fresh = {one.old.instance_id: one.old for one in replacements if one.new is None}
    check_known(scope, fresh)
    if fresh:
        check_other_routes(scope, fresh, replaces=True)
    alive = {one.old.instance_id: one.old for one in replacements if one.old.state in ALIVE}
    registered = still_registered(scope, alive, request.targets) if alive else {}
    problems = [f"{name} may still get requests ({state}): see check_drained" for name, state in registered.items()]
    for old in fresh.values():
        problems += _old_server_problems(scope, old, request)
    problems += [
        f"it is not known where {one.old.instance_id} was registered: pass targets"
        for one in replacements
        if not one.keys
    ]
    for one in replacements:
        problems += _new_server_problems(one, template)
    if problems:
        refuse(*dict.fromkeys(problems))


def _old_server_problems(scope: Scope, old: Instance, request: ReplacementRequest) -> list[str]:
    """Return why an old server without a replacement may not be replaced."""
    name = old.instance_id
    if not is_taken_out(scope.rollout, old) and name not in {target.instance_id for target in request.targets}:
        return [f"{name} was not taken out by rollout {scope.rollout.rollout_id}: see deregister_targets"]
    if not old.subnet_id:
        return [f"{name} is {old.state}, and EC2 no longer shows its subnet: launch a replacement by hand"]
    if old.state in ALIVE and scope.aws.ec2.is_termination_protected(name):
        return [f"{name} is protected from termination: remove the protection first"]
    return []


def _new_server_problems(replacement: _Replacement, template: TemplateVersion) -> list[str]:
    """Return why a server that was launched already cannot be the replacement."""
    old, new = replacement.old.instance_id, replacement.new
    if new is None:
        return []
    if new.state not in ALIVE:
        why = f" ({new.state_reason})" if new.state_reason else ""
        return [f"{new.instance_id}, launched in place of {old}, is {new.state}{why}: launch another by hand"]
    if new.template not in (None, template):
        return [f"{new.instance_id} was launched from {new.template} in place of {old} already, not from {template}"]
    return []


def _launch(
    scope: Scope, replacements: list[_Replacement], template: TemplateVersion
) -> tuple[list[_Replacement], list[str]]:
    """Launch the new servers that are missing. Return the replacements that have one, and what the others wait for."""
    launched, waiting = [one for one in replacements if one.new is not None], list[str]()
    missing = [one for one in replacements if one.new is None]
    goal_tags = tuple(key for key, _ in template_tags(scope.aws, template)) if missing else ()
    fleet = scope.fleet()
    for one in missing:
        baseline_tags = template_tags(scope.aws, one.old.template)
        rollout = replace(scope.rollout, template=template, goal_tags=goal_tags, baseline_tags=baseline_tags)
        launch = act.LaunchInstance(launch=_request(scope, rollout, one), reason=Reason.REPLACING_VACANCY)
        (result,) = carry_out(scope, [launch], fleet=fleet, not_yet=frozenset({_NOT_SHOWN_YET, _ENDED_ALREADY}))
        if result.code == _ENDED_ALREADY:
            problem = f"the replacement of {one.old.instance_id} has ended: launch another by hand"
            raise FleetError(problem)
        if result.answer is Answer.DONE:
            new = Instance(instance_id=result.instance_ids[0], state=InstanceState.PENDING)
            launched.append(replace(one, new=new))
        else:
            waiting.append(f"EC2 does not show the replacement of {one.old.instance_id} yet")
    return launched, waiting


def _request(scope: Scope, rollout: Rollout, replacement: _Replacement) -> Launch:
    old, slot = replacement.old, slot_of(replacement.old, replacement.keys)
    tags = replacement_tags(rollout, old.tags, replaces=old.instance_id, template=rollout.template)
    return Launch(
        number=1,
        token=client_token(rollout.rollout_id, old.instance_id),
        at=scope.aws.now(),
        zone=slot.zone,
        subnet_id=slot.subnet_id,
        template=rollout.template,
        replaces=old.instance_id,
        targets=slot.targets,
        tags=(*tags, *port_tags(rollout.rollout_id, slot.targets).items()),
    )


def _terminate(scope: Scope, replacements: list[_Replacement]) -> None:
    ended = (InstanceState.TERMINATED, InstanceState.MISSING)
    results = carry_out(
        scope,
        [
            act.TerminateInstance(
                instance_id=one.old.instance_id,
                not_registered=tuple(sorted({*one.keys, *scope.keys_of([one.old])})),
                template=None,
                reason=Reason.DRAINED,
            )
            for one in replacements
            if one.old.state not in ended
        ],
    )
    stale = [result.message for result in results if result.answer is Answer.STALE]
    if stale:
        raise FleetError(*stale, "they were not terminated")


def _register(scope: Scope, replacements: list[_Replacement]) -> list[str]:
    """Register the new servers that run. Return what is missing."""
    waiting = list[str]()
    for one in replacements:
        new = one.new
        if new is None or new.rollout not in ("", scope.rollout.rollout_id) or new.role not in ("", REPLACEMENT):
            continue  # another rollout, or a later stage of this one, works on it
        if new.state is not InstanceState.RUNNING:
            waiting.append(f"{new.instance_id} is {new.state}")
            continue
        keys = unregistered(new, one.keys)
        if not keys:
            continue
        register = act.RegisterTargets(instance_id=new.instance_id, targets=keys, reason=Reason.NEW_INSTANCE_RUNNING)
        (result,) = carry_out(scope, [register], not_yet=frozenset({"InvalidTarget"}))
        if result.answer is not Answer.DONE:
            waiting.append(f"{new.instance_id} cannot be registered yet: {result.message}")
    return waiting
