"""Changes to the fleet during a rollout by people, by other programs, and by chance.

Each method is one change, which takes effect immediately. The safety checks never attribute it to awsroll.
"""

from awsroll.core.model.observation import TargetKey
from awsroll.core.model.warm_pool import WarmPool
from awsroll.testing.group_calls import GroupCalls
from awsroll.testing.instances import Instances
from awsroll.testing.targets import Targets
from awsroll.testing.world import Actor, World


class Somebody:
    """People, other programs, and chance."""

    def __init__(self, world: World, instances: Instances, targets: Targets, calls: GroupCalls | None) -> None:
        self._world = world
        self._instances = instances
        self._targets = targets
        self._calls = calls
        self.desired_changes = 0
        self.capacity_set: int | None = None
        self.warm_pool: WarmPool | None = None
        self.deregistered: set[str] = set()
        self.unregistered: set[str] = set()
        self.stood_by: set[str] = set()

    def begin(self) -> None:
        """Start counting changes; earlier changes are part of the initial state."""
        self.desired_changes = 0
        self.capacity_set = None

    def kills(self, instance_id: str, reason: str = "Server.SpotInstanceTermination") -> None:
        """End an instance immediately."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self._instances.die(instance_id, reason)

    def breaks(self, instance_id: str) -> None:
        """Make an application fail its health checks."""
        self._set_broken(instance_id, broken=True)

    def fixes(self, instance_id: str) -> None:
        """Make an application pass its health checks again."""
        self._set_broken(instance_id, broken=False)

    def marks(self, instance_id: str) -> None:
        """Have the group mark a member unhealthy, as a health check of its own would."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self.group.set_unhealthy(instance_id)

    def protects(self, instance_id: str, *, protected: bool = True) -> None:
        """Protect an instance from scale-in (group) or termination (standalone), or remove the protection."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self._world.record("instance.protected" if protected else "instance.unprotected", instance_id)
            self._instances[instance_id].protected = protected

    def registers(self, instance_id: str, *keys: TargetKey) -> None:
        """Register an instance by hand; this raises the size of a standalone fleet by one."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            instance = self._instances[instance_id]
            self._world.touch(instance_id)
            if self._calls is None and (not instance.keys or instance_id in self.deregistered):
                self.desired_changes += 1
            for key in keys:
                self._targets.register(instance_id, key)
            instance.keys = tuple(dict.fromkeys((*instance.keys, *keys)))
            self.deregistered.discard(instance_id)
            self.unregistered.discard(instance_id)

    def deregisters(self, instance_id: str) -> None:
        """Deregister an instance everywhere by hand; this lowers the size of a standalone fleet by one."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self._world.touch(instance_id)
            if self._calls is None:
                self.desired_changes -= 1
                self.deregistered.add(instance_id)
            self.unregistered.add(instance_id)
            for entry in self._targets.of(instance_id):
                self._targets.deregister(instance_id, entry.key)

    def scales(self, desired: int) -> None:
        """Set the group's desired capacity."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self.group.set_desired(desired)
            self.capacity_set = desired

    def bounds(self, minimum: int, maximum: int) -> None:
        """Set the group's minimum and maximum."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self.group.update(minimum=minimum, maximum=maximum)

    def puts_warm_pool(self, pool: WarmPool) -> None:
        """Give the group a warm pool."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self.group.put_warm_pool(pool)
            self.warm_pool = pool

    def puts_in_standby(self, instance_id: str) -> None:
        """Put a member in standby."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self.group.enter_standby([instance_id])
            self.stood_by.add(instance_id)
            self._move(-1)

    def takes_out_of_standby(self, instance_id: str) -> None:
        """Take a member out of standby."""
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            self.group.exit_standby([instance_id])
            self.stood_by.discard(instance_id)
            self._move(1)

    @property
    def group(self) -> GroupCalls:
        """The API calls of the group."""
        if self._calls is None:
            message = "this fleet is standalone: there is no group"
            raise TypeError(message)
        return self._calls

    def _move(self, by: int) -> None:
        if self.capacity_set is None:
            self.desired_changes += by
        else:
            self.capacity_set += by

    def _set_broken(self, instance_id: str, *, broken: bool) -> None:
        self._world.catch_up()
        with self._world.acting(Actor.SOMEBODY):
            instance = self._instances[instance_id]
            instance.broken = broken
            self._world.record("application.broken" if broken else "application.fixed", instance_id)
            self._instances.changed(instance)
