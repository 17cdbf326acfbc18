"""Calls of the sandbox in process that skip the transport: no signature, no URL, no request of Werkzeug's.

botocore has validated and serialized the parameters by then, it parses the XML answer as ever, and its retry handlers
decide whether a failed call is made again. What is left out is moto's and botocore's own work, most of the time of a
call. An operation that the sandbox does not answer itself takes the whole way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from awsroll.sandbox import shift_requests
from awsroll.sandbox.dispatch import Api, CallsAnswered

_DIRECT_SERVICES = frozenset({"ec2", "elbv2", "autoscaling"})


class HttpStatus(NamedTuple):
    """What botocore and its retry handlers read of an HTTP response, once it is parsed."""

    status_code: int
    headers: Mapping[str, str]


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
        return _answer_with_retries(api, endpoint, model, params)

    service_name = client.meta.service_model.service_name
    if service_name in _DIRECT_SERVICES:
        client.meta.events.register_last("before-call", before_call)
    elif service_name == shift_requests.SERVICE:
        client.meta.events.register_last("before-call", partial(_answer_shift, endpoint))


def _answer_shift(endpoint: Any, model: Any, params: Mapping[str, Any], **_: Any) -> Any:
    api = CallsAnswered.active
    if api is None:
        return None
    status, headers, body = shift_requests.answer_client(api, params)
    parser = endpoint._response_parser_factory.create_parser(model.service_model.protocol)  # noqa: SLF001  botocore has no public way
    response = {"status_code": status, "headers": headers, "body": body}
    return HttpStatus(status, headers), parser.parse(response, model.output_shape)


@dataclass
class _Call:
    """One call, with what `Api` reads of moto's object for a request."""

    api: Api
    endpoint: Any
    model: Any
    request: Mapping[str, Any]
    took_the_whole_way: bool = False
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


def _answer_with_retries(api: Api, endpoint: Any, model: Any, request: Mapping[str, Any]) -> tuple[Any, Any]:
    """Answer a call, again as often as the client's retry handlers ask for."""
    from botocore.exceptions import HTTPClientError  # noqa: PLC0415  kept out of the import of this module

    attempts = 0
    while True:
        attempts += 1
        call = _Call(api=api, endpoint=endpoint, model=model, request=request)
        try:
            answer = _answer(api, call)
        except HTTPClientError as error:
            if call.took_the_whole_way or not _is_retried(call, attempts, None, error):
                raise
            continue
        if call.took_the_whole_way or not _is_retried(call, attempts, answer, None):
            return answer


def _is_retried(call: _Call, attempts: int, answer: Any, error: Exception | None) -> bool:
    """Return whether the client makes a call again; if so, wait first, as the client does."""
    again: bool = call.endpoint._needs_retry(attempts, call.model, call.request, answer, error)  # noqa: SLF001  botocore has no public way
    if answer and not again:
        answer[1]["ResponseMetadata"]["RetryAttempts"] = attempts - 1
    return again


def _answer(api: Api, call: _Call) -> tuple[Any, Any]:
    answer = api.answer(call, _through_moto)
    if isinstance(answer, FromMoto):
        return answer.http, answer.parsed
    status, dated, body = answer
    headers = {name: str(value) for name, value in dated.items()}
    response = {
        "status_code": int(status),
        "headers": headers,
        "body": body.encode() if isinstance(body, str) else body,
    }
    parser = call.endpoint._response_parser_factory.create_parser(call.protocol)  # noqa: SLF001  botocore has no public way
    return HttpStatus(int(status), headers), parser.parse(response, call.model.output_shape)


def _through_moto(call: _Call) -> FromMoto:
    call.took_the_whole_way = True
    with call.api.left_to_moto():
        http, parsed = call.endpoint.make_request(call.model, call.request)
    return FromMoto(http.status_code, http, parsed)
