"""SSM Run Command of the fake AWS: reload commands that take time and may fail.

A command has no client token. Rollout, instance and attempt identify the command, and it is sent once.
"""

from dataclasses import dataclass, field

from awsroll.core.model.observation import CommandState, InstanceState, Invocation
from awsroll.core.model.rollout_choices import ReloadCommand
from awsroll.testing.instances import CallError, FakeInstance, Instances
from awsroll.testing.world import World


@dataclass(slots=True, kw_only=True)
class Sent:
    """One command on one instance."""

    rollout_id: str
    attempt: int
    instance_id: str
    state: CommandState = CommandState.RUNNING
    detail: str = ""


@dataclass(slots=True)
class Commands:
    """All sent commands. `failing` is the number of future commands that will fail."""

    world: World
    instances: Instances
    failing: int = 0
    sent: dict[tuple[str, str, int], Sent] = field(default_factory=dict)

    def send(self, rollout_id: str, instance_id: str, attempt: int, reload: ReloadCommand) -> None:
        """Run the reload command on one instance, at most once per attempt.

        Raises:
            CallError: if the instance is not running (InvalidInstanceId).
        """
        if (rollout_id, instance_id, attempt) in self.sent:
            return
        instance = self.instances.find(instance_id)
        if instance is None or instance.state is not InstanceState.RUNNING:
            message = f"Instances [[{instance_id}]] not in a valid state for account"
            raise CallError(message, code="InvalidInstanceId")
        entry = Sent(rollout_id=rollout_id, attempt=attempt, instance_id=instance_id)
        self.sent[rollout_id, instance_id, attempt] = entry
        self.world.record("command.started", instance_id, f"attempt {attempt}")
        instance.started = False
        self.instances.changed(instance)
        fails = self.failing > 0
        self.failing -= fails
        self.world.after(self.world.physics.command, lambda: self._finish(entry, instance, reload, fails=fails))

    def invocation(self, rollout_id: str, instance_id: str, attempt: int) -> Invocation:
        """Return the state of a command."""
        entry = self.sent.get((rollout_id, instance_id, attempt))
        state = CommandState.UNSENT if entry is None else entry.state
        detail = "" if entry is None else entry.detail
        return Invocation(attempt=attempt, instance_id=instance_id, state=state, detail=detail)

    def _finish(self, entry: Sent, instance: FakeInstance, reload: ReloadCommand, *, fails: bool) -> None:
        if not instance.live:
            entry.state, entry.detail = CommandState.FAILED, "Undeliverable"
        elif fails:
            entry.state, entry.detail = CommandState.FAILED, "exit status 1"
            self.instances.run_version(instance, instance.application_version)
        else:
            entry.state = CommandState.SUCCEEDED
            self.instances.run_version(instance, reload.app_version)
        self.world.record(f"command.{entry.state}", entry.instance_id)
