"""The instances that a record names. They are observed even if no target group and no group lists them."""

from awsroll.core.model.status import Status


def named_instances(status: Status) -> frozenset[str]:
    """Return every instance id in the status."""
    launched = (name for launch in status.launches for name in launch.instance_ids)
    slots = (name for shape in status.slots for name in shape.instance_ids)
    called = (call.instance_id for call in status.calls if call.instance_id)
    return frozenset((*status.servers, *launched, *slots, *called))
