"""Read the job of a CodePipeline action from its event, and answer it once, before the function runs out of time.

The event holds credentials for the artifacts of the pipeline. They are not read, and no part of the event is logged.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import msgspec
from msgspec import Struct, field

import container
from awsroll.aws.connection import Connection
from awsroll.aws.retry import RetryLimits
from awsroll.clock import SystemClock
from handling import converted, log, seconds_left
from named import InvalidEvent

_ANSWER_SECONDS = 25.0  # reserved for the answer, which matters more than another step
_RETRIES = RetryLimits(attempts=6, total_seconds=12)
_PREFIX = "pipeline-"
_LONGEST_MESSAGE = 5000
_LONGEST_SUMMARY = 2048


class Token(Struct, frozen=True):
    """The continuation token, which CodePipeline returns with the next call.

    Attributes:
        begun: the record was written. Until then, a call starts the rollout.
        misses: calls in a row that AWS or the store did not answer.
        revision: the revision of the record after the last step.
        version: the published version of the function that answered; empty: the newest code.
    """

    rollout_id: str
    begun: bool = False
    misses: int = 0
    revision: int = 0
    version: str = ""

    @property
    def job_id(self) -> str:
        """The id of the first job of the action."""
        return self.rollout_id.removeprefix(_PREFIX)


class _Configuration(Struct, frozen=True, rename="pascal"):
    user_parameters: str = ""


class _Action(Struct, frozen=True):
    configuration: _Configuration = _Configuration()


class _Data(Struct, frozen=True, rename="camel"):
    action_configuration: _Action = _Action()
    continuation_token: str = ""


class _Job(Struct, frozen=True):
    id: str
    data: _Data = _Data()


class _Event(Struct, frozen=True):
    job: _Job = field(name="CodePipeline.job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of CodePipeline.

    Attributes:
        job_id: a new id for each call of CodePipeline.
        parameters: the UserParameters of the action, as text.
        token: the token of the call before. The first call gets a token for a rollout named after the job, so that a
            repeated event starts one rollout only.
        problem: why the job can only be answered with a failure.
    """

    job_id: str
    parameters: str
    token: Token
    problem: str = ""


def read_job(event: Any) -> Job:
    """Return the job of an event.

    Raises:
        InvalidEvent: if the event is not an event of a job, so that there is no job to answer.
    """
    try:
        job = converted(event, _Event).job
    except ValueError as error:
        problem = f"this is not an event of a CodePipeline job ({error}); nothing was changed"
        raise InvalidEvent(problem) from error
    parameters = job.data.action_configuration.configuration.user_parameters
    given, first = job.data.continuation_token, Token(rollout_id=f"{_PREFIX}{job.id}")
    try:
        token = msgspec.json.decode(given, type=Token) if given else first
    except ValueError as error:
        problem = f"the continuation token is not from this action ({error}); nothing was changed"
        return Job(job_id=job.id, parameters=parameters, token=first, problem=problem)
    return Job(job_id=job.id, parameters=parameters, token=token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """The action continues: CodePipeline calls again."""

    token: Token
    summary: str
    percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The action has succeeded."""

    rollout_id: str
    outcome: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The action has failed.

    Attributes:
        kind: CodePipeline's failure type: `JobFailed`, `ConfigurationError`, `PermissionError`, `SystemUnavailable`.
    """

    rollout_id: str
    kind: str
    message: str


Answer = Going | Succeeded | Failed


class Answering:
    """Answer a job once: with the result of the work, or with the progress so far before the function runs out of time.

    Args:
        job: the job.
        context: the context of the Lambda function, which knows the time that is left.
        in_time: returns the answer if time runs out.
    """

    def __init__(self, job: Job, context: Any, in_time: Callable[[], Answer]) -> None:
        self._job = job
        self._in_time = in_time
        self._once = threading.Lock()
        self._is_answered = False
        clock = container.clock or SystemClock()
        self._pipelines = Connection(container.session(), clock=clock, retry=_RETRIES).codepipeline
        self._pipelines.make_client()
        left = seconds_left(context)
        self._timer = threading.Timer(max(left - _ANSWER_SECONDS, left / 2), self._answer_in_time)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Start to watch the time."""
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def answer(self, answer: Answer) -> None:
        """Answer CodePipeline, unless the job was answered already.

        Raises:
            AwsError: if AWS did not take the answer. Lambda then calls again with the same event.
        """
        with self._once:
            if self._is_answered:
                return
            taken = self._put(answer)
            self._is_answered = True
        log.info("job.answered", answer=type(answer).__name__.lower(), **({} if taken else {"late": True}))

    def _answer_in_time(self) -> None:
        try:
            log.warning("job.out_of_time")
            self.answer(self._in_time())
        except Exception:  # noqa: BLE001 - an exception in a thread is lost
            log.exception("job.unanswered")

    def _put(self, answer: Answer) -> bool:
        job_id = self._job.job_id
        match answer:
            case Going():
                details = _details(answer.token.rollout_id, answer.summary) | {"percentComplete": answer.percent}
                return self._pipelines.report_progress(job_id, msgspec.json.encode(answer.token).decode(), details)
            case Succeeded():
                variables = {"rollout_id": answer.rollout_id, "outcome": answer.outcome}
                return self._pipelines.report_success(job_id, variables, _details(answer.rollout_id, answer.summary))
            case Failed():
                message = _short(answer.message, _LONGEST_MESSAGE)
                details = {"type": answer.kind, "message": message, "externalExecutionId": answer.rollout_id}
                return self._pipelines.report_failure(job_id, details)


def _details(rollout_id: str, summary: str) -> dict[str, Any]:
    return {"externalExecutionId": rollout_id, "summary": _short(summary, _LONGEST_SUMMARY)}


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
