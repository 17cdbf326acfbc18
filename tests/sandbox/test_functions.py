"""Lambda functions are Python functions of the test; state stores and identity are plain moto."""

import json
from typing import Any

import pytest
from botocore.config import Config

from awsroll.sandbox import serve
from awsroll.testing.clock import VirtualClock
from tests.sandbox.bench import open_bench, refused
from tests.support.patience import PATIENCE_SECONDS

ARN = "arn:aws:lambda:us-east-1:123456789012:function:hook"


def double(event: dict[str, int]) -> dict[str, int]:
    return {"twice": 2 * event["n"]}


@pytest.mark.parametrize("name", ["hook", ARN, f"{ARN}:live", "123456789012:function:hook"])
def test_a_function_is_invoked_by_name_or_arn(name: str) -> None:
    with open_bench() as bench:
        bench.sandbox.functions["hook"] = double
        answer = bench.sandbox.session().client("lambda").invoke(FunctionName=name, Payload=b'{"n": 4}')
        assert (answer["StatusCode"], json.load(answer["Payload"])) == (200, {"twice": 8})
        assert "FunctionError" not in answer


def test_a_function_that_raises_is_an_answer_with_a_function_error() -> None:
    with open_bench() as bench:
        bench.sandbox.functions["hook"] = double
        answer = bench.sandbox.session().client("lambda").invoke(FunctionName="hook", Payload=b"{}")
        failure = json.load(answer["Payload"])
        assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
        assert (failure["errorType"], failure["errorMessage"]) == ("KeyError", "'n'")


@pytest.mark.parametrize(("kind", "status", "calls"), [("Event", 202, 1), ("DryRun", 204, 0)])
def test_a_function_is_invoked_without_an_answer_or_not_at_all(kind: str, status: int, calls: int) -> None:
    with open_bench() as bench:
        seen: list[Any] = []
        bench.sandbox.functions["hook"] = seen.append
        answer = bench.sandbox.session().client("lambda").invoke(FunctionName="hook", InvocationType=kind)
        assert (answer["StatusCode"], answer["Payload"].read(), len(seen)) == (status, b"", calls)


def test_an_unregistered_function_does_not_exist() -> None:
    with open_bench() as bench, refused("ResourceNotFoundException") as caught:
        bench.sandbox.session().client("lambda").invoke(FunctionName="hook")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


@pytest.mark.process
def test_a_function_may_call_the_server_that_invoked_it() -> None:
    with serve(clock=VirtualClock()) as server:
        ec2 = server.session().client("ec2", config=Config(read_timeout=PATIENCE_SECONDS))
        server.functions["hook"] = lambda _event: len(ec2.describe_vpcs()["Vpcs"])
        answer = server.session().client("lambda").invoke(FunctionName="hook")
        assert json.load(answer["Payload"]) == 1


@pytest.mark.process
def test_state_stores_and_identity_work_on_the_server() -> None:
    with serve(clock=VirtualClock()) as server:
        session = server.session()
        s3, table = session.client("s3"), session.client("dynamodb")
        s3.create_bucket(Bucket="state")
        s3.put_object(Bucket="state", Key="a/b", Body=b"1", IfNoneMatch="*")
        with refused("PreconditionFailed"):
            s3.put_object(Bucket="state", Key="a/b", Body=b"2", IfNoneMatch="*")
        with refused("PreconditionFailed"):
            s3.put_object(Bucket="state", Key="a/b", Body=b"2", IfMatch='"another"')
        assert s3.get_object(Bucket="state", Key="a/b")["Body"].read() == b"1"
        table.create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table.put_item(TableName="state", Item={"id": {"S": "1"}})
        with refused("ConditionalCheckFailedException"):
            table.put_item(TableName="state", Item={"id": {"S": "1"}}, ConditionExpression="attribute_not_exists(id)")
        assert session.client("sts").get_caller_identity()["Account"] == server.world.account_id
        assert server.calls["s3:PutObject"] == 3
        assert server.calls["dynamodb:PutItem"] == 2
