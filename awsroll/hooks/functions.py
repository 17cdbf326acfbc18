"""One Lambda function of a hook: invoked with the event as JSON; what it raises is the hook's failure."""

import json
from contextlib import suppress

from awsroll.aws.lambda_ import Lambda
from awsroll.core.hooks import HookRun
from awsroll.errors import AwsError
from awsroll.hooks.commands import HookFailedError, as_json

_LONGEST_MESSAGE = 300


class Function:
    """One invocation.

    Args:
        functions: where to invoke it; waits at least as long as the hook may take.
        run: what to invoke, and what to tell it.
    """

    def __init__(self, functions: Lambda, run: HookRun) -> None:
        self._functions = functions
        self._run = run

    def __call__(self) -> None:
        """Invoke it and wait for its end.

        Raises:
            HookFailedError: if it is refused, not answered in time, or fails.
        """
        name = self._run.hook.function
        try:
            answer, failure = self._functions.invoke(name, as_json(self._run.event))
        except AwsError as error:
            problem = f"function {name}: {error}"
            raise HookFailedError(problem) from error
        if failure:
            problem = f"function {name} failed: {_message(answer) or failure}"
            raise HookFailedError(problem)

    def end(self) -> None:
        """Do nothing: an invocation cannot be called back."""


def _message(answer: bytes) -> str:
    with suppress(ValueError, AttributeError):
        said = json.loads(answer)
        text = ": ".join(str(said[key]) for key in ("errorType", "errorMessage") if said.get(key))
        return " ".join(text.split())[:_LONGEST_MESSAGE]
    return ""
