"""The servers at rest: no task of the rollout concerns them, and their target groups show them healthy."""

from collections.abc import Mapping

from awsroll.core.model.observation import Target
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
        if name not in concerned and _has_no_task(status, name) and all(target.takes_requests for target in targets)
    )


def _has_no_task(status: Status, name: str) -> bool:
    server = status.servers.get(name)
    return server is None or (server.phase is ServerPhase.SERVING and not server.failed and not server.reloading)
