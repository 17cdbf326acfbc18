"""The boto3 clients of one session. Each client is made on first use, and each of its calls is a single attempt.

Only `retry` repeats calls. botocore's own retries are off, because a repeated call without a token could take effect
twice. `knows` returns whether the installed SDK has an operation, so that callers can fall back.
"""

import threading
from collections.abc import Mapping
from typing import Any

from awsroll.aws.answer_times import parsing_times
from awsroll.aws.sdk_errors import while_configuring
from awsroll.aws.services import check_listed
from awsroll.version import __version__

_CONNECT_SECONDS = 5
_READ_SECONDS = 20
_SERVER_ERROR = 500
_REFUSES_ERROR_PAGES = (
    "awsroll-refuses-error-pages"  # registers once per client, also if a session returns the same client again
)


class UnimplementedAnswerError(Exception):
    """An emulator built on Werkzeug (moto's server) lacks the operation and answered with its own error page."""


class Clients:
    """The clients of one session.

    Args:
        session: a boto3 session. No other thread may use it while clients are made.
        endpoint_url: overrides the endpoint of each service; None: boto3 and its environment variables decide.
        region: overrides the session's region.
        max_pool: how many connections to each service stay open.
    """

    def __init__(
        self, session: Any, *, endpoint_url: str | None = None, region: str | None = None, max_pool: int = 10
    ) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._region = region
        self._max_pool = max_pool
        self._read_seconds: float = _READ_SECONDS
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def region(self) -> str:
        """Return the region of the clients; empty if none is configured."""
        return str(self._region or self._session.region_name or "")

    def patient(self, read_seconds: float) -> "Clients":
        """Return clients of the same session with a longer read timeout."""
        clients = Clients(self._session, endpoint_url=self._endpoint_url, region=self._region, max_pool=1)
        clients._read_seconds = max(read_seconds, _READ_SECONDS)
        return clients

    def client(self, service: str) -> Any:
        """Return the client of a service; make the client on first use."""
        with self._lock:
            if service not in self._made:
                check_listed(service)
                self._made[service] = self._make(service)
            return self._made[service]

    def knows(self, service: str, operation: str, parameter: str = "") -> bool:
        """Return whether the installed SDK has an operation, and the parameter if one is named."""
        check_listed(service, operation)
        model = self.client(service).meta.service_model
        if operation not in model.operation_names:
            return False
        return not parameter or parameter in model.operation_model(operation).input_shape.members

    def members(self, service: str, shape: str) -> frozenset[str]:
        """Return the members of a structure of a service's API, as the installed SDK knows it."""
        return frozenset(self.client(service).meta.service_model.shape_for(shape).members)

    def values(self, service: str, shape: str) -> frozenset[str]:
        """Return the values of an enum of a service's API, as the installed SDK knows it."""
        return frozenset(self.client(service).meta.service_model.shape_for(shape).enum)

    def _make(self, service: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415  (importing boto3 takes 200 ms)

        config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=self._read_seconds,
            max_pool_connections=self._max_pool,
            user_agent_extra=f"awsroll/{__version__}",
        )
        try:
            with parsing_times(self._session):
                client = self._session.client(
                    service, region_name=self._region, endpoint_url=self._endpoint_url, config=config
                )
        except Exception as error:
            raise while_configuring(error, service) from error
        client.meta.events.register("before-parse", _refuse_error_page, unique_id=_REFUSES_ERROR_PAGES)
        return client


def _refuse_error_page(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raise if moto's server lacks an operation: it answers HTTP 500 with Werkzeug's page, which AWS never sends."""
    if response_dict["status_code"] != _SERVER_ERROR:
        return
    headers = {name.lower(): value for name, value in response_dict["headers"].items()}
    if headers.get("server", "").startswith("Werkzeug") and "text/html" in headers.get("content-type", ""):
        raise UnimplementedAnswerError
