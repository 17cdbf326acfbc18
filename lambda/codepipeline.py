"""An action of AWS CodePipeline that rolls a fleet: begins the rollout, steps, and says how far it is.

UserParameters hold what to roll, as JSON: `{"request": {"asg": "web", "concurrent": "25%"}}`. CodePipeline asks again
until it is told of an end. Whatever goes wrong, it is told so: an exception that only leaves the function tells it
nothing. An event that arrives twice, or a call that dies anywhere, does no harm.
"""

from typing import Any

import msgspec
import structlog
from msgspec import Struct

import container
from awsroll.clock import SystemClock
from awsroll.driver.step_status import StepOutcome, StepStatus, WaitingFor
from awsroll.driver.steps import start_rollout, step
from awsroll.errors import AwsrollError
from driving import around, around_known, bounds
from handling import log, seconds_left
from named import (
    PASSING,
    AccessDenied,
    HandlerError,
    InvalidEvent,
    PreflightRefused,
    named,
)
from pipeline_job import Answer, Answering, Failed, Going, Job, Succeeded, Token, read_job
from requested import order_of

_STAYS_SECONDS = 120.0  # for so long one call goes on to the next step
_SOON_SECONDS = 20  # if that is due within this
_SPARE_SECONDS = 90.0  # and so much time is left then
_MISSES = 20  # calls in a row without an answer of AWS: about ten minutes


class Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    """What an action of CodePipeline rolls: its UserParameters.

    Attributes:
        request: the options of a rollout file, such as `{"asg": "web", "concurrent": "25%"}`.
        region: where the fleet is; left out: where the function is.
        role: ARN of a role to assume for the fleet's account.
        external_id: what that role asks for, if it does.
    """

    request: dict[str, Any]
    region: str = ""
    role: str = ""
    external_id: str = ""


def handler(event: Any, context: Any = None) -> dict[str, str]:
    """Answer the job of an event; what is returned is for people who test the function: CodePipeline reads none of it.

    Raises:
        InvalidEvent: if the event is no job's.
        HandlerError: if the job could not be answered: Lambda calls again with the same event.
    """
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=str(getattr(context, "aws_request_id", "")))
    job = read_job(event)
    structlog.contextvars.bind_contextvars(rollout_id=job.token.rollout_id, job_id=job.job_id)
    work = _Work(job, context)
    try:
        with Answering(job, context, work.so_far) as answering:
            answer = work.answer()
            answering.answer(answer)
    except AwsrollError as error:
        failure = named(error)
        log.warning("job.unanswered", error=type(failure).__name__, message=str(error))
        raise failure from error
    return {"rollout_id": job.token.rollout_id, "answer": type(answer).__name__.lower()}


class _Work:
    """The part of a rollout that falls into one call."""

    def __init__(self, job: Job, context: Any) -> None:
        self._job = job
        self._context = context
        self._token = job.token
        self._standing: StepStatus | None = None

    def so_far(self) -> Answer:
        """Return what to say if time is up: it goes on."""
        return self._missed("the function's time was up: AWS or the store answered slowly")

    def answer(self) -> Answer:
        """Begin, or go on, and return what to tell CodePipeline."""
        try:
            return self._told(self._drive())
        except (AwsrollError, HandlerError) as error:
            failure = error if isinstance(error, HandlerError) else named(error)
            log.warning("job.step_failed", error=type(failure).__name__, message=str(error))
            return self._missed(str(error)) if isinstance(failure, PASSING) else self._failed(failure)
        except Exception as error:  # noqa: BLE001 - CodePipeline would wait for an answer in vain
            log.exception("job.broken")
            problem = f"an unexpected error, {type(error).__name__}: the function's log has the rest; {self._advice()}"
            return Failed(rollout_id=self._token.rollout_id, kind="JobFailed", message=problem)

    def _drive(self) -> StepStatus:
        clock, rollout_id = container.clock or SystemClock(), self._token.rollout_id
        began = clock.monotonic()
        if self._job.problem:
            raise InvalidEvent(self._job.problem)
        if not self._token.begun:
            self._keep(self._begun())
        while True:
            standing = self._keep(step(rollout_id, around_known(rollout_id), bounds=bounds(self._context)))
            wait, spent = standing.wait_seconds, clock.monotonic() - began
            enough = seconds_left(self._context) - wait > _SPARE_SECONDS
            if standing.done or wait > _SOON_SECONDS or spent + wait > _STAYS_SECONDS or not enough:
                return standing
            clock.sleep(wait)

    def _begun(self) -> StepStatus:
        order = order_of(_parameters(self._job.parameters))
        return start_rollout(order, around(order, container.store()), rollout_id=self._token.rollout_id)

    def _keep(self, standing: StepStatus) -> StepStatus:
        self._standing = standing
        self._token = Token(rollout_id=self._token.rollout_id, begun=True)
        return standing

    def _told(self, standing: StepStatus) -> Answer:
        said = _summary(standing)
        if not standing.done:
            return Going(token=self._token, summary=said, percent=_percent(standing))
        if standing.outcome is StepOutcome.SUCCEEDED:
            return Succeeded(rollout_id=standing.rollout_id, outcome=standing.outcome.value, summary=said)
        return Failed(rollout_id=standing.rollout_id, kind="JobFailed", message=said)

    def _missed(self, problem: str) -> Answer:
        """Let CodePipeline ask again after a call that was cut short; not for ever if they come to nothing."""
        token = self._token
        if self._standing is None:
            token = Token(rollout_id=token.rollout_id, begun=token.begun, misses=token.misses + 1)
        if token.misses < _MISSES:
            return Going(token=token, summary=problem)
        message = f"AWS did not answer in {token.misses} calls in a row: {problem}; {self._advice()}"
        return Failed(rollout_id=token.rollout_id, kind="SystemUnavailable", message=message)

    def _failed(self, failure: HandlerError) -> Failed:
        message = f"{failure}; {self._advice()}" if self._token.begun else str(failure)
        return Failed(rollout_id=self._token.rollout_id, kind=_kind(failure), message=message)

    def _advice(self) -> str:
        rollout_id = self._token.rollout_id
        if not self._token.begun:
            return "nothing was changed"
        return f"rollout {rollout_id} was left as it stands: `awsroll status {rollout_id}`, then `awsroll resume`"


def _parameters(text: str) -> Parameters:
    try:
        return msgspec.json.decode(text, type=Parameters, strict=True)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        problem = (
            f"UserParameters of the action cannot be used: {error}; nothing was changed: give JSON such as "
            '{"request": {"asg": "web", "concurrent": "25%"}}'
        )
        raise InvalidEvent(problem) from error


def _kind(failure: HandlerError) -> str:
    if isinstance(failure, InvalidEvent | PreflightRefused):
        return "ConfigurationError"
    if isinstance(failure, AccessDenied):
        return "PermissionError"
    return "JobFailed"


def _summary(standing: StepStatus) -> str:
    progress, rollout_id = standing.progress, standing.rollout_id
    done = progress.replaced + progress.reloaded + progress.skipped
    said = f"rollout {rollout_id}: {standing.outcome.value.replace('_', ' ')}"
    if standing.outcome is not StepOutcome.ROLLED_BACK:
        said += f", {done} of {progress.total} servers done"
    if not standing.done:
        said += f", waiting for: {standing.phase.value}"
    if standing.reason:
        said += f": {standing.reason}"
    if standing.phase is WaitingFor.APPROVAL:
        said += f"; a person answers with `awsroll approve {rollout_id}` or `awsroll abort {rollout_id}`"
    elif standing.phase is WaitingFor.PAUSED:
        said += f"; a person goes on with `awsroll resume {rollout_id}` or `awsroll rollback {rollout_id}`"
    elif standing.outcome is StepOutcome.STOPPED:
        said += f"; `awsroll status {rollout_id}` shows what was done"
    return said


def _percent(standing: StepStatus) -> int:
    progress = standing.progress
    done = progress.replaced + progress.reloaded + progress.skipped
    return min(99, 100 * done // progress.total) if progress.total else 0
