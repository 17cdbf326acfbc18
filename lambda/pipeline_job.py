"""A job of a CodePipeline action: read from its event, and answered once, before the Lambda function's time is up.

The event carries credentials for the pipeline's artifacts. They are not read, and neither the event nor a part of it is
ever logged.
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
from handling import log, seconds_left
from named import InvalidEvent

_ANSWER_SECONDS = 25.0  # kept for the answer: that CodePipeline is told matters more than one more step
_RETRIES = RetryLimits(attempts=6, total_seconds=12)
_LONGEST_MESSAGE = 5000
_LONGEST_SUMMARY = 2048


class Token(Struct, frozen=True):
    """What CodePipeline brings back when it asks again.

    Attributes:
        begun: the record was written; until then a call begins the rollout.
        misses: calls in a row that came to nothing because AWS, or the store, did not answer.
    """

    rollout_id: str
    begun: bool = False
    misses: int = 0


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
    """What CodePipeline asks for.

    Attributes:
        job_id: another one each time that CodePipeline asks.
        parameters: the action's UserParameters, as written.
        token: of the call before; of a first call: for a rollout named after the job, so that an event that arrives
            twice begins one rollout.
        problem: why the job cannot be worked on, though it can be answered.
    """

    job_id: str
    parameters: str
    token: Token
    problem: str = ""


def read_job(event: Any) -> Job:
    """Return the job of an event.

    Raises:
        InvalidEvent: if it is none: there is no job to answer then.
    """
    try:
        job = msgspec.convert(event, _Event, strict=True).job
    except msgspec.ValidationError as error:
        problem = f"this is no event of a CodePipeline job ({error}); nothing was changed"
        raise InvalidEvent(problem) from error
    parameters = job.data.action_configuration.configuration.user_parameters
    given, first = job.data.continuation_token, Token(rollout_id=f"pipeline-{job.id}")
    try:
        token = msgspec.json.decode(given, type=Token) if given else first
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        problem = f"the continuation token is none of this action's ({error}); nothing was changed"
        return Job(job_id=job.id, parameters=parameters, token=first, problem=problem)
    return Job(job_id=job.id, parameters=parameters, token=token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """The action goes on: CodePipeline is to ask again."""

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
        kind: CodePipeline's word for it: `JobFailed`, `ConfigurationError`, `PermissionError`, `SystemUnavailable`.
    """

    rollout_id: str
    kind: str
    message: str


Answer = Going | Succeeded | Failed


class Answering:
    """Answers a job once: with what came of the work, or before time is up with where it stood by then.

    Args:
        job: which.
        context: of the Lambda function: how much time there is.
        in_time: what to say when time is up.
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
        """Watch the time from now on."""
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def answer(self, answer: Answer) -> None:
        """Tell CodePipeline, unless it was told already.

        Raises:
            AwsError: if it could not be told: Lambda then calls again with the same event.
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
        except Exception:  # noqa: BLE001 - a thread has nobody to raise to
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
