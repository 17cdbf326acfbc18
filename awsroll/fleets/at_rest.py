"""The servers at rest: no task concerns them and their target groups show them healthy, or they only wait to drain."""

from collections.abc import Mapping

from awsroll.core.model.observation import Target, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.status import Mode, Status


def servers_at_rest(status: Status, registered: Mapping[str, tuple[Target, ...]]) -> frozenset[str]:
    """Return the servers whose description need not be read at each observation.

    Args:
        status: the record.
        registered: the registrations of each server, as they were just read.
    """
    if status.mode is not Mode.ROLLING:
        return frozenset()
    launched = {name for launch in status.launches for name in launch.instance_ids}
    concerned = launched.union(call.instance_id for call in status.calls)
    return frozenset(
        name
        for name, targets in registered.items()
        if name not in concerned and (_only_drains(status, name, targets) or _only_serves(status, name, targets))
    )


def _only_serves(status: Status, name: str, targets: tuple[Target, ...]) -> bool:
    server = status.servers.get(name)
    has_task = server is not None and (server.phase is not ServerPhase.SERVING or server.failed or server.reloading)
    return not has_task and all(target.takes_requests for target in targets)


def _only_drains(status: Status, name: str, targets: tuple[Target, ...]) -> bool:
    """Return whether only its target groups can say anything new: what they show ends the wait."""
    server = status.servers.get(name)
    drains = server is not None and server.phase is ServerPhase.DRAINING and not server.reloading
    return drains and bool(targets) and all(target.state is TargetState.DRAINING for target in targets)
