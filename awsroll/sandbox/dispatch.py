"""The path of every API call: advance the time, run the callbacks, then call a simulated service or plain moto.

moto receives and parses the request, and calls `BaseResponse.call_action` to answer it. This file replaces that method
while a sandbox is active. A simulated service answers the operations in its table; moto answers the others. The world's
lock is held throughout, so that calls run one at a time.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

from awsroll.sandbox import answers, malformed_requests, storage
from awsroll.sandbox.api_errors import AnswerWithheld, ApiError, ConnectionLost, refuse
from awsroll.sandbox.ec2.api import Ec2Api
from awsroll.sandbox.elb.api import ElbApi
from awsroll.sandbox.elb.zonal_shifts import ZonalShifts

if TYPE_CHECKING:
    from awsroll.sandbox.world import World

CallListener = Callable[[str, str, Mapping[str, Any]], None]
"""Receives the service, the operation and its parameters; may raise `ApiError` or `ConnectionLost`."""

SIMULATED_SERVICES = ("ec2", "elbv2", "autoscaling", "ssm", "cloudwatch", "service-quotas", "vpc-lattice")
FIRST_ERROR_STATUS = 400


class SimulatedService(Protocol):
    """A simulated service that answers some operations itself."""

    @property
    def operations(self) -> Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]]:
        """The handler of each operation. A result of None leaves the call to moto."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAnswers:
    """The exceptions that make the transport end a call without a response."""

    connection: Callable[[], Exception]
    """Create the exception for a broken connection."""
    answer: Callable[[float], Exception]
    """Create the exception for a call without a response. A server first waits for the given seconds."""
    cannot_answer: Callable[[str, Exception], Exception] = lambda _operation, error: error
    """Create the exception for an operation that failed inside the simulation: the error itself, or an `ApiError`."""


class Api:
    """Answers each request.

    Args:
        world: the world that the calls read and change.
        lost: the exceptions for calls without a response.
    """

    def __init__(self, world: "World", lost: LostAnswers) -> None:
        self._world = world
        self._lost = lost
        self._left = threading.local()
        ec2, elb = Ec2Api(world, world.ec2), ElbApi(world, world.elb)
        services = (ec2, elb, world.autoscaling, world.ssm, world.cloudwatch, world.quotas, world.lattice)
        self._services: Mapping[str, SimulatedService] = dict(zip(SIMULATED_SERVICES, services, strict=True))
        self._shifts = ZonalShifts(world, world.elb)
        self._guards = ec2.guards | elb.guards
        self._followups = ec2.followups | elb.followups
        self._listeners: dict[str, list[CallListener]] = {"before": [], "after": []}
        self.calls: Counter[str] = Counter()
        """The number of calls of each operation, by names such as `ec2:RunInstances`. Refused calls count."""

    def on_call(self, listener: CallListener, when: Literal["before", "after"] = "before") -> Callable[[], None]:
        """Call `listener` at each API call, before or after its effect, and return a function that removes it.

        A listener that raises replaces the response. Before the effect it also prevents the effect; after the effect
        only the response is lost.
        """
        self._listeners[when].append(listener)

        def end() -> None:
            if listener in self._listeners[when]:
                self._listeners[when].remove(listener)

        return end

    @property
    def region(self) -> str:
        """The region whose calls are simulated."""
        return self._world.region

    @property
    def account_id(self) -> str:
        """The account whose calls are simulated."""
        return self._world.account_id

    def answers(self, service: str, operation: str, region: str) -> bool:
        """Tell whether an operation is simulated here, at least for some parameters."""
        simulated = self._services.get(service)
        return simulated is not None and region == self.region and operation in simulated.operations

    @contextmanager
    def left_to_moto(self) -> Iterator[None]:
        """Leave this thread's requests to moto as long as the block lasts: they have been announced already."""
        self._left.to_moto = True
        try:
            yield
        finally:
            self._left.to_moto = False

    def answer(self, response: Any, plain: Callable[[Any], Any]) -> Any:
        """Return one request.

        Args:
            response: moto's object for this request.
            plain: moto's own handler of the request.
        """
        if getattr(self._left, "to_moto", False):
            return self._dated(plain(response))
        service, operation = str(response.boto3_service_name), str(response._get_action())  # noqa: SLF001  moto has no public way
        try:
            # A Lambda function may call the sandbox from another process or thread.
            with nullcontext() if service == "lambda" else self._world.lock:
                return self._dated(self._answer(response, plain, service, operation))
        except ApiError as error:
            return self._dated(answers.failure(response, error.code, error.message, error.http_status))
        except ConnectionLost as lost:
            raise self._lost.connection() from lost
        except AnswerWithheld as withheld:  # outside the lock: other calls continue
            raise self._lost.answer(withheld.seconds) from withheld
        except Exception as error:  # noqa: BLE001  moto refuses by its own exceptions, and fails on unknown requests
            return self._failed(response, f"{service}:{operation}", error)

    def answer_shift(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result of an operation of arc-zonal-shift, which moto does not have.

        Raises:
            ApiError: the call is refused.
        """
        service = "arc-zonal-shift"
        with self._world.lock:
            self._world.advance()
            self.calls[f"{service}:{operation}"] += 1
            self._announce("before", service, operation, parameters)
            result = self._shifts.operations[operation](parameters)
            self._announce("after", service, operation, parameters)
            return result

    def _failed(self, response: Any, operation: str, error: Exception) -> Any:
        """Return the error response for an exception of moto, or raise what the transport makes of it."""
        refusal: Exception = (
            storage.refusal_of_moto(error) or _malformed(response, error) or self._lost.cannot_answer(operation, error)
        )
        if not isinstance(refusal, ApiError):
            raise refusal
        return answers.failure(response, refusal.code, refusal.message, refusal.http_status)

    def _answer(self, response: Any, plain: Callable[[Any], Any], service: str, operation: str) -> Any:
        self._world.advance()
        self.calls[f"{service}:{operation}"] += 1
        parameters = _parameters(response, service)
        with self._world.faults.during(service, operation, parameters) as faults:
            self._announce("before", service, operation, parameters)
            faults.reach("before")
            answer = faults.stale_answer()
            if answer is None:
                answer = self._perform(response, plain, service, operation, parameters)
                faults.remember(answer)
            if _succeeded(answer):
                self._announce("after", service, operation, parameters)
                faults.reach("after")
        return answer

    def _dated(self, answer: Any) -> Any:
        """Set the `Date` header to the time of the sandbox. Clients correct their own clock by it."""
        if type(answer) is not tuple:  # a body alone, or an answer that moto's own transport has dated
            return answer
        status, headers, body = answer
        return status, headers | {"date": format_datetime(self._world.clock.now(), usegmt=True)}, body

    def _announce(self, when: str, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        for listener in tuple(self._listeners[when]):
            listener(service, operation, parameters)

    def _perform(
        self, response: Any, plain: Callable[[Any], Any], service: str, operation: str, parameters: dict[str, Any]
    ) -> Any:
        """Perform the operation and return the response as moto's transport expects it."""
        if service == "lambda" and operation == "Invoke":
            return self._world.functions.invoke(response, str(parameters["FunctionName"]))
        simulated = self._services.get(service)
        here = (response.current_account, response.region) == (self._world.account_id, self._world.region)
        if simulated is None or not here:
            return plain(response)
        if service in {"ec2", "elbv2"} and (guard := self._guards.get(operation)):
            guard(parameters)
        own = simulated.operations.get(operation)
        result = own(parameters) if own else None
        if result is None:
            _refuse_unknown(self._world, service, operation)
            answer = plain(response)
        else:
            answer = answers.success(response, result)
        followup = self._followups.get(operation) if service in {"ec2", "elbv2"} else None
        if followup and _succeeded(answer):
            followup(parameters)
        return answer


class CallsAnswered:
    """A context in which all of moto's requests in this process go through an `Api`.

    S3 does not use `call_action`: after setting up a request, moto calls `_bucket_response` or `_key_response`. This
    class replaces both for each request.
    """

    active: ClassVar[Api | None] = None
    """What answers the calls of this process now."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._plain: tuple[Any, Any] = (None, None)

    def __enter__(self) -> Self:
        from moto.core.responses import BaseResponse  # noqa: PLC0415  moto is an optional, slow import

        if CallsAnswered.active is not None:
            message = "another sandbox is active in this process. Leave it first: moto keeps its state per process."
            raise RuntimeError(message)
        CallsAnswered.active = self._api
        api, plain, set_up = self._api, BaseResponse.call_action, BaseResponse.setup_class
        self._plain = plain, set_up
        BaseResponse.call_action = lambda response: api.answer(response, plain)

        def set_up_and_divert(response: Any, *args: Any, **kwargs: Any) -> None:
            set_up(response, *args, **kwargs)
            if response.service_name == "s3":
                _divert(api, response)

        BaseResponse.setup_class = set_up_and_divert
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from moto.core.responses import BaseResponse  # noqa: PLC0415  moto is an optional, slow import

        BaseResponse.call_action, BaseResponse.setup_class = self._plain
        CallsAnswered.active = None


def _malformed(response: Any, error: Exception) -> ApiError | None:
    """Return the refusal of a request that does not fit the model, if an operation failed on its parameters."""
    if not isinstance(error, KeyError | TypeError | ValueError | AttributeError):
        return None
    from moto.core.utils import get_service_model  # noqa: PLC0415  moto is an optional, slow import

    service = str(response.boto3_service_name)
    model = get_service_model(service)
    operation = model.operation_model(response._get_action())  # noqa: SLF001  moto has no public way
    return malformed_requests.refusal_of(
        operation, response.determine_response_protocol(model), _parameters(response, service), error
    )


def _divert(api: Api, response: Any) -> None:
    """Send one S3 request through an `Api`."""
    for name in ("_bucket_response", "_key_response"):
        plain = getattr(response, name)
        setattr(response, name, partial(_answer_s3, api, response, plain))


def _answer_s3(api: Api, response: Any, plain: Callable[..., Any], *request: Any) -> Any:
    return api.answer(response, lambda _response: plain(*request))


def _succeeded(answer: Any) -> bool:
    """Return whether a response is a success. moto returns some S3 responses as a body alone."""
    return isinstance(answer, str | bytes) or int(answer[0]) < FIRST_ERROR_STATUS


def _refuse_unknown(world: "World", service: str, operation: str) -> None:
    """Refuse an operation that an older endpoint does not know, if the options select one."""
    if service == "autoscaling" and operation == "LaunchInstances" and not world.options.launch_instances_available:
        refuse("InvalidAction", "Could not find operation LaunchInstances for version 2011-01-01")


def _parameters(response: Any, service: str) -> dict[str, Any]:
    """Return the request's parameters by the names and types of the service's model."""
    if service in {"s3", "lambda"}:
        parameters: dict[str, Any] = dict(response.uri_match)
        return parameters
    if not response.automated_parameter_parsing:
        if service not in SIMULATED_SERVICES:
            return {}
        response.parse_parameters(response.normalized_request)
    parsed: dict[str, Any] = response.params
    return parsed
