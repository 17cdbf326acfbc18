"""Ends a drain early, when a probe has found a server without open connections. It never makes a drain longer.

Only a standalone server leaves early: awsroll deregisters, terminates or reloads it. A group drains its members itself.
Elastic Load Balancing shows the server as draining for the whole delay, so the probe's word is all that there is. It
counts for the drain during which it was given, after the floor, and never while new flows can arrive.
"""

from datetime import timedelta

from awsroll.core.classify.draining import active_registrations
from awsroll.core.classify.estimates import seconds_to_drain
from awsroll.core.classify.new_flows import seconds_of_new_flows
from awsroll.core.classify.view import View
from awsroll.core.lifecycle import ServerChanges, amend
from awsroll.core.model.hook_calls import HookCall, HookSeen, HookState, passed_key
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.observation import FleetKind, Instance
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.replacing import replace
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status

_TOO_LONG = "not finished within"
_OUT = (ServerPhase.DRAINING, ServerPhase.RELOADING)


def is_quiet(view: View, instance: Instance) -> bool:
    """Return whether a probe has found no open connection during this drain, and the drain may end."""
    server = view.status.in_flight(instance.instance_id)
    if server is None or not _drains_by_our_call(instance, server) or server.deregistered_at is None:
        return False
    if server.quiet_at is None or server.quiet_at < server.deregistered_at:
        return False
    drained_for = (view.observation.at - server.deregistered_at).total_seconds()
    return drained_for >= view.rollout.limits.drain_floor_seconds and not seconds_of_new_flows(view, server)


def propose_probe(view: View, instance: Instance, proposals: Proposals) -> None:
    """Propose to start the probe of a draining server. Nothing waits for it."""
    server, hook = view.status.in_flight(instance.instance_id), _probe(view)
    if hook is None or server is None or not _drains_by_our_call(instance, server):
        return
    if server.draining_seen and passed_key(hook.name, instance.instance_id) not in view.passed_hooks:
        proposals.hooks.append((hook.name, instance.instance_id))


def _drains_by_our_call(instance: Instance, server: Server) -> bool:
    is_out = server.deregistered_at is not None and not active_registrations(instance)
    return is_out and instance.lifecycle is None and server.phase in _OUT


def _probe(view: View) -> Hook | None:
    return next((hook for hook in view.original.hooks if hook.point is HookPoint.WHILE_DRAINING), None)


def settle_probe(view: View, call: HookCall, result: HookSeen) -> Status:
    """Record what a probe has answered. A failure or a long run changes nothing: the drain takes its whole time."""
    status, server = view.status, view.status.servers.get(call.subject)
    if result.state is HookState.SUCCEEDED:
        if server is None or server.deregistered_at is None or call.since is None:
            return status
        is_of_this_drain = call.since >= server.deregistered_at
        return amend(status, call.subject, quiet_at=view.observation.at) if is_of_this_drain else status
    if result.detail.startswith(_TOO_LONG):
        return status
    why = f": {result.detail}" if result.detail else ""
    return add_warnings(status, f"the drain probe {call.name} failed{why}. Such a drain takes its whole delay")


def probes_of(view: View) -> frozenset[str]:
    """Return the servers whose probe runs."""
    hook = _probe(view)
    if hook is None:
        return frozenset()
    return frozenset(call.subject for call in view.status.hooks.announced if call.name == hook.name)


def may_end_early(view: View, name: str) -> bool:
    """Return whether the drain of a server may still end early: its probe is to start, runs, or has found it quiet."""
    hook, server = _probe(view), view.status.servers[name]
    if hook is None or view.rollout.kind is not FleetKind.STANDALONE:
        return False
    return server.quiet_at is not None or passed_key(hook.name, name) not in view.passed_hooks


def is_probed(view: View, name: str) -> bool:
    """Return whether the probe of a server was started before this observation, or has ended."""
    hook = _probe(view)
    if hook is None or passed_key(hook.name, name) in view.passed_hooks:
        return True
    calls = (call for call in view.status.hooks.announced if (call.name, call.subject) == (hook.name, name))
    return any(call.since is not None and call.since < view.observation.at for call in calls)


def note_saved(view: View, status: Status, names: tuple[str, ...]) -> Status:
    """Add the seconds that servers leave before the end of their drain to the figures of the report, once for each."""
    changes, saved = ServerChanges(status), 0.0
    for name in names:
        server, instance = status.servers[name], view.by_id[name]
        if server.is_early or server.deregistered_at is None or not is_quiet(view, instance):
            continue
        ends = server.deregistered_at + timedelta(
            seconds=seconds_to_drain(view.rollout, view.observation.target_groups)
        )
        saved += max(0.0, (ends - view.observation.at).total_seconds())
        changes.amend(name, is_early=True)
    counters = replace(status.counters, drain_seconds_saved=status.counters.drain_seconds_saved + saved)
    return replace(changes.status, counters=counters) if saved else changes.status
