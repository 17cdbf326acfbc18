"""Failed servers that are kept for inspection: notes which are out of the fleet, and which come to another end.

The record names such a server before anything is done to it. It is out of the fleet once it has the tag with its
expiry (standalone, after its drain) or once its group no longer lists it.
"""

from collections.abc import Collection

from awsroll.core.classify.view import View
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import DetachFromGroup, TagInstances, instance_ids_of
from awsroll.core.model.observation import FleetKind, Instance
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import SetAside
from awsroll.core.tags import KEEP_UNTIL_TAG


def note_set_aside(view: View) -> Status:
    """Note the servers that are out of the fleet now. Forget those that have ended, or that return to traffic."""
    status = view.status
    if all(kept.is_out or kept.is_refused for kept in status.set_aside):
        return status
    retiring = frozenset(status.retiring)
    kept = tuple(_noted(view, one) for one in status.set_aside if _is_still_kept(view, one, retiring))
    if kept == status.set_aside:
        return status
    new = (one for one in kept if one.is_out and one not in status.set_aside)
    return add_warnings(replace(status, set_aside=kept), *(_words(view, one) for one in new))


def _words(view: View, kept: SetAside) -> str:
    return (
        f"{kept.instance_id}: failed, and is kept for inspection until {kept.until:%Y-%m-%d %H:%M} UTC, out of traffic "
        f"and out of the fleet, at your cost. After that, `awsroll repair {view.original.rollout_id}` terminates it"
    )


def _is_still_kept(view: View, kept: SetAside, retiring: Collection[str]) -> bool:
    if kept.is_out or kept.is_refused:
        return True
    instance = view.by_id.get(kept.instance_id)
    return kept.instance_id in retiring and instance is not None and not view.is_gone(instance)


def _noted(view: View, kept: SetAside) -> SetAside:
    if kept.is_out or kept.is_refused:
        return kept
    return replace(kept, is_out=_is_out(view, view.by_id[kept.instance_id]))


def _is_out(view: View, instance: Instance) -> bool:
    if view.rollout.kind is FleetKind.STANDALONE:
        return has_expiry(instance)
    return instance.lifecycle is None


def has_expiry(instance: Instance) -> bool:
    """Return whether the instance has the tag that says until when it is kept."""
    return any(key == KEEP_UNTIL_TAG for key, _ in instance.tags)


def keeps_failed(result: Result) -> bool:
    """Return whether an action was to keep failed servers for inspection, and AWS has refused it."""
    tags = isinstance(result.action, TagInstances) and result.action.reason is Reason.KEPT_FOR_INSPECTION
    refused = result.answer is Answer.REFUSED and not result.transient
    return refused and (tags or isinstance(result.action, DetachFromGroup))


def give_up_keeping(status: Status, result: Result) -> Status:
    """Have the servers of a refused action terminated like other failed servers: a rollout never waits for that."""
    names = frozenset(instance_ids_of(result.action))
    warning = (
        f"{', '.join(sorted(names))}: not kept for inspection, because {type(result.action).__name__} was refused: "
        f"{result.message}"
    )
    kept = tuple(replace(one, is_refused=True) if one.instance_id in names else one for one in status.set_aside)
    return add_warnings(replace(status, set_aside=kept), warning)
