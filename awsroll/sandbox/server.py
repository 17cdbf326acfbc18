"""The sandbox as a local server for any AWS client: the AWS CLI, SDKs in other languages, other processes.

    with serve(speed=10) as server:
        subprocess.run(["aws", "ec2", "describe-instances"], env=os.environ | server.environment)

The server listens on the loopback address only, answers no web page of a browser, and checks no credentials. It uses
the machine's clock unless a virtual clock is given.
"""

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from traceback import print_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from awsroll.sandbox import answers, shift_requests
from awsroll.sandbox.api_errors import ApiError
from awsroll.sandbox.control_api import Control
from awsroll.sandbox.dispatch import CallsAnswered, LostAnswers
from awsroll.sandbox.inprocess import ACCESS_KEY_ID, ENVIRONMENT, SECRET_ACCESS_KEY, sandbox_session
from awsroll.sandbox.local_requests import refusal, refuse
from awsroll.sandbox.ready_fleets import Clients
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.simulation import Simulation
from awsroll.sandbox.ticker import Ticker
from awsroll.sandbox.world import REGION, SandboxClock

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

LOOPBACK = "127.0.0.1"
SCOPE_SERVICE = 3
"""The place of the service in a request's credential scope: key id, date, region, service."""


class SandboxServer(Simulation):
    """A simulated AWS behind one URL. `serve` creates it; as a context manager it closes itself.

    Args:
        clock: a virtual clock, or None for the wall clock.
        options: the switches.
        region: the region that is simulated.
        port: the port to listen on; 0 selects a free port.
    """

    def __init__(self, clock: SandboxClock | None, options: SandboxOptions | None, *, region: str, port: int) -> None:
        lost = LostAnswers(connection=ConnectionResetError, answer=self._withhold, cannot_answer=_cannot_answer)
        super().__init__(clock, options, region=region, lost=lost)
        self._closing = threading.Event()
        self._running = ExitStack()
        self.is_closed = False
        with ExitStack() as stack:
            stack.enter_context(CallsAnswered(self.api))
            _reset_moto()
            server = _listen(self, port)
            stack.callback(server.server_close)
            self.port: int = server.server_port
            thread = threading.Thread(target=server.serve_forever, name="sandbox-server", daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            if not self.is_virtual:
                ticker = Ticker(self.world)
                ticker.start()
                stack.callback(ticker.stop)
            self._running = stack.pop_all()

    @property
    def url(self) -> str:
        """The URL for `AWS_ENDPOINT_URL` or `endpoint_url=`."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point an AWS client to this server."""
        files = {name: value for name, value in ENVIRONMENT.items() if name.endswith("_FILE")}
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": self.world.region,
            "AWS_REGION": self.world.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **files,
        }

    def session(self) -> Any:
        """Return a boto3 session whose clients call this server."""
        return sandbox_session(self.world.region, endpoint_url=self.url)

    def _withhold(self, seconds: float) -> Exception:
        """Wait for the given seconds, then return the exception that breaks the connection."""
        self._closing.wait(seconds)
        return ConnectionResetError()

    def _clients(self) -> Clients:
        return Clients(self.session())

    def close(self) -> None:
        """Stop the server. Closing it again has no effect."""
        self.is_closed = True
        self._closing.set()
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(
    port: int = 0,
    speed: float = 1.0,
    *,
    options: SandboxOptions | None = None,
    clock: SandboxClock | None = None,
    region: str = REGION,
) -> SandboxServer:
    """Start a sandbox server on the loopback address and return it.

    Args:
        port: the port to listen on; 0 selects a free port.
        speed: simulated seconds per second.
        options: the other switches.
        clock: a virtual clock, moved by `SandboxServer.jump` or the control interface; None is the wall clock.
        region: the region that is simulated.
    """
    server_options = replace(options or SandboxOptions(), speed=speed)
    return SandboxServer(clock, server_options, region=region, port=port)


def _listen(simulation: "SandboxServer", port: int) -> "BaseWSGIServer":
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415  moto is an optional, slow import
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415  moto is an optional, slow import

    class QuietHandler(MotoRequestHandler):  # type: ignore[misc]  # moto is not typed here
        """Logs no requests."""

        def log_request(self, *_: object) -> None:
            """Log nothing."""

        def connection_dropped(self, *_: object) -> None:
            """Close the connection; the base class would wait for the next request."""
            self.close_connection = True

    control = Control(simulation, DomainDispatcherApplication(create_backend_app))

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if simulation.is_closed:
            raise ConnectionResetError  # the connection was open when the server closed
        why = refusal(environ)
        if why:
            return refuse(start_response, why)
        try:
            if shift_requests.is_meant(environ):
                return shift_requests.answer_http(simulation.api, environ, start_response)
            return control(environ, start_response)
        except ConnectionResetError:
            raise
        except Exception as error:  # noqa: BLE001  moto fails on unknown services and malformed requests
            return _refuse_request(environ, start_response, error)

    return make_server(LOOPBACK, port, application, threaded=True, request_handler=QuietHandler)


def _cannot_answer(operation: str, error: Exception) -> Exception:
    """Print a failure of the simulation on the server's terminal, and return a refusal in AWS's format."""
    if isinstance(error, NotImplementedError):
        return ApiError("InvalidAction", f"The sandbox does not simulate {operation}. Nothing was changed.")
    print_exception(error)
    cause = f"{type(error).__name__}: {error}"
    return ApiError("UnsupportedOperation", f"The sandbox cannot answer {operation} with these parameters ({cause}).")


def _refuse_request(environ: dict[str, Any], start_response: Any, error: Exception) -> Iterable[bytes]:
    """Refuse a request that does not reach any simulated service, with the status and format of AWS's client errors."""
    scope = str(environ.get("HTTP_AUTHORIZATION", "")).partition("Credential=")[2].split(",")[0].split("/")
    service = scope[SCOPE_SERVICE] if len(scope) > SCOPE_SERVICE else ""
    if service and isinstance(error, ImportError):
        needed = f"The sandbox needs more packages for the service {service} ({error}): pip install 'moto[server]'."
        refusal = ApiError("UnsupportedOperation", needed)
    elif service and not _is_known(service):
        refusal = ApiError("UnsupportedOperation", f"The sandbox does not simulate the service {service}.")
    else:
        print_exception(error)
        refusal = ApiError("MalformedQueryString", f"The sandbox cannot read this request ({type(error).__name__}).")
    is_query = "x-www-form-urlencoded" in str(environ.get("CONTENT_TYPE", ""))
    protocol = "ec2" if service == "ec2" else "query" if is_query else "json"
    kind, body = answers.error_document(protocol, refusal.code, refusal.message)
    start_response("400 Bad Request", [("Content-Type", kind), ("x-amzn-ErrorType", refusal.code)])
    return [body.encode()]


def _is_known(service: str) -> bool:
    from moto.backends import list_of_moto_modules  # noqa: PLC0415  moto is an optional, slow import

    return service.replace("-", "") in set(list_of_moto_modules()) | {"elasticloadbalancing", "monitoring"}


def _reset_moto() -> None:
    """Reset moto, which keeps its state for the life of the process."""
    from moto.core.base_backend import BackendDict  # noqa: PLC0415  moto is an optional, slow import

    BackendDict.reset()
