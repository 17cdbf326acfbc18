"""Step Functions: answering a state that waits for an approval. Calls only; no decisions."""

from awsroll.aws.caller import Caller
from awsroll.errors import AwsRefusedError

_SERVICE = "stepfunctions"
_OVER = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class StepFunctions:
    """The Step Functions calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def answer(self, task_token: str, output: str) -> bool:
        """Continue a state that waits for a task token; return False if it no longer waits (SendTaskSuccess).

        A state that was retried or timed out has another token, or none, so a late answer is no error.
        """
        try:
            self._caller.call(_SERVICE, "SendTaskSuccess", {"taskToken": task_token, "output": output})
        except AwsRefusedError as error:
            if error.code not in _OVER:
                raise
            return False
        return True
