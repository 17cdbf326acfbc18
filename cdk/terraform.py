"""Write the plain template as a Terraform module: the same functions, machines, table, roles and alarms.

    python cdk/terraform.py --out dist/terraform                       for an Auto Scaling group
    python cdk/terraform.py --fleet standalone --out dist/terraform    for servers registered by hand

The module is made from the CloudFormation template, so that both always deploy the same. The code is the zip of
`lambda/build.py --zip`.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from terraform_blocks import MAKERS, Block, quoted, snake

_OF_CODE = ("CodeBucket", "CodeKey")  # the module takes the zip itself
_PSEUDO = {
    "AWS::AccountId": "data.aws_caller_identity.current.account_id",
    "AWS::NoValue": "null",
    "AWS::Partition": "data.aws_partition.current.partition",
    "AWS::Region": "data.aws_region.current.id",
    "AWS::URLSuffix": "data.aws_partition.current.dns_suffix",
}
_TYPES = {
    "AWS::CloudWatch::Alarm": "aws_cloudwatch_metric_alarm",
    "AWS::DynamoDB::Table": "aws_dynamodb_table",
    "AWS::IAM::Policy": "aws_iam_role_policy",
    "AWS::IAM::Role": "aws_iam_role",
    "AWS::KMS::Key": "aws_kms_key",
    "AWS::Lambda::Alias": "aws_lambda_alias",
    "AWS::Lambda::Function": "aws_lambda_function",
    "AWS::Logs::LogGroup": "aws_cloudwatch_log_group",
    "AWS::Logs::MetricFilter": "aws_cloudwatch_log_metric_filter",
    "AWS::StepFunctions::StateMachine": "aws_sfn_state_machine",
    "AWS::StepFunctions::StateMachineAlias": "aws_sfn_alias",
}
# Versions are attributes of what they are versions of: the property that names it, and the attribute.
_VERSIONS = {
    "AWS::Lambda::Version": ("FunctionName", "version"),
    "AWS::StepFunctions::StateMachineVersion": ("StateMachineArn", "state_machine_version_arn"),
}
_REFS = {  # what CloudFormation's Ref returns
    "aws_cloudwatch_log_group": "name",
    "aws_dynamodb_table": "name",
    "aws_iam_role": "name",
    "aws_kms_key": "key_id",
    "aws_lambda_alias": "arn",
    "aws_lambda_function": "function_name",
    "aws_sfn_alias": "arn",
    "aws_sfn_state_machine": "arn",
}
_HEADER = """# Made by cdk/terraform.py from the CloudFormation template of awsroll. Do not edit it: make it again.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
  }
}

data "aws_partition" "current" {}
data "aws_region" "current" {}
data "aws_caller_identity" "current" {}

variable "name" {
  type        = string
  default     = "awsroll"
  description = "Begins the names of all resources"
}

variable "bundle" {
  type        = string
  description = "Path of the zip of lambda/build.py"
}
"""


class UnknownPartError(ValueError):
    """Raised if the template has a part that this file cannot express in Terraform."""


class Module:
    """The Terraform module of one template."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._template = template
        self._resources: Mapping[str, Any] = template["Resources"]

    def text(self) -> str:
        """Return the module as one file."""
        parts = [_HEADER, *self._variables()]
        for logical_id, resource in self._resources.items():
            for name, body in self._bodies(logical_id, resource):
                parts.append(_block(f'resource "{_type(resource)}" "{name}"', body))
        parts += [
            _block(f'output "{snake(name)}"', Block({"value": self.expression(output["Value"])}))
            for name, output in self._template["Outputs"].items()
        ]
        return "\n".join(parts)

    def expression(self, value: Any) -> str:
        """Return a value of the template as an expression of Terraform.

        Raises:
            UnknownPartError: if it has a function that is unknown here.
        """
        match value:
            case {"Ref": str(name)}:
                return self._reference(name)
            case dict() if any(key.startswith("Fn::") for key in value):
                return self._function(value)
            case dict():
                return f"{{ {', '.join(f'{quoted(key)} = {self.expression(one)}' for key, one in value.items())} }}"
            case list():
                items = f"[{', '.join(map(self.expression, value))}]"
                return f"flatten({items})" if any(self._is_list(one) for one in value) else items
            case bool() | int() | float():
                return json.dumps(value)
            case _:
                return quoted(str(value))

    def _function(self, value: Mapping[str, Any]) -> str:
        match value:
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return self._attribute(name, attribute)
            case {"Fn::Join": [str(separator), list(parts)]}:
                return f"join({json.dumps(separator)}, [{', '.join(map(self.expression, parts))}])"
            case {"Fn::If": [str(condition), one, other]}:
                return f"({self._condition(condition)} ? {self.expression(one)} : {self.expression(other)})"
            case {"Fn::Equals": [one, other]}:
                return f"{self.expression(one)} == {self.expression(other)}"
            case {"Fn::Not": [one]}:
                return f"!({self.expression(one)})"
        problem = f"unknown function: {json.dumps(value)[:200]}"
        raise UnknownPartError(problem)

    def _variables(self) -> Iterator[str]:
        for name, parameter in self._template["Parameters"].items():
            if name in _OF_CODE:
                continue
            variable = Block({"type": "list(string)" if _is_list_type(parameter) else "string"})
            if "Default" in parameter:
                variable.arguments["default"] = quoted(parameter["Default"])
            description = parameter.get("Description", "").replace(", joined by commas", "")
            variable.arguments["description"] = quoted(description)
            if allowed := parameter.get("AllowedValues"):
                rule = {
                    "condition": f"contains({self.expression(allowed)}, var.{snake(name)})",
                    "error_message": quoted(f"Pass one of: {', '.join(allowed)}."),
                }
                variable.blocks.append(("validation", Block(rule)))
            yield _block(f'variable "{snake(name)}"', variable)

    def _bodies(self, logical_id: str, resource: Mapping[str, Any]) -> Iterator[tuple[str, Block]]:
        """Yield the resources of Terraform for one of CloudFormation: a policy is one for each role."""
        properties, name = resource["Properties"], _name(logical_id)
        if resource["Type"] in _VERSIONS:
            return
        if resource["Type"] == "AWS::IAM::Policy":
            for number, role in enumerate(properties["Roles"], 1):
                policy = {
                    "name": quoted(name),
                    "role": self.expression(role),
                    "policy": f"jsonencode({self.expression(properties['PolicyDocument'])})",
                }
                if "Condition" in resource:
                    policy["count"] = f"{self._condition(resource['Condition'])} ? 1 : 0"
                yield (name if len(properties["Roles"]) == 1 else f"{name}_{number}"), Block(policy)
            return
        _type(resource)
        body = MAKERS[resource["Type"]](self.expression, name, properties)
        if needed := resource.get("DependsOn"):
            addresses = dict.fromkeys(address for one in needed for address in self._addresses(one))
            body.arguments["depends_on"] = f"[{', '.join(addresses)}]"
        if resource["Type"] in ("AWS::DynamoDB::Table", "AWS::KMS::Key"):
            body.blocks.append(("lifecycle", Block({"prevent_destroy": "true"})))
        yield name, body

    def _condition(self, name: str) -> str:
        return self.expression(self._template["Conditions"][name])

    def _reference(self, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._template["Parameters"]:
            return f"var.{snake(name)}"
        if self._resources[name]["Type"] in _VERSIONS:
            return self._attribute(name, "")
        return f"{self._address(name)}.{_REFS[_type(self._resources[name])]}"

    def _attribute(self, name: str, attribute: str) -> str:
        resource = self._resources[name]
        if resource["Type"] in _VERSIONS:
            of, attribute = _VERSIONS[resource["Type"]]
            match resource["Properties"][of]:
                case {"Ref": str(owner)} | {"Fn::GetAtt": [str(owner), "Arn"]}:
                    return f"{self._address(owner)}.{attribute}"
        if attribute not in ("Arn", "Name"):
            problem = f"unknown attribute: {attribute} of {name}"
            raise UnknownPartError(problem)
        address = f"{self._address(name)}.{attribute.lower()}"
        is_group = resource["Type"] == "AWS::Logs::LogGroup" and attribute == "Arn"
        return f'"${{{address}}}:*"' if is_group else address  # as CloudFormation returns it

    def _is_list(self, value: Any) -> bool:
        name = value.get("Ref") if isinstance(value, dict) else None
        return name in self._template["Parameters"] and _is_list_type(self._template["Parameters"][name])

    def _address(self, logical_id: str) -> str:
        return f"{_type(self._resources[logical_id])}.{_name(logical_id)}"

    def _addresses(self, logical_id: str) -> Iterator[str]:
        resource = self._resources[logical_id]
        for name, _ in self._bodies(logical_id, resource):
            yield f"{_type(resource)}.{name}"


def _is_list_type(parameter: Mapping[str, Any]) -> bool:
    return bool(parameter["Type"] == "CommaDelimitedList")


def _name(logical_id: str) -> str:
    return snake(re.sub(r"[0-9A-F]{8}$", "", logical_id.removeprefix("Deployment")))


def _type(resource: Mapping[str, Any]) -> str:
    kind: str = resource["Type"]
    if kind not in _TYPES:
        problem = f"unknown type of resource: {kind}"
        raise UnknownPartError(problem)
    return _TYPES[kind]


def _block(head: str, body: Block) -> str:
    return "\n".join([f"{head} {{", *body.lines(), "}", ""])


def main(arguments: list[str] | None = None) -> int:
    """Write the module to a folder."""
    from awsroll_cdk.plain_template import FLEETS, template  # noqa: PLC0415 - the CDK is slow to import

    about, _, more = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=about, epilog=more, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write main.tf to")
    parser.add_argument("--fleet", choices=FLEETS, default="group", help="kind of fleet (group)")
    parser.add_argument("--arch", choices=("arm64", "x86_64"), default="arm64", help="processor of the zip (arm64)")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "main.tf").write_text(Module(template(chosen.fleet, chosen.arch)).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
