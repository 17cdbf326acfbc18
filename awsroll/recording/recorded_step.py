"""One step of a rollout as a recording holds it: what the planner was given, and what it decided."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from awsroll.core.model.action_results import Result
from awsroll.core.model.hooks import Hook
from awsroll.core.model.observation import Observation
from awsroll.core.model.plan import Plan
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import ReloadCommand
from awsroll.core.model.status import Status
from awsroll.recording.documents import Document

_SORTED = msgspec.json.Encoder(order="deterministic")
_LEFT_OUT = "(not recorded)"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnswer:
    """The outcome of one action.

    Attributes:
        action: the number of the action in its plan, from 0.
        answer: the answer, as in `core.model.actions.Answer`.
        code: the error code of AWS; empty if there is none.
        message: the message of AWS, or why no call was made.
    """

    action: int
    answer: str
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStep:
    """One step of a rollout.

    Attributes:
        rollout: the request, without the text of commands and hooks.
        observation: what was observed.
        before: the status before the step.
        after: the status that was planned; None if the planner failed.
        decision: the rest of the plan as `decision_of` writes it; of a planner that failed, the error.
        answers: the outcomes of the actions, as far as they are known.
    """

    rollout: Rollout
    observation: Observation
    before: Status
    after: Status | None
    decision: Document
    answers: tuple[RecordedAnswer, ...] = ()


def decision_of(plan: Plan) -> Document:
    """Return a plan without its status as lines: the actions, the waits, the hooks to start, and the time to wait.

    Mappings and sets are sorted, so that equal plans have equal lines.
    """
    return (
        *(f"action {type(action).__name__} {_sorted(action)}" for action in plan.actions),
        *(f"start-hook {_sorted(run.call)} {_sorted(run.event)}" for run in plan.hooks),
        *(f"wait {_sorted(hold)}" for hold in plan.holds),
        f"observe-again-after {_sorted(float(plan.requeue_seconds))}",
    )


def failure_of(error: Exception) -> Document:
    """Return the lines that stand for the decision of a planner that failed."""
    return (f"failed {type(error).__name__} {_sorted(str(error))}",)


def answers_of(actions: Sequence[object], results: Sequence[Result]) -> tuple[RecordedAnswer, ...]:
    """Return the outcomes of the actions of a plan."""
    numbers = {id(action): number for number, action in enumerate(actions)}
    return tuple(
        RecordedAnswer(
            action=numbers.get(id(result.action), place),
            answer=result.answer.value,
            code=result.code,
            message=result.message,
        )
        for place, result in enumerate(results)
    )


def without_texts(rollout: Rollout) -> Rollout:
    """Return the request without the text of commands and hooks, and without who made it and why.

    The planner does not read them, and they may be private.
    """
    return replace(
        rollout,
        reload=_without_text(rollout.reload),
        rollback_reload=_without_text(rollout.rollback_reload),
        hooks=tuple(map(_unreadable, rollout.hooks)),
        message="",
        started_by="",
    )


def _without_text(command: ReloadCommand | None) -> ReloadCommand | None:
    if command is None:
        return None
    return ReloadCommand(app_version=command.app_version, commands=(_LEFT_OUT,))


def _unreadable(hook: Hook) -> Hook:
    return replace(
        hook,
        command=(_LEFT_OUT,) if hook.command else (),
        function=_LEFT_OUT if hook.function else "",
        script=(_LEFT_OUT,) if hook.script else (),
    )


def _sorted(value: object) -> str:
    return _SORTED.encode(value).decode()
