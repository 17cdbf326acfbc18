"""Targets that someone adds to a server of a standalone fleet during the rollout: its replacement gets them too.

The server takes requests there. Without this, they would have no server once it is terminated.
"""

from typing import TYPE_CHECKING

from awsroll.core.classify.view import View
from awsroll.core.model.observation import TargetKey
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Status

if TYPE_CHECKING:
    from awsroll.core.model.server_record import Slots


def follow_added_registrations(view: View) -> Status:
    """Add to each slot the targets where its server takes requests and the slot is not registered yet.

    A target that is not healthy is left out: nothing may listen there. A server that leaves, or whose replacement has
    been launched, is left out too: that replacement registers where its launch says.
    """
    if all(len(one.targets) <= len(view.slots.get(one.instance_id, ())) for one in view.observation.instances):
        return view.status
    added = {name: keys for name in view.slots if (keys := _added(view, name))}
    if not added:
        return view.status
    slots: dict[Slots, tuple[str, ...]] = {}
    for shape in view.status.slots:
        for name in shape.instance_ids:
            targets = tuple(sorted({*shape.targets, *added.get(name, ())}))
            wider = replace(shape, targets=targets, instance_ids=())
            slots[wider] = (*slots.get(wider, ()), name)
    return replace(view.status, slots=tuple(replace(shape, instance_ids=names) for shape, names in slots.items()))


def _added(view: View, name: str) -> set[TargetKey]:
    instance, status = view.by_id.get(name), view.status
    busy = view.leaving | view.returning | view.launched | view.set_aside | {*status.kept, *status.left_alone}
    if instance is None or name in busy or view.is_ending(instance) or view.has_failed(instance):
        return set()
    if any(launch.replaces == name for launch in status.launches):
        return set()
    return {target.key for target in instance.targets if target.takes_requests} - {*view.slots[name]}
