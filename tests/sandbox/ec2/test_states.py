"""The states of an instance: boot, stop, start, reboot, terminate, and removal."""

import pytest

from awsroll.sandbox import SandboxOptions
from tests.sandbox.bench import open_bench, refused


def test_terminate_goes_through_shutting_down_with_a_reason() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        change = bench.ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
        assert change["PreviousState"]["Name"] == "running"
        assert change["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
        bench.jump(30)
        ended = bench.describe(instance_id)
        assert ended["State"]["Name"] == "terminated"
        assert ended["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
        assert ended["StateTransitionReason"].startswith("User initiated (2026-01-01 ")
        assert "PrivateIpAddress" not in ended


def test_terminating_again_succeeds_and_changes_nothing() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(20)
        change = bench.ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
        assert change["PreviousState"] == change["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
        bench.jump(10)
        assert bench.state(instance_id) == "terminated"
        change = bench.ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
        assert change["CurrentState"]["Name"] == "terminated"


def test_a_pending_instance_that_is_terminated_never_runs() -> None:
    with open_bench() as bench:
        instance_id = bench.launch()
        bench.jump(10)
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(60)
        assert bench.state(instance_id) == "terminated"


@pytest.mark.parametrize(
    ("stranger", "code"),
    [("i-00000000000000000", "InvalidInstanceID.NotFound"), ("nonsense", "InvalidInstanceID.Malformed")],
    ids=["unknown", "malformed"],
)
def test_one_wrong_id_and_none_is_terminated(stranger: str, code: str) -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        with refused(code):
            bench.ec2.terminate_instances(InstanceIds=[instance_id, stranger])
        assert bench.state(instance_id) == "running"


def test_protection_spares_its_zone_and_the_others_are_terminated_although_the_call_fails() -> None:
    with open_bench() as bench:
        protected, neighbour, far = bench.launch(), bench.launch(), bench.launch(subnet=1)
        bench.jump(45)
        bench.ec2.modify_instance_attribute(InstanceId=protected, DisableApiTermination={"Value": True})
        with refused("OperationNotPermitted") as caught:
            bench.ec2.terminate_instances(InstanceIds=[protected, neighbour, far])
        assert protected in str(caught.value)
        assert [bench.state(each) for each in (protected, neighbour, far)] == ["running", "running", "shutting-down"]
        bench.ec2.modify_instance_attribute(InstanceId=protected, DisableApiTermination={"Value": False})
        bench.ec2.terminate_instances(InstanceIds=[protected])
        assert bench.state(protected) == "shutting-down"


def test_terminated_instances_are_described_for_an_hour() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(30 + 3599)
        assert bench.state(instance_id) == "terminated"
        bench.jump(1)
        with refused("InvalidInstanceID.NotFound"):
            bench.describe(instance_id)
        assert bench.ec2.describe_instances()["Reservations"] == []


def test_tags_fade_from_terminated_instances() -> None:
    with open_bench() as bench:
        instance_id = bench.running(tags={"team": "a"})
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(30 + 599)
        assert bench.tags(instance_id)["team"] == "a"
        bench.jump(1)
        assert bench.tags(instance_id) == {}


def test_stop_and_start_take_their_time() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        change = bench.ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"][0]
        assert change["CurrentState"] == {"Code": 64, "Name": "stopping"}
        with refused("IncorrectInstanceState"):
            bench.ec2.start_instances(InstanceIds=[instance_id])
        bench.jump(30)
        assert bench.state(instance_id) == "stopped"
        change = bench.ec2.start_instances(InstanceIds=[instance_id])["StartingInstances"][0]
        assert (change["PreviousState"]["Code"], change["CurrentState"]["Name"]) == (80, "pending")
        with refused("IncorrectInstanceState"):
            bench.ec2.stop_instances(InstanceIds=[instance_id])
        bench.jump(40)
        assert bench.state(instance_id) == "running"
        assert "StateReason" not in bench.describe(instance_id)


def test_stop_protection_is_its_own_thing() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiStop={"Value": True})
        with refused("OperationNotPermitted"):
            bench.ec2.stop_instances(InstanceIds=[instance_id])
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        assert bench.state(instance_id) == "shutting-down"


def test_a_stopped_instance_terminates_without_a_shutdown() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.ec2.stop_instances(InstanceIds=[instance_id])
        bench.jump(30)
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(0)
        assert bench.state(instance_id) == "terminated"


def test_reboot_keeps_the_state_and_restarts_the_application() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        instance = bench.sandbox.ec2.instance(instance_id)
        bench.ec2.reboot_instances(InstanceIds=[instance_id])
        assert (bench.state(instance_id), instance.application_healthy()) == ("running", False)
        bench.jump(5)
        assert instance.application_healthy()


@pytest.mark.parametrize("how", ["tag", "rule"])
def test_a_boot_that_fails_ends_terminated_with_its_cause(how: str) -> None:
    with open_bench() as bench:
        if how == "rule":
            bench.sandbox.ec2.failing_boots = 1
        instance_id = bench.launch(tags={"sandbox:boot": "fails"} if how == "tag" else None)
        bench.jump(2)
        assert bench.state(instance_id) == "pending"
        bench.jump(38)
        ended = bench.describe(instance_id)
        assert ended["State"]["Name"] == "terminated"
        code = {"tag": "Client.InternalError", "rule": "Server.InternalError"}[how]
        assert ended["StateReason"]["Code"] == code
        assert bench.sandbox.ec2.failing_boots == 0


def test_an_instance_that_shuts_itself_down_says_so() -> None:
    with open_bench() as bench:
        instance_id = bench.running(tags={"sandbox:shutdown-seconds": "5"})
        bench.jump(6)
        assert bench.state(instance_id) == "shutting-down"
        bench.jump(60)
        ended = bench.describe(instance_id)
        assert ended["State"]["Name"] == "terminated"
        assert ended["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_an_instance_can_be_lost_at_once() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.sandbox.ec2.fail(instance_id, "Server.SpotInstanceTermination")
        ended = bench.describe(instance_id)
        assert (ended["State"]["Name"], ended["StateReason"]["Code"]) == (
            "terminated",
            "Server.SpotInstanceTermination",
        )


def test_a_spot_interruption_ends_an_instance_two_minutes_after_its_notice() -> None:
    with open_bench() as bench:
        instance_id = bench.running()
        bench.sandbox.ec2.interrupt(instance_id)
        bench.jump(119)
        assert bench.describe(instance_id)["State"]["Name"] == "running"
        bench.jump(1)
        ended = bench.describe(instance_id)
        assert (ended["State"]["Name"], ended["StateReason"]["Code"]) == (
            "shutting-down",
            "Server.SpotInstanceTermination",
        )


def test_tags_choose_boot_and_application_time() -> None:
    with open_bench() as bench:
        instance_id = bench.launch(tags={"sandbox:boot-seconds": "3", "sandbox:application-seconds": "100"})
        bench.jump(3)
        assert bench.state(instance_id) == "running"
        bench.jump(99)
        assert not bench.sandbox.ec2.instance(instance_id).application_healthy()
        bench.jump(1)
        assert bench.sandbox.ec2.instance(instance_id).application_healthy()


def test_version_label_is_the_templates_the_tags_or_the_reloads() -> None:
    with open_bench() as bench:
        first, second = bench.launch(version="2"), bench.launch(tags={"sandbox:version": "blue"})
        labels = lambda: [bench.sandbox.ec2.instance(each).version_label for each in (first, second)]  # noqa: E731
        assert labels() == ["v2", "blue"]
        bench.sandbox.ec2.reload(first, "v3")
        assert labels() == ["v3", "blue"]


def test_listeners_hear_of_every_change_of_state_and_application() -> None:
    with open_bench() as bench:
        heard: list[tuple[str, bool]] = []
        bench.sandbox.ec2.on_change(lambda instance: heard.append((instance.state, instance.application_healthy())))
        instance_id = bench.running()
        bench.tag(instance_id, "sandbox:health", "unhealthy")
        bench.ec2.terminate_instances(InstanceIds=[instance_id])
        bench.jump(30)
        assert heard == [
            ("running", False),
            ("running", True),
            ("running", False),
            ("shutting-down", False),
            ("terminated", False),
        ]


def test_speed_shortens_the_boot_and_leaves_timestamps_alone() -> None:
    with open_bench(SandboxOptions(speed=10)) as bench:
        before = bench.sandbox.clock.now()
        instance_id = bench.launch()
        bench.jump(4)
        assert bench.state(instance_id) == "running"
        assert bench.describe(instance_id)["LaunchTime"] == before


def test_a_call_without_instances_is_refused_and_a_dry_run_changes_nothing() -> None:
    with open_bench(servers=1) as bench:
        with refused("InvalidParameterCombination"):
            bench.ec2.terminate_instances(InstanceIds=[])
        with refused("DryRunOperation"):
            bench.ec2.terminate_instances(InstanceIds=list(bench.fleet.instance_ids), DryRun=True)
        assert bench.state(bench.fleet.instance_ids[0]) == "running"


def test_a_tag_that_cannot_be_read_as_a_number_or_a_health_is_ignored() -> None:
    with open_bench() as bench:
        instance_id = bench.running(tags={"sandbox:boot-seconds": "soon", "sandbox:health": "splendid"})
        assert bench.sandbox.ec2.instance(instance_id).application_healthy()
