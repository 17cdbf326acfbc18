"""Runs the planner again over recorded steps, and says which decisions are not the same."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.planner import plan
from awsroll.recording.documents import Document, document_of
from awsroll.recording.recorded_step import RecordedStep, decision_of, failure_of

Planner = Callable[[Rollout, Observation, Status], Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """One step and what the planner decides for it now.

    Attributes:
        number: the number of the step, from 1.
        seconds: when it was, counted from the start of the rollout.
        step: the step as recorded.
        missing: lines of the recorded decision and status that the planner does not make now.
        extra: lines that it makes now and that were not recorded.
    """

    number: int
    seconds: float
    step: RecordedStep
    missing: Document = ()
    extra: Document = ()

    @property
    def is_same(self) -> bool:
        """Whether the planner decides the same."""
        return not self.missing and not self.extra


def rerun(steps: Iterable[RecordedStep], planner: Planner = plan) -> Iterator[Rerun]:
    """Yield each step with what the planner decides for it now."""
    for number, step in enumerate(steps, start=1):
        after, decision = _decide(step, planner)
        seconds = (step.observation.at - step.before.started_at).total_seconds()
        lines = (*_status_lines(step.after), *step.decision), (*_status_lines(after), *decision)
        same = after == step.after and decision == step.decision
        missing, extra = ((), ()) if same else _difference(*lines)
        yield Rerun(number=number, seconds=seconds, step=step, missing=missing, extra=extra)


def _decide(step: RecordedStep, planner: Planner) -> tuple[Status | None, Document]:
    try:
        decided = planner(step.rollout, step.observation, step.before)
    except Exception as error:  # noqa: BLE001 - a planner that fails is what a recording is for
        return None, failure_of(error)
    return decided.status, decision_of(decided)


def _status_lines(status: Status | None) -> Document:
    return () if status is None else tuple(f"status {line}" for line in document_of(status))


def _difference(recorded: Document, now: Document) -> tuple[Document, Document]:
    known, made = frozenset(recorded), frozenset(now)
    missing = tuple(line for line in recorded if line not in made)
    extra = tuple(line for line in now if line not in known)
    return (missing, extra) if missing or extra else (recorded, now)  # the same lines in another order


def step_at(reruns: Iterable[Rerun], seconds: float) -> Rerun | None:
    """Return the last step that began at this time or before; the first step if all began later; None without steps."""
    found: Rerun | None = None
    for each in reruns:
        if found is not None and each.seconds > seconds:
            break
        found = each
    return found
