"""The protocols that the controller needs: what must be given to drive a rollout, whoever gives it.

`fleets` talks to AWS, `testing` is a fast world in memory; `stores` keeps the record; a `Clock` is the only way to
wait. Nothing here does anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from awsroll.core.model.actions import Action, Result
from awsroll.core.model.hooks import HookCall, HookRun, HookSeen
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.model.user_requests import UserRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a store keeps of one rollout. `revision` counts its writes: 0 was never written."""

    rollout: Rollout
    status: Status
    revision: int = 0


class Clock(Protocol):
    """Time, and the only way to wait."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds on a clock that never jumps; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""


class Lease(Protocol):
    """The right to change a fleet, for as long as it is renewed."""

    def renew_if_due(self) -> None:
        """Renew it if a good part of its time has passed.

        Raises:
            LeaseLostError: if it has run out, or somebody else holds the fleet now.
        """

    def check(self) -> None:
        """Make sure that it is still held; asks nobody.

        Raises:
            LeaseLostError: if it is not.
        """


class Fleet(Protocol):
    """A fleet of instances: look at it, change it."""

    def observe(self, rollout: Rollout, status: Status) -> Observation:
        """Look at the fleet, read only.

        The status names instances that must be looked at although no target group and no group shows them any more.

        Raises:
            AwsError: if AWS cannot be read.
        """

    def execute(self, rollout: Rollout, actions: Sequence[Action]) -> tuple[Result, ...]:
        """Carry out actions, in order; answer one result each. A failed call is a result, not an exception."""


class Hooks(Protocol):
    """Whoever runs hooks: in the background, so that starting one never waits."""

    def start(self, run: HookRun) -> None:
        """Start a run, unless one of that number is known already."""

    def look(self, calls: Sequence[HookCall]) -> tuple[HookSeen, ...]:
        """Return how the announced runs stand that are known here; a known one that is announced no more is ended.

        Raises:
            AwsError: if AWS cannot be asked about those that it runs.
        """

    def has_news(self) -> bool:
        """Tell whether a run has ended since the last look."""


class Store(Protocol):
    """Records of rollouts, written by compare-and-swap."""

    def load(self, rollout_id: str) -> Record:
        """Read a record.

        Raises:
            RolloutNotFoundError: if there is none of that id.
            StateError: if it is there but cannot be used.
        """

    def save(self, record: Record) -> Record:
        """Write a record if its revision is still the stored one (0: if there is none); return it as stored.

        Raises:
            StaleRecordError: if somebody else wrote it meanwhile.
        """

    def user_requests(self, rollout_id: str) -> UserRequests:
        """Return what people want of a rollout; nothing, if nobody has said anything.

        Raises:
            StateError: if what they said is there but cannot be used.
        """

    def change_user_requests(self, rollout_id: str, change: Callable[[UserRequests], UserRequests]) -> UserRequests:
        """Change what people want of a rollout, whoever else does so at the same time; return it as stored.

        Args:
            rollout_id: a rollout that has a record.
            change: makes the new wishes of those that stand; called again when somebody else was faster.

        Raises:
            RolloutNotFoundError: if there is no rollout of that id.
            StateError: if its wishes cannot be read or written.
        """

    def list(self) -> tuple[Record, ...]:
        """Return all records that can be read, newest first."""

    def unfinished(self) -> tuple[Record, ...]:
        """Return those of them that have not come to an end, newest first."""


class Sink(Protocol):
    """Whoever wants to know what happens: the live view, the log, the JSON lines, the history for the report."""

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Take one fact: a dotted past-tense name (`instance.deregistered`) with its fields, all plain values."""

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Take one look and the status planned on it, for a live view and the timeline of the report."""
