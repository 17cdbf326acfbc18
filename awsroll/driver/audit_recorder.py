"""Writes the history of a rollout into its store: who started, approved, paused and ended it, and from where.

It receives what every sink receives. A failure to write is a warning and never disturbs the rollout: `awsroll history
--verify` then says that the record is not in the history.
"""

from collections.abc import Callable
from datetime import datetime

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_events import EventName
from awsroll.core.model.status import Status
from awsroll.errors import AwsrollError
from awsroll.ports import Record
from awsroll.stores import Act, Deed, HistoryFiles
from awsroll.stores.request_digest import digest_of_record, request_digest

CREATED, RESUMED = "rollout.created", "rollout.resumed"
_ACTS = {
    CREATED: Act.STARTED,
    RESUMED: Act.RESUMED,
    EventName.CHECKPOINT_PASSED: Act.APPROVED,
    EventName.PAUSED: Act.PAUSED,
    EventName.ROLLBACK_STARTED: Act.ROLLBACK_STARTED,
    EventName.STOPPING: Act.STOPPING,
    EventName.ENDED: Act.ENDED,
}


class AuditRecorder:
    """A sink that keeps the history of one rollout.

    Args:
        warn: receives the reason if an entry cannot be written.

    Attributes:
        changes: how the launch template versions differ, one line each, for the entry of the start.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._files: HistoryFiles | None = None
        self._by = self._place = ""
        self._rollout: Rollout | None = None
        self._record: Callable[[], Record] | None = None
        self.changes: tuple[str, ...] = ()

    def keep_in(self, files: HistoryFiles, rollout: Rollout, *, by: str, place: str) -> None:
        """Name the place of the history, and who drives the rollout from where. Its lease is held."""
        self._files, self._rollout, self._by, self._place = files, rollout, by, place

    def follow(self, record: Callable[[], Record]) -> None:
        """Name the source of the record as it was saved last."""
        self._record = record

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write the entry of an event that belongs into the history."""
        act = _ACTS.get(name)
        if act is None or self._files is None or self._rollout is None:
            return
        if act is Act.APPROVED and not self._rollout.gates.needs_approval:
            return
        try:
            self._files.append(self._deed(self._rollout, act, at, fields))
        except (AwsrollError, OSError) as error:
            self._warn(f"the history of the store has no entry that the rollout was {act}: {error}")

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:
        """Keep nothing of an observation."""

    def _deed(self, rollout: Rollout, act: Act, at: datetime, fields: dict[str, object]) -> Deed:
        def text(name: str) -> str:
            return str(fields.get(name, ""))

        number = fields.get("number", 0)
        ended = self._record if act is Act.ENDED else None
        return Deed(
            act=act,
            at=at,
            rollout_id=rollout.rollout_id,
            fleet=rollout.fleet,
            account=rollout.account,
            region=rollout.region,
            by=text("by") if act is Act.APPROVED else self._by,
            place=self._place,
            from_version=rollout.from_version,
            to_version=rollout.to_version,
            request=request_digest(rollout),
            outcome=text("outcome"),
            reason=text("reason"),
            checkpoint=number if isinstance(number, int) else 0,
            message=rollout.message,
            ref=rollout.ref,
            changes=self.changes if act is Act.STARTED else (),
            from_name=rollout.from_name,
            to_name=rollout.to_name,
            record="" if ended is None else digest_of_record(ended()),
        )
