"""Keeps failed new servers for inspection (`--keep-failed N`): out of traffic, out of the fleet, still running.

A server is kept at the point where it would be terminated: its drain is over, or its group drains it. Three steps, each
of which follows from what is recorded and observed:

    1. The record names the server and its expiry. This is never undone by a crash, so at most N are kept.
    2. A tag on the server holds the expiry. `awsroll repair` terminates the server after it.
    3. A member is detached from its group without a lower desired capacity, so the group launches another. A server
       without a group is out of the fleet already.
"""

from collections.abc import Iterable
from datetime import timedelta

from awsroll.core.classify.capacity import bounds, desired_capacity
from awsroll.core.classify.replacement import owner_tags
from awsroll.core.classify.view import View
from awsroll.core.decide.terminating import announce
from awsroll.core.model import actions as act
from awsroll.core.model.calls import CallKind
from awsroll.core.model.observation import FleetKind, Instance, InstanceState, Lifecycle
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Owner, SetAside
from awsroll.core.observe.kept_failed import has_expiry
from awsroll.core.tags import KEEP_UNTIL_TAG, KEPT_FAILED


def set_aside(view: View, ready: list[Instance], proposals: Proposals) -> tuple[Status, list[Instance]]:
    """Propose the next step for the drained servers that are kept; return the others, which are terminated."""
    if not view.original.keep_failed:
        return view.status, ready
    status = _choose(view, ready)
    kept = {one.instance_id for one in status.set_aside if not one.is_refused}
    keeping = [instance for instance in ready if instance.instance_id in kept]
    proposals.writes += [_tag(view, status, one) for one in keeping if not has_expiry(one)]
    members = [one for one in keeping if has_expiry(one) and one.lifecycle is Lifecycle.IN_SERVICE]
    if members:
        names = tuple(instance.instance_id for instance in members)
        status = announce(view, status, CallKind.DETACH, names)
        group, reason = view.rollout.group, Reason.KEPT_FOR_INSPECTION
        proposals.writes.append(act.DetachFromGroup(group=group, instance_ids=names, reason=reason))
    return status, [instance for instance in ready if instance.instance_id not in kept]


def _choose(view: View, ready: Iterable[Instance]) -> Status:
    """Name the servers to keep in the record, as many as there is room for."""
    status = view.status
    known = {one.instance_id for one in status.set_aside}
    room = _room(view) - sum(1 for one in status.set_aside if not one.is_refused)
    new = [one.instance_id for one in ready if one.instance_id not in known and _is_worth_keeping(view, one)]
    if room <= 0 or not new:
        return status
    until = view.observation.at + timedelta(seconds=view.original.keep_failed_seconds)
    kept = tuple(SetAside(instance_id=name, until=until) for name in new[:room])
    return replace(status, set_aside=(*status.set_aside, *kept))


def _room(view: View) -> int:
    """Return how many servers may be kept. A cap on running servers counts them: the ceiling stays free of them."""
    limits = bounds(view.rollout, desired_capacity(view))
    if limits.max_running is None:
        return view.original.keep_failed
    return min(view.original.keep_failed, limits.max_running - limits.ceiling)


def _is_worth_keeping(view: View, instance: Instance) -> bool:
    """Return whether the server runs the new version and has failed because of it, and still runs."""
    if view.status.mode is not Mode.ROLLING or instance.state is not InstanceState.RUNNING:
        return False
    if view.rollout.kind is FleetKind.AUTO_SCALING and instance.lifecycle is not Lifecycle.IN_SERVICE:
        return False
    name = instance.instance_id
    blamed = any(one.instance_id == name and one.owner is Owner.VERSION for one in view.status.failures)
    return blamed and not view.was_current_at_start(name) and view.original.is_current(instance)


def _tag(view: View, status: Status, instance: Instance) -> act.TagInstances:
    name = instance.instance_id
    until = next(one.until for one in status.set_aside if one.instance_id == name)
    tags = (*owner_tags(view.original, KEPT_FAILED), (KEEP_UNTIL_TAG, until.isoformat(timespec="seconds")))
    return act.TagInstances(instance_ids=(name,), tags=tags, reason=Reason.KEPT_FOR_INSPECTION)
