"""The instances that a record names. They are observed even if no target group and no group lists them."""

from awsroll.core.model.status import Status


def named_instances(status: Status) -> frozenset[str]:
    """Return every instance id in the status."""
    launched = (instance_id for launch in status.launches for instance_id in launch.instance_ids)
    occupants = (instance_id for place in status.slots for instance_id in place.occupants)
    called = (call.instance_id for call in status.calls if call.instance_id)
    chosen = (*status.retiring, *status.reloading, *status.returning, *status.serving, *status.rejected, *status.kept)
    return frozenset((*status.flights, *chosen, *launched, *occupants, *called))
