"""Rollout records for tests: fields of `Status` by flat names, and servers by their phase."""

from dataclasses import replace
from typing import Any

from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.testing.clock import T0

_GROUPS = {
    "closed_since": ("gate", "closed_since"),
    "passed": ("gate", "passed"),
    "baking_since": ("gate", "baking_since"),
    "baked": ("gate", "baked"),
    "found_settings": ("settings", "found"),
    "given_settings": ("settings", "set"),
    "changed_at": ("settings", "changed_at"),
    "abandoned": ("settings", "abandoned"),
    "owed_since": ("shortage", "since"),
    "owed_reason": ("shortage", "reason"),
    "short_zones": ("shortage", "zones"),
    "excused_until": ("shortage", "excused_until"),
    "launch_after": ("shortage", "launch_after"),
    "announced_hooks": ("hooks", "announced"),
    "passed_hooks": ("hooks", "passed"),
}
_SERVERS = {
    "retiring": (ServerPhase.DRAINING, {}),
    "reloading": (ServerPhase.DRAINING, {"reloading": True}),
    "returning": (ServerPhase.RETURNING, {}),
    "serving": (ServerPhase.SERVING, {}),
    "kept": (ServerPhase.KEPT, {}),
    "failed": (ServerPhase.FAILED, {"failed": True}),
}


def changed(status: Status, **facts: Any) -> Status:
    """Return the record with other facts.

    A fact is a field of `Status`, a flat name of `_GROUPS`, or the ids of servers by what they do. Servers that are
    given as records (`servers`) keep those, and get the flags of what they do.
    """
    servers = dict(facts.pop("servers", status.servers))
    for name, (phase, flags) in _SERVERS.items():
        for one in facts.pop(name, ()):
            servers[one] = replace(servers.get(one, Server(phase=phase, since=T0)), **flags)
    for name in [name for name in facts if name in _GROUPS]:
        group, field = _GROUPS[name]
        status = replace(status, **{group: replace(getattr(status, group), **{field: facts.pop(name)})})
    return replace(status, servers=servers, **facts)
