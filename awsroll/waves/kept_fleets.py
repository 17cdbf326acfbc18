"""What a store knows of the fleets of a rotation: versions, failures, and the rollout that was begun.

Two passes may run at once, and a pass may be killed anywhere. So a pass changes what is known of a fleet only if it is
still as the pass has read it, and does so before it starts a rollout: of two passes, one begins, and the other stops.
"""

from dataclasses import replace
from datetime import timedelta

from awsroll.core.rotation import FailedContent, MadeVersion
from awsroll.errors import RolloutNotFoundError, StateError
from awsroll.ports import Clock
from awsroll.stores import KeptFleet, RecordStore
from awsroll.stores.fleets_notes import BegunRotation
from awsroll.waves.executions import Executions
from awsroll.waves.read_rotation import failure_of

_MOST_KEPT = 100

_UNSEEN = timedelta(minutes=15)
"""How long an execution may be invisible. A pass saves its name before it starts it, and Lambda ends the pass after 15
minutes at most. DescribeExecution is eventually consistent, too."""


class KeptFleets:
    """What the store knows of the fleets, as this pass has read it.

    Args:
        store: holds one note for each fleet.
        clock: the time.
        executions: what drives the rollouts; None: the process of the pass does.
    """

    def __init__(self, store: RecordStore, clock: Clock, executions: Executions | None) -> None:
        self._store = store
        self._clock = clock
        self._executions = executions
        self._names: dict[str, str] = {}
        self._stored: dict[str, KeptFleet | None] = {}
        self._kept: dict[str, KeptFleet] = {}

    def __getitem__(self, fleet: str) -> KeptFleet:
        return self._kept[fleet]

    def read(self, fleet: str, note: str) -> KeptFleet:
        """Return what the store knows of a fleet under the name of its note; settle its rollout if that has ended.

        Raises:
            AwsrollError: if the store or Step Functions refuses or does not answer.
        """
        stored = self._store.note(note, KeptFleet)
        self._names[fleet], self._stored[fleet], self._kept[fleet] = note, stored, stored or KeptFleet()
        return self.settle(fleet)

    def settle(self, fleet: str) -> KeptFleet:
        """Note how the rollout of a fleet has ended, if it has; return what is known now."""
        kept = self._kept[fleet] = self._settled(self._kept[fleet])
        if kept != (self._stored[fleet] or KeptFleet()):
            self._is_saved(fleet)  # if not, another pass has settled it
        return kept

    def add_version(self, fleet: str, made: MadeVersion) -> None:
        """Note that a version was published.

        Raises:
            StateError: if another pass has changed what is known of the fleet.
        """
        kept = self._kept[fleet]
        self._change(fleet, replace(kept, made=(*kept.made, made)[-_MOST_KEPT:]))

    def begin(self, fleet: str, begun: BegunRotation) -> None:
        """Note that a rollout begins.

        Raises:
            StateError: if another pass has changed what is known of the fleet.
        """
        self._change(fleet, replace(self._kept[fleet], begun=replace(begun, begun_at=self._clock.now())))

    def _change(self, fleet: str, kept: KeptFleet) -> None:
        self._kept[fleet] = kept
        if not self._is_saved(fleet):
            problem = (
                f"another pass has changed what is known of fleet {fleet}; this pass started no rollout. The next pass "
                "decides again"
            )
            raise StateError(problem)

    def _is_saved(self, fleet: str) -> bool:
        kept = self._kept[fleet]
        is_saved = self._store.replace_note(self._names[fleet], self._stored[fleet], kept)
        if is_saved:
            self._stored[fleet] = kept
        return is_saved

    def _settled(self, kept: KeptFleet) -> KeptFleet:
        begun = kept.begun
        if begun is None:
            return kept
        try:
            record = self._store.load(begun.rollout_id)
        except RolloutNotFoundError:
            return kept if self._may_start(begun) or self._is_running(begun) else replace(kept, begun=None)
        if record.status.ended_at is None or self._is_running(begun):  # an execution can still roll the fleet back
            return kept
        failed, reason, content = kept.failed, failure_of(record), begun.to.content
        if reason and begun.is_new:
            others = (one for one in failed if one.content != content)
            failed = (*others, FailedContent(content=content, reason=reason))[-_MOST_KEPT:]
        if not reason:
            failed = tuple(one for one in failed if one.content != content)
        return replace(kept, begun=None, failed=failed)

    def _may_start(self, begun: BegunRotation) -> bool:
        """Return whether another pass may still start the execution, or its start may not be visible yet."""
        at = begun.begun_at
        return bool(begun.execution) and at is not None and self._clock.now() - at < _UNSEEN

    def _is_running(self, begun: BegunRotation) -> bool:
        return bool(begun.execution) and self._executions is not None and self._executions.is_running(begun.execution)
