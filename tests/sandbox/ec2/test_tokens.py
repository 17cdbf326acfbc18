"""ClientToken: the same call twice launches once; where that ends."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import bench, refused

TOKEN = "rollout-7-launch-1"


def test_same_token_and_parameters_launch_nothing_and_answer_the_state_of_now() -> None:
    with bench() as it:
        first = it.run(ClientToken=TOKEN)["Instances"][0]
        it.jump(60)
        second = it.run(ClientToken=TOKEN)["Instances"][0]
        assert second["InstanceId"] == first["InstanceId"]
        assert second["State"]["Name"] == "running"
        assert len(it.sandbox.ec2.instances()) == 1


def test_a_replay_of_several_answers_the_whole_reservation() -> None:
    with bench() as it:
        first = it.run(ClientToken=TOKEN, MinCount=2, MaxCount=2)
        again = it.run(ClientToken=TOKEN, MinCount=2, MaxCount=2)
        assert [each["InstanceId"] for each in again["Instances"]] == [
            each["InstanceId"] for each in first["Instances"]
        ]
        assert again["ReservationId"] == first["ReservationId"]


def test_same_token_in_another_zone_launches_again() -> None:
    with bench() as it:
        assert it.launch(ClientToken=TOKEN) != it.launch(ClientToken=TOKEN, subnet=1)


def test_token_is_regional_if_the_caller_chose_no_zone() -> None:
    with bench() as it:
        anywhere = {"LaunchTemplate": {"LaunchTemplateId": it.fleet.template_id}, "MinCount": 1, "MaxCount": 1}
        first = it.ec2.run_instances(ClientToken=TOKEN, **anywhere)["Instances"][0]["InstanceId"]
        assert it.ec2.run_instances(ClientToken=TOKEN, **anywhere)["Instances"][0]["InstanceId"] == first
        assert it.launch(ClientToken=TOKEN) != first


@pytest.mark.parametrize("scope", ["zonal", "regional"])
def test_scope_of_a_token_when_the_template_names_the_subnet_is_a_switch(scope: str) -> None:
    with bench(SandboxOptions(template_subnet_token_scope=scope)) as it:
        for subnet_id in it.fleet.subnet_ids[:2]:
            it.ec2.create_launch_template_version(
                LaunchTemplateId=it.fleet.template_id,
                SourceVersion="1",
                LaunchTemplateData={"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": subnet_id}]},
            )
        it.launch(SubnetId=None, version="3", ClientToken=TOKEN)
        if scope == "zonal":
            it.launch(SubnetId=None, version="4", ClientToken=TOKEN)
            assert len(it.sandbox.ec2.instances()) == 2
        else:
            with refused("IdempotentParameterMismatch"):
                it.launch(SubnetId=None, version="4", ClientToken=TOKEN)


def test_same_token_with_changed_parameters_is_refused() -> None:
    with bench() as it:
        it.launch(ClientToken=TOKEN)
        with refused("IdempotentParameterMismatch"):
            it.launch(ClientToken=TOKEN, version="2")
        assert len(it.sandbox.ec2.instances()) == 1


def test_same_token_with_changed_parameters_may_also_do_nothing() -> None:
    with bench(SandboxOptions(changed_token_parameters="ignored")) as it:
        first = it.launch(ClientToken=TOKEN)
        assert it.launch(ClientToken=TOKEN, version="2") == first
        assert it.sandbox.ec2.instance(first).template_version == 1


def test_token_of_a_terminated_instance_is_refused_until_it_is_forgotten() -> None:
    with bench() as it:
        first = it.launch(ClientToken=TOKEN)
        it.jump(45)
        it.ec2.terminate_instances(InstanceIds=[first])
        it.jump(60)
        with refused("IdempotentInstanceTerminated"):
            it.launch(ClientToken=TOKEN)
        it.jump(86400)
        assert it.launch(ClientToken=TOKEN) != first


def test_a_failed_launch_does_not_use_up_its_token() -> None:
    with bench(SandboxOptions(capacity_error_status=400)) as it:
        it.sandbox.ec2.capacity["us-east-1a"] = 0
        with refused("InsufficientInstanceCapacity"):
            it.launch(ClientToken=TOKEN)
        del it.sandbox.ec2.capacity["us-east-1a"]
        assert it.launch(ClientToken=TOKEN)


def test_a_launch_is_found_again_by_its_token() -> None:
    with bench() as it:
        instance_id = it.launch(ClientToken=TOKEN)
        found = lambda: it.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [TOKEN]}])  # noqa: E731
        assert found()["Reservations"] == []  # just launched: an empty answer proves nothing
        it.jump(2)
        instance = found()["Reservations"][0]["Instances"][0]
        assert (instance["InstanceId"], instance["ClientToken"]) == (instance_id, TOKEN)
