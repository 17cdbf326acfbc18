"""Writes and reads the lines of a recording: a heading, and one line of JSON for each step.

Each document of a step is written as its difference to the one before. A heading forgets all documents, so the lines
from a heading on can be read without those before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from awsroll.core.model.action_results import Result
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.recording.delta import Delta, Run, delta, patched
from awsroll.recording.documents import Document, DocumentError, document_of, value_of
from awsroll.recording.recorded_step import (
    RecordedAnswer,
    RecordedStep,
    answers_of,
    decision_of,
    failure_of,
    without_texts,
)
from awsroll.version import __version__

FORMAT = 1
_HEADING = '{"awsroll_recording"'
Part = TypeVar("Part")


class _Heading(msgspec.Struct, frozen=True, kw_only=True):
    awsroll_recording: int
    version: str
    rollout_id: str


class _Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One step: the differences of its documents. A document that is left out has not changed."""

    rollout: tuple[Run | str, ...] | None = None
    observation: tuple[Run | str, ...] | None = None
    before: tuple[Run | str, ...] | None = None
    after: tuple[Run | str, ...] | None = None
    decision: tuple[Run | str, ...] | None = None
    answers: tuple[RecordedAnswer, ...] = ()
    failed: bool = False


@dataclass(slots=True)
class _Documents:
    """The documents of the last step. The status before a step is written as a difference to the one after the last."""

    rollout: Document = ()
    observation: Document = ()
    status: Document = ()
    decision: Document = ()


@dataclass
class StepWriter:
    """Writes the steps of one rollout.

    Args:
        rollout_id: the rollout.
    """

    rollout_id: str
    _last: _Documents = field(default_factory=_Documents)
    _given: Rollout | None = None

    def heading(self) -> str:
        """Return a heading. The next step is written in full."""
        self._last, self._given = _Documents(), None
        heading = _Heading(awsroll_recording=FORMAT, version=__version__, rollout_id=self.rollout_id)
        return msgspec.json.encode(heading).decode()

    def continue_after(self, lines: Iterable[str]) -> None:
        """Continue after lines that another process has written.

        Raises:
            DocumentError: if they are not lines of a recording.
        """
        reader = StepReader()
        for line in lines:
            reader.take(line)
        self._last, self._given = reader.documents, None

    def step(
        self, rollout: Rollout, observation: Observation, before: Status, plan: Plan | Exception
    ) -> "UnfinishedLine":
        """Return the line of a step, to be completed with the answers to its actions."""
        last, failed = self._last, isinstance(plan, Exception)
        given = last.rollout if rollout is self._given else document_of(without_texts(rollout))
        observed, start = document_of(observation), document_of(before)
        end = start if isinstance(plan, Exception) else document_of(plan.status)
        decision = failure_of(plan) if isinstance(plan, Exception) else decision_of(plan)
        line = _Line(
            rollout=_change(last.rollout, given),
            observation=_change(last.observation, observed),
            before=_change(last.status, start),
            after=_change(start, end),
            decision=_change(last.decision, decision),
            failed=failed,
        )
        self._last = _Documents(rollout=given, observation=observed, status=end, decision=decision)
        self._given = rollout
        return UnfinishedLine(line, () if isinstance(plan, Exception) else plan.actions)


@dataclass(slots=True)
class UnfinishedLine:
    """The line of a step whose actions may not be answered yet."""

    _line: _Line
    _actions: Sequence[object]

    def answered(self, results: Sequence[Result]) -> None:
        """Add the outcomes of the actions."""
        self._line = msgspec.structs.replace(self._line, answers=answers_of(self._actions, results))

    def __str__(self) -> str:
        return msgspec.json.encode(self._line).decode()


def _change(before: Document, after: Document) -> Delta | None:
    return None if before == after else delta(before, after)


class StepReader:
    """Reads lines in their order.

    Attributes:
        documents: the documents of the last step.
        rollout_id: the rollout that the heading names; empty before it.
        version: the version of awsroll that wrote the last heading.
    """

    def __init__(self) -> None:
        self.documents = _Documents()
        self.rollout_id = self.version = ""
        self._before: Document = ()
        self._line = _Line()

    def take(self, line: str) -> bool:
        """Take a line; return whether it was a step.

        Raises:
            DocumentError: if it is not a line of a recording.
        """
        if line.startswith(_HEADING):
            self._take_heading(line)
            return False
        if not self.rollout_id:
            problem = "it does not begin with the heading of a recording"
            raise DocumentError(problem)
        self._line, last = _decoded(line, _Line), self.documents
        self._before = _patched(last.status, self._line.before)
        self.documents = _Documents(
            rollout=_patched(last.rollout, self._line.rollout),
            observation=_patched(last.observation, self._line.observation),
            status=_patched(self._before, self._line.after),
            decision=_patched(last.decision, self._line.decision),
        )
        return True

    def step(self) -> RecordedStep:
        """Return the step of the last line.

        Raises:
            DocumentError: if its values are not valid.
        """
        found = self.documents
        return RecordedStep(
            rollout=value_of(found.rollout, Rollout),
            observation=value_of(found.observation, Observation),
            before=value_of(self._before, Status),
            after=None if self._line.failed else value_of(found.status, Status),
            decision=found.decision,
            answers=self._line.answers,
        )

    def _take_heading(self, line: str) -> None:
        heading = _decoded(line, _Heading)
        if heading.awsroll_recording != FORMAT:
            problem = f"it has format {heading.awsroll_recording}, and this version of awsroll reads format {FORMAT}"
            raise DocumentError(problem)
        if self.rollout_id not in ("", heading.rollout_id):
            problem = f"it holds two rollouts, {self.rollout_id} and {heading.rollout_id}"
            raise DocumentError(problem)
        self.rollout_id, self.version, self.documents = heading.rollout_id, heading.version, _Documents()


def _decoded(line: str, kind: type[Part]) -> Part:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DocumentError(str(error)) from error


def _patched(before: Document, change: Delta | None) -> Document:
    return before if change is None else patched(before, change)


def read_steps(lines: Iterable[str]) -> Iterator[RecordedStep]:
    """Yield the steps of a recording.

    Raises:
        DocumentError: if a line is not valid; the message names it.
    """
    reader = StepReader()
    for number, line in enumerate(lines, start=1):
        try:
            if reader.take(line):
                yield reader.step()
        except DocumentError as error:
            problem = f"line {number}: {error}"
            raise DocumentError(problem) from error
    if not reader.rollout_id:
        problem = "it is empty"
        raise DocumentError(problem)
