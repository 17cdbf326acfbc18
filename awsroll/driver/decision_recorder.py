"""Records the decisions of a rollout, for `awsroll replay`: in the store, and in a file that the caller names.

The recording is written every minute and at the end of a process, so a crash loses at most the last minute. A driver
that makes single steps writes only after a step that has decided something. A failure to write ends the recording with
a warning, and never the rollout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from awsroll.core.model.action_results import Result
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.driver.timeline_recorder import Warn, cause_of, no_warning
from awsroll.errors import AwsrollError
from awsroll.ports import Clock
from awsroll.stores import DecisionFiles

if TYPE_CHECKING:  # loaded on use: a step of a function that decides nothing writes nothing
    from awsroll.driver.stored_recording import StoredRecording
    from awsroll.recording.step_lines import StepWriter, UnfinishedLine

_WRITE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    rollout: Rollout
    observation: Observation
    before: Status
    plan: Plan | Exception

    @property
    def decides(self) -> bool:
        """Whether more than the time of the observation changes."""
        return isinstance(self.plan, Exception) or bool(self.plan.actions or self.plan.hooks or self.plan.status.events)


class DecisionRecorder:
    """Makes the plans of one rollout, and records them.

    Args:
        clock: measures the time between two writes.
        file: a file that gets the recording too; None: there is none.
        warn: receives the reason if the recording cannot be kept.
    """

    def __init__(self, clock: Clock, file: Path | None = None, warn: Warn = no_warning) -> None:
        self._clock = clock
        self._warn = warn
        self._file = file
        self._files: DecisionFiles | None = None
        self._stored: StoredRecording | None = None
        self._writes_idle = True
        self._writer: StepWriter | None = None
        self._idle: list[_Step] = []  # steps that are recorded only if a later one decides something
        self._open: UnfinishedLine | None = None
        self._lines: list[str] = []
        self._written_at = clock.monotonic()

    def keep_in(self, files: DecisionFiles, *, takes_steps: bool = False) -> None:
        """Name the place of the recording in a store. The lease of the rollout is held.

        Args:
            files: the place.
            takes_steps: this process makes one step: if it decides nothing, nothing is written.
        """
        self._files, self._writes_idle = files, not takes_steps

    def plan(self, rollout: Rollout, observation: Observation, status: Status) -> Plan:
        """Decide the next step as the planner does, and record it. An error of the planner is recorded, too."""
        from awsroll.core.planner import plan  # noqa: PLC0415 - `awsroll plan` starts faster without

        try:
            decided = plan(rollout, observation, status)
        except Exception as error:
            self._take(_Step(rollout=rollout, observation=observation, before=status, plan=error))
            raise
        self._take(_Step(rollout=rollout, observation=observation, before=status, plan=decided))
        return decided

    def answered(self, results: Sequence[Result]) -> None:
        """Record the outcomes of the actions of the last plan."""
        if self._open is not None:
            self._open.answered(results)

    def finish(self) -> None:
        """Write what is not written yet."""
        self._close()
        if self._lines:
            self._write()

    def _take(self, step: _Step) -> None:
        if self._files is None and self._file is None:
            return
        if not (self._writes_idle or step.decides or self._writer):
            self._idle.append(step)
            return
        if self._writer is None:
            self._writer = self._begin((*self._idle, step)[0])
        self._close()
        if self._writes_idle and self._clock.monotonic() - self._written_at >= _WRITE_SECONDS:
            self._write()
        for each in (*self._idle, step):
            self._close()
            self._open = self._writer.step(each.rollout, each.observation, each.before, each.plan)
        self._idle = []

    def _begin(self, first: _Step) -> "StepWriter":
        """Return the writer: it continues the last segment in the store, or begins with a heading."""
        from awsroll.driver.stored_recording import StoredRecording  # noqa: PLC0415 - see above
        from awsroll.recording.documents import DocumentError  # noqa: PLC0415 - see above
        from awsroll.recording.step_lines import StepWriter  # noqa: PLC0415 - see above

        writer, lines = StepWriter(first.rollout.rollout_id), tuple[str, ...]()
        if self._files is not None:
            self._stored = StoredRecording(self._files, first.rollout)
            try:
                lines = self._stored.begin(is_new=first.before.observed_at is None)
                writer.continue_after(lines)
            except (AwsrollError, DocumentError, OSError) as error:
                self._give_up(error)
                lines = ()
        if not lines or self._file is not None:  # a file can be read alone
            self._lines.append(writer.heading())
        return writer

    def _close(self) -> None:
        """End the line of the last step: its actions are answered, or were not carried out."""
        if self._open is not None:
            self._lines.append(str(self._open))
            self._open = None

    def _write(self) -> None:
        """Write the complete lines. After a failure, record nothing further: another process may do so."""
        lines, self._lines, self._written_at = self._lines, [], self._clock.monotonic()
        begins_segment = self._wrote(lines)
        if self._file is not None:
            from awsroll.recording.recording_file import append_lines  # noqa: PLC0415 - see above

            try:
                append_lines(self._file, lines)
            except OSError as error:
                self._warn(f"the recording in {self._file} lacks what follows: {error.strerror or error}")
                self._file = None
        if self._stored is None and self._file is None:
            self._files = None
        elif begins_segment and self._writer is not None:
            self._lines.append(self._writer.heading())

    def _wrote(self, lines: Sequence[str]) -> bool:
        if self._stored is None:
            return False
        try:
            return self._stored.write(lines)
        except (AwsrollError, OSError) as error:
            self._give_up(error)
            return False

    def _give_up(self, error: Exception) -> None:
        self._stored = None
        self._warn(f"`awsroll replay` of this rollout lacks what follows: {cause_of(error)}")
