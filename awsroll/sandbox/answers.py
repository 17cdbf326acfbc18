"""Responses in AWS's wire formats, independent of the operation.

EC2 and the query services respond in XML. This file writes that XML directly from botocore's model, because moto's
general serializer takes milliseconds per instance. moto serializes JSON results.
"""

import json
import pickle
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from awsroll.sandbox.repeated_answers import Remembered

REQUEST_ID = "00000000-0000-0000-0000-000000000000"
_DOCUMENTS = Remembered()


def success(response: Any, result: Mapping[str, Any]) -> Any:
    """Return moto's triple of status, headers and body for a successful result.

    Args:
        response: moto's object for the request.
        result: the operation's output, in the shape of botocore's model.
    """
    from moto.core.utils import get_service_model  # noqa: PLC0415  moto is an optional, slow import

    model = get_service_model(response.boto3_service_name)
    operation = model.operation_model(response._get_action())  # noqa: SLF001  moto has no public way
    protocol = response.determine_response_protocol(model)
    if protocol in {"ec2", "query"}:
        headers = {"Content-Type": "text/xml", **response.response_headers}
        return _enriched(response, 200, headers, _document(operation, protocol, result))
    return _enriched(response, *_by_moto(response, model, operation, protocol, result))


def _document(operation: Any, protocol: str, result: Mapping[str, Any]) -> str:
    """Return the XML document for a result; an equal result has the document that was written before."""
    key = (operation.name, operation.service_model.api_version, protocol, pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
    document: str = _DOCUMENTS.get(key, lambda: xml_answer(operation, protocol, result))
    return document


def failure(response: Any, code: str, message: str, http_status: int) -> Any:
    """Return moto's triple of status, headers and body for an error."""
    from moto.core.utils import get_service_model  # noqa: PLC0415  moto is an optional, slow import

    protocol = response.determine_response_protocol(get_service_model(response.boto3_service_name))
    headers = {**response.response_headers, "status": http_status}
    if protocol not in {"json", "rest-json", "ec2", "query", "rest-xml"}:
        return _failure_by_moto(response, code, message, http_status)
    kind, body = error_document(protocol, code, message)
    headers |= {"Content-Type": kind} | ({"x-amzn-ErrorType": code} if "json" in protocol else {})
    return _enriched(response, http_status, headers, body)


def error_document(protocol: str, code: str, message: str) -> tuple[str, str]:
    """Return the content type and the body of an error in one of AWS's text protocols."""
    if protocol in {"json", "rest-json"}:
        return "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message})
    return "text/xml", xml_error(protocol, code, message)


def xml_error(protocol: str, code: str, message: str) -> str:
    """Return the XML document for an error.

    Args:
        protocol: `ec2`, `query` or `rest-xml`.
        code: the AWS error code.
        message: the AWS error message.
    """
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol == "ec2":
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
    elif protocol == "rest-xml":
        body = f"<Error>{error}<RequestId>{REQUEST_ID}</RequestId></Error>"
    else:
        error = f"<Error><Type>Sender</Type>{error}</Error>"
        body = f"<ErrorResponse>{error}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{body}'


def xml_answer(operation: Any, protocol: str, result: Mapping[str, Any]) -> str:
    """Return the XML document for an operation's result.

    Args:
        operation: botocore's operation model.
        protocol: `ec2` or `query`.
        result: the operation's output.
    """
    parts: list[str] = []
    output = operation.output_shape
    if output is not None:
        _write_members(parts, output, result)
    body = "".join(parts)
    version = operation.service_model.api_version
    if protocol == "ec2":
        namespace = f"http://ec2.amazonaws.com/doc/{version}/"
        body = f"<requestId>{REQUEST_ID}</requestId>{body}"
    else:
        namespace = operation.metadata.get("xmlNamespace", "")
        wrapper = (
            output.serialization.get("resultWrapper") if output is not None else None
        ) or f"{operation.name}Result"
        body = f"<{wrapper}>{body}</{wrapper}><ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>"
    root = f"{operation.name}Response"
    return f'<?xml version="1.0" encoding="UTF-8"?><{root} xmlns="{namespace}">{body}</{root}>'


def _write_members(parts: list[str], shape: Any, value: Mapping[str, Any]) -> None:
    members = shape.members
    for name, member in value.items():
        if member is not None:
            _write(parts, members[name].serialization.get("name", name), members[name], member)


def _write(parts: list[str], name: str, shape: Any, value: Any) -> None:
    kind = shape.type_name
    if kind == "structure":
        parts.append(f"<{name}>")
        _write_members(parts, shape, value)
        parts.append(f"</{name}>")
    elif kind == "list":
        _write_list(parts, name, shape, value)
    elif kind == "map":
        _write_map(parts, name, shape, value)
    else:
        parts.append(f"<{name}>{_scalar(kind, value)}</{name}>")


def _write_list(parts: list[str], name: str, shape: Any, value: Any) -> None:
    if shape.serialization.get("flattened"):
        for item in value:
            _write(parts, shape.member.serialization.get("name", name), shape.member, item)
        return
    item_name = shape.member.serialization.get("name", "member")
    parts.append(f"<{name}>")
    for item in value:
        _write(parts, item_name, shape.member, item)
    parts.append(f"</{name}>")


def _write_map(parts: list[str], name: str, shape: Any, value: Mapping[str, Any]) -> None:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    parts.append(f"<{name}>")
    for key, member in value.items():
        parts.append("<entry>")
        _write(parts, key_name, shape.key, key)
        _write(parts, value_name, shape.value, member)
        parts.append("</entry>")
    parts.append(f"</{name}>")


def _scalar(kind: str, value: Any) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp" and isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if kind == "blob":
        return b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()
    return escape(str(value))


def _by_moto(response: Any, model: Any, operation: Any, protocol: str, result: Mapping[str, Any]) -> Any:
    from moto.core.responses import ActionContext, ActionResult  # noqa: PLC0415  moto is an optional, slow import
    from moto.core.serialize import get_serializer_class  # noqa: PLC0415  moto is an optional, slow import

    serializer = get_serializer_class(model.service_name, protocol)
    status, headers, body = ActionResult(result).execute_result(ActionContext(model, operation, serializer, None))
    headers.update(response.response_headers)
    return status, headers, body


def _failure_by_moto(response: Any, code: str, message: str, http_status: int) -> Any:
    """Return an error in a protocol that only moto can write (CBOR)."""
    from moto.core.exceptions import ServiceException  # noqa: PLC0415  moto is an optional, slow import
    from moto.core.responses import ActionResult  # noqa: PLC0415  moto is an optional, slow import

    _, headers, body = response.serialized(ActionResult(ServiceException(code, message)))
    return _enriched(response, http_status, headers | {"status": http_status}, body)


def _enriched(response: Any, status: int, headers: dict[str, Any], body: Any) -> Any:
    headers, body = response._enrich_response(headers, body)  # noqa: SLF001  moto has no public way
    return status, headers, body
