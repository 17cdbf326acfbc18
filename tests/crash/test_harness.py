"""The crash harness itself: runs repeat exactly, forks give the same results, and violations are detected."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from awsroll.core.classify.view import View
from awsroll.core.decide import launch as launching_module
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Launch
from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock
from tests.crash.branches import tell_all
from tests.crash.ending import Ending
from tests.crash.knife import Instant
from tests.crash.scenarios import SCENARIOS
from tests.crash.story import begun, build, tell
from tests.crash.watch import Watch

REPLACE = SCENARIOS["standalone-replace"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock()) as made:
        made.standalone_fleet(name="bystander", servers=1, zones=1)
        yield made


def test_a_run_without_cuts_succeeds_and_repeats_exactly() -> None:
    first, second = tell(REPLACE), tell(REPLACE)

    assert first.problems == ()
    assert first.cuts == ()
    assert first.trails == second.trails
    assert first.trails[0][0].startswith("before ")


def test_a_branch_gives_the_same_result_as_the_same_cuts_alone() -> None:
    def is_cut(cuts: tuple[int, ...], here: Instant) -> bool:
        return (*cuts, here.number) in {(120,), (120, 30)}

    whole, once, twice = sorted(tell_all(REPLACE, is_cut), key=lambda story: len(story.cuts))

    assert (whole.cuts, once.cuts, twice.cuts) == ((), (120,), (120, 30))
    assert twice.trails == tell(REPLACE, (120, 30)).trails
    assert [story.problems for story in (whole, once, twice)] == [(), (), ()]


def test_a_dead_process_changes_nothing() -> None:
    with begun(REPLACE) as run:
        run.process(120)
        before = run.story()
        run.process(1)

    assert len(before.trails[0]) == 120
    assert before.history[-1].endswith(f"--- death {before.trails[0][-1]}")


def test_a_launch_repeated_with_a_new_token_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    again = launching_module._action

    def with_new_token(view: View, launch: Launch) -> Action:
        return again(view, replace(launch, token=f"{launch.token}-again"))

    monkeypatch.setattr(launching_module, "_action", with_new_token)
    cut = tell(REPLACE).trails[0].index("after ec2:RunInstances") + 1

    assert any("3 were launched, not 2" in problem for problem in tell(REPLACE, (cut,)).problems)


def test_a_violation_of_the_bounds_is_detected(sandbox: Sandbox) -> None:
    fleet = build(sandbox, REPLACE)
    watch = Watch(sandbox, fleet, REPLACE)
    ec2, elb = sandbox.session().client("ec2"), sandbox.session().client("elbv2")
    targets = [{"Id": one} for one in fleet.instance_ids]
    elb.deregister_targets(TargetGroupArn=fleet.target_group_arns[0], Targets=targets)
    ec2.terminate_instances(InstanceIds=[fleet.instance_ids[0]])
    template = {"LaunchTemplateId": fleet.template_id, "Version": "2"}
    ec2.run_instances(LaunchTemplate=template, SubnetId=fleet.subnet_ids[0], MinCount=3, MaxCount=3)

    assert watch.problems == [
        "only 0 serve, the floor is 1",
        f"{fleet.instance_ids[0]} was ended while it was draining on port 80",
        "3 are live, the ceiling is 2",
    ]


def test_a_change_outside_the_fleet_is_detected(sandbox: Sandbox) -> None:
    (stranger,) = [one.instance_id for one in sandbox.ec2.instances()]
    watch = Watch(sandbox, build(sandbox, REPLACE), REPLACE)
    sandbox.session().client("ec2").terminate_instances(InstanceIds=[stranger])

    assert watch.problems == [
        f"TerminateInstances names {stranger}, which is not of the fleet",
        f"{stranger}, which is not of the fleet, was ended",
    ]


def test_a_command_under_traffic_is_detected(sandbox: Sandbox) -> None:
    fleet = build(sandbox, REPLACE)
    watch = Watch(sandbox, fleet, REPLACE)
    name = fleet.instance_ids[0]
    sandbox.session().client("ssm").send_command(
        InstanceIds=[name], DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]}
    )
    sandbox.jump(10)
    watch.check()

    assert watch.problems == [
        f"a reload command was sent to {name} while it was healthy on port 80",
        f"{name} got its reload command while it was healthy on port 80",
    ]


def test_a_setting_that_is_not_restored_is_detected(sandbox: Sandbox) -> None:
    scenario = SCENARIOS["group-replace"]
    fleet = build(sandbox, scenario)
    ending, watch = Ending(sandbox, fleet, scenario), Watch(sandbox, fleet, scenario)
    before = ending.problems(watch)
    autoscaling = sandbox.session().client("autoscaling")
    autoscaling.suspend_processes(AutoScalingGroupName=fleet.group_name, ScalingProcesses=["AZRebalance"])
    autoscaling.update_auto_scaling_group(AutoScalingGroupName=fleet.group_name, MaxSize=5)

    assert set(ending.problems(watch)) - set(before) == {
        "max of the group is 5, it was 2",
        "suspended of the group is ['AZRebalance'], it was []",
    }
