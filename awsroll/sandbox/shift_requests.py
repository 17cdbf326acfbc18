"""Requests of the service arc-zonal-shift, which moto does not have: from a client in process, and over HTTP."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from awsroll.sandbox.answers import error_document
from awsroll.sandbox.api_errors import ApiError, refuse
from awsroll.sandbox.dispatch import Api

SERVICE = "arc-zonal-shift"
_JSON = "application/json"
_STATUS = {200: "200 OK", 201: "201 Created", 400: "400 Bad Request", 404: "404 Not Found", 409: "409 Conflict"}


def is_meant(environ: Mapping[str, Any]) -> bool:
    """Return whether an HTTP request is signed for this service."""
    return f"/{SERVICE}/aws4_request" in str(environ.get("HTTP_AUTHORIZATION", ""))


def answer_http(api: Api, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request that the server has received."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    query = dict(parse_qsl(str(environ.get("QUERY_STRING", ""))))
    status, headers, answer = _answer(api, environ["REQUEST_METHOD"], str(environ.get("PATH_INFO", "")), query, body)
    start_response(_STATUS.get(status, f"{status} Error"), list(headers.items()))
    return [answer]


def answer_client(api: Api, request: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer a request of a client in process; return the status, the headers and the body."""
    path, query = unquote(str(request["url_path"])), dict(request.get("query_string") or {})
    return _answer(api, str(request["method"]), path, query, request.get("body") or b"")


def _answer(
    api: Api, method: str, path: str, query: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    try:
        operation, named = _operation(method, path)
        parameters = {**query, **named, **_members(body)}
        result = api.answer_shift(operation, parameters)
    except ApiError as error:
        kind, document = error_document("json", error.code, error.message)
        return error.http_status, {"Content-Type": kind, "x-amzn-ErrorType": error.code}, document.encode()
    return 200, {"Content-Type": _JSON}, json.dumps(result).encode()


def _operation(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the operation of a request, and the parameter in its path (service model, requestUri)."""
    _, kind, named = [*path.split("/", 2), "", ""][:3]
    match method, kind, bool(named):
        case "POST", "zonalshifts", False:
            return "StartZonalShift", {}
        case "GET", "zonalshifts", False:
            return "ListZonalShifts", {}
        case "DELETE", "zonalshifts", True:
            return "CancelZonalShift", {"zonalShiftId": named}
        case "GET", "managedresources", False:
            return "ListManagedResources", {}
        case "GET", "managedresources", True:
            return "GetManagedResource", {"resourceIdentifier": named}
        case _:
            code, problem = "InvalidAction", f"The sandbox does not simulate {method} {path} of {SERVICE}."
            raise ApiError(code, problem)


def _members(body: bytes | str) -> dict[str, Any]:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        members = None
    if not isinstance(members, dict):
        refuse("ValidationException", "The request body must be a JSON object.")
    return members
