"""The correction of versions that an emulator reports wrongly.

moto reports the template's default version for each member of a group, whatever version the group has. A member that
was launched from the pinned version would stay outdated. If the endpoint is an emulator, a member that is new since the
start of the rollout therefore gets the group's version. On AWS this file has no effect.
"""

from collections.abc import Iterable
from dataclasses import replace

from awsroll.core.model.observation import Group, Instance
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.fleets.fallbacks import INSTANCE_REFRESHES, Fallbacks


class EmulatedVersions:
    """Corrects the versions of members if the endpoint is an emulator."""

    def __init__(self, fallbacks: Fallbacks) -> None:
        self._fallbacks = fallbacks
        self._found_at_start: frozenset[str] | None = None

    def corrected(
        self, instances: Iterable[Instance], group: Group, rollout: Rollout, status: Status
    ) -> tuple[Instance, ...]:
        """Return the instances; members that are new since the start have the group's pinned version."""
        observed = tuple(instances)
        if status.observed_at is None:
            self._found_at_start = frozenset(instance.instance_id for instance in observed)
        # AWS has DescribeInstanceRefreshes, so an endpoint without it is an emulator.
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
