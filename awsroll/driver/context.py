"""The inputs that every call of the library shares: AWS session, store, clock, sink, prompts and hooks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awsroll.core.approval_link import ApprovalLink
from awsroll.core.request.instructions import NOTHING_ALLOWED, AllowList, Instruction
from awsroll.core.request.waves import FleetSpec
from awsroll.errors import SpecError
from awsroll.hooks import PythonHook
from awsroll.ports import Clock, Record, Sink, Store

if TYPE_CHECKING:
    from awsroll.report import RolloutPlan


class NotConfirmedError(SpecError):
    """Raised when the user declines to continue after the checks."""


def _never() -> bool:
    return False


def _refuse(_: object) -> bool:
    return False


def _always(_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The environment of a rollout; each field has a default.

    Attributes:
        session: a boto3 session; None: boto3's default session.
        endpoint_url: the endpoint of every AWS call; None: boto3 decides.
        store: where the record is saved; None: the default directory.
        clock: the only way to wait; None: the system clock.
        sink: receives every event; None: events are dropped.
        stop_requested: called between steps; True stops the rollout at a safe point, as `interrupted`.
        confirm: called with the plan after the checks, before the first change; False cancels the rollout.
        shows_plan: a person sees the plan that `confirm` gets, so its duration uses the history of the fleet.
        confirm_rollback: called with the record before a rollback; False cancels the rollback.
        confirm_unrestored: called if AWS refuses the access that an abort needs, with the refusal and what the rollout
            has changed, one line each. True ends the rollout without restoring anything.
        approve: called at each gate that needs approval, with the number of the checkpoint from 1; None: `awsroll
            approve` opens the gate.
        wait_for_approval: False: pause at a gate that needs approval instead of waiting.
        wait_for_budget: False: refuse a rollout that the budget of the store has no room for, instead of waiting.
        hooks: Python callables to run at points of the rollout. To resume a rollout, pass the same hooks again.
        requests: to continue a rollout: the request that it was started with, or all fleets of a file. What the record
            makes this process run or use is compared with it.
        confirm_instructions: called with what else the record makes this process run or use, before anything of it is
            used; False refuses. None: refuse.
        allowed: what a record may make this process run or use without a request and a confirmation.
        notify: where notices of the rollout go, in addition to what the request names. A record never decides this.
        notify_session: the boto3 session that sends notices; None: `session`.
        approval_page: returns the address of the page that approves or rejects what a link is for; None: no page is
            deployed, so notices name the command alone.
        record: a file that gets the recorded decisions of the rollout, in addition to the store.
        execution: the ARN of the execution, or the job, that makes the steps of a rollout. Messages to others name it.
    """

    session: Any = None
    endpoint_url: str | None = None
    store: Store | None = None
    clock: Clock | None = None
    sink: Sink | None = None
    stop_requested: Callable[[], bool] = _never
    confirm: "Callable[[RolloutPlan], bool]" = _always
    shows_plan: bool = False
    confirm_rollback: Callable[[Record], bool] = _always
    confirm_unrestored: Callable[[Sequence[str]], bool] = _refuse
    approve: Callable[[int], bool] | None = None
    wait_for_approval: bool = True
    wait_for_budget: bool = True
    hooks: tuple[PythonHook, ...] = ()
    requests: tuple[FleetSpec, ...] = ()
    confirm_instructions: Callable[[Sequence[Instruction]], bool] | None = None
    allowed: AllowList = NOTHING_ALLOWED
    notify: tuple[str, ...] = ()
    notify_session: Any = None
    approval_page: Callable[[ApprovalLink], str] | None = None
    record: Path | None = None
    execution: str = ""
