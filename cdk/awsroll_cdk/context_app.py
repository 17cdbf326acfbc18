"""The app that deploys one `RollingDeployment` as its context values say: `cdk deploy -c asg=web -c topic=ARN`.

Each field of `Rollouts` and each option of the construct is a context value. Lists are separated by commas.
docs/deploy.md lists the values.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms, aws_lambda as lambda_, aws_logs as logs
from constructs import Node

from awsroll.iam import Rollouts
from awsroll_cdk.deployment import RollingDeployment
from awsroll_cdk.fleet import Fleet
from awsroll_cdk.keeping import Keeping
from awsroll_cdk.outputs import add_outputs

SWITCHES = (
    "stages",
    "codepipeline",
    "durable",
    "many_fleets",
    "approval_links",
    "retention",
    "sign_records",
    "tracing",
)
LISTS = ("roles_to_assume", "allowed_commands")
OF_THE_CONSTRUCT = ("store", "stages", "sign_key", "answers_tasks", "roles_to_assume")
"""The fields of `Rollouts` that the construct sets itself."""
NONE = "none"
_RETENTIONS = {one.name.lower(): one for one in logs.RetentionDays}
_IN_BUCKET = "s3://"
_ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}


def build(app: cdk.App) -> cdk.Stack:
    """Add the stack to the app, according to its context values."""
    context = app.node
    stack = cdk.Stack(
        app, str(context.try_get_context("stack") or "awsroll"), description="awsroll: rolling deployments"
    )
    options: dict[str, Any] = {name: _is_on(context, name) for name in SWITCHES}
    options |= {name: _names(context, name) for name in LISTS}
    made = RollingDeployment(
        stack,
        "Deployment",
        fleet=_fleet(context),
        notify=_topic(context),
        rollouts=Rollouts(**_rollout_values(context)),
        table=_text(context, "table") or None,
        sign_key=_key(stack, context, "sign_key"),
        log_retention=_choice(context, "log_retention", _RETENTIONS, "one_year"),
        log_key=_key(stack, context, "log_key"),
        architecture=_choice(context, "arch", _ARCHITECTURES, "arm64"),
        timeout=cdk.Duration.hours(int(_text(context, "timeout_hours") or 7 * 24)),
        code=_code(stack, context),
        code_version=_text(context, "code_version"),
        keep=_keeping(context),
        **options,
    )
    add_outputs(stack, made)
    return stack


def _keeping(context: Node) -> Keeping | None:
    """Return the fleets of the file `keep`."""
    file = _text(context, "keep")
    if not file:
        return None
    from awsroll.files.rollout_file import content_of_fleets, load_fleets  # noqa: PLC0415 - few apps keep fleets

    return Keeping(
        fleets=content_of_fleets(load_fleets(Path(file))),
        every=cdk.Duration.minutes(int(_text(context, "keep_every_minutes") or 60)),
    )


def _rollout_values(context: Node) -> dict[str, Any]:
    """Return the values of `Rollouts`: `instance_roles` is its `roles`, and every other field has its own name."""
    values: dict[str, Any] = {}
    for field in fields(Rollouts):
        name = "instance_roles" if field.name == "roles" else field.name
        if field.name in OF_THE_CONSTRUCT or context.try_get_context(name) is None:
            continue
        match field.default:
            case bool():
                values[field.name] = _is_on(context, name)
            case tuple():
                values[field.name] = tuple(_names(context, name))
            case _:
                values[field.name] = _text(context, name)
    return {"launches_batches": not _names(context, "asg"), **values}


def _fleet(context: Node) -> Fleet:
    names, target_groups = _names(context, "asg"), _names(context, "target_groups")
    if names:
        more = _names(context, "extra_target_groups")
        return Fleet.groups(names, target_groups=target_groups, extra_target_groups=more)
    if target_groups:
        return Fleet.standalone(target_groups, name=_text(context, "fleet_name"))
    problem = "no fleet is named: pass -c asg=NAME, or -c target_groups=ARN,ARN for servers registered by hand"
    raise SystemExit(problem)


def _topic(context: Node) -> str | None:
    topic = _text(context, "topic")
    if not topic:
        problem = (
            "no topic is named for rollouts that wait for a person: pass -c topic=ARN of an SNS topic, or "
            f"-c topic={NONE} for no messages"
        )
        raise SystemExit(problem)
    return None if topic == NONE else topic


def _key(stack: cdk.Stack, context: Node, name: str) -> kms.IKey | None:
    arn = _text(context, name)
    return kms.Key.from_key_arn(stack, name, arn) if arn else None


def _code(stack: cdk.Stack, context: Node) -> lambda_.Code | None:
    place = _text(context, "code")
    if not place:
        return None
    if not place.startswith(_IN_BUCKET):
        if not Path(place).exists():
            problem = f"-c code={place} is not known: pass a folder or a zip file that exists, or s3://BUCKET/KEY"
            raise SystemExit(problem)
        return lambda_.Code.from_asset(place)
    bucket, _, key = place.removeprefix(_IN_BUCKET).partition("/")
    if not bucket or not key:
        problem = f"-c code={place} is not known: pass s3://BUCKET/KEY"
        raise SystemExit(problem)
    from aws_cdk import aws_s3 as s3  # noqa: PLC0415 - takes a third of a second to load

    return lambda_.Code.from_bucket_v2(s3.Bucket.from_bucket_name(stack, "Bundle", bucket), key)


def _choice(context: Node, name: str, choices: Mapping[str, Any], default: str) -> Any:
    value = _text(context, name) or default
    if value not in choices:
        problem = f"-c {name}={value} is not known: pass one of {', '.join(choices)}"
        raise SystemExit(problem)
    return choices[value]


def _text(context: Node, name: str) -> str:
    return str(context.try_get_context(name) or "")


def _names(context: Node, name: str) -> list[str]:
    return [one for one in _text(context, name).split(",") if one]


def _is_on(context: Node, name: str) -> bool:
    value = (_text(context, name) or "false").lower()
    if value not in ("true", "false"):
        problem = f"-c {name}={value} is not known: pass true or false"
        raise SystemExit(problem)
    return value == "true"
