"""The resources of Terraform for those of the plain template, one function for each type of CloudFormation.

`terraform` has the expressions and puts the module together. A type that is not here is refused there.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Expression: TypeAlias = Callable[[Any], str]
"""Returns a value of the template as an expression of Terraform."""
Properties: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """The body of a block: arguments as expressions, and blocks in it."""

    arguments: dict[str, str] = field(default_factory=dict)
    blocks: "list[tuple[str, Block]]" = field(default_factory=list)

    def lines(self, indent: str = "  ") -> Iterator[str]:
        """Yield the lines of the body."""
        for name, expression in self.arguments.items():
            yield f"{indent}{name} = {expression}"
        for name, block in self.blocks:
            yield f"{indent}{name} {{"
            yield from block.lines(f"{indent}  ")
            yield f"{indent}}}"


def quoted(text: str) -> str:
    """Return a string of Terraform in which nothing is interpolated."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def snake(name: str) -> str:
    """Return the name in Terraform of a name in CloudFormation: `MemorySize` is `memory_size`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace("CodePipeline", "Codepipeline")).lower()


def _named(name: str) -> str:
    return f'"${{var.name}}-{name.replace("_", "-")}"'


def alarm(value: Expression, name: str, properties: Properties) -> Block:
    """Return an alarm."""
    dimensions = {each["Name"]: each["Value"] for each in properties.get("Dimensions", ())}
    plain = {snake(key): value(one) for key, one in properties.items() if key not in ("Dimensions", "AlarmActions")}
    actions = f"compact({value(properties['AlarmActions'])})" if "AlarmActions" in properties else "[]"
    return Block({"alarm_name": _named(name), **plain, "alarm_actions": actions, "dimensions": value(dimensions)})


def function(value: Expression, _: str, properties: Properties) -> Block:
    """Return a function, with a version for each bundle."""
    handler = properties["Handler"].partition(".")[0]
    arguments = {
        "function_name": _named(handler),
        "filename": "var.bundle",
        "source_code_hash": "filebase64sha256(var.bundle)",
        "publish": "true",
    }
    plain = ("Description", "Handler", "Runtime", "Architectures", "MemorySize", "Timeout", "Role")
    arguments |= {snake(key): value(properties[key]) for key in plain}
    logging = Block({"log_format": '"Text"', "log_group": value(properties["LoggingConfig"]["LogGroup"])})
    variables = Block({"variables": value(properties["Environment"]["Variables"])})
    return Block(arguments, [("environment", variables), ("logging_config", logging)])


def function_alias(value: Expression, _: str, properties: Properties) -> Block:
    """Return an alias of a function."""
    return Block({snake(key): value(properties[key]) for key in ("Name", "FunctionName", "FunctionVersion")})


def key(value: Expression, _: str, properties: Properties) -> Block:
    """Return a key of KMS."""
    arguments = {snake(name): value(properties[name]) for name in ("Description", "EnableKeyRotation")}
    return Block({**arguments, "policy": f"jsonencode({value(properties['KeyPolicy'])})"})


def log_group(value: Expression, name: str, properties: Properties) -> Block:
    """Return a log group. It outlives the deployment."""
    return Block(
        {
            "name": f'"/awsroll/${{var.name}}/{name.removeprefix("logs_").replace("_", "-")}"',
            "kms_key_id": value(properties["KmsKeyId"]),
            "retention_in_days": value(properties["RetentionInDays"]),
            "skip_destroy": "true",
        }
    )


def machine(value: Expression, name: str, properties: Properties) -> Block:
    """Return a state machine, with a version for each definition."""
    definition = quoted(properties["DefinitionString"])
    for token, one in properties["DefinitionSubstitutions"].items():
        definition = definition.replace(f"$${{{token}}}", f"${{{value(one)}}}")
    logging = properties["LoggingConfiguration"]
    (destination,) = logging["Destinations"]
    settings = Block(
        {
            "log_destination": value(destination["CloudWatchLogsLogGroup"]["LogGroupArn"]),
            "include_execution_data": value(logging["IncludeExecutionData"]),
            "level": value(logging["Level"]),
        }
    )
    tracing = Block({"enabled": value(properties["TracingConfiguration"]["Enabled"])})
    arguments = {
        "name": _named(name),
        "role_arn": value(properties["RoleArn"]),
        "definition": definition,
        "publish": "true",
    }
    return Block(arguments, [("logging_configuration", settings), ("tracing_configuration", tracing)])


def machine_alias(value: Expression, _: str, properties: Properties) -> Block:
    """Return an alias of a state machine."""
    routes = [
        (
            "routing_configuration",
            Block(
                {
                    "state_machine_version_arn": value(each["StateMachineVersionArn"]),
                    "weight": value(each["Weight"]),
                }
            ),
        )
        for each in properties["RoutingConfiguration"]
    ]
    return Block({"name": value(properties["Name"])}, routes)


def metric_filter(value: Expression, name: str, properties: Properties) -> Block:
    """Return a metric that is counted from a log."""
    metrics = [
        (
            "metric_transformation",
            Block({snake(name).removeprefix("metric_"): value(one) for name, one in each.items()}),
        )
        for each in properties["MetricTransformations"]
    ]
    arguments = {
        "name": _named(name),
        "pattern": value(properties["FilterPattern"]),
        "log_group_name": value(properties["LogGroupName"]),
    }
    return Block(arguments, metrics)


def role(value: Expression, name: str, properties: Properties) -> Block:
    """Return a role."""
    trust = f"jsonencode({value(properties['AssumeRolePolicyDocument'])})"
    described = {"description": value(properties["Description"])} if "Description" in properties else {}
    return Block({"name": _named(name), "assume_role_policy": trust, **described})


def table(value: Expression, name: str, properties: Properties) -> Block:
    """Return a table."""
    keys = {each["KeyType"]: each["AttributeName"] for each in properties["KeySchema"]}
    attributes = [
        ("attribute", Block({"name": value(each["AttributeName"]), "type": value(each["AttributeType"])}))
        for each in properties["AttributeDefinitions"]
    ]
    recovery = properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    encryption = properties["SSESpecification"]["SSEEnabled"]
    arguments = {
        "name": _named(name),
        "billing_mode": value(properties["BillingMode"]),
        "hash_key": value(keys["HASH"]),
        "range_key": value(keys["RANGE"]),
        "deletion_protection_enabled": value(properties["DeletionProtectionEnabled"]),
    }
    blocks = [
        ("point_in_time_recovery", Block({"enabled": value(recovery)})),
        ("server_side_encryption", Block({"enabled": value(encryption)})),
    ]
    if "TimeToLiveSpecification" in properties:
        expiry = properties["TimeToLiveSpecification"]
        blocks.append(
            ("ttl", Block({"attribute_name": value(expiry["AttributeName"]), "enabled": value(expiry["Enabled"])}))
        )
    return Block(arguments, [*attributes, *blocks])


MAKERS: dict[str, Callable[[Expression, str, Properties], Block]] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::DynamoDB::Table": table,
    "AWS::IAM::Role": role,
    "AWS::KMS::Key": key,
    "AWS::Lambda::Alias": function_alias,
    "AWS::Lambda::Function": function,
    "AWS::Logs::LogGroup": log_group,
    "AWS::Logs::MetricFilter": metric_filter,
    "AWS::StepFunctions::StateMachine": machine,
    "AWS::StepFunctions::StateMachineAlias": machine_alias,
}
