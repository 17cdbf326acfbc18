"""The rollout of one fleet of a wave, forward and back, and its result."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from awsroll.core.model.status import Outcome
from awsroll.core.request.waves import FleetEnding
from awsroll.driver import operations
from awsroll.driver.context import Context, NotConfirmedError
from awsroll.errors import AwsrollError, FleetLockedError, HaltedError
from awsroll.report import Report
from awsroll.stores import RecordStore, RolloutRequest
from awsroll.waves.check_fleets import ReadyFleet


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetResult:
    """The state of one fleet.

    Attributes:
        error: why it was refused; None if it was not.
        is_final: a rollback of it was tried.
    """

    ending: FleetEnding
    reason: str = ""
    report: Report | None = None
    error: AwsrollError | None = None
    is_final: bool = False

    @property
    def is_held(self) -> bool:
        """Whether it was refused because another process holds it."""
        return isinstance(self.error, FleetLockedError)


NOT_STARTED = FleetResult(ending=FleetEnding.NOT_BEGUN)


def rolled(ready: ReadyFleet, context: Context) -> FleetResult:
    """Roll a fleet, or resume its rollout; return the result."""

    def roll() -> Report:
        if ready.request is None:
            return operations.resume(ready.rollout_id, replace(context, requests=(ready.fleet,)))
        _save_role(ready)
        noticed = replace(context, notify=ready.fleet.request.notify)  # also webhooks, which no plan keeps
        return operations.roll(ready.request, noticed, rollout_id=ready.rollout_id)

    return _result_of(roll)


def rolled_back(ready: ReadyFleet, context: Context) -> FleetResult:
    """Roll a fleet back whose rollout has ended or rests; return the result."""
    context = replace(context, requests=(ready.fleet,), notify=ready.fleet.request.notify)
    result = _result_of(lambda: operations.rollback(ready.rollout_id, context))
    if result.error is not None:
        halted = isinstance(result.error, HaltedError)
        ending = FleetEnding.INTERRUPTED if halted else FleetEnding.STOPPED
        return FleetResult(ending=ending, reason=f"it was not rolled back: {result.reason}", is_final=True)
    return replace(result, is_final=True)


def result_of_report(report: Report) -> FleetResult:
    """Return the result in the report of a rollout."""
    running = report.status is Outcome.RUNNING
    ending = FleetEnding.INTERRUPTED if running else FleetEnding(report.status.value)
    return FleetResult(ending=ending, reason=report.reason, report=report)


def _result_of(drive: Callable[[], Report]) -> FleetResult:
    try:
        return result_of_report(drive())
    except NotConfirmedError:
        return NOT_STARTED
    except AwsrollError as error:
        return FleetResult(ending=FleetEnding.REFUSED, reason=str(error), error=error)


def _save_role(ready: ReadyFleet) -> None:
    """Save the role of a fleet before its record: `awsroll resume` and other commands assume it again."""
    fleet, store = ready.fleet, ready.context.store
    if fleet.role and ready.request is not None and isinstance(store, RecordStore):
        request = RolloutRequest(
            request=ready.request, region=fleet.region, role=fleet.role, external_id=fleet.external_id
        )
        store.put_note(ready.rollout_id, request)
