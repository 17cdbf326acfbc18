"""One Lambda function of a hook: invoked with the event as JSON; what it raises is the hook's failure."""

import json
import time
from contextlib import suppress

from awsroll.aws.lambda_ import Lambda
from awsroll.core.model.hooks import HookRun
from awsroll.errors import AwsError, AwsUnansweredError
from awsroll.hooks.local_commands import HookFailedError, as_json

_LONGEST_MESSAGE = 300
_ATTEMPTS, _AGAIN_WITHIN_SECONDS = 3, 30


class Function:
    """One invocation.

    Args:
        functions: where to invoke it; waits at least as long as the hook may take.
        run: what to invoke, and what to tell it.
    """

    def __init__(self, functions: Lambda, run: HookRun) -> None:
        self._functions = functions
        self._run = run
        self._is_ended = False

    def __call__(self) -> None:
        """Invoke it and wait for its end.

        Raises:
            HookFailedError: if it is refused, not answered in time, or fails.
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

    def end(self) -> None:
        """Invoke it no more; an invocation cannot be called back."""
        self._is_ended = True

    def _invoke(self, name: str, payload: bytes) -> tuple[bytes, str]:
        """Invoke it, again where no answer came: whether it ran nobody can tell, and hooks run at least once."""
        begun = time.monotonic()
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._functions.invoke(name, payload)
            except AwsUnansweredError:
                late = time.monotonic() - begun >= min(_AGAIN_WITHIN_SECONDS, self._run.hook.timeout_seconds)
                if self._is_ended or late:
                    raise
        return self._functions.invoke(name, payload)


def _message(answer: bytes) -> str:
    with suppress(ValueError, AttributeError):
        said = json.loads(answer)
        text = ": ".join(str(said[key]) for key in ("errorType", "errorMessage") if said.get(key))
        return " ".join(text.split())[:_LONGEST_MESSAGE]
    return ""
