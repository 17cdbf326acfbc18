"""What the record of a rollout holds of servers: one record per server, and the slots of standalone servers."""

from dataclasses import dataclass
from datetime import datetime

from awsroll.core.model.observation import TargetKey, TemplateVersion
from awsroll.core.model.phases import ServerPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The record of one server: its phase, since when, and facts that AWS does not show.

    `core.lifecycle` writes it; no other module does.

    Attributes:
        phase: its phase. A server in phase `NONE` has no record.
        since: when it entered its phase; the phase's deadline counts from here.
        failed: it must leave (or be reloaded again) although it may run the target version.
        served: it served in several target groups or on several ports when it was chosen to leave (or to be reloaded).
        reloading: it is to be reloaded, or was; it counts as unavailable until it serves again.
        healthy_since: since when each observation has shown it healthy; None if the last one did not.
        targets: where it was registered, so that it can be registered there again.
        deregistering_at: when a call to deregister it was last announced, until AWS accepts the call or it is put off.
        deregistered_at: when AWS last accepted such a call, or when an observation first showed its effect.
        draining_seen: an observation has shown it draining.
        gone_since: since when each observation has shown it without any registration.
        quiet_at: when a drain probe found no open connection during this drain; None if it did not.
        is_early: it has left, or is to leave, before the end of its drain.
        attempt: the number of the current reload command; 0 before the first.
        void_attempt: an earlier reload command that must end before the next one is sent. Its result does not count.
        was_in_standby: it was in standby before its reload, and returns there afterwards.
        fruitless: how many calls to move it had no effect, one after the other.
        fruitless_at: when the last of these calls was made.
        mark_cleared: awsroll has cleared its group's Unhealthy mark. A second mark is not cleared.
    """

    phase: ServerPhase
    since: datetime
    failed: bool = False
    served: bool = False
    reloading: bool = False
    healthy_since: datetime | None = None
    targets: tuple[TargetKey, ...] = ()
    deregistering_at: datetime | None = None
    deregistered_at: datetime | None = None
    draining_seen: bool = False
    gone_since: datetime | None = None
    quiet_at: datetime | None = None
    is_early: bool = False
    attempt: int = 0
    void_attempt: int = 0
    was_in_standby: bool = False
    fruitless: int = 0
    fruitless_at: datetime | None = None
    mark_cleared: bool = False

    @property
    def last_deregistration(self) -> datetime | None:
        """When awsroll last deregistered the server, or announced that it will; None if it did neither."""
        if self.deregistered_at is None or self.deregistering_at is None:
            return self.deregistered_at or self.deregistering_at
        return max(self.deregistered_at, self.deregistering_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """The slots of a standalone fleet with the same subnet and registrations, which a replacement gets too.

    Attributes:
        instance_ids: the instances that have (or last had) these slots.
        template: the launch template version of the first instance, the baseline of these slots; None if unknown.
    """

    zone: str
    subnet_id: str
    targets: tuple[TargetKey, ...]
    instance_ids: tuple[str, ...]
    template: TemplateVersion | None = None
