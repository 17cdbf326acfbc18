"""The protocols of the controller's collaborators.

`fleets` implements `Fleet` with AWS, and `testing` implements it in memory. `stores` saves the records. A `Clock` is
the only way to wait. Nothing here does anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from awsroll.core.model.hook_calls import HookCall, HookRun, HookSeen
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.model.user_requests import UserRequests

if TYPE_CHECKING:
    from awsroll.core.model.action_results import Result
    from awsroll.core.model.actions import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A rollout as a store saves it. `revision` counts the writes; 0 means never written."""

    rollout: Rollout
    status: Status
    revision: int = 0


class Clock(Protocol):
    """Time, and the only way to wait.

    A clock can have an attribute `is_real_time`: whether time passes by itself. Without it, or if it is False, only
    `sleep` moves the time, and hooks run in the foreground.
    """

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences have a meaning."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class Lease(Protocol):
    """The right to change a fleet, for as long as it is renewed."""

    def renew_if_due(self) -> None:
        """Renew the lease once a third of its time has passed.

        Raises:
            LeaseLostError: if it has expired, or another process holds the fleet now.
        """

    def check(self) -> None:
        """Check that the lease is still held, without any call.

        Raises:
            LeaseLostError: if it is not.
        """


class Fleet(Protocol):
    """A fleet of instances: observe it, change it."""

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        """Observe the fleet, read only.

        The status names instances to observe although no target group and no group lists them.

        Raises:
            AwsError: if AWS cannot be read.
        """

    def observe_group(self, rollout: Rollout) -> Observation:
        """Observe only the group's settings and members, for a pause in which `observe` is refused.

        If AWS refuses to describe the group, the observation has its members, as EC2 shows them, and no group.

        Raises:
            AwsError: if AWS cannot be read.
        """

    def execute(self, rollout: Rollout, actions: "Sequence[Action]") -> "tuple[Result, ...]":
        """Execute actions in order; return one result for each. A failed call is a result, not an exception."""


class Hooks(Protocol):
    """A runner of hooks. Hooks run in the background, so that starting one never waits."""

    def start(self, run: HookRun) -> None:
        """Start a run, unless a run with this number is known already."""

    def observe(self, calls: Sequence[HookCall]) -> tuple[HookSeen, ...]:
        """Return the state of the announced runs that are known here. End a known run that is no longer announced.

        Raises:
            AwsError: if AWS does not report the hooks that it runs.
        """

    def has_news(self) -> bool:
        """Return whether a run has ended since the last observation."""


class Store(Protocol):
    """Records of rollouts, written by compare-and-swap."""

    def load(self, rollout_id: str) -> Record:
        """Read a record.

        Raises:
            RolloutNotFoundError: if there is no record with this id.
            StateError: if the record cannot be used.
        """

    def save(self, record: Record) -> Record:
        """Write a record if its revision is still the stored one (0: no record exists); return it as stored.

        Raises:
            StaleRecordError: if another process has written it meanwhile.
        """

    def user_requests(self, rollout_id: str) -> UserRequests:
        """Return the user requests of a rollout; the defaults if there are none.

        Raises:
            StateError: if they cannot be used.
        """

    def change_user_requests(self, rollout_id: str, change: Callable[[UserRequests], UserRequests]) -> UserRequests:
        """Change the user requests of a rollout, safe against concurrent changes; return them as stored.

        Args:
            rollout_id: a rollout that has a record.
            change: returns the new requests for the stored ones; called again after a concurrent change.

        Raises:
            RolloutNotFoundError: if there is no rollout with this id.
            StateError: if its user requests cannot be read or written.
        """

    def list(self) -> tuple[Record, ...]:
        """Return all readable records, newest first."""

    def unfinished(self) -> tuple[Record, ...]:
        """Return the readable records of rollouts that have not ended, newest first."""


class Sink(Protocol):
    """A receiver of events: the live view, the log, the JSON lines, the history for the report."""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Receive one event: a dotted past-tense name (`instance.deregistered`) with fields of plain values."""

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Receive one observation and the status planned from it, for a live view and the timeline of the report."""
