"""What a user chooses for a rollout: its strategy, its gates, its pace and its limits. All durations are seconds."""

from dataclasses import dataclass, field
from enum import StrEnum

from awsroll.core.model.amount import Amount
from awsroll.core.model.period import Period
from awsroll.core.model.replacing import replace
from awsroll.core.model.values import check_times


class Strategy(StrEnum):
    """How servers get the new version."""

    REPLACE = "replace"
    DOUBLE_HALF = "double-half"
    RELOAD = "reload"


class Zones(StrEnum):
    """In which order the Availability Zones get the new version."""

    TOGETHER = "together"  # balanced over the zones
    ONE_BY_ONE = "one-by-one"  # one zone after the other, with a checkpoint at the end of each


class SkipPolicy(StrEnum):
    """What to do with instances that are protected from termination, or that someone else has put in standby."""

    WAIT = "wait"  # wait up to an hour for a person to free them, then fail
    IGNORE = "ignore"  # leave them on their version; the rollout can still succeed
    REPLACE = "replace"  # treat them like any other instance


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadCommand:
    """The command that `reload` runs on each instance with SSM Run Command: shell lines, or a document."""

    app_version: str
    commands: tuple[str, ...] = ()
    document: str = ""
    parameters: dict[str, list[str]] = field(default_factory=dict)


class OnFailure(StrEnum):
    """What happens when there are more failures than the request allows."""

    ROLLBACK = "rollback"  # return to the baseline, by the same engine
    PAUSE = "pause"  # wait for a person
    STOP = "stop"  # finish the servers in flight, restore the settings, leave the fleet mixed


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How old and new servers are compared; all times in seconds.

    Attributes:
        alpha: how likely a version as good as the old one may be rolled back, for all metrics together.
        effect: the additional share of bad requests that the judge must notice before a gate opens.
        interval_seconds: the shortest time between two samples.
        warm_up_seconds: for how long a server that has just begun to serve is not compared.
        wait_seconds: how long a gate waits for a verdict after its delay; None: no limit.
    """

    alpha: float = 0.01
    effect: float = 0.05
    interval_seconds: float = 5
    warm_up_seconds: float = 0
    wait_seconds: float | None = None

    def __post_init__(self) -> None:
        check_times(self.interval_seconds, self.warm_up_seconds, self.wait_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The conditions for continuing at checkpoints, and for success; all times in seconds.

    Attributes:
        checkpoints: the numbers of servers after which the rollout stops at a gate; counts or percentages of the fleet.
        delay_seconds: the shortest time that each gate stays closed.
        needs_approval: each gate waits for a person.
        approval_seconds: the longest wait for a person, after the delay; None: no limit.
        bake_seconds: how long the whole new fleet must serve before the rollout succeeds.
        alarms: names of CloudWatch alarms. An alarm in ALARM is a failure at any time.
        windows: while none of them is open, nothing new starts. Without windows, a rollout may go on at any time.
        freezes: while one of them lasts, nothing new starts.
        override: why the rollout ignores its windows and freezes; empty if it does not.
        judge: how the judge compares old and new servers, if a hook at `while_judging` counts their requests.
        rehearses: before the rollout, one server goes to the new version and returns.
        by_zone: the zones come one by one, and each ends at a gate. Then there are no `checkpoints`.
        zones: the zones with servers to replace at the start, in their order.
    """

    checkpoints: tuple[Amount, ...] = ()
    delay_seconds: float = 0
    needs_approval: bool = False
    approval_seconds: float | None = None
    bake_seconds: float = 0
    alarms: tuple[str, ...] = ()
    windows: tuple[Period, ...] = ()
    freezes: tuple[Period, ...] = ()
    override: str = ""
    judge: Judging = field(default_factory=Judging)
    rehearses: bool = False
    by_zone: bool = False
    zones: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_times(self.delay_seconds, self.approval_seconds, self.bake_seconds)

    @property
    def names(self) -> tuple[str, ...]:
        """The gates in their order, for people: `1`, `50%`, or `zone eu-west-1a`."""
        return tuple(f"zone {zone}" for zone in self.zones) if self.by_zone else tuple(map(str, self.checkpoints))

    @property
    def is_scheduled(self) -> bool:
        """Whether the rollout follows windows or freezes."""
        return bool(self.windows or self.freezes) and not self.override


LONGEST_LEASE_SECONDS = 86_400.0
"""The longest lease. The lock of a driver that died elsewhere holds its fleet for at most this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """New waiting times for the rest of a rollout, in seconds; None keeps a value. They do not change any decision."""

    poll: float | None = None
    settle_time: float | None = None
    lease: float | None = None

    def __post_init__(self) -> None:
        check_times(self.poll, self.settle_time, self.lease)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Deadlines and waits, in seconds.

    Attributes:
        drain_seconds: from deregistering (or the group's terminate call) until an observation shows the drain ended.
        launch_seconds: from the launch call until the instance runs (and is in service in its group).
        healthy_seconds: from registering until the instance serves.
        progress_seconds: the longest time without progress.
        min_healthy_seconds: how long a replacement must be healthy without a break before it serves.
        skipped_seconds: how long to wait for protected and standby instances under `wait`.
        settle_seconds: how long to wait for the effect of a call whose answer was lost, before it counts as not made.
        poll_seconds: the longest time between two observations; None: chosen by what the rollout waits for.
        drain_quiet_seconds: for how long a drain probe must find no open connection.
        drain_floor_seconds: the shortest drain that a drain probe may end.
        lease_seconds: how long the fleet stays held if the process that rolls it shows no sign of life.
    """

    drain_seconds: float = 360
    launch_seconds: float = 600
    healthy_seconds: float = 600
    progress_seconds: float = 3600
    min_healthy_seconds: float = 0
    skipped_seconds: float = 3600
    settle_seconds: float = 60
    poll_seconds: float | None = None
    lease_seconds: float = 60
    drain_quiet_seconds: int = 5
    drain_floor_seconds: float = 15

    def __post_init__(self) -> None:
        check_times(self.drain_seconds, self.launch_seconds, self.healthy_seconds, self.progress_seconds)
        check_times(self.min_healthy_seconds, self.skipped_seconds, self.settle_seconds, self.lease_seconds)
        check_times(self.poll_seconds, self.drain_quiet_seconds, self.drain_floor_seconds)

    def paced(self, pace: Pace) -> "Limits":
        """Return the same limits with another pace."""
        return replace(
            self,
            poll_seconds=self.poll_seconds if pace.poll is None else pace.poll,
            settle_seconds=self.settle_seconds if pace.settle_time is None else pace.settle_time,
            lease_seconds=self.lease_seconds if pace.lease is None else pace.lease,
        )
