"""A hook that is a Lambda function: invoked with the event as JSON. An error of the function fails the hook."""

import json
import time
from contextlib import suppress

from awsroll.aws.lambda_ import Lambda
from awsroll.core.model.hook_calls import HookRun
from awsroll.errors import AwsError, AwsUnansweredError
from awsroll.hooks.local_commands import HookFailedError, as_json

_LONGEST_MESSAGE = 300
_ATTEMPTS, _AGAIN_WITHIN_SECONDS = 3, 30


class LambdaFunction:
    """One invocation.

    Args:
        functions: the Lambda client; it waits at least as long as the timeout of the hook.
        run: the function and the event.
    """

    def __init__(self, functions: Lambda, run: HookRun) -> None:
        self._functions = functions
        self._run = run
        self._is_ended = False

    def __call__(self) -> bytes:
        """Invoke the function, and return its result.

        Raises:
            HookFailedError: if Lambda refuses the call or does not answer in time, or the function fails.
        """
        name = self._run.hook.function
        try:
            answer, failure = self._invoke(name, as_json(self._run.event))
        except AwsError as error:
            problem = f"function {name}: {error}"
            raise HookFailedError(problem) from error
        if failure:
            problem = f"function {name} failed: {_message(answer) or failure}"
            raise HookFailedError(problem)
        return answer

    def end(self) -> None:
        """Do not invoke the function again. An invocation cannot be cancelled."""
        self._is_ended = True

    def _invoke(self, name: str, payload: bytes) -> tuple[bytes, str]:
        """Invoke the function; repeat a call without an answer, because a hook runs at least once."""
        started = time.monotonic()
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._functions.invoke(name, payload)
            except AwsUnansweredError:
                is_late = time.monotonic() - started >= min(_AGAIN_WITHIN_SECONDS, self._run.hook.timeout_seconds)
                if self._is_ended or is_late:
                    raise
        return self._functions.invoke(name, payload)


def _message(answer: bytes) -> str:
    with suppress(ValueError, AttributeError):
        error = json.loads(answer)
        text = ": ".join(str(error[key]) for key in ("errorType", "errorMessage") if error.get(key))
        return " ".join(text.split())[:_LONGEST_MESSAGE]
    return ""
