"""CodePipeline: reporting the result of an invoke action's job. Calls only; no decisions."""

from collections.abc import Mapping

from awsroll.aws.caller import Caller, Reply
from awsroll.errors import AwsRefusedError

_SERVICE = "codepipeline"
_LATE = frozenset({"JobNotFoundException", "InvalidJobStateException"})


class CodePipeline:
    """The CodePipeline calls awsroll makes.

    Each call returns False if the job no longer waits: it has a result already, has timed out, or was abandoned.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def make_client(self) -> None:
        """Make the client now, because threads must not share a session while clients are made."""
        self._caller.clients.client(_SERVICE)

    def report_progress(self, job_id: str, token: str, details: Reply) -> bool:
        """Report that the action continues: CodePipeline sends the token back in a new job (PutJobSuccessResult)."""
        return self._put(
            "PutJobSuccessResult", {"jobId": job_id, "continuationToken": token, "executionDetails": details}
        )

    def report_success(self, job_id: str, variables: Mapping[str, str], details: Reply) -> bool:
        """Report that the action succeeded; later actions may use the variables (PutJobSuccessResult)."""
        request = {"jobId": job_id, "outputVariables": dict(variables), "executionDetails": details}
        return self._put("PutJobSuccessResult", request)

    def report_failure(self, job_id: str, details: Reply) -> bool:
        """Report that the action failed, and why (PutJobFailureResult)."""
        return self._put("PutJobFailureResult", {"jobId": job_id, "failureDetails": details})

    def _put(self, operation: str, request: Reply) -> bool:
        try:
            self._caller.call(_SERVICE, operation, request)
        except AwsRefusedError as error:
            if error.code not in _LATE:
                raise
            return False
        return True
