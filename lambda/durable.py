"""A rollout as one Lambda durable function: begins it, steps, and is suspended in between, without Step Functions.

The event is `prepare`'s, the answer where the rollout stood at last. Needs the extra `durable`, which is not loaded
before a call. Everything that happens is in the store: what is replayed here is only how far the asking has come.

One durable execution may have 3,000 operations, and each look counts as one: before they run out, the function invokes
itself with the same rollout and answers what that one answers.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
import structlog

import container
import named
from awsroll.driver.steps import start_rollout, step
from awsroll.errors import AwsrollError
from driving import around, around_known, bounds
from handling import check, log
from prepare import Event
from requested import order_of

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext, StepContext
    from aws_durable_execution_sdk_python.config import StepConfig
    from aws_durable_execution_sdk_python.retries import RetryDecision
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext
    from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

LOOKS = 2500
"""How often one execution looks; beyond that another one goes on."""

_AGAIN_SECONDS = 15
_MISSES = 40  # looks in a row without an answer of AWS: ten minutes

Looked = dict[str, Any]
"""A standing in plain values, with `misses`: looks in a row that came to nothing."""


def handler(event: Any, context: Any = None) -> Any:
    """Run, or go on with, a durable execution.

    Raises:
        HandlerError: if the extra is not installed.
    """
    return _made()(event, context)


@cache
def _made() -> Callable[[Any, Any], Any]:
    try:
        from aws_durable_execution_sdk_python import durable_execution  # noqa: PLC0415 - an extra
    except ImportError as error:
        problem = "a durable function needs the extra: build the bundle with --durable; nothing was changed"
        raise named.HandlerError(problem) from error
    return durable_execution(roll_out)


def roll_out(event: Any, context: "DurableContext") -> Looked:
    """Begin the rollout of an event and step until it is done; the same operations in the same order each time.

    Raises:
        HandlerError: what cannot be gone on with, under its name.
    """
    from aws_durable_execution_sdk_python import DurableOperationError  # noqa: PLC0415 - an extra

    arn = context.execution_context.durable_execution_arn
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(durable_execution=arn)
    wanted = check(event, Event)
    # Of the whole ARN: an execution's name is free again once it is forgotten.
    rollout_id = wanted.rollout_id or f"durable-{uuid5(NAMESPACE_URL, arn)}"
    structlog.contextvars.bind_contextvars(rollout_id=rollout_id)

    def start(_: "StepContext") -> Looked:
        return _named(lambda: _begun(wanted, rollout_id)) | {"misses": 0}

    def look(before: Looked, _: "WaitForConditionCheckContext") -> Looked:
        return _looked(rollout_id, before, context.lambda_context)

    try:
        begun = context.step(start, name="prepare", config=_starting())
        last = context.wait_for_condition(look, config=_looking(begun), name="reconcile")
        if not last["done"]:
            last = context.invoke(_own_name(context), {**event, "rollout_id": rollout_id}, name="go-on")
    except DurableOperationError as failure:
        raise _by_name(failure) from failure
    return {key: value for key, value in last.items() if key != "misses"}


def _begun(wanted: Event, rollout_id: str) -> Any:
    order = order_of(wanted, started_at=wanted.execution_started_at)
    return start_rollout(order, around(order, container.store()), rollout_id=rollout_id)


def _looked(rollout_id: str, before: Looked, context: Any) -> Looked:
    """Make one step; one that came to nothing, for a reason that may pass, leaves what was seen before."""
    try:
        return _named(lambda: step(rollout_id, around_known(rollout_id), bounds=bounds(context))) | {"misses": 0}
    except named.PASSING:
        if before["misses"] + 1 >= _MISSES:
            raise
        return {**before, "misses": before["misses"] + 1, "wait_seconds": _AGAIN_SECONDS}


def _named(call: Callable[[], Any]) -> Looked:
    try:
        answer: Looked = msgspec.to_builtins(call())
    except AwsrollError as error:
        failure = named.named(error)
        log.warning("handler.failed", error=type(failure).__name__, message=str(error))
        raise failure from error
    return answer


def _starting() -> "StepConfig":
    from aws_durable_execution_sdk_python.config import Duration, StepConfig  # noqa: PLC0415 - an extra
    from aws_durable_execution_sdk_python.retries import RetryDecision  # noqa: PLC0415 - an extra

    def again(error: Exception, attempt: int) -> "RetryDecision":
        if isinstance(error, named.PASSING) and attempt < _MISSES:
            return RetryDecision.retry(Duration.from_seconds(_AGAIN_SECONDS))
        return RetryDecision.no_retry()

    return StepConfig(retry_strategy=again)


def _looking(begun: Looked) -> "WaitForConditionConfig[Looked]":
    from aws_durable_execution_sdk_python.config import Duration  # noqa: PLC0415 - an extra
    from aws_durable_execution_sdk_python.waits import (  # noqa: PLC0415 - an extra
        WaitForConditionConfig,
        WaitForConditionDecision,
    )

    def wait(seen: Looked, looks: int) -> "WaitForConditionDecision":
        if seen["done"] or looks >= LOOKS:
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(Duration.from_seconds(seen["wait_seconds"]))

    return WaitForConditionConfig(wait_strategy=wait, initial_state=begun)


def _own_name(context: "DurableContext") -> str:
    """Return what to invoke: the version that runs, so that an update changes nothing under way."""
    return str(getattr(context.lambda_context, "invoked_function_arn", ""))


def _by_name(failure: Any) -> Exception:
    kind = getattr(named, str(failure.error_type).rpartition(".")[2], named.HandlerError)
    return kind(failure.message) if isinstance(kind, type) and issubclass(kind, named.HandlerError) else failure
