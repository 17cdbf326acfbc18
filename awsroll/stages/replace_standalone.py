"""Replaces servers that are registered by hand: launch, end the old one, register the new one when it runs.

The launch is asked for first, while the old server still says which subnet and tags its place has: a call that dies in
between can be repeated, and a launch that is refused costs nothing. The client token follows from rollout and old id,
so a place gets one server however often this runs.
"""

from dataclasses import dataclass, replace

from awsroll.core.classify.placement import replacement_tags, slot_of
from awsroll.core.classify.serving import ALIVE, unregistered
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Answer, Reason
from awsroll.core.model.observation import Instance, InstanceState, TargetKey, TemplateVersion
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Launch
from awsroll.core.tags import REPLACEMENT, REPLACES_TAG
from awsroll.errors import FleetError
from awsroll.preflight.findings import Findings
from awsroll.preflight.versions import pin, template_tags
from awsroll.stages.carry_out import carry_out
from awsroll.stages.check_drained import still_registered
from awsroll.stages.deregister_targets import Registration
from awsroll.stages.scope import Scope, check_known, raise_refusals, refuse
from awsroll.stages.stage_tags import client_token, is_taken_out, ports, registered_at

_NOT_SHOWN_YET = "IdempotentParameterMismatch"  # the token was used before: its instance is about to be shown
_ENDED_AGAIN = "IdempotentInstanceTerminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the replacements are to be.

    Attributes:
        template: a launch template and its version.
        targets: where the old servers were registered, as far as the caller says.
        even_protected: members that are protected from scale-in go too.
        min_healthy: so many others must serve before a member goes.
    """

    template: str = ""
    targets: tuple[Registration, ...] = ()
    even_protected: bool = False
    min_healthy: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Come:
    """How far the replacements are.

    Attributes:
        new: their ids, as far as they are known.
        waiting: what is still missing, a line each.
    """

    new: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A server's place: who held it, where it is registered, and who holds it now."""

    old: Instance
    keys: tuple[TargetKey, ...]
    new: Instance | None


def replace_servers(scope: Scope, names: tuple[str, ...], wish: Wish) -> Come:
    """Bring every place one step on.

    Raises:
        FleetError: if one of the servers may not be ended, or a replacement has ended by itself.
        AwsError: if AWS refused or did not answer.
    """
    findings = Findings()
    template = pin(scope.aws, wish.template, None, findings)
    raise_refusals(findings)
    if template is None:  # cannot be: it was found
        refuse(f"launch template {wish.template} cannot be read")
    places = [_place(scope, one, wish) for one in scope.look(names).values()]
    _check(scope, places, template, wish)
    launched, waiting = _launch(scope, places, template)
    _end(scope, launched)
    waiting += _register(scope, launched)
    return Come(new=tuple(one.new.instance_id for one in launched if one.new), waiting=tuple(waiting))


def _place(scope: Scope, old: Instance, wish: Wish) -> _Place:
    said = {
        TargetKey(target_group=one.target_group, port=one.port)
        for one in wish.targets
        if one.instance_id == old.instance_id
    }
    found = scope.aws.ec2.instances_tagged(REPLACES_TAG, old.instance_id)
    known = scope.look(one["InstanceId"] for one in found)
    ours = [
        one for one in known.values() if one.client_token == client_token(scope.rollout.rollout_id, old.instance_id)
    ]
    new = max(ours, key=lambda one: one.state in ALIVE, default=None)
    noted = () if new is None else registered_at(new, scope.arns)
    return _Place(old=old, keys=tuple(sorted(said | set(registered_at(old, scope.arns)) | set(noted))), new=new)


def _check(scope: Scope, places: list[_Place], template: TemplateVersion, wish: Wish) -> None:
    """Check everything before the first change.

    Raises:
        FleetError: naming all that is wrong.
    """
    fresh = {one.old.instance_id: one.old for one in places if one.new is None}
    check_known(scope, fresh)
    alive = {one.old.instance_id: one.old for one in places if one.old.state in ALIVE}
    left = still_registered(scope, alive, wish.targets) if alive else {}
    problems = [f"{name} may still get requests ({words}): see check_drained" for name, words in left.items()]
    asked = {one.instance_id for one in wish.targets}
    for name, old in fresh.items():
        if not is_taken_out(scope.rollout, old) and name not in asked:
            problems.append(f"{name} was not taken out by rollout {scope.rollout.rollout_id}: see deregister_targets")
        elif not old.subnet_id:
            problems.append(f"{name} is {old.state}, and EC2 says no more in which subnet it was: launch one by hand")
        elif old.state in ALIVE and scope.aws.ec2.is_termination_protected(name):
            problems.append(f"{name} is protected from termination: lift that first")
    problems += [
        f"it is not known where {one.old.instance_id} was registered: give targets" for one in places if not one.keys
    ]
    for one in places:
        problems += _faults(one, template)
    if problems:
        refuse(*dict.fromkeys(problems))


def _faults(place: _Place, template: TemplateVersion) -> list[str]:
    """Tell what is wrong with a replacement that is there already."""
    old, new = place.old.instance_id, place.new
    if new is None:
        return []
    if new.state not in ALIVE:
        why = f" ({new.state_reason})" if new.state_reason else ""
        return [f"{new.instance_id}, launched in place of {old}, is {new.state}{why}: launch another by hand"]
    if new.template not in (None, template):
        return [f"{new.instance_id} was launched from {new.template} in place of {old} already, not from {template}"]
    return []


def _launch(scope: Scope, places: list[_Place], template: TemplateVersion) -> tuple[list[_Place], list[str]]:
    """Launch for the places that have no new server yet; return those that have one, and what the others wait for."""
    held, waiting = [one for one in places if one.new is not None], list[str]()
    empty = [one for one in places if one.new is None]
    goal_tags = tuple(key for key, _ in template_tags(scope.aws, template)) if empty else ()
    fleet = scope.fleet()
    for one in empty:
        known = replace(
            scope.rollout,
            template=template,
            goal_tags=goal_tags,
            baseline_tags=template_tags(scope.aws, one.old.template),
        )
        launch = act.LaunchInstance(launch=_request(scope, known, one), reason=Reason.REPLACING_VACANCY)
        (result,) = carry_out(scope, [launch], fleet=fleet, awaited=frozenset({_NOT_SHOWN_YET, _ENDED_AGAIN}))
        if result.code == _ENDED_AGAIN:
            problem = f"what was launched in place of {one.old.instance_id} has ended: launch another by hand"
            raise FleetError(problem)
        if result.answer is Answer.DONE:
            new = Instance(instance_id=result.instance_ids[0], state=InstanceState.PENDING)
            held.append(replace(one, new=new))
        else:
            waiting.append(f"EC2 does not show yet what was launched in place of {one.old.instance_id}")
    return held, waiting


def _request(scope: Scope, rollout: Rollout, place: _Place) -> Launch:
    old, slot = place.old, slot_of(place.old, place.keys)
    tags = replacement_tags(rollout, old.tags, replaces=old.instance_id, template=rollout.template)
    return Launch(
        number=1,
        token=client_token(rollout.rollout_id, old.instance_id),
        at=scope.aws.clock.now(),
        zone=slot.zone,
        subnet_id=slot.subnet_id,
        template=rollout.template,
        replaces=old.instance_id,
        targets=slot.targets,
        tags=(*tags, *ports(rollout.rollout_id, slot.targets).items()),
    )


def _end(scope: Scope, places: list[_Place]) -> None:
    ending = [one for one in places if one.old.state not in (InstanceState.TERMINATED, InstanceState.MISSING)]
    results = carry_out(
        scope,
        [
            act.TerminateInstance(
                instance_id=one.old.instance_id,
                not_registered=tuple(sorted({*one.keys, *scope.keys_of([one.old])})),
                template=None,
                reason=Reason.DRAINED,
            )
            for one in ending
        ],
    )
    stale = [one.message for one in results if one.answer is Answer.STALE]
    if stale:
        raise FleetError(*stale, "they were not ended")


def _register(scope: Scope, places: list[_Place]) -> list[str]:
    """Register the new servers that run; say what is missing."""
    waiting = list[str]()
    for one in places:
        new = one.new
        if new is None or new.rollout not in ("", scope.rollout.rollout_id) or new.role not in ("", REPLACEMENT):
            continue  # another rollout has it in hand, or a later stage of this one
        if new.state is not InstanceState.RUNNING:
            waiting.append(f"{new.instance_id} is {new.state}")
            continue
        absent = unregistered(new, one.keys)
        if not absent:
            continue
        register = act.RegisterTargets(instance_id=new.instance_id, targets=absent, reason=Reason.NEW_INSTANCE_RUNNING)
        (result,) = carry_out(scope, [register], awaited=frozenset({"InvalidTarget"}))
        if result.answer is not Answer.DONE:
            waiting.append(f"{new.instance_id} cannot be registered yet: {result.message}")
    return waiting
