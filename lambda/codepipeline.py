"""Roll a fleet as an action of AWS CodePipeline: start the rollout, make steps, and report the progress.

UserParameters hold the request as JSON: `{"request": {"asg": "web", "concurrent": "25%"}}`. CodePipeline calls again
until the action reports an end. The action reports every failure, because CodePipeline does not see an exception. A
repeated event, or a call that dies, is harmless.
"""

from dataclasses import replace
from typing import Any

import structlog
from msgspec import Struct, structs

import container
from awsroll.clock import SystemClock
from awsroll.driver.first_step import start_rollout
from awsroll.driver.step_status import StepOutcome, StepStatus, WaitingFor
from awsroll.driver.steps import step
from awsroll.errors import AwsrollError
from awsroll.files.decode import decode_json
from event_request import to_rollout_request
from handling import converted, log, seconds_left
from named import (
    PASSING,
    AccessDenied,
    HandlerError,
    InvalidEvent,
    PreflightRefused,
    handler_error,
)
from pipeline_job import Answer, Answering, Failed, Going, Job, Succeeded, read_job
from rollout_context import bounds, given_rollout_context, rollout_context
from same_version import passed_on, published_version

# One call makes further steps: for this long, if this much time is left then, and if no person is awaited.
_STAYS_SECONDS = 150.0
_SPARE_SECONDS = 90.0
_AWAITS_A_PERSON = frozenset({WaitingFor.APPROVAL, WaitingFor.PAUSED})
_MISSES = 20  # calls in a row without an answer of AWS: about ten minutes


class Parameters(Struct, frozen=True, forbid_unknown_fields=True):
    """The UserParameters of an action of CodePipeline.

    Attributes:
        request: the options of a rollout file, such as `{"asg": "web", "concurrent": "25%"}`.
        region: region of the fleet. Default: the region of the function.
        role: ARN of a role to assume for the account of the fleet.
        external_id: the external id that the role requires, if any.
    """

    request: dict[str, Any]
    region: str = ""
    role: str = ""
    external_id: str = ""


def handler(event: Any, context: Any = None) -> dict[str, str]:
    """Answer the job of an event. CodePipeline does not read the return value; it is for tests of the function.

    Raises:
        InvalidEvent: if the event is not an event of a job.
        HandlerError: if the job could not be answered. Lambda then calls again with the same event.
    """
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=str(getattr(context, "aws_request_id", "")))
    job = read_job(event)
    structlog.contextvars.bind_contextvars(rollout_id=job.token.rollout_id, job_id=job.job_id)
    try:
        if passed_on(event, job.token.version, context):
            return {"rollout_id": job.token.rollout_id, "answer": "passed_on"}
        work = _Work(job, context)
        with Answering(job, context, work.answer_in_time) as answering:
            answer = work.answer()
            answering.answer(answer)
    except AwsrollError as error:
        failure = handler_error(error)
        log.warning("job.unanswered", error=type(failure).__name__, message=str(error))
        raise failure from error
    return {"rollout_id": job.token.rollout_id, "answer": type(answer).__name__.lower()}


class _Work:
    """The work of one call on a rollout."""

    def __init__(self, job: Job, context: Any) -> None:
        self._job = job
        self._context = context
        self._token = structs.replace(job.token, version=published_version(context))
        self._status: StepStatus | None = None

    def answer_in_time(self) -> Answer:
        """Return the answer if the time of the function runs out: the action continues."""
        return self._missed("the function's time was up: AWS or the store answered slowly")

    def answer(self) -> Answer:
        """Start or continue the rollout, and return the answer for CodePipeline."""
        try:
            return self._answer_of(self._drive())
        except (AwsrollError, HandlerError) as error:
            failure = error if isinstance(error, HandlerError) else handler_error(error)
            log.warning("job.step_failed", error=type(failure).__name__, message=str(error))
            return self._missed(str(error)) if isinstance(failure, PASSING) else self._failed(failure)
        except Exception as error:  # noqa: BLE001 - without an answer CodePipeline waits until its timeout
            log.exception("job.broken")
            problem = f"unexpected {type(error).__name__}: see the log of the function; {self._advice()}"
            return Failed(rollout_id=self._token.rollout_id, kind="JobFailed", message=problem)

    def _drive(self) -> StepStatus:
        clock, rollout_id = container.clock or SystemClock(), self._token.rollout_id
        began = clock.monotonic()
        if self._job.problem:
            raise InvalidEvent(self._job.problem)
        parameters = _parameters(self._job.parameters)
        if not self._token.begun:
            self._keep(self._start(parameters))
        while True:
            context = replace(given_rollout_context(rollout_id, parameters), execution=self._execution())
            bounded = bounds(self._context)
            status = self._keep(step(rollout_id, context, bounds=bounded, revision=self._token.revision))
            wait, spent = status.wait_seconds, clock.monotonic() - began
            enough = seconds_left(self._context) - wait > _SPARE_SECONDS
            if status.done or status.phase in _AWAITS_A_PERSON or spent + wait > _STAYS_SECONDS or not enough:
                return status
            clock.sleep(wait)

    def _start(self, parameters: Parameters) -> StepStatus:
        request = to_rollout_request(parameters)
        context = replace(rollout_context(request, container.store()), execution=self._execution())
        return start_rollout(request, context, rollout_id=self._token.rollout_id)

    def _execution(self) -> str:
        """Return what messages to others call this action; an event does not name its pipeline."""
        job = f"CodePipeline job {self._token.job_id}"
        function = str(getattr(self._context, "invoked_function_arn", ""))
        return f"{job} by {function}" if function else job

    def _keep(self, status: StepStatus) -> StepStatus:
        self._status = status
        self._token = structs.replace(self._token, begun=True, misses=0, revision=status.revision)
        return status

    def _answer_of(self, status: StepStatus) -> Answer:
        text = _summary(status)
        if not status.done:
            return Going(token=self._token, summary=text, percent=_percent(status))
        if status.outcome is StepOutcome.SUCCEEDED:
            return Succeeded(rollout_id=status.rollout_id, outcome=status.outcome.value, summary=text)
        return Failed(rollout_id=status.rollout_id, kind="JobFailed", message=text)

    def _missed(self, problem: str) -> Answer:
        """Let CodePipeline call again after a call without a result; fail after too many of them in a row."""
        token = self._token
        if self._status is None:
            token = structs.replace(token, misses=token.misses + 1)
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
        commands = f"see `awsroll status {rollout_id}`, then run `awsroll resume {rollout_id}`"
        return f"rollout {rollout_id} was left as it is: {commands}"


def _parameters(text: str) -> Parameters:
    try:
        return converted(decode_json(text), Parameters)
    except ValueError as error:
        problem = (
            f"UserParameters of the action are not valid: {error}; nothing was changed: use JSON such as "
            '{"request": {"asg": "web", "concurrent": "25%"}}'
        )
        raise InvalidEvent(problem) from error


def _kind(failure: HandlerError) -> str:
    if isinstance(failure, InvalidEvent | PreflightRefused):
        return "ConfigurationError"
    if isinstance(failure, AccessDenied):
        return "PermissionError"
    return "JobFailed"


def _summary(status: StepStatus) -> str:
    progress, rollout_id = status.progress, status.rollout_id
    done = progress.replaced + progress.reloaded + progress.skipped
    outcome = status.outcome.value.replace("_", " ")
    says_outcome = status.reason.startswith(outcome)  # such as `rolled back by request`
    text = f"rollout {rollout_id}: {status.reason if says_outcome else outcome}"
    if status.outcome is not StepOutcome.ROLLED_BACK:
        text += f", {done} of {progress.total} servers done"
    if not status.done:
        text += f", waiting for: {status.phase.value}"
    if status.reason and not says_outcome:
        text += f": {status.reason}"
    if status.phase is WaitingFor.APPROVAL and status.approval is not None:
        text += f" at {status.approval.place}; answer with `{status.approval.command}` (or add --reject)"
    elif status.phase is WaitingFor.PAUSED and status.approval is not None and not status.approval.answer:
        text += (
            f" ({status.approval.place}); answer with `{status.approval.command}`, then `awsroll resume {rollout_id}`"
        )
    elif status.phase is WaitingFor.PAUSED:
        text += f"; continue with `awsroll resume {rollout_id}` or `awsroll rollback {rollout_id}`"
    elif status.outcome is StepOutcome.STOPPED:
        text += f"; `awsroll status {rollout_id}` shows what was done"
    return text


def _percent(status: StepStatus) -> int:
    progress = status.progress
    done = progress.replaced + progress.reloaded + progress.skipped
    return min(99, 100 * done // progress.total) if progress.total else 0
