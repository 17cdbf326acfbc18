"""Which instances a record names: they are looked at even when no target group and no group shows them any more."""

from awsroll.core.model.status import Status


def named_instances(status: Status) -> frozenset[str]:
    """Return every instance id that the status speaks of."""
    launched = (one for launch in status.launches for one in launch.instance_ids)
    occupants = (one for place in status.slots for one in place.occupants)
    called = (call.instance_id for call in status.calls if call.instance_id)
    chosen = (*status.retiring, *status.reloading, *status.returning, *status.serving, *status.rejected, *status.kept)
    return frozenset((*status.flights, *chosen, *launched, *occupants, *called))
