"""Run a rollout as one Lambda durable function, without Step Functions. It is suspended between two steps.

The event is that of `prepare`, and the answer is the last status of the rollout. The function needs the extra
`durable`, which is loaded at the first call. The store holds everything that happens; the execution only replays how
many steps were made.

A durable execution may have 3,000 operations, and each step is one. Before they run out, the function invokes itself
with the same rollout, and answers what that execution answers.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
import structlog

import container
import named
from awsroll.driver.first_step import start_rollout
from awsroll.driver.steps import step
from awsroll.errors import AwsrollError
from event_request import to_rollout_request
from handling import check, log
from prepare import Event
from rollout_context import bounds, given_rollout_context, rollout_context

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext, StepContext
    from aws_durable_execution_sdk_python.config import StepConfig
    from aws_durable_execution_sdk_python.retries import RetryDecision
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext
    from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

STEPS = 2500
"""How many steps one execution makes before another execution continues."""

_AGAIN_SECONDS = 15
_MISSES = 40  # steps in a row without an answer of AWS: ten minutes

Seen = dict[str, Any]
"""A status in plain values, with `misses`: the number of steps in a row that AWS did not answer."""


def handler(event: Any, context: Any = None) -> Any:
    """Run or continue a durable execution.

    Raises:
        HandlerError: if the extra is not installed.
    """
    return _durable_handler()(event, context)


@cache
def _durable_handler() -> Callable[[Any, Any], Any]:
    try:
        from aws_durable_execution_sdk_python import durable_execution  # noqa: PLC0415 - an extra
    except ImportError as error:
        problem = "a durable function needs the extra `durable`: build the bundle with --durable; nothing was changed"
        raise named.HandlerError(problem) from error
    return durable_execution(roll_out)


def roll_out(event: Any, context: "DurableContext") -> Seen:
    """Start the rollout of an event and make steps until it is done, with the same operations in each replay.

    Raises:
        HandlerError: if the rollout cannot be continued.
    """
    from aws_durable_execution_sdk_python import DurableOperationError  # noqa: PLC0415 - an extra

    arn = context.execution_context.durable_execution_arn
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(durable_execution=arn)
    request = check(event, Event)
    # Use the whole ARN: the name of an execution may be used again after its retention.
    rollout_id = request.rollout_id or f"durable-{uuid5(NAMESPACE_URL, arn)}"
    structlog.contextvars.bind_contextvars(rollout_id=rollout_id)

    def start(_: "StepContext") -> Seen:
        return _plain(lambda: _start(request, rollout_id, arn)) | {"misses": 0}

    def reconcile(before: Seen, _: "WaitForConditionCheckContext") -> Seen:
        return _reconcile(rollout_id, request, before, context)

    try:
        started = context.step(start, name="prepare", config=_start_config())
        last = context.wait_for_condition(reconcile, config=_reconcile_config(started), name="reconcile")
        if not last["done"]:
            last = context.invoke(_own_arn(context), {**event, "rollout_id": rollout_id}, name="go-on")
    except DurableOperationError as failure:
        raise _original_error(failure) from failure
    return {key: value for key, value in last.items() if key != "misses"}


def _start(event: Event, rollout_id: str, execution: str) -> Any:
    request = to_rollout_request(event, started_at=event.execution_started_at)
    context = replace(rollout_context(request, container.store()), execution=execution)
    return start_rollout(request, context, rollout_id=rollout_id)


def _reconcile(rollout_id: str, event: Event, before: Seen, context: "DurableContext") -> Seen:
    """Make one step. If it fails with an error that may pass, return the last status again."""

    def one_step() -> Any:
        execution = context.execution_context.durable_execution_arn
        given = replace(given_rollout_context(rollout_id, event), execution=execution)
        return step(rollout_id, given, bounds=bounds(context.lambda_context), revision=before.get("revision", 0))

    try:
        return _plain(one_step) | {"misses": 0}
    except named.PASSING:
        if before["misses"] + 1 >= _MISSES:
            raise
        return {**before, "misses": before["misses"] + 1, "wait_seconds": _AGAIN_SECONDS}


def _plain(call: Callable[[], Any]) -> Seen:
    try:
        answer: Seen = msgspec.to_builtins(call())
    except AwsrollError as error:
        failure = named.handler_error(error)
        log.warning("handler.failed", error=type(failure).__name__, message=str(error))
        raise failure from error
    return answer


def _start_config() -> "StepConfig":
    from aws_durable_execution_sdk_python.config import Duration, StepConfig  # noqa: PLC0415 - an extra
    from aws_durable_execution_sdk_python.retries import RetryDecision  # noqa: PLC0415 - an extra

    def retry(error: Exception, attempt: int) -> "RetryDecision":
        if isinstance(error, named.PASSING) and attempt < _MISSES:
            return RetryDecision.retry(Duration.from_seconds(_AGAIN_SECONDS))
        return RetryDecision.no_retry()

    return StepConfig(retry_strategy=retry)


def _reconcile_config(started: Seen) -> "WaitForConditionConfig[Seen]":
    from aws_durable_execution_sdk_python.config import Duration  # noqa: PLC0415 - an extra
    from aws_durable_execution_sdk_python.waits import (  # noqa: PLC0415 - an extra
        WaitForConditionConfig,
        WaitForConditionDecision,
    )

    def wait(seen: Seen, steps: int) -> "WaitForConditionDecision":
        if seen["done"] or steps >= STEPS:
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(Duration.from_seconds(seen["wait_seconds"]))

    return WaitForConditionConfig(wait_strategy=wait, initial_state=started)


def _own_arn(context: "DurableContext") -> str:
    """Return the ARN of the running version, so that an update does not affect this rollout."""
    return str(getattr(context.lambda_context, "invoked_function_arn", ""))


def _original_error(failure: Any) -> Exception:
    kind = getattr(named, str(failure.error_type).rpartition(".")[2], named.HandlerError)
    return kind(failure.message) if isinstance(kind, type) and issubclass(kind, named.HandlerError) else failure
