"""An emulator that misnames what its groups launch.

moto gives every member of a group the template's default version, whatever the group says, so that a member launched
from the pinned version looks outdated for ever. Where the endpoint is known to be no AWS, a member that came after the
rollout began is therefore taken to be what the group is set to. On AWS nothing here has any effect.
"""

from collections.abc import Iterable
from dataclasses import replace

from awsroll.core.model.observation import Group, Instance
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.fleets.fallbacks import INSTANCE_REFRESHES, Fallbacks


class EmulatedVersions:
    """Corrects the versions of members where the endpoint is an emulator."""

    def __init__(self, fallbacks: Fallbacks) -> None:
        self._fallbacks = fallbacks
        self._found_at_start: frozenset[str] | None = None

    def corrected(
        self, instances: Iterable[Instance], group: Group, rollout: Rollout, status: Status
    ) -> tuple[Instance, ...]:
        """Return the instances, with the group's pinned version for members that are new since the start."""
        observed = tuple(instances)
        if status.observed_at is None:
            self._found_at_start = frozenset(instance.instance_id for instance in observed)
        # AWS has had DescribeInstanceRefreshes for years: an endpoint without it is an emulator.
        if not self._fallbacks.lacks(INSTANCE_REFRESHES) or rollout.template is None:
            return observed
        if group.template != rollout.template or group.version != str(rollout.template.number):
            return observed
        return tuple(
            replace(instance, template=rollout.template)
            if instance.lifecycle and self._is_new(instance, status)
            else instance
            for instance in observed
        )

    def _is_new(self, instance: Instance, status: Status) -> bool:
        if self._found_at_start is not None:
            return instance.instance_id not in self._found_at_start
        return instance.launched_at is not None and instance.launched_at >= status.started_at
