"""Calls whose complete answers are the result, for `awsroll probe`: refusals are answers too, with code and request id.

Each call is one attempt, except that throttled calls are repeated. `retry` and `translate_errors` are not used, because
an experiment needs the answer as AWS gave it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from awsroll.aws.sessions import Role, SharedSession, assume_role
from awsroll.ports import Clock

_READ_SECONDS = 70
_THROTTLES = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"})
_ATTEMPTS = 6
_PAUSE_SECONDS = 3.0
UNREACHABLE = "Unreachable"
"""The code of an answer that never came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One call and its answer."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    sent_at: datetime
    answered_at: datetime
    status: int = 0
    """The HTTP status; 0 if there was no answer."""
    code: str = ""
    """The error code; empty for a success."""
    message: str = ""
    request_id: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Return whether AWS accepted the call."""
        return not self.code


class RawCalls:
    """Calls any operation of any service, and hands every answer to a recorder.

    Args:
        session: a boto3 session.
        clock: gives the instants, and waits after a throttled call.
        endpoint_url: overrides the endpoint of each service.
        record: receives each answer, also refusals and repeated calls.
    """

    def __init__(
        self, session: Any, *, clock: Clock, endpoint_url: str | None = None, record: Callable[[Answer], None]
    ) -> None:
        self._session = session
        self._clock = clock
        self._endpoint_url = endpoint_url
        self._record = record
        self._clients: dict[str, Any] = {}

    @property
    def region(self) -> str:
        """Return the region of the calls; empty if none is configured."""
        return str(self._session.region_name or "")

    @property
    def session(self) -> Any:
        """Return the boto3 session."""
        return self._session

    @property
    def endpoint_url(self) -> str | None:
        """Return the endpoint that overrides the endpoint of each service."""
        return self._endpoint_url

    def call(self, service: str, operation: str, **parameters: Any) -> Answer:
        """Make one call, and return what AWS answered."""
        for attempt in range(1, _ATTEMPTS + 1):
            answer = self._attempt(service, operation, parameters)
            self._record(answer)
            if answer.code not in _THROTTLES or attempt == _ATTEMPTS:
                break
            self._clock.sleep(_PAUSE_SECONDS * attempt)
        return answer

    def as_role(self, role_arn: str, name: str, *, lock: Any) -> "RawCalls":
        """Return the same calls with the credentials of a role."""
        shared = SharedSession(self._session, lock=lock)
        session = assume_role(shared, Role(arn=role_arn, session_name=name), endpoint_url=self._endpoint_url)
        return RawCalls(session, clock=self._clock, endpoint_url=self._endpoint_url, record=self._record)

    def _attempt(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Answer:
        from botocore import xform_name  # noqa: PLC0415 - slow to import
        from botocore.exceptions import ClientError  # noqa: PLC0415 - see above

        sent_at = self._clock.now()
        outcome: dict[str, Any]
        try:
            outcome = _success(getattr(self._client(service), xform_name(operation))(**parameters))
        except ClientError as error:
            outcome = _refusal(error.response)
        except Exception as error:  # noqa: BLE001 - nothing that an SDK raises may keep a teardown from its end
            outcome = {"code": UNREACHABLE, "message": f"{type(error).__name__}: {error}"}
        return Answer(
            service=service,
            operation=operation,
            parameters=dict(parameters),
            sent_at=sent_at,
            answered_at=self._clock.now(),
            **outcome,
        )

    def _client(self, service: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - see above

        if service not in self._clients:
            once = Config(retries={"total_max_attempts": 1}, read_timeout=_READ_SECONDS)
            self._clients[service] = self._session.client(service, endpoint_url=self._endpoint_url, config=once)
        return self._clients[service]


def _success(result: Any) -> dict[str, Any]:
    metadata = result.pop("ResponseMetadata", {})
    return {
        "status": int(metadata.get("HTTPStatusCode", 0)),
        "request_id": str(metadata.get("RequestId", "")),
        "result": result,
    }


def _refusal(response: Any) -> dict[str, Any]:
    metadata, error = response.get("ResponseMetadata", {}), response.get("Error", {})
    return {
        "status": int(metadata.get("HTTPStatusCode", 0)),
        "request_id": str(metadata.get("RequestId", "")),
        "code": str(error.get("Code", "Unknown")),
        "message": str(error.get("Message", "")),
    }
