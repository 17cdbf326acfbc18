"""Faults on request: calls that fail before or after their effect, and reads that fail or are stale."""

from dataclasses import dataclass, field
from enum import StrEnum

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import Action


class When(StrEnum):
    """Whether a failed call had its effect."""

    BEFORE = "before"  # no effect
    PARTLY = "partly"  # the first of several target groups takes the call, the others do not
    AFTER = "after"  # full effect, but the answer is lost


@dataclass(slots=True, kw_only=True)
class Fault:
    """One planned failure.

    Attributes:
        action: the type of the action that fails; None: any.
        nth: how many matching calls from now (1: the next one).
        answer: the caller's result: `UNANSWERED`, or `REFUSED` (then `when` must be BEFORE).
        times: how many calls in a row fail.
    """

    action: type[Action] | None = None
    nth: int = 1
    when: When = When.BEFORE
    answer: Answer = Answer.UNANSWERED
    code: str = "RequestTimeout"
    message: str = "no answer came in time"
    transient: bool = False
    denied: bool = False
    times: int = 1


@dataclass(slots=True)
class Faults:
    """All planned faults. `failing_observations` and `stale_observations` count future observations.

    A stale observation repeats the previous observation, if that is at most `LAG_SECONDS` old.
    """

    failing_observations: int = 0
    stale_observations: int = 0
    planned: list[Fault] = field(default_factory=list)

    def plan(self, fault: Fault) -> None:
        """Add a failure."""
        self.planned.append(fault)

    def refuse(self, action: type[Action] | None, code: str, *, transient: bool = False, times: int = 1) -> None:
        """Have AWS refuse the next calls of a type."""
        fault = Fault(action=action, answer=Answer.REFUSED, code=code, message=code, transient=transient, times=times)
        self.plan(fault)

    def deny(self, action: type[Action], *, times: int = 1) -> None:
        """Have AWS deny the next calls of a type for lack of permission."""
        message = "You are not authorized to perform this operation."
        code = "UnauthorizedOperation"
        fault = Fault(action=action, answer=Answer.REFUSED, code=code, message=message, denied=True, times=times)
        self.plan(fault)

    def lose_answer(self, action: type[Action] | None, when: When, *, nth: int = 1) -> None:
        """Lose the answer of the next call, before or after its effect."""
        self.plan(Fault(action=action, when=when, nth=nth))

    def clear(self) -> None:
        """Remove all faults."""
        self.planned.clear()
        self.failing_observations = 0
        self.stale_observations = 0

    def strike(self, action: Action) -> Fault | None:
        """Return the fault that hits this call; None: no fault."""
        for fault in self.planned:
            if fault.action is not None and not isinstance(action, fault.action):
                continue
            fault.nth -= 1
            if fault.nth > 0:
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.planned.remove(fault)
            return fault
        return None
