"""Odd and malformed requests: each is answered or refused as a client's error, and never fails inside the sandbox."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from awsroll.sandbox import Fleet, Sandbox
from awsroll.sandbox.dispatch import SIMULATED_SERVICES
from awsroll.testing.clock import VirtualClock

ODD_TEXTS = ("", "x", "-1", "0", "$Latest", "*", "a" * 300, "é中", "<&>", "%00", "us-east-1a", "arn:aws:x", "null")
ODD_NUMBERS = (0, 1, -1, 10, 10**6, 2**31 - 1)
DEEPEST = 4
ROUNDS = 6
SERVER_ERROR = 500


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Sandbox, Fleet]]:
    with Sandbox(clock=VirtualClock()) as sandbox:
        yield sandbox, sandbox.auto_scaling_fleet(desired=2)


def _odd(shape: Any, known: Sequence[str], chance: random.Random, depth: int = 0) -> Any:
    """Return a value of a shape: members may be missing, and values have odd forms or name what exists."""
    match shape.type_name:
        case "structure":
            kept = [
                name for name in shape.members if chance.random() < (0.6 if name in shape.required_members else 0.3)
            ]
            kept = kept if depth < DEEPEST else []
            return {name: _odd(shape.members[name], known, chance, depth + 1) for name in kept}
        case "list":
            return [_odd(shape.member, known, chance, depth + 1) for _ in range(chance.choice((0, 1, 2)))]
        case "map":
            return {"key": _odd(shape.value, known, chance, depth + 1)}
        case _:
            return chance.choice(_odd_scalars(shape, known))


def _odd_scalars(shape: Any, known: Sequence[str]) -> Sequence[Any]:
    match shape.type_name:
        case "string":
            return (*ODD_TEXTS, *known, *shape.enum)
        case "boolean":
            return (True, False)
        case "timestamp":
            return (0, "2026-12-01T00:00:00Z")
        case "blob":
            return (b"odd",)
        case _:
            return ODD_NUMBERS


@pytest.mark.parametrize("service", SIMULATED_SERVICES)
def test_no_request_fails_inside_the_sandbox(world: tuple[Sandbox, Fleet], service: str) -> None:
    sandbox, fleet = world
    known = (*fleet.instance_ids, *fleet.target_group_arns, *fleet.subnet_ids, fleet.template_id, "web")
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client, chance = sandbox.session().client(service, config=config), random.Random(service)  # noqa: S311  the same requests in every run
    failures, answered = [], 0
    for operation in sorted(sandbox.api._services[service].operations):
        shape = client.meta.service_model.operation_model(operation).input_shape
        for _ in range(ROUNDS):
            request = _odd(shape, known, chance) if shape else {}
            try:
                getattr(client, xform_name(operation))(**request)
            except ParamValidationError:
                continue  # botocore needs the value to build the request
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= SERVER_ERROR:
                    failures.append((operation, request, error))
            except (TypeError, ValueError, AttributeError, KeyError) as error:
                if not _is_of_botocore(error):
                    failures.append((operation, request, error))
                continue
            answered += 1
        sandbox.jump(1)
    assert failures == []
    assert answered > 0


def _is_of_botocore(error: BaseException) -> bool:
    """Return whether a request failed before it was sent, when botocore serialized it."""
    trace, files = error.__traceback__, []
    while trace is not None:
        files.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    return not any("/moto/" in file or "/awsroll/sandbox/" in file for file in files)


@pytest.mark.parametrize(
    ("service", "operation", "request_sent", "code"),
    [
        ("ec2", "create_tags", {"Resources": ["lt-1"], "Tags": [{"Value": "x"}]}, "MissingParameter"),
        ("ec2", "describe_instance_status", {"Filters": [{"Values": ["x"]}]}, "MissingParameter"),
        ("autoscaling", "set_desired_capacity", {"AutoScalingGroupName": "web"}, "ValidationError"),
        ("elbv2", "modify_target_group_attributes", {"Attributes": [{"Key": "x"}]}, "ValidationError"),
        ("ssm", "get_command_invocation", {"CommandId": "x"}, "ValidationException"),
        ("ssm", "get_calendar_state", {"CalendarNames": ["x"], "AtTime": "noon"}, "ValidationException"),
    ],
)
def test_a_request_that_does_not_fit_the_model_is_refused_in_the_services_own_code(
    world: tuple[Sandbox, Fleet], service: str, operation: str, request_sent: dict[str, Any], code: str
) -> None:
    client = world[0].session().client(service, config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**request_sent)
    assert caught.value.response["Error"]["Code"] == code
