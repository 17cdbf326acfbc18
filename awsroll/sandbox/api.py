"""Every API call to the sandbox passes here: time first, then the callbacks, then the physics or plain moto.

moto receives and parses the request; before it writes the answer it calls `BaseResponse.call_action`. That one method
is replaced while a sandbox is active. An operation that a simulated service has in its table is answered by it, any
other by moto as ever. One call at a time: the world's lock is held throughout.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from awsroll.sandbox import answers
from awsroll.sandbox.ec2.api import Ec2Api
from awsroll.sandbox.elb.api import ElbApi
from awsroll.sandbox.errors import ApiError, ConnectionLost, refuse

if TYPE_CHECKING:
    from awsroll.sandbox.world import World

CallListener = Callable[[str, str, Mapping[str, Any]], None]
"""Gets the service, the operation and its parameters; may raise `ApiError` or `ConnectionLost`."""

SIMULATED_SERVICES = ("ec2", "elbv2", "autoscaling", "ssm")
FIRST_ERROR_STATUS = 400


class SimulatedService(Protocol):
    """A part of the world that answers some of its service's operations itself."""

    @property
    def operations(self) -> Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]]:
        """What answers each operation; a result of None leaves this one call to moto."""
        ...


class Api:
    """The way from a request to its answer.

    Args:
        world: what the calls look at and change.
        lose_connection: makes the exception that moto's transport takes for a broken connection.
    """

    def __init__(self, world: "World", lose_connection: Callable[[], Exception]) -> None:
        self._world = world
        self._lose_connection = lose_connection
        ec2, elb = Ec2Api(world), ElbApi(world)
        self._services: Mapping[str, SimulatedService] = dict(
            zip(SIMULATED_SERVICES, (ec2, elb, world.autoscaling, world.ssm), strict=True)
        )
        self._guards = ec2.guards | elb.guards
        self._followups = ec2.followups | elb.followups
        self._listeners: dict[str, list[CallListener]] = {"before": [], "after": []}
        self.calls: Counter[str] = Counter()
        """How often each operation was called, as `ec2:RunInstances`, refused calls included."""

    def on_call(self, listener: CallListener, when: Literal["before", "after"] = "before") -> Callable[[], None]:
        """Call `listener` at each API call, before or after its effect; return a function that ends that.

        A listener that raises replaces the answer: before the effect it prevents that too, after it only the answer is
        lost.
        """
        self._listeners[when].append(listener)

        def end() -> None:
            if listener in self._listeners[when]:
                self._listeners[when].remove(listener)

        return end

    def answer(self, response: Any, plain: Callable[[Any], Any]) -> Any:
        """Answer one request.

        Args:
            response: moto's object for this request.
            plain: moto's own way to answer it.
        """
        service, operation = str(response.service_name), str(response._get_action())  # noqa: SLF001  moto has no public way
        with self._world.lock:
            self._world.advance()
            self.calls[f"{service}:{operation}"] += 1
            try:
                parameters = _parameters(response, service)
                self._announce("before", service, operation, parameters)
                answer = self._perform(response, plain, service, operation, parameters)
                if answer[0] < FIRST_ERROR_STATUS:
                    self._announce("after", service, operation, parameters)
            except ApiError as error:
                return answers.failure(response, error.code, error.message, error.http_status)
            except ConnectionLost as lost:
                raise self._lose_connection() from lost
            return answer

    def _announce(self, when: str, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        for listener in tuple(self._listeners[when]):
            listener(service, operation, parameters)

    def _perform(
        self, response: Any, plain: Callable[[Any], Any], service: str, operation: str, parameters: dict[str, Any]
    ) -> Any:
        """Give the operation its effect and return the answer as moto's transport wants it."""
        if service not in SIMULATED_SERVICES or response.region != self._world.region:
            return plain(response)
        if service in {"ec2", "elbv2"} and (guard := self._guards.get(operation)):
            guard(parameters)
        own = self._services[service].operations.get(operation)
        result = own(parameters) if own else None
        if result is None:
            _refuse_unknown(self._world, service, operation)
            answer = plain(response)
        else:
            answer = answers.success(response, result)
        followup = self._followups.get(operation) if service in {"ec2", "elbv2"} else None
        if followup and answer[0] < FIRST_ERROR_STATUS:
            followup(parameters)
        return answer


class CallsAnswered:
    """While it is entered, all of moto's requests in this process go through an `Api`."""

    _active = False

    def __init__(self, api: Api) -> None:
        self._api = api
        self._plain: Any = None

    def __enter__(self) -> Self:
        from moto.core.responses import BaseResponse  # noqa: PLC0415  moto is an optional, slow import

        if CallsAnswered._active:
            message = "another sandbox is active in this process; leave it first (moto keeps its state per process)"
            raise RuntimeError(message)
        CallsAnswered._active = True
        api, plain = self._api, BaseResponse.call_action
        self._plain = plain
        BaseResponse.call_action = lambda response: api.answer(response, plain)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from moto.core.responses import BaseResponse  # noqa: PLC0415  moto is an optional, slow import

        BaseResponse.call_action = self._plain
        CallsAnswered._active = False


def _refuse_unknown(world: "World", service: str, operation: str) -> None:
    """Answer like an endpoint that is older than the operation, if the options say so."""
    if service == "autoscaling" and operation == "LaunchInstances" and not world.options.launch_instances_available:
        refuse("InvalidAction", "Could not find operation LaunchInstances for version 2011-01-01")


def _parameters(response: Any, service: str) -> dict[str, Any]:
    """Return the request's parameters by the names and types of the service's model."""
    if not response.automated_parameter_parsing:
        if service not in SIMULATED_SERVICES:
            return {}
        response.parse_parameters(response.normalized_request)
    parsed: dict[str, Any] = response.params
    return parsed
