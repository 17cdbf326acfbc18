"""ClientToken: a repeated call launches once, within the scope and retention of the token."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import open_bench, refused

TOKEN = "rollout-7-launch-1"


def test_same_token_and_parameters_launch_nothing_and_answer_the_current_state() -> None:
    with open_bench() as bench:
        first = bench.run(ClientToken=TOKEN)["Instances"][0]
        bench.jump(60)
        second = bench.run(ClientToken=TOKEN)["Instances"][0]
        assert second["InstanceId"] == first["InstanceId"]
        assert second["State"]["Name"] == "running"
        assert len(bench.sandbox.ec2.instances()) == 1


def test_a_replay_of_several_answers_the_whole_reservation() -> None:
    with open_bench() as bench:
        first = bench.run(ClientToken=TOKEN, MinCount=2, MaxCount=2)
        again = bench.run(ClientToken=TOKEN, MinCount=2, MaxCount=2)
        assert [each["InstanceId"] for each in again["Instances"]] == [
            each["InstanceId"] for each in first["Instances"]
        ]
        assert again["ReservationId"] == first["ReservationId"]


def test_same_token_in_another_zone_launches_again() -> None:
    with open_bench() as bench:
        assert bench.launch(ClientToken=TOKEN) != bench.launch(ClientToken=TOKEN, subnet=1)


def test_token_is_regional_if_the_caller_chose_no_zone() -> None:
    with open_bench() as bench:
        anywhere = {"LaunchTemplate": {"LaunchTemplateId": bench.fleet.template_id}, "MinCount": 1, "MaxCount": 1}
        first = bench.ec2.run_instances(ClientToken=TOKEN, **anywhere)["Instances"][0]["InstanceId"]
        assert bench.ec2.run_instances(ClientToken=TOKEN, **anywhere)["Instances"][0]["InstanceId"] == first
        assert bench.launch(ClientToken=TOKEN) != first


@pytest.mark.parametrize("scope", ["zonal", "regional"])
def test_scope_of_a_token_when_the_template_names_the_subnet_is_a_switch(scope: str) -> None:
    with open_bench(SandboxOptions(template_subnet_token_scope=scope)) as bench:
        for subnet_id in bench.fleet.subnet_ids[:2]:
            bench.ec2.create_launch_template_version(
                LaunchTemplateId=bench.fleet.template_id,
                SourceVersion="1",
                LaunchTemplateData={"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": subnet_id}]},
            )
        bench.launch(SubnetId=None, version="3", ClientToken=TOKEN)
        if scope == "zonal":
            bench.launch(SubnetId=None, version="4", ClientToken=TOKEN)
            assert len(bench.sandbox.ec2.instances()) == 2
        else:
            with refused("IdempotentParameterMismatch"):
                bench.launch(SubnetId=None, version="4", ClientToken=TOKEN)


def test_same_token_with_changed_parameters_is_refused() -> None:
    with open_bench() as bench:
        bench.launch(ClientToken=TOKEN)
        with refused("IdempotentParameterMismatch"):
            bench.launch(ClientToken=TOKEN, version="2")
        assert len(bench.sandbox.ec2.instances()) == 1


def test_same_token_with_changed_parameters_may_also_do_nothing() -> None:
    with open_bench(SandboxOptions(changed_token_parameters="ignored")) as bench:
        first = bench.launch(ClientToken=TOKEN)
        assert bench.launch(ClientToken=TOKEN, version="2") == first
        assert bench.sandbox.ec2.instance(first).template_version == 1


def test_token_of_a_terminated_instance_is_refused_until_it_is_forgotten() -> None:
    with open_bench() as bench:
        first = bench.launch(ClientToken=TOKEN)
        bench.jump(45)
        bench.ec2.terminate_instances(InstanceIds=[first])
        bench.jump(60)
        with refused("IdempotentInstanceTerminated"):
            bench.launch(ClientToken=TOKEN)
        bench.jump(86400)
        assert bench.launch(ClientToken=TOKEN) != first


def test_a_failed_launch_does_not_use_up_its_token() -> None:
    with open_bench(SandboxOptions(capacity_error_status=400)) as bench:
        bench.sandbox.ec2.capacity["us-east-1a"] = 0
        with refused("InsufficientInstanceCapacity"):
            bench.launch(ClientToken=TOKEN)
        del bench.sandbox.ec2.capacity["us-east-1a"]
        assert bench.launch(ClientToken=TOKEN)


def test_a_launch_is_found_by_its_token() -> None:
    with open_bench() as bench:
        instance_id = bench.launch(ClientToken=TOKEN)
        launches = lambda: bench.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [TOKEN]}])  # noqa: E731
        assert launches()["Reservations"] == []  # just launched: an empty answer proves nothing
        bench.jump(2)
        instance = launches()["Reservations"][0]["Instances"][0]
        assert (instance["InstanceId"], instance["ClientToken"]) == (instance_id, TOKEN)


@pytest.mark.parametrize("token", ["x" * 65, "rollout-ü"], ids=["65-characters", "not-ascii"])
def test_a_token_of_more_than_64_characters_is_refused(token: str) -> None:
    with open_bench() as bench:
        with refused("InvalidParameterValue"):
            bench.run(ClientToken=token)
        assert bench.sandbox.ec2.instances() == ()
        bench.run(ClientToken="x" * 64)
