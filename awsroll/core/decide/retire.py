"""Takes servers out of the fleet: tag, deregister, wait for the drain to end, terminate.

A standalone server takes all four steps. A group does the last three by itself when it is asked to terminate a member;
awsroll first drains only registrations that the group does not manage. Each step follows from what the observation
shows, so it does not matter which process made the step before, or whether its answer was lost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import assert_never

from awsroll.core.classify.capacity import vacancies
from awsroll.core.classify.draining import active_registrations, is_out_of_group
from awsroll.core.classify.replacement import owner_tags
from awsroll.core.classify.view import View
from awsroll.core.decide.set_aside import set_aside
from awsroll.core.decide.terminating import announce, terminate
from awsroll.core.lifecycle import ServerChanges
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import CallKind
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.observation import FleetKind, Instance, Lifecycle, TargetKey
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Mode, Status
from awsroll.core.observe.clocks import is_drained
from awsroll.core.observe.early_drains import is_quiet, propose_probe
from awsroll.core.observe.hook_runs import awaits
from awsroll.core.observe.settle import is_worth_a_call
from awsroll.core.tags import RETIRING


def tag(view: View, ids: Iterable[str], role: str = RETIRING) -> act.TagInstances:
    """Return the call that tags instances before anything is done to them."""
    return act.TagInstances(instance_ids=tuple(ids), tags=owner_tags(view.rollout, role), reason=Reason.PREPARING)


def is_tagged(view: View, instance: Instance) -> bool:
    """Return whether the instance carries the tags of this rollout."""
    return instance.rollout == view.rollout.rollout_id and bool(instance.role)


class _Step(Enum):
    """What a retiring server needs next."""

    HOOK = auto()
    TAG = auto()
    DEREGISTER = auto()
    DRAIN = auto()
    KEEP = auto()
    TERMINATE = auto()


@dataclass(slots=True)
class _Collected:
    """The retiring servers, by what they need next, as far as one call takes several of them."""

    tag: list[str] = field(default_factory=list)
    enter_standby: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    terminate: list[Instance] = field(default_factory=list)


def retire(view: View) -> tuple[Status, Proposals]:
    """Propose the next step for every server on its way out."""
    proposals, collected = Proposals(), _Collected()
    for name in view.status.retiring:
        instance = view.by_id.get(name)
        if instance is None:
            continue
        if view.is_terminate_announced(name) or (view.is_ending(instance) and not view.is_still_listed(instance)):
            proposals.wait(Reason.TERMINATING, name)
        else:
            _propose(view, instance, proposals, collected)
    if collected.tag:
        proposals.writes.insert(0, tag(view, collected.tag))
    status = note_deregistered(view, proposals.writes)
    status = _keep_collected(view, status, collected, proposals)
    if collected.terminate:
        status, rest = set_aside(view.with_status(status), collected.terminate, proposals)
        if rest:
            status, terminations = terminate(view.with_status(status), rest)
            proposals.writes += terminations
    return status, proposals


def _propose(view: View, instance: Instance, proposals: Proposals, collected: _Collected) -> None:
    name = instance.instance_id
    match _next_step(view, instance, proposals):
        case _Step.HOOK:
            pass  # `awaits` has proposed it
        case _Step.TAG:
            collected.tag.append(name)
        case _Step.DEREGISTER:
            keys = registered_keys(view, instance)
            write = act.DeregisterTargets(instance_id=name, targets=keys, reason=Reason.OUTDATED)
            proposals.writes.append(write)
        case _Step.DRAIN:
            propose_probe(view, instance, proposals)
            proposals.wait(Reason.DRAINING, name)
        case _Step.KEEP:
            _keep(view, instance, proposals, collected)
        case _Step.TERMINATE if _waits_for_launch(view, name):
            proposals.wait(Reason.CAPACITY, name)
        case _Step.TERMINATE if not is_worth_a_call(view, name):
            proposals.wait(Reason.SETTLING, name)
        case _Step.TERMINATE:
            collected.terminate.append(instance)
        case _ as never:
            assert_never(never)


def _waits_for_launch(view: View, name: str) -> bool:
    """Return whether a drained server runs on because AWS refuses its replacement for a reason that its end keeps.

    If no launch succeeds before the deadline, the server returns to service. So the fleet is never left short of it.
    """
    status, server = view.status, view.status.servers[name]
    refused = status.mode is Mode.ROLLING and status.shortage.since is not None and status.shortage.keeps_drained
    return refused and not server.failed and name in vacancies(view)


def _next_step(view: View, instance: Instance, proposals: Proposals) -> _Step:
    if awaits_leave(view, instance, proposals):
        return _Step.HOOK
    keys = keys_to_drain(view, instance)
    kept = _must_be_kept(view, instance)
    needs_tag = bool(keys) or view.rollout.kind is FleetKind.STANDALONE or kept
    if needs_tag and not is_tagged(view, instance):
        return _Step.TAG
    if registered_keys(view, instance):
        return _Step.DEREGISTER
    rest = instance
    if len(keys) != len(instance.targets):
        rest = replace(instance, targets=tuple(target for target in instance.targets if target.key in keys))
    if not (is_drained(view, rest) or (is_quiet(view, instance) and not kept)):
        return _Step.DRAIN
    if _awaits_drained(view, instance, proposals):
        return _Step.HOOK
    return _Step.KEEP if kept else _Step.TERMINATE


# --- servers that are kept --------------------------------------------------------------------------------------------


def _must_be_kept(view: View, instance: Instance) -> bool:
    """Return whether a drained old server runs on, out of traffic, until the bake time has passed."""
    rolling = view.status.mode is Mode.ROLLING and not view.status.gate.baked
    failed = view.has_failed(instance) or view.is_gone(instance)
    return view.rollout.keep_old and rolling and not view.is_current(instance) and not failed


def _keep(view: View, instance: Instance, proposals: Proposals, collected: _Collected) -> None:
    name = instance.instance_id
    if is_out_of_group(instance):
        collected.keep.append(name)
    elif instance.lifecycle is not Lifecycle.IN_SERVICE:
        proposals.wait(Reason.DRAINING, name)
    elif any((name, kind) in view.announced for kind in CallKind) or not is_worth_a_call(view, name):
        proposals.wait(Reason.SETTLING, name)
    else:
        collected.enter_standby.append(name)


def _keep_collected(view: View, status: Status, collected: _Collected, proposals: Proposals) -> Status:
    at, entering = view.observation.at, tuple(collected.enter_standby)
    if entering:
        status = announce(view, status, CallKind.ENTER_STANDBY, entering)
        write = act.EnterStandby(group=view.rollout.group, instance_ids=entering, reason=Reason.OUTDATED)
        proposals.writes.append(write)
    changes = ServerChanges(status)
    for name in collected.keep:
        changes.move(name, ServerPhase.KEPT, at=at, reason="drained, and kept until the bake time is over")
    return replace(changes.status, progress_at=at) if collected.keep else status


# --- hooks ------------------------------------------------------------------------------------------------------------


def awaits_leave(view: View, instance: Instance, proposals: Proposals) -> bool:
    """Return whether a server that takes requests must wait for its hooks before anything is done to it."""
    server = view.status.in_flight(instance.instance_id)
    begun = server is not None and server.last_deregistration is not None
    if begun or not active_registrations(instance) or view.is_gone(instance):
        return False
    return awaits(view, proposals, HookPoint.BEFORE_DEREGISTER, instance.instance_id)


def _awaits_drained(view: View, instance: Instance, proposals: Proposals) -> bool:
    """Return whether a drained server must wait for its hooks. A member of a group is drained once in standby."""
    server = view.status.in_flight(instance.instance_id)
    in_standby = instance.lifecycle is Lifecycle.STANDBY and _must_be_kept(view, instance)
    is_out = instance.lifecycle is None or in_standby
    if not is_out or server is None or not server.targets or view.is_gone(instance):
        return False
    return awaits(view, proposals, HookPoint.AFTER_DRAIN, instance.instance_id)


# --- registrations ----------------------------------------------------------------------------------------------------


def keys_to_drain(view: View, instance: Instance) -> tuple[TargetKey, ...]:
    """Return the registrations, draining ones included, whose end awsroll and not the group must see."""
    return tuple(target.key for target in instance.targets if target.key not in view.managed_keys)


def registered_keys(view: View, instance: Instance) -> tuple[TargetKey, ...]:
    """Return those of `keys_to_drain` that are still in force, not draining."""
    return tuple(key for key in active_registrations(instance) if key not in view.managed_keys)


def note_deregistered(view: View, writes: Sequence[Action]) -> Status:
    """Announce that servers are about to be deregistered, and keep where they were registered.

    The drain's clock starts with the answer: `settle` sets it. If another kind of write comes first, no server is about
    to be deregistered in this step.
    """
    status, at = view.status, view.observation.at
    if not (writes and isinstance(writes[0], act.DeregisterTargets)):
        return status
    changes = ServerChanges(status)
    for write in writes:
        if isinstance(write, act.DeregisterTargets):
            server = status.servers[write.instance_id]
            targets = tuple(sorted({*server.targets, *write.targets}))
            changes.amend(write.instance_id, deregistering_at=at, targets=targets)
    return changes.status
