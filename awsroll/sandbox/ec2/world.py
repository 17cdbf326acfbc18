"""The instances of the simulated EC2: their states, timers and listeners.

Only this file changes states, on the world's timers: pending -> running -> shutting-down -> terminated -> removed, and
stopping -> stopped -> pending. `run_instances.py` launches; `api.py` and `describe.py` are the API; `storage.py` writes
the record that plain moto calls read.
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
SELF_SHUTDOWN = StateReason(
    code="Client.InstanceInitiatedShutdown", message="Client.InstanceInitiatedShutdown: Instance initiated shutdown"
)
BOOT_FAILURE = StateReason(code="Server.InternalError", message="Server.InternalError: Internal error on launch")
_NOTICE_SECONDS = 120  # EC2 user guide, Spot Instance interruption notices


class Ec2World:
    """All instances of the simulated account, including recently terminated instances.

    Args:
        context: the account, the time and the fault rules.
    """

    def __init__(self, context: Ec2Context) -> None:
        self._context = context
        self.capacity: dict[str, int] = {}
        """How many more instances each zone can supply. A missing zone has no limit."""
        self.failing_boots = 0
        """The number of next launches that end in `terminated` instead of `running`."""
        self._instances: dict[str, SimInstance] = {}
        self._steps: dict[str, object] = {}
        self._listeners: list[Callable[[SimInstance], None]] = []
        self._jitter = random.Random(0)  # noqa: S311  repeatable on purpose

    # --- queries ---

    def instances(self) -> tuple[SimInstance, ...]:
        """Return every instance that EC2 knows, in order of launch."""
        return tuple(self._instances.values())

    def live_instances(self) -> tuple[SimInstance, ...]:
        """Return the pending and running instances."""
        return tuple(instance for instance in self._instances.values() if instance.is_live)

    def find(self, instance_id: str) -> SimInstance | None:
        """Return the instance, or None if EC2 does not know it."""
        return self._instances.get(instance_id)

    def at_address(self, address: str) -> SimInstance | None:
        """Return the instance that has a private or IPv6 address now, or None."""
        living = (instance for instance in self._instances.values() if instance.state != "terminated")
        return next((instance for instance in living if address in instance.addresses), None)

    def instance(self, instance_id: str) -> SimInstance:
        """Return the instance.

        Raises:
            ApiError: `InvalidInstanceID.NotFound`.
        """
        if (instance := self._instances.get(instance_id)) is None:
            raise unknown_instances([instance_id])
        return instance

    def on_change(self, callback: Callable[[SimInstance], None]) -> None:
        """Call `callback` after every change of an instance's state or of its application."""
        self._listeners.append(callback)

    # --- state changes ---

    def launch(  # noqa: PLR0913 - what a group chooses for an instance
        self,
        *,
        template_id: str,
        template_version: str,
        subnet_id: str,
        tags: Mapping[str, str],
        client_token: str | None,
        image_id: str = "",
    ) -> SimInstance:
        """Launch one instance from a launch template, as an Auto Scaling group does.

        Args:
            template_id: the id of the launch template.
            template_version: a number, `$Latest` or `$Default`.
            subnet_id: the subnet to launch into, which sets the zone.
            tags: added to the template's tags, or replacing them (option `launch_tags`).
            client_token: shown on the instance. The caller is responsible for idempotency.
            image_id: overrides the template's image; empty: the template's.

        Raises:
            ApiError: the same errors as RunInstances.
        """
        order = service_order(
            self._context,
            {"LaunchTemplateId": template_id, "Version": template_version},
            subnet_id=subnet_id,
            tags=tags,
            client_token=client_token,
            image_id=image_id,
        )
        return launch(self._context, self, order)[0]

    def add(self, instance: SimInstance) -> None:
        """Add a new instance, and start its boot."""
        self._instances[instance.instance_id] = instance
        if self.failing_boots > 0:
            self.failing_boots -= 1
            self._boot(instance, fails=True)
        else:
            self._boot(instance, fails="sandbox:boot" in instance.tags)

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance. It has no effect on an instance that is shutting down or terminated."""
        instance = self.instance(instance_id)
        if instance.state in {"shutting-down", "terminated"}:
            return
        was_stopped = instance.state == "stopped"
        instance.state_reason = USER_SHUTDOWN
        instance.transition_reason = self._user_initiated()
        self._move(instance, "shutting-down")
        self._schedule(instance, 0 if was_stopped else self._context.options.stop_seconds, self._terminated)

    def fail(self, instance_id: str, code: str = "Server.InternalError", message: str = "") -> None:
        """Terminate an instance at once, without a shutdown, as by a hardware failure or Spot interruption."""
        instance = self.instance(instance_id)
        if instance.state == "terminated":
            return
        instance.state_reason = StateReason(code=code, message=message or f"{code}: the instance was lost")
        instance.transition_reason = "Server initiated"
        self._terminated(instance)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Say that a Spot Instance is at elevated risk of an interruption."""
        instance = self.instance(instance_id)
        instance.at_risk = True
        self._notify(instance)

    def interrupt(self, instance_id: str) -> None:
        """Send the notice of a Spot interruption, and terminate the instance two minutes later."""
        self.recommend_rebalance(instance_id)
        self._context.after(_NOTICE_SECONDS, lambda: self._interrupted(self.instance(instance_id)))

    def stop(self, instance_id: str) -> None:
        """Stop a running instance."""
        instance = self.instance(instance_id)
        instance.state_reason = USER_SHUTDOWN
        instance.transition_reason = self._user_initiated()
        self._move(instance, "stopping")
        self._schedule(instance, self._context.options.stop_seconds, lambda stopping: self._move(stopping, "stopped"))

    def start(self, instance_id: str) -> None:
        """Boot a stopped instance again."""
        instance = self.instance(instance_id)
        instance.state_reason = StateReason()
        instance.transition_reason = ""
        self._move(instance, "pending")
        self._boot(instance, fails=False)

    def reboot(self, instance_id: str) -> None:
        """Restart a running instance: it stays `running`, and its application restarts."""
        instance = self.instance(instance_id)
        instance.application_up = False
        self._notify(instance)
        self._schedule(instance, self._application_seconds(instance), self._application_is_up)

    def reload(self, instance_id: str, version_label: str) -> None:
        """Make the application of an instance serve another version."""
        instance = self.instance(instance_id)
        instance.version_label = version_label
        self._notify(instance)

    def tags_changed(self, instance_id: str) -> None:
        """Notify the listeners that the tags of an instance have changed."""
        if (instance := self._instances.get(instance_id)) is not None:
            self._notify(instance)

    # --- timers ---

    def _boot(self, instance: SimInstance, *, fails: bool) -> None:
        options = self._context.options
        seconds = instance.number_tag("sandbox:boot-seconds", options.boot_seconds)
        seconds += self._jitter.random() * options.boot_jitter_seconds
        self._schedule(instance, seconds, self._boot_failed if fails else self._booted)

    def _boot_failed(self, instance: SimInstance) -> None:
        how = instance.tags.get("sandbox:boot")
        if how is None:
            instance.state_reason = BOOT_FAILURE
        else:  # the fault of the template, unless the tag names another code
            code = "Client.InternalError" if how == "fails" else how
            message = "Client error on launch" if how == "fails" else "the instance did not start"
            instance.state_reason = StateReason(code=code, message=f"{code}: {message}")
        instance.transition_reason = instance.state_reason.code
        self._terminated(instance)

    def _booted(self, instance: SimInstance) -> None:
        instance.running_since = self._context.now()
        seconds = self._application_seconds(instance)
        instance.application_up = seconds <= 0
        self._move(instance, "running")
        if (shutdown := instance.number_tag("sandbox:shutdown-seconds", -1)) >= 0:
            self._schedule(instance, shutdown, self._shut_down_by_itself)
        elif seconds > 0:
            self._schedule(instance, seconds, self._application_is_up)

    def _shut_down_by_itself(self, instance: SimInstance) -> None:
        instance.state_reason = SELF_SHUTDOWN
        instance.transition_reason = ""
        self._move(instance, "shutting-down")
        self._schedule(instance, self._context.options.stop_seconds, self._terminated)

    def _interrupted(self, instance: SimInstance) -> None:
        if instance.state in {"shutting-down", "terminated"}:
            return
        code = "Server.SpotInstanceTermination"
        instance.state_reason = StateReason(code=code, message=f"{code}: Spot instance termination")
        instance.transition_reason = "Server initiated"
        self._move(instance, "shutting-down")
        self._schedule(instance, self._context.options.stop_seconds, self._terminated)

    def _application_seconds(self, instance: SimInstance) -> float:
        return instance.number_tag("sandbox:application-seconds", self._context.options.application_seconds)

    def _application_is_up(self, instance: SimInstance) -> None:
        instance.application_up = True
        self._notify(instance)

    def _terminated(self, instance: SimInstance) -> None:
        instance.terminated_at = self._context.now()
        storage.release(instance.record)
        self._move(instance, "terminated")
        options = self._context.options
        self._context.after(options.tags_fade_seconds, lambda: storage.clear_tags(self._context, instance.instance_id))
        self._context.after(options.terminated_visible_seconds, lambda: self._remove(instance))

    def _remove(self, instance: SimInstance) -> None:
        self._instances.pop(instance.instance_id, None)
        self._steps.pop(instance.instance_id, None)
        storage.remove(self._context, instance)

    def _move(self, instance: SimInstance, state: str) -> None:
        instance.state = state
        if state != "running":
            instance.application_up = False
            instance.running_since = None
        storage.write_state(instance)
        self._steps[instance.instance_id] = object()
        self._notify(instance)

    def _schedule(self, instance: SimInstance, seconds: float, then: Callable[[SimInstance], None]) -> None:
        """Run `then` after `seconds`, unless the instance changes its state before."""
        step = object()
        self._steps[instance.instance_id] = step

        def run() -> None:
            if self._steps.get(instance.instance_id) is step:
                then(instance)

        self._context.after(seconds, run)

    def _notify(self, instance: SimInstance) -> None:
        for listener in tuple(self._listeners):
            listener(instance)

    def _user_initiated(self) -> str:
        return f"User initiated ({self._context.now():%Y-%m-%d %H:%M:%S} GMT)"


def unknown_instances(instance_ids: list[str]) -> ApiError:
    """Return EC2's error for unknown instance ids."""
    if len(instance_ids) == 1:
        return ApiError("InvalidInstanceID.NotFound", f"The instance ID '{instance_ids[0]}' does not exist")
    return ApiError("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(instance_ids)}' do not exist")
