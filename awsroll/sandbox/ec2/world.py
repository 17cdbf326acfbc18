"""The instances of the simulated EC2: how they live, and who is told.

States move only here, on the world's timers: pending -> running -> shutting-down -> terminated -> forgotten, and
stopping -> stopped -> pending. Launching is in `launch.py`, the API in `api.py` and `describe.py`, the
record that plain moto calls read in `storage.py`.
"""

import random
from collections.abc import Callable, Mapping

from awsroll.sandbox import storage
from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.ec2.run_instances import launch, service_order
from awsroll.sandbox.instance import SimInstance, StateReason
from awsroll.sandbox.interfaces import Ec2Context

USER_SHUTDOWN = StateReason(
    code="Client.UserInitiatedShutdown", message="Client.UserInitiatedShutdown: User initiated shutdown"
)
BOOT_FAILURE = StateReason(code="Server.InternalError", message="Server.InternalError: Internal error on launch")


class Ec2World:
    """All instances of the simulated account, also those terminated less than an hour ago.

    Args:
        context: the account, the time and the fault rules.
    """

    def __init__(self, context: Ec2Context) -> None:
        self._context = context
        self.capacity: dict[str, int] = {}
        """How many more instances each zone can supply; a zone that is not in it has no limit."""
        self.failing_boots = 0
        """How many of the next launches will end in `terminated` instead of `running`."""
        self._instances: dict[str, SimInstance] = {}
        self._moves: dict[str, object] = {}
        self._listeners: list[Callable[[SimInstance], None]] = []
        self._jitter = random.Random(0)  # noqa: S311  repeatable on purpose

    # --- questions ---

    def instances(self) -> tuple[SimInstance, ...]:
        """Return every instance that EC2 still knows, in order of launch."""
        return tuple(self._instances.values())

    def live_instances(self) -> tuple[SimInstance, ...]:
        """Return the pending and running instances."""
        return tuple(instance for instance in self._instances.values() if instance.is_live)

    def find(self, instance_id: str) -> SimInstance | None:
        """Return the instance, or None if EC2 does not know it (any more)."""
        return self._instances.get(instance_id)

    def instance(self, instance_id: str) -> SimInstance:
        """Return the instance.

        Raises:
            ApiError: `InvalidInstanceID.NotFound`.
        """
        if (found := self._instances.get(instance_id)) is None:
            raise unknown_instances([instance_id])
        return found

    def on_change(self, callback: Callable[[SimInstance], None]) -> None:
        """Call `callback` after every change of an instance's state or of its application."""
        self._listeners.append(callback)

    # --- life ---

    def launch(
        self,
        *,
        template_id: str,
        template_version: str,
        subnet_id: str,
        tags: Mapping[str, str],
        client_token: str | None,
    ) -> SimInstance:
        """Launch one instance from a launch template, as an Auto Scaling group does.

        Args:
            template_id: of the launch template.
            template_version: a number, `$Latest` or `$Default`.
            subnet_id: where to launch; it decides the zone.
            tags: added to those of the template, or instead of them (option `launch_tags`).
            client_token: shown on the instance; not looked up, so that the caller owns the idempotency.

        Raises:
            ApiError: as RunInstances would.
        """
        order = service_order(
            self._context,
            {"LaunchTemplateId": template_id, "Version": template_version},
            subnet_id=subnet_id,
            tags=tags,
            client_token=client_token,
        )
        return launch(self._context, self, order)[0]

    def add(self, instance: SimInstance) -> None:
        """Take in an instance that was just launched, and start its boot."""
        self._instances[instance.instance_id] = instance
        if self.failing_boots > 0:
            self.failing_boots -= 1
            self._boot(instance, fails=True)
        else:
            self._boot(instance, fails=instance.tags.get("sandbox:boot") == "fails")

    def terminate(self, instance_id: str) -> None:
        """Shut an instance down for good; harmless if it is on its way already."""
        instance = self.instance(instance_id)
        if instance.state in {"shutting-down", "terminated"}:
            return
        was_stopped = instance.state == "stopped"
        instance.state_reason = USER_SHUTDOWN
        instance.transition_reason = self._user_initiated()
        self._move(instance, "shutting-down")
        self._later(instance, 0 if was_stopped else self._context.options.stop_seconds, self._end)

    def fail(self, instance_id: str, code: str = "Server.InternalError", message: str = "") -> None:
        """Let an instance die at once, without a shutdown, as when its hardware breaks or Spot takes it back."""
        instance = self.instance(instance_id)
        if instance.state == "terminated":
            return
        instance.state_reason = StateReason(code=code, message=message or f"{code}: the instance was lost")
        instance.transition_reason = "Server initiated"
        self._end(instance)

    def stop(self, instance_id: str) -> None:
        """Stop a running instance."""
        instance = self.instance(instance_id)
        instance.state_reason = USER_SHUTDOWN
        instance.transition_reason = self._user_initiated()
        self._move(instance, "stopping")
        self._later(instance, self._context.options.stop_seconds, lambda it: self._move(it, "stopped"))

    def start(self, instance_id: str) -> None:
        """Boot a stopped instance again."""
        instance = self.instance(instance_id)
        instance.state_reason = StateReason()
        instance.transition_reason = ""
        self._move(instance, "pending")
        self._boot(instance, fails=False)

    def reboot(self, instance_id: str) -> None:
        """Restart a running instance: it stays `running`, its application comes back a little later."""
        instance = self.instance(instance_id)
        instance.application_up = False
        self._tell(instance)
        self._later(instance, self._application_seconds(instance), self._application_is_up)

    def reload(self, instance_id: str, version_label: str) -> None:
        """Let the application of an instance serve another version from now on."""
        instance = self.instance(instance_id)
        instance.version_label = version_label
        self._tell(instance)

    def tags_changed(self, instance_id: str) -> None:
        """Look again at the tags of an instance, after somebody changed them."""
        if (instance := self._instances.get(instance_id)) is not None:
            self._tell(instance)

    # --- timers ---

    def _boot(self, instance: SimInstance, *, fails: bool) -> None:
        options = self._context.options
        seconds = instance.number_tag("sandbox:boot-seconds", options.boot_seconds)
        seconds += self._jitter.random() * options.boot_jitter_seconds
        self._later(instance, seconds, self._boot_failed if fails else self._booted)

    def _boot_failed(self, instance: SimInstance) -> None:
        instance.state_reason = BOOT_FAILURE
        instance.transition_reason = "Server.InternalError"
        self._end(instance)

    def _booted(self, instance: SimInstance) -> None:
        instance.running_since = self._context.now()
        seconds = self._application_seconds(instance)
        instance.application_up = seconds <= 0
        self._move(instance, "running")
        if seconds > 0:
            self._later(instance, seconds, self._application_is_up)

    def _application_seconds(self, instance: SimInstance) -> float:
        return instance.number_tag("sandbox:application-seconds", self._context.options.application_seconds)

    def _application_is_up(self, instance: SimInstance) -> None:
        instance.application_up = True
        self._tell(instance)

    def _end(self, instance: SimInstance) -> None:
        instance.terminated_at = self._context.now()
        storage.release(instance.record)
        self._move(instance, "terminated")
        options = self._context.options
        self._context.after(options.tags_fade_seconds, lambda: storage.clear_tags(self._context, instance.instance_id))
        self._context.after(options.terminated_visible_seconds, lambda: self._forget(instance))

    def _forget(self, instance: SimInstance) -> None:
        self._instances.pop(instance.instance_id, None)
        self._moves.pop(instance.instance_id, None)
        storage.forget(self._context, instance)

    def _move(self, instance: SimInstance, state: str) -> None:
        instance.state = state
        if state != "running":
            instance.application_up = False
            instance.running_since = None
        storage.write_state(instance)
        self._moves[instance.instance_id] = object()
        self._tell(instance)

    def _later(self, instance: SimInstance, seconds: float, then: Callable[[SimInstance], None]) -> None:
        """Go on with `then`, unless the instance went another way meanwhile."""
        course = object()
        self._moves[instance.instance_id] = course

        def go_on() -> None:
            if self._moves.get(instance.instance_id) is course:
                then(instance)

        self._context.after(seconds, go_on)

    def _tell(self, instance: SimInstance) -> None:
        for listener in tuple(self._listeners):
            listener(instance)

    def _user_initiated(self) -> str:
        return f"User initiated ({self._context.now():%Y-%m-%d %H:%M:%S} GMT)"


def unknown_instances(instance_ids: list[str]) -> ApiError:
    """Return the error EC2 gives for ids it does not know."""
    if len(instance_ids) == 1:
        return ApiError("InvalidInstanceID.NotFound", f"The instance ID '{instance_ids[0]}' does not exist")
    return ApiError("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(instance_ids)}' do not exist")
