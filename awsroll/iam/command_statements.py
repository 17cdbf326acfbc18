"""The permissions to run code: commands and scripts on servers, and Lambda functions of hooks."""

from awsroll.core.tags import GROUP_TAG
from awsroll.iam.fleet_statements import fleet_tag_condition
from awsroll.iam.policy_request import PolicyRequest
from awsroll.iam.statement import Condition, Statement, allow, carries

_SHELL_DOCUMENT = "AWS-RunShellScript"
_OWNED_BY_AWS = ("AWS-", "AmazonCloudWatch-")
_BEFORE_TAGGING = "before_deregister"


def commands(request: PolicyRequest) -> list[Statement]:
    """Return the permissions for Run Command. AWS checks the document and each server."""
    rollouts, place = request.rollouts, request.place
    if not (rollouts.reloads or rollouts.script_points):
        return []
    own = [
        _document(request, document) for document in rollouts.documents if rollouts.reloads and not _is_of_aws(document)
    ]
    sent = [_document(request, document) for document in rollouts.documents if rollouts.reloads]
    sent += [_document(request, _SHELL_DOCUMENT)] if rollouts.uses_shell else []
    reads = ["ssm:ListCommands", *([] if rollouts.stages else ["ssm:DescribeInstanceInformation"])]
    if rollouts.reloads:
        reads.append("ssm:ListCommandInvocations")
    if rollouts.script_points:
        reads.append("ssm:GetCommandInvocation")
    instances = [place.arn("ec2", "instance/*")]
    return [
        allow("SendDocument", ["ssm:SendCommand"], sent),
        allow("SendToServers", ["ssm:SendCommand"], instances, _servers(request)),
        allow("ReadCommands", reads),
        *([allow("ReadDocument", ["ssm:DescribeDocument"], own)] if own else []),
    ]


def functions(request: PolicyRequest) -> list[Statement]:
    """Return the permission to invoke the functions of hooks."""
    arns = [_function(request, function) for function in request.rollouts.functions]
    return [allow("InvokeHooks", ["lambda:InvokeFunction"], arns)] if arns else []


def _servers(request: PolicyRequest) -> Condition | None:
    """Limit the servers to a group's members or to tagged servers, unless a script runs before the tags are set."""
    if request.grouped:
        return carries(GROUP_TAG, request.fleets.groups)
    return None if _BEFORE_TAGGING in request.rollouts.script_points else fleet_tag_condition(request)


def _is_of_aws(document: str) -> bool:
    return document.startswith(_OWNED_BY_AWS)


def _document(request: PolicyRequest, named: str) -> str:
    if named.startswith("arn:"):
        return named
    return request.place.arn("ssm", f"document/{named}", account="" if _is_of_aws(named) else None)


def _function(request: PolicyRequest, named: str) -> str:
    """Return a function's ARN from its ARN, `ACCOUNT:function:NAME` or name, each with or without an alias."""
    if named.startswith("arn:"):
        return named
    account, partial, name = named.rpartition(":function:")
    return request.place.arn("lambda", f"function:{name}", account=account if partial else None)
