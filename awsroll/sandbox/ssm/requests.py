"""SendCommand's request, checked: which document, which nodes, which limits. Nothing is sent here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from awsroll.sandbox import storage
from awsroll.sandbox.handling import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsroll.sandbox.interfaces import Account
    from awsroll.sandbox.ssm.nodes import Nodes

SHELL = "AWS-RunShellScript"
SHELL_PARAMETERS = frozenset({"commands", "workingDirectory", "executionTimeout"})
WINDOWS_DOCUMENTS = frozenset({"AWS-RunPowerShellScript", "AWS-InstallWindowsUpdates"})
MOST_IDS, MOST_TARGETS, LONGEST_COMMENT = 50, 5, 100
TIMEOUT_BOUNDS = (30, 2_592_000)
DEFAULT_TIMEOUT, DEFAULT_EXECUTION = 3600, 3600
LIMIT = re.compile(r"([0-9]{1,7}|[0-9]{1,2}%|100%)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """A SendCommand request that was found right."""

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
    """Check a request as a whole; one bad id refuses it all.

    Raises:
        ApiError: as SSM answers.
    """
    document = str(request["DocumentName"])
    parameters = {key: [str(each) for each in value] for key, value in (request.get("Parameters") or {}).items()}
    _check_document(account, document, parameters)
    timeout = int(request.get("TimeoutSeconds", DEFAULT_TIMEOUT))
    if not TIMEOUT_BOUNDS[0] <= timeout <= TIMEOUT_BOUNDS[1]:
        refuse(f"TimeoutSeconds must be between 30 and 2592000, not {timeout}", code="ValidationException")
    comment = str(request.get("Comment") or "")
    if len(comment) > LONGEST_COMMENT:
        refuse(f"Comment must have at most {LONGEST_COMMENT} characters", code="ValidationException")
    ids, targets = [str(each) for each in request.get("InstanceIds") or []], list(request.get("Targets") or [])
    return SendRequest(
        document=document,
        parameters=parameters,
        text="\n".join(line for values in parameters.values() for line in values),
        comment=comment,
        instance_ids=_nodes(account, nodes, ids, targets),
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
    if document in WINDOWS_DOCUMENTS:
        refuse(f"The document {document} does not support the platform Linux", code="UnsupportedPlatformType")
    if document != SHELL:
        return
    unknown = set(parameters) - SHELL_PARAMETERS
    if unknown or not parameters.get("commands"):
        wrong = f"unknown: {', '.join(sorted(unknown))}" if unknown else "commands is required"
        refuse(f"Parameters of {SHELL} are not valid; {wrong}", code="InvalidParameters")


def _nodes(account: Account, nodes: Nodes, ids: list[str], targets: list[dict[str, Any]]) -> list[str]:
    if bool(ids) == bool(targets):
        refuse("Either InstanceIds or Targets must be given, and not both", code="ValidationException")
    if len(ids) > MOST_IDS or len(targets) > MOST_TARGETS:
        refuse(f"At most {MOST_IDS} InstanceIds or {MOST_TARGETS} Targets can be given", code="ValidationException")
    if len(set(ids)) < len(ids):
        refuse("You can't specify a managed node ID in more than one place", code="DuplicateInstanceId")
    if targets:
        return nodes.matching(targets)
    offline = [each for each in ids if not nodes.is_online(each)]
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
