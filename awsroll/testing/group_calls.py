"""API calls of the fake Auto Scaling group, made by awsroll or by people, with AWS's refusals.

Each method is one API call: it takes effect, or raises `CallError` and changes nothing.
"""

from collections.abc import Iterable, Sequence

from awsroll.core.model.observation import InstanceState, Lifecycle, TemplateVersion
from awsroll.core.model.warm_pool import WarmPool
from awsroll.testing.group import FakeGroup, Member
from awsroll.testing.instances import CallError
from awsroll.testing.world import World


class GroupCalls:
    """The API of one group."""

    def __init__(self, world: World, group: FakeGroup) -> None:
        self._world = world
        self._group = group
        self._tokens: dict[str, tuple[tuple[str, int], tuple[str, ...]]] = {}

    def launch_instances(self, zone: str, count: int, token: str) -> tuple[str, ...]:
        """Launch instances in one zone and raise desired by their number, once per client token."""
        if token in self._tokens:
            request, ids = self._tokens[token]
            if request != (zone, count):
                message = "The client token was used with different parameters"
                raise CallError(message, code="IdempotentParameterMismatch")
            return ids
        settings = self._group.settings
        if not settings.can_launch_instances:
            message = "LaunchInstances is not supported for this group"
            raise CallError(message, code="ValidationError")
        if zone not in dict(settings.zones):
            message = f"The zone {zone} is not one of the group's"
            raise CallError(message, code="ValidationError")
        self._check_size(settings.desired + count)
        if settings.launch_errors > 0 or zone in settings.full_zones:
            settings.launch_errors = max(0, settings.launch_errors - 1)
            raise CallError(settings.launch_error, code="InsufficientInstanceCapacity", transient=True)
        settings.desired += count
        ids = self._group.launch(zone, count)
        self._tokens[token] = ((zone, count), ids)
        return ids

    def set_desired(self, value: int) -> None:
        """Set the desired capacity; refuse a value outside the bounds."""
        self._check_size(value)
        self._world.record("group.desired-set", detail=f"{self._group.settings.desired} -> {value}")
        self._group.settings.desired = value
        self._group.wake()

    def terminate(self, instance_ids: Sequence[str], *, decrement: bool) -> None:
        """Have the group retire members, protected members included."""
        members = [self._member(instance_id) for instance_id in instance_ids]
        settings = self._group.settings
        if decrement:
            counted = sum(member.counted for member in members)
            self._check_size(settings.desired - counted)
            settings.desired -= counted
        for member in members:
            self._group.retire(member, "decrement" if decrement else "to be replaced")

    def enter_standby(self, instance_ids: Sequence[str]) -> None:
        """Move members to standby and lower desired by their number."""
        members = [self._member(instance_id) for instance_id in instance_ids]
        if any(member.lifecycle is not Lifecycle.IN_SERVICE for member in members):
            message = "An instance is not in InService"
            raise CallError(message, code="ValidationError")
        settings = self._group.settings
        self._check_size(settings.desired - len(members))
        settings.desired -= len(members)
        for member in members:
            member.lifecycle = Lifecycle.ENTERING_STANDBY
            self._world.record("group.entering-standby", member.instance.instance_id)
            self._world.after(self._group.deregister(member), lambda member=member: self._stand_by(member))  # type: ignore[misc]

    def detach(self, instance_ids: Sequence[str]) -> None:
        """Detach members, which drain and run on. Desired stays, so the group launches others."""
        members = [self._member(instance_id) for instance_id in instance_ids]
        if any(member.lifecycle is not Lifecycle.IN_SERVICE for member in members):
            message = "An instance is not in InService"
            raise CallError(message, code="ValidationError")
        for member in members:
            member.lifecycle = Lifecycle.DETACHING
            self._world.record("group.detaching", member.instance.instance_id)
            self._world.after(self._group.deregister(member), lambda member=member: self._let_go(member))  # type: ignore[misc]
        self._group.wake()

    def exit_standby(self, instance_ids: Sequence[str]) -> None:
        """Move members out of standby and raise desired by their number."""
        members = [self._member(instance_id) for instance_id in instance_ids]
        if any(member.lifecycle is not Lifecycle.STANDBY for member in members):
            message = "An instance is not in Standby"
            raise CallError(message, code="ValidationError")
        settings = self._group.settings
        self._check_size(settings.desired + len(members))
        settings.desired += len(members)
        for member in members:
            member.lifecycle = Lifecycle.PENDING
            self._world.record("group.exiting-standby", member.instance.instance_id)
            self._world.after(self._world.physics.group_reaction, lambda member=member: self._return(member))  # type: ignore[misc]

    def update(self, *, minimum: int | None, maximum: int | None) -> None:
        """Set the bounds. Like AWS, move a desired capacity outside the bounds to the nearer bound."""
        settings = self._group.settings
        low = settings.minimum if minimum is None else minimum
        high = settings.maximum if maximum is None else maximum
        if low > high:
            message = f"The minimum {low} is greater than the maximum {high}"
            raise CallError(message, code="ValidationError")
        settings.minimum, settings.maximum = low, high
        moved = min(max(settings.desired, low), high)
        self._world.record("group.bounds-set", detail=f"{low}..{high}")
        if moved != settings.desired:
            self.set_desired(moved)

    def set_template(self, template: TemplateVersion | None, version: str) -> None:
        """Set the launch template version of the group."""
        settings = self._group.settings
        if settings.refresh_active:
            message = "An active instance refresh with a desired configuration exists"
            raise CallError(message, code="ValidationError")
        if template is not None:
            settings.template_id = template.template_id
            settings.version = str(template.number)
        if version:
            settings.version = version
        self._world.record("group.version-set", detail=settings.version)

    def suspend(self, processes: Iterable[str]) -> None:
        """Suspend processes."""
        self._group.settings.suspended |= set(processes)
        self._world.record("group.suspended", detail=sorted(processes))

    def resume(self, processes: Iterable[str]) -> None:
        """Resume processes; the controller then checks the group."""
        self._group.settings.suspended -= set(processes)
        self._world.record("group.resumed", detail=sorted(processes))
        self._group.wake()

    def set_unhealthy(self, instance_id: str) -> None:
        """Mark a member unhealthy; the controller replaces it while `ReplaceUnhealthy` runs."""
        self._member(instance_id).marked_unhealthy = True
        self._world.record("group.marked-unhealthy", instance_id)
        self._group.wake()

    def set_healthy(self, members: Iterable[Member]) -> None:
        """Clear the Unhealthy marks of members; the controller then checks them again."""
        for member in members:
            member.marked_unhealthy = False
            self._world.record("group.marked-healthy", member.instance.instance_id)
        self._group.wake()

    def delete_warm_pool(self) -> None:
        """Delete the warm pool and its instances."""
        settings = self._group.settings
        if settings.warm_pool is None:
            message = "No warm pool found"
            raise CallError(message, code="ValidationError")
        self._world.record("group.warm-pool-deleted", detail=f"{settings.warm_pool} holding {len(settings.warm)}")
        settings.warm_pool = None
        settings.warm.clear()

    def put_warm_pool(self, pool: WarmPool) -> None:
        """Create a warm pool and fill it from the group's current template version."""
        settings = self._group.settings
        if settings.refresh_active:
            message = "An instance refresh is in progress"
            raise CallError(message, code="InstanceRefreshInProgress")
        settings.warm_pool = pool
        settings.warm += [settings.template] * (pool.minimum - len(settings.warm))
        self._world.record("group.warm-pool-put", detail=str(pool))

    def _stand_by(self, member: Member) -> None:
        if member.lifecycle is Lifecycle.ENTERING_STANDBY:
            member.lifecycle = Lifecycle.STANDBY
            self._world.record("group.in-standby", member.instance.instance_id)

    def _let_go(self, member: Member) -> None:
        if member.lifecycle is Lifecycle.DETACHING:
            name = member.instance.instance_id
            del self._group.members[name]
            self._world.record("group.detached", name)

    def _return(self, member: Member) -> None:
        if member.lifecycle is not Lifecycle.PENDING:
            return
        if member.instance.state is InstanceState.RUNNING:
            self._group.enter_service(member)
        else:
            member.lifecycle = Lifecycle.IN_SERVICE  # The health check finds that the member is not running.
            self._world.touch(member.instance.instance_id)
        self._group.wake()

    def _member(self, instance_id: str) -> Member:
        member = self._group.members.get(instance_id)
        if member is None:
            message = f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
            raise CallError(message, code="ValidationError")
        return member

    def _check_size(self, desired: int) -> None:
        settings = self._group.settings
        if not settings.minimum <= desired <= settings.maximum:
            message = f"New SetDesiredCapacity value {desired} is outside {settings.minimum}..{settings.maximum}"
            raise CallError(message, code="ValidationError")
