"""Faults before the effect prevent it; faults after the effect lose only the response."""

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from awsroll.sandbox import Fault, FaultRule
from tests.sandbox.bench import Bench, open_bench

LOST = {Fault.TIMEOUT: ReadTimeoutError, Fault.RESET: ConnectionClosedError}
REFUSING = (Fault.THROTTLED, Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, Fault.DENIED, Fault.EXPIRED_CREDENTIALS)


@pytest.mark.parametrize("fault", [*REFUSING, *LOST])
@pytest.mark.parametrize(("when", "state"), [("before", "running"), ("after", "shutting-down")])
def test_every_fault_comes_before_the_effect_or_after_it(fault: Fault, when: str, state: str) -> None:
    with open_bench(servers=1) as bench:
        bench.sandbox.faults.add(FaultRule(fault=fault, operation="ec2:TerminateInstances", when=when))
        client = bench.sandbox.session().client("ec2", config=Config(retries={"total_max_attempts": 1}))
        with pytest.raises(LOST.get(fault, ClientError)):
            client.terminate_instances(InstanceIds=list(bench.fleet.instance_ids))
        assert bench.state(bench.fleet.instance_ids[0]) == state
        assert [(each.fault, each.when) for each in bench.sandbox.faults.fired] == [(fault, when)]


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.INTERNAL_ERROR, Fault.UNAVAILABLE, *LOST])
def test_botocore_retries_by_itself_temporary_errors(fault: Fault) -> None:
    with open_bench() as bench:
        bench.sandbox.faults.add(FaultRule(fault=fault, operation="ec2:*", calls=(1,)))
        answer = bench.ec2.describe_vpcs()
        assert answer["ResponseMetadata"]["RetryAttempts"] == 1


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.TIMEOUT])
def test_faults_reach_s3(fault: Fault, when: str, stored: int) -> None:
    with open_bench() as bench:
        s3 = bench.sandbox.session().client("s3", config=Config(retries={"total_max_attempts": 1}))
        s3.create_bucket(Bucket="bucket")
        bench.sandbox.faults.add(FaultRule(fault=fault, operation="s3:PutObject", when=when))
        with pytest.raises((ClientError, ReadTimeoutError)):
            s3.put_object(Bucket="bucket", Key="key", Body=b"1")
        assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == stored


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
def test_faults_reach_dynamodb(when: str, stored: int) -> None:
    with open_bench() as bench:
        table = bench.sandbox.session().client("dynamodb")
        table.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        bench.sandbox.faults.add(FaultRule(fault=Fault.DENIED, operation="dynamodb:PutItem", when=when))
        with pytest.raises(ClientError):
            table.put_item(TableName="t", Item={"id": {"S": "1"}})
        assert table.scan(TableName="t")["Count"] == stored


def states(bench: Bench) -> list[str]:
    reservations = bench.ec2.describe_instances()["Reservations"]
    return [instance["State"]["Name"] for each in reservations for instance in each["Instances"]]


def test_a_stale_read_returns_an_older_answer_for_a_while() -> None:
    with open_bench(servers=1) as bench:
        bench.sandbox.faults.add("stale ec2:DescribeInstances seconds=10")
        assert states(bench) == ["running"]
        bench.ec2.terminate_instances(InstanceIds=list(bench.fleet.instance_ids))
        bench.jump(10)
        assert states(bench) == ["running"]
        bench.jump(1)
        assert states(bench) == ["shutting-down"]
        assert [each.fault for each in bench.sandbox.faults.fired] == [Fault.STALE]


def test_a_rule_of_several_operations_keeps_their_answers_apart() -> None:
    with open_bench(servers=1) as bench:
        bench.sandbox.faults.add("stale ec2:Describe*")
        subnets = {"Filters": [{"Name": "vpc-id", "Values": [bench.fleet.vpc_id]}]}
        assert bench.ec2.describe_subnets(**subnets)["Subnets"]
        assert bench.ec2.describe_security_groups(**subnets)["SecurityGroups"]


def test_a_stale_read_of_something_else_is_true() -> None:
    with open_bench(servers=1) as bench:
        bench.sandbox.faults.add("stale ec2:DescribeInstances")
        assert states(bench) == ["running"]
        bench.ec2.terminate_instances(InstanceIds=list(bench.fleet.instance_ids))
        assert bench.state(bench.fleet.instance_ids[0]) == "shutting-down"  # the first query by id
