"""Calls of the sandbox in process that skip the transport: no signature, no URL, no request of Werkzeug's.

botocore has validated and serialized the parameters by then, and it parses the XML answer as ever. What is left out is
moto's and botocore's own work, half of the time of a call. An operation that the sandbox does not answer itself takes
the whole way, and so do the calls of a client that makes failed calls again by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from awsroll.sandbox.dispatch import Api, CallsAnswered

_DIRECT_SERVICES = frozenset({"ec2", "elbv2", "autoscaling"})


class HttpStatus(NamedTuple):
    """What botocore reads of an HTTP response, once it is parsed."""

    status_code: int


class FromMoto(NamedTuple):
    """An answer that took the whole way: moto's status, and what botocore made of it."""

    status: int
    http: Any
    parsed: Any


def answer_directly(client: Any) -> None:
    """Let a client's calls go to the active sandbox without a request."""
    endpoint = client._endpoint  # noqa: SLF001  botocore has no public way

    def before_call(model: Any, params: Mapping[str, Any], context: Mapping[str, Any], **_: Any) -> Any:
        api = CallsAnswered.active
        service = model.service_model.service_name
        if api is None or not api.answers(service, model.name, str(context["client_region"])):
            return None
        return _answer(api, _Call(api=api, endpoint=endpoint, model=model, request=params))

    attempts = (client.meta.config.retries or {}).get("total_max_attempts")
    if attempts == 1 and client.meta.service_model.service_name in _DIRECT_SERVICES:
        client.meta.events.register_last("before-call", before_call)


@dataclass
class _Call:
    """One call, with what `Api` reads of moto's object for a request."""

    api: Api
    endpoint: Any
    model: Any
    request: Mapping[str, Any]
    automated_parameter_parsing = True

    @property
    def boto3_service_name(self) -> str:
        return str(self.model.service_model.service_name)

    @property
    def current_account(self) -> str:
        return self.api.account_id

    @property
    def region(self) -> str:
        return self.api.region

    @property
    def response_headers(self) -> dict[str, str]:
        return {}

    @cached_property
    def params(self) -> Any:
        from moto.core.parse import PROTOCOL_PARSERS  # noqa: PLC0415  moto is an optional, slow import
        from moto.core.utils import get_service_model  # noqa: PLC0415  the same

        model = get_service_model(self.boto3_service_name).operation_model(self.model.name)
        values = {name: str(value) for name, value in self.request["body"].items()}
        return PROTOCOL_PARSERS[self.protocol](model).parse({"values": values})

    @property
    def protocol(self) -> str:
        return str(self.model.service_model.protocol)

    def determine_response_protocol(self, _model: Any) -> str:
        return self.protocol

    def _get_action(self) -> str:
        return str(self.model.name)

    def _enrich_response(self, headers: Any, body: Any) -> tuple[Any, Any]:
        return headers, body


def _answer(api: Api, call: _Call) -> tuple[Any, Any]:
    answer = api.answer(call, _through_moto)
    if isinstance(answer, FromMoto):
        return answer.http, answer.parsed
    status, headers, body = answer
    response = {
        "status_code": int(status),
        "headers": {name: str(value) for name, value in headers.items()},
        "body": body.encode() if isinstance(body, str) else body,
    }
    parser = call.endpoint._response_parser_factory.create_parser(call.protocol)  # noqa: SLF001  botocore has no public way
    return HttpStatus(int(status)), parser.parse(response, call.model.output_shape)


def _through_moto(call: _Call) -> FromMoto:
    with call.api.left_to_moto():
        http, parsed = call.endpoint.make_request(call.model, call.request)
    return FromMoto(http.status_code, http, parsed)
