"""Step Functions: answering a state that waits for a person. Calls only; no decisions."""

from awsroll.aws.caller import Caller
from awsroll.errors import AwsRefusedError

_SERVICE = "stepfunctions"
_OVER = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class StepFunctions:
    """The Step Functions calls awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def answer(self, task_token: str, output: str) -> bool:
        """Let a state that waits for a task token go on; False if it waits no more (SendTaskSuccess).

        A state that was retried or has timed out has another token, or none: answering late is no error.
        """
        try:
            self._caller.call(_SERVICE, "SendTaskSuccess", {"taskToken": task_token, "output": output})
        except AwsRefusedError as error:
            if error.code not in _OVER:
                raise
            return False
        return True
