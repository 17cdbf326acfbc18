"""Recalls chosen servers that the fleet can no longer spare, because others fell ill or desired was raised.

A server that still serves everywhere is released as if it had not been chosen. One that has left a part of its target
groups still takes the requests of the others, so it is registered again first.
"""

from collections.abc import Iterator
from datetime import timedelta

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import ServerChanges, phase_of
from awsroll.core.model.observation import Instance
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status


def to_recall(view: View, capacity: Capacity) -> frozenset[str]:
    """Return the servers to recall now; empty if the fleet can spare all that were chosen."""
    return _missed(view, capacity) - _in_doubt(view)


def undecided(view: View, capacity: Capacity) -> frozenset[str]:
    """Return chosen servers that the fleet can no longer spare, and that may or may not be on their way out.

    Their deregistration was announced shortly before this observation (perhaps by a process that has died since). If
    the call was made, an observation will show it soon. If it was not made, it must not be: then the servers are
    released.
    """
    return _missed(view, capacity) & _in_doubt(view)


def healthy(view: View) -> int:
    """Count the servers that stay and take requests, whether they count as capacity or not."""
    return sum(1 for instance in view.live if instance.instance_id not in view.leaving and view.is_healthy(instance))


def recall(view: View, names: frozenset[str]) -> Status:
    """Recall chosen servers: the fleet can no longer spare them (others fell ill, or desired was raised).

    A server that was deregistered somewhere returns there first. Until it serves again, nothing is taken in its place:
    see `_pick`. So a recall and a choice never take turns.
    """
    changes, untouched = ServerChanges(view.status), _seemingly_untouched(view)
    for name in sorted(names):
        to = ServerPhase.FAILED if changes.servers[name].failed else ServerPhase.NONE
        to = to if name in untouched else ServerPhase.RETURNING
        changes.move(name, to, at=view.observation.at, reason="the fleet cannot spare it", reloading=False)
    return changes.status


def _missed(view: View, capacity: Capacity) -> frozenset[str]:
    """Return the chosen servers that the fleet can no longer spare.

    A server that has failed, or that its group marks, would not count as capacity again. It comes back only if too few
    servers take requests without it. A server is chosen under the same condition: see `spare` in `selection`.
    """
    if capacity.serving >= capacity.limits.floor:
        return frozenset()
    names, servers = _recallable(view), view.status.servers
    if healthy(view) < capacity.limits.floor:
        return names
    return frozenset(one for one in names if not servers[one].failed and not view.by_id[one].marked_unhealthy)


def _recallable(view: View) -> frozenset[str]:
    """Return the chosen servers that still take requests and that can serve as if they had not been chosen."""
    return _seemingly_untouched(view) | _partly_out(view)


def _seemingly_untouched(view: View) -> frozenset[str]:
    """Return the chosen servers that serve as if they had not been chosen: no observation shows anything done."""
    return frozenset(
        instance.instance_id
        for instance in _chosen(view)
        if view.would_be_in_service(instance)
        and _is_registered_as_before(instance, view.status.servers[instance.instance_id])
    )


def _partly_out(view: View) -> frozenset[str]:
    """Return the chosen servers that have left some of their target groups only: they can be registered there again."""
    return frozenset(
        instance.instance_id
        for instance in _chosen(view)
        if not view.status.servers[instance.instance_id].attempt and view.is_partly_out(instance)
    )


def _chosen(view: View) -> Iterator[Instance]:
    """Yield the observed servers that were chosen to leave and have no announced call with an unknown outcome."""
    called = {call.instance_id for call in view.status.calls}
    for name in view.leaving - called:
        if name in view.by_id and phase_of(view.status, name) is ServerPhase.DRAINING:
            yield view.by_id[name]


def _is_registered_as_before(instance: Instance, server: Server) -> bool:
    return not server.attempt and {target.key for target in instance.targets} >= set(server.targets)


def _in_doubt(view: View) -> frozenset[str]:
    """Return the servers that were deregistered so recently that an observation may not show it yet."""
    since = view.observation.at - timedelta(seconds=LAG_SECONDS)
    return frozenset(
        name
        for name, server in view.status.servers_in_flight.items()
        if server.last_deregistration is not None and server.last_deregistration > since
    )
