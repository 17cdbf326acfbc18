"""Step Functions: answers to states that wait for an approval, and executions. Calls only; no decisions."""

from awsroll.aws.caller import Caller
from awsroll.errors import AwsRefusedError

_SERVICE = "stepfunctions"
_NOT_OVER = frozenset({"RUNNING", "PENDING_REDRIVE"})
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

    def start(self, machine: str, name: str, content: str) -> None:
        """Start an execution (StartExecution). One of this name that has ended stays as it is."""
        request = {"stateMachineArn": machine, "name": name, "input": content}
        try:
            self._caller.call(_SERVICE, "StartExecution", request)
        except AwsRefusedError as error:
            if error.code != "ExecutionAlreadyExists":
                raise

    def is_running(self, execution: str) -> bool:
        """Return whether an execution runs; False if it does not exist (DescribeExecution)."""
        try:
            answer = self._caller.call(_SERVICE, "DescribeExecution", {"executionArn": execution})
        except AwsRefusedError as error:
            if error.code != "ExecutionDoesNotExist":
                raise
            return False
        return bool(answer["status"] in _NOT_OVER)
