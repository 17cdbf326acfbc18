"""CodePipeline: answering a job of an invoke action. Calls only; no decisions."""

from collections.abc import Mapping

from awsroll.aws.caller import Caller, Reply
from awsroll.errors import AwsRefusedError

_SERVICE = "codepipeline"
_LATE = frozenset({"JobNotFoundException", "InvalidJobStateException"})


class CodePipeline:
    """The CodePipeline calls awsroll makes.

    Each returns False if the job waits for no answer any more: it was answered before, has timed out, or was given up.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def make_client(self) -> None:
        """Make the client now: a session is not to be shared by threads while clients are made."""
        self._caller.clients.client(_SERVICE)

    def report_progress(self, job_id: str, token: str, details: Reply) -> bool:
        """Say that it goes on: CodePipeline asks again, with the token, under another job id (PutJobSuccessResult)."""
        return self._put(
            "PutJobSuccessResult", {"jobId": job_id, "continuationToken": token, "executionDetails": details}
        )

    def report_success(self, job_id: str, variables: Mapping[str, str], details: Reply) -> bool:
        """Say that the action has succeeded; later actions may use the variables (PutJobSuccessResult)."""
        request = {"jobId": job_id, "outputVariables": dict(variables), "executionDetails": details}
        return self._put("PutJobSuccessResult", request)

    def report_failure(self, job_id: str, details: Reply) -> bool:
        """Say that the action has failed, and why (PutJobFailureResult)."""
        return self._put("PutJobFailureResult", {"jobId": job_id, "failureDetails": details})

    def _put(self, operation: str, request: Reply) -> bool:
        try:
            self._caller.call(_SERVICE, operation, request)
        except AwsRefusedError as error:
            if error.code not in _LATE:
                raise
            return False
        return True
