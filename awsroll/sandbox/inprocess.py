"""The sandbox inside this process: ordinary boto3 clients, no server, and time that tests move.

    with Sandbox(clock=VirtualClock()) as sandbox:
        fleet = sandbox.standalone_fleet(servers=9)
        boto3.client("ec2").terminate_instances(InstanceIds=[fleet.instance_ids[0]])
        sandbox.jump(60)

moto intercepts the clients' requests. The machine's credentials, region and configuration files are hidden while the
sandbox is active. Calls of awsroll that name no clock and no store use the sandbox's clock and a temporary folder.
"""

import os
from contextlib import ExitStack
from copy import copy
from functools import cache, partial
from operator import itemgetter
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from awsroll.clock import as_default
from awsroll.ports import Clock
from awsroll.sandbox.direct_calls import answer_directly
from awsroll.sandbox.dispatch import SIMULATED_SERVICES, CallsAnswered, LostAnswers
from awsroll.sandbox.lighter_moto import cached_handler_names, cached_urls, only_botocore_intercepted
from awsroll.sandbox.ready_fleets import Clients
from awsroll.sandbox.repeated_answers import Remembered, parser_factory
from awsroll.sandbox.sandbox_options import SandboxOptions
from awsroll.sandbox.simulation import Simulation
from awsroll.sandbox.ticker import Ticker
from awsroll.sandbox.world import REGION

ACCESS_KEY_ID = "AKIASANDBOX000000000"
SECRET_ACCESS_KEY = "sandbox"  # noqa: S105  the sandbox does not check it
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # each sandbox would load thousands of public images
}
HIDDEN_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")

_SHARED_SERVICES = (*SIMULATED_SERVICES, "elb", "sts")
"""The services whose clients all sessions of this process share."""
_USER_AGENT = "awsroll-sandbox"
"""What clients in process send: otherwise botocore describes the machine for each call, a third of its time."""

_CLIENTS = Remembered()


class Sandbox(Simulation):
    """A simulated AWS that this process's boto3 clients call while it is entered.

    Args:
        clock: `awsroll.testing.clock.VirtualClock`, or None for the wall clock.
        options: the switches; see `SandboxOptions`.
        region: the region that is simulated.
    """

    def __init__(
        self, clock: Clock | None = None, options: SandboxOptions | None = None, *, region: str = REGION
    ) -> None:
        super().__init__(
            clock, options, region=region, lost=LostAnswers(connection=_connection_lost, answer=_timed_out)
        )
        self._own_clock = clock
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        from moto import mock_aws  # noqa: PLC0415  moto is an optional, slow import

        with ExitStack() as stack:
            stack.enter_context(CallsAnswered(self.api))  # first: it refuses a second sandbox
            records = stack.enter_context(TemporaryDirectory(prefix="awsroll-", ignore_cleanup_errors=True))
            stack.enter_context(_Environment(self.world.region, records))
            _forget_networks()  # else moto makes a network for the reset at the start, and one for that at the end
            with only_botocore_intercepted():
                stack.enter_context(mock_aws(config={"core": {"mock_credentials": False}}))
            stack.callback(_forget_networks)
            stack.enter_context(cached_handler_names())
            stack.enter_context(cached_urls())
            _repeat_identifiers()
            if self._own_clock is not None:
                stack.enter_context(as_default(self._own_clock))
            if not self.is_virtual:
                ticker = Ticker(self.world)
                ticker.start()
                stack.callback(ticker.stop)
            self._entered = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

    def session(self) -> Any:
        """Return a boto3 session that talks to this sandbox."""
        return sandbox_session(self.world.region)

    def _clients(self) -> Clients:
        return _shared_clients(self.world.region)


class _Environment:
    """Sets fake credentials and hides the configuration while entered; restores the environment on exit."""

    def __init__(self, region: str, state_home: str) -> None:
        self._wanted = ENVIRONMENT | {
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "XDG_STATE_HOME": state_home,
        }
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        endpoints = [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]
        self._before = {name: os.environ.get(name) for name in (*HIDDEN_VARIABLES, *endpoints, *self._wanted)}
        for name in self._before:
            os.environ.pop(name, None)
        os.environ.update(self._wanted)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def sandbox_session(region: str, *, endpoint_url: str | None = None) -> Any:
    """Return a boto3 session with fake credentials. All sessions share botocore's service models.

    Args:
        region: the region of its clients.
        endpoint_url: the endpoint of its clients; None is AWS's own endpoint, which moto intercepts.
    """
    import botocore.session  # noqa: PLC0415  kept out of the import of this module

    core = botocore.session.Session(event_hooks=copy(_builtin_handlers()), include_builtin_handlers=False)
    core.register_component("data_loader", _service_models())
    core.register_component("response_parser_factory", parser_factory())
    session = _session_class()(
        botocore_session=core,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        region_name=region,
    )
    session.endpoint_url = endpoint_url
    return session


@cache
def _session_class() -> Any:
    import boto3  # noqa: PLC0415  kept out of the import of this module
    from botocore.config import Config  # noqa: PLC0415  the same

    class SandboxSession(boto3.Session):  # type: ignore[misc, unused-ignore]  # untyped where no stubs are installed
        """Sends every client to the sandbox."""

        endpoint_url: str | None = None

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self._has_own_handlers = False  # boto3 has registered its own by now

        @property
        def events(self) -> Any:
            """The event emitter; a session whose handlers may differ from now on makes clients of its own."""
            self._has_own_handlers = True
            return super().events

        def client(self, service_name: str, **wanted: Any) -> Any:
            """Return a client, for the sandbox unless another endpoint is named.

            In process a client keeps nothing of a sandbox, and making one takes longer than many calls: all sessions
            share the clients of the services in `_SHARED_SERVICES`.
            """
            wanted["endpoint_url"] = wanted.get("endpoint_url") or self.endpoint_url
            wanted["region_name"] = wanted.get("region_name") or self.region_name
            make = partial(self._make, service_name, **wanted)
            if self._has_own_handlers or wanted["endpoint_url"] or service_name not in _SHARED_SERVICES:
                return make()
            config = wanted.pop("config", None)
            options = repr(sorted(vars(config).items(), key=itemgetter(0))) if config else ""
            return _CLIENTS.get((service_name, options, *sorted(wanted.items())), make)

        def _make(self, service_name: str, **wanted: Any) -> Any:
            if wanted["endpoint_url"] or "aws_access_key_id" in wanted:
                return super().client(service_name, **wanted)
            config = wanted.pop("config", None) or Config()
            client = super().client(service_name, config=config.merge(Config(user_agent=_USER_AGENT)), **wanted)
            answer_directly(client)
            return client

    return SandboxSession


@cache
def _shared_clients(region: str) -> Clients:
    """Return the clients that build the fleets of all sandboxes in a region; they keep no state of a sandbox."""
    return Clients(sandbox_session(region))


@cache
def _builtin_handlers() -> Any:
    """Return an emitter with botocore's own handlers. Registering them takes longer than many calls."""
    import botocore.session  # noqa: PLC0415  kept out of the import of this module
    from botocore.hooks import HierarchicalEmitter  # noqa: PLC0415  the same

    emitter = HierarchicalEmitter()
    botocore.session.Session(event_hooks=emitter)
    return emitter


@cache
def _service_models() -> Any:
    """Return botocore's loader of service models. Loading a model takes longer than many calls."""
    from botocore.loaders import create_loader  # noqa: PLC0415  kept out of the import of this module

    return create_loader()


def _forget_networks() -> None:
    """Drop the default network that moto's reset keeps if a group used it: creating a network draws random ids."""
    from moto.ec2.models import ec2_backends  # noqa: PLC0415  moto is an optional, slow import

    ec2_backends.clear()


def _repeat_identifiers() -> None:
    """Make moto generate the same ids in every run, so that a failure repeats exactly."""
    from moto.moto_api._internal import mock_random  # noqa: PLC0415  moto is an optional, slow import

    mock_random.seed(0)


def _connection_lost() -> Exception:
    from botocore.exceptions import ConnectionClosedError  # noqa: PLC0415  kept out of the import of this module

    error: Exception = ConnectionClosedError(endpoint_url="https://sandbox.invalid")
    return error


def _timed_out(_seconds: float) -> Exception:
    from botocore.exceptions import ReadTimeoutError  # noqa: PLC0415  kept out of the import of this module

    error: Exception = ReadTimeoutError(endpoint_url="https://sandbox.invalid")
    return error
