"""The state of a fake fleet as one value, for checks that nothing has changed."""

from typing import Any

from awsroll.testing.fleet import FakeFleet


def fingerprint(fleet: FakeFleet) -> tuple[Any, ...]:
    """Return everything that an action could have changed."""
    instances = tuple((one.instance_id, one.state, tuple(sorted(one.tags.items()))) for one in fleet.instances.all())
    targets = tuple(
        (entry.instance_id, entry.key, entry.state)
        for one in fleet.instances.all()
        for entry in sorted(fleet.targets.of(one.instance_id), key=lambda entry: entry.key)
    )
    delays = tuple((arn, one.deregistration_delay_seconds) for arn, one in sorted(fleet.targets.groups.items()))
    rest = (tuple(sorted(fleet.memory.items())), tuple(sorted(fleet.commands.sent)), delays)
    if fleet.group is None:
        return (instances, targets, rest)
    settings = fleet.group.settings
    group = (settings.minimum, settings.maximum, settings.desired, settings.version, tuple(sorted(settings.suspended)))
    members = tuple((one, member.lifecycle) for one, member in sorted(fleet.group.members.items()))
    return (instances, targets, rest, group, members)
