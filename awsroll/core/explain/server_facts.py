"""What AWS knows of a server that fails, or of a rollout that waits: plain values, gathered by an adapter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """The facts about one server. Text of AWS is as AWS writes it; a fact that is not known is empty.

    Attributes:
        phase: its phase in the rollout.
        cause: the cause of its failure, as the record says.
        waits: what the rollout waits for, by a gate or the judge.
        targets: the state, reason code and description of each registration that takes no requests.
        lifecycle: its lifecycle state in its group.
        state: its state in EC2.
        state_reason: EC2's reason for that state.
        marked_unhealthy: its group has marked it unhealthy.
        checks: the status checks that are not passed.
        activities: the messages of the scaling activities that failed.
        console: the last lines of its console.
        command_output: the output of the reload command that failed.
        alarms: the alarms that are in ALARM, with CloudWatch's reason.
        throttled: the calls that AWS has throttled in the last minutes.
        unread: what could not be read, and why.
    """

    instance_id: str = ""
    phase: str = ""
    cause: str = ""
    waits: str = ""
    targets: tuple[str, ...] = ()
    lifecycle: str = ""
    state: str = ""
    state_reason: str = ""
    marked_unhealthy: bool = False
    checks: tuple[str, ...] = ()
    activities: tuple[str, ...] = ()
    console: tuple[str, ...] = ()
    command_output: str = ""
    alarms: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All facts as one text, for the search for known words."""
        parts = (self.cause, *self.targets, self.lifecycle, self.state_reason, *self.checks, *self.activities)
        return "\n".join((*parts, *self.console, self.command_output, *self.alarms, *self.throttled))
