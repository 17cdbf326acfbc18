"""The checks of a SendCommand request: document, nodes and limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsroll.sandbox import storage
from awsroll.sandbox.handler_parts import refuse
from awsroll.sandbox.service_limits import COMMAND_INSTANCES, COMMAND_TARGETS, COMMENT_LENGTH, DELIVERY_TIMEOUT_SECONDS
from awsroll.sandbox.ssm.nodes import LINUX, WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsroll.sandbox.interfaces import Account
    from awsroll.sandbox.ssm.nodes import Nodes

SHELL = "AWS-RunShellScript"
SHELL_PARAMETERS = frozenset({"commands", "workingDirectory", "executionTimeout"})
WINDOWS_DOCUMENTS = frozenset({"AWS-RunPowerShellScript", "AWS-InstallWindowsUpdates"})
DEFAULT_TIMEOUT, DEFAULT_EXECUTION = 3600, 3600
LIMIT = re.compile(r"([0-9]{1,7}|[0-9]{1,2}%|100%)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """A valid SendCommand request."""

    document: str
    parameters: dict[str, list[str]]
    text: str
    comment: str
    instance_ids: list[str]
    targets: list[dict[str, Any]]
    timeout_seconds: int
    execution_seconds: int
    max_concurrency: str
    max_errors: str


def check(account: Account, nodes: Nodes, request: Mapping[str, Any]) -> SendRequest:
    """Return the valid request; one bad id refuses the whole request.

    Raises:
        ApiError: the request is not valid.
    """
    document = str(request["DocumentName"])
    parameters = {key: [str(text) for text in value] for key, value in (request.get("Parameters") or {}).items()}
    _check_document(account, document, parameters)
    timeout = int(request.get("TimeoutSeconds", DEFAULT_TIMEOUT))
    least, most = DELIVERY_TIMEOUT_SECONDS
    if not least <= timeout <= most:
        refuse(f"TimeoutSeconds must be between {least} and {most}, not {timeout}", code="ValidationException")
    comment = str(request.get("Comment") or "")
    if len(comment) > COMMENT_LENGTH:
        refuse(f"Comment must have at most {COMMENT_LENGTH} characters", code="ValidationException")
    ids, targets = (
        [str(instance_id) for instance_id in request.get("InstanceIds") or []],
        list(request.get("Targets") or []),
    )
    instance_ids = _nodes(account, nodes, ids, targets)
    _check_platforms(nodes, document, instance_ids)
    return SendRequest(
        document=document,
        parameters=parameters,
        text="\n".join(line for values in parameters.values() for line in values),
        comment=comment,
        instance_ids=instance_ids,
        targets=targets,
        timeout_seconds=timeout,
        execution_seconds=_execution_seconds(parameters),
        max_concurrency=_limit(request, "MaxConcurrency", "50"),
        max_errors=_limit(request, "MaxErrors", "0"),
    )


def _check_document(account: Account, document: str, parameters: dict[str, list[str]]) -> None:
    own = not document.startswith("AWS-")
    if own and document.rsplit("/", maxsplit=1)[-1] not in storage.ssm(account)._documents:  # noqa: SLF001  moto has no public way
        refuse(f"Document with name {document} does not exist.", code="InvalidDocument")
    if document != SHELL:
        return
    unknown = set(parameters) - SHELL_PARAMETERS
    if unknown or not parameters.get("commands"):
        wrong = f"unknown: {', '.join(sorted(unknown))}" if unknown else "commands is required"
        refuse(f"Parameters of {SHELL} are not valid; {wrong}", code="InvalidParameters")


def _check_platforms(nodes: Nodes, document: str, instance_ids: list[str]) -> None:
    """Refuse a document of AWS on a node whose platform it does not support."""
    supported = {SHELL: LINUX} | dict.fromkeys(WINDOWS_DOCUMENTS, WINDOWS)
    platforms = {nodes.platform(instance_id) for instance_id in instance_ids}
    for platform in sorted(platforms - {supported[document]} if document in supported else ()):
        refuse(f"The document {document} does not support the platform {platform}", code="UnsupportedPlatformType")


def _nodes(account: Account, nodes: Nodes, ids: list[str], targets: list[dict[str, Any]]) -> list[str]:
    if bool(ids) == bool(targets):
        refuse("Either InstanceIds or Targets must be given, and not both", code="ValidationException")
    if len(ids) > COMMAND_INSTANCES or len(targets) > COMMAND_TARGETS:
        refuse(
            f"At most {COMMAND_INSTANCES} InstanceIds or {COMMAND_TARGETS} Targets can be given",
            code="ValidationException",
        )
    if len(set(ids)) < len(ids):
        refuse("You can't specify a managed node ID in more than one place", code="DuplicateInstanceId")
    if targets:
        return nodes.matching(targets)
    offline = [node_id for node_id in ids if not nodes.is_online(node_id)]
    if offline:
        message = f"Instances [[{', '.join(offline)}]] not in a valid state for account {account.account_id}"
        refuse(message, code="InvalidInstanceId")
    return ids


def _execution_seconds(parameters: dict[str, list[str]]) -> int:
    given = (parameters.get("executionTimeout") or [str(DEFAULT_EXECUTION)])[0]
    if not given.isdecimal():
        refuse(f"executionTimeout must be a number of seconds, not {given}", code="InvalidParameters")
    return int(given)


def _limit(request: Mapping[str, Any], name: str, default: str) -> str:
    value = str(request.get(name) or default)
    if not LIMIT.fullmatch(value):
        refuse(f"{name} must be a number or a percentage, not {value}", code="ValidationException")
    return value
