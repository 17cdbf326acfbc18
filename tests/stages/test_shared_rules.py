"""Engine and stages share each rule: a rule that is changed in core changes the decision of both.

`changed` exchanges the body of the function in core, so that every module that imports it is affected. A stage that
stops using the shared rule keeps its old decision, and its test fails.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from awsroll.core.classify import draining, replacement, serving
from awsroll.core.classify.capacity import bounds
from awsroll.core.classify.view import View
from awsroll.core.decide import group_sizes, leaving_order, suspended_processes
from awsroll.core.decide.finish import finish
from awsroll.core.decide.reload import reload
from awsroll.core.decide.restore import restore
from awsroll.core.decide.settings import prepare
from awsroll.core.decide.victims import order
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Action
from awsroll.core.model.observation import FleetKind, Instance, Lifecycle, TargetKey
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Desired
from awsroll.core.observe.clocks import is_drained
from awsroll.core.planner import plan
from awsroll.preflight.inspect_standalone import slots_of
from awsroll.testing.clock import T0
from tests.stages.machine import Bounds, Json, Watched, call, machine
from tests.support.looks import group, group_look, instance, look, member, reload_rollout, rollout, status

ANY = Bounds(floor=0, ceiling=100)
SURGING = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="2")
FOUR = tuple(member(f"i-{number}") for number in range(4))


@contextmanager
def changed(rule: Any, other: Callable[..., Any]) -> Iterator[None]:
    """Give a function of core another body; the body sees the names of the module of the rule."""
    body = rule.__code__
    rule.__code__ = other.__code__
    try:
        yield
    finally:
        rule.__code__ = body


def one_call(world: Watched, name: str, **event: Any) -> Json:
    return call(name, {**world.machine.named, **event}, world.machine.connection())


def suspended(world: Watched) -> set[str]:
    return {process["ProcessName"] for process in world.group()["SuspendedProcesses"]}


def sizes(world: Watched) -> tuple[int, int, int]:
    found = world.group()
    return found["MinSize"], found["DesiredCapacity"], found["MaxSize"]


def doubled(world: Watched) -> list[str]:
    """Double the group and wait until the new half serves; return the old half."""
    world.launches_version(2)
    old: list[str] = world.machine.call("double_group")["old_instance_ids"]
    world.machine.until_done("check_healthy", launch_template=world.machine.template(), at_least=3)
    return old


def taken_out(world: Watched) -> str:
    """Take one server out of traffic and wait until it is drained; return its id."""
    name = world.fleet.instance_ids[0]
    world.sandbox.jump(one_call(world, "deregister_targets", instance_ids=[name])["wait_seconds"] + 1)
    assert one_call(world, "check_drained", instance_ids=[name])["done"]
    return name


def restored(status: Status, **found: Any) -> tuple[Action, ...]:
    view = View(SURGING, group_look(*FOUR, seen=group(**found)), status)
    return restore(view)[1]


# --- when a server serves ---------------------------------------------------------------------------------------------


def never_serves(_instance: Any, _required: Any, *, in_group: bool, ignore_mark: bool = False) -> Any:
    return Obstacle(kind=ObstacleKind.NOT_RUNNING)  # type: ignore[name-defined]  # noqa: F821


def test_when_a_server_serves() -> None:
    def is_in_service() -> bool:
        view = View(rollout(), look(instance("i-1")), status("i-1"))  # a new one: a view asks the rule once
        return view.is_in_service(view.by_id["i-1"])

    with machine(grouped=False, bounds=ANY) as world:
        names = sorted(world.fleet.instance_ids)
        assert is_in_service()
        assert one_call(world, "check_healthy", at_least=3)["healthy"] == names
        with changed(serving.obstacle, never_serves):
            assert not is_in_service()
            assert one_call(world, "check_healthy", at_least=3)["healthy"] == []


def test_a_member_that_its_group_marks_unhealthy_does_not_serve_for_a_stage() -> None:
    with machine(grouped=True, bounds=ANY) as world:
        asg, name = world.client("autoscaling"), world.fleet.instance_ids[0]
        asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
        asg.set_instance_health(InstanceId=name, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
        seen = one_call(world, "check_healthy", instance_ids=[name])
        assert seen["details"] == [f"{name} is marked unhealthy in its group"]


def test_where_a_server_must_be_registered_again() -> None:
    back = instance("i-1", state=None)
    view = View(rollout(), look(back), status("i-1", returning=("i-1",), mode=Mode.STOPPING))
    with machine(grouped=False, bounds=ANY) as world:
        name = taken_out(world)
        wanted: Json = {"instance_ids": [name], "command": ["sandbox-version v2"]}
        with changed(serving.unregistered, lambda _instance, _keys: ()):
            assert finish(view)[1].writes == []
            world.machine.until_done("reload_instances", **wanted)
            assert world.sandbox.elb.targets(world.fleet.target_group_arns[0])[0].instance_id != name
        assert [type(one) for one in finish(view)[1].writes] == [act.RegisterTargets]


# --- when it is drained -----------------------------------------------------------------------------------------------


def test_when_a_server_is_drained() -> None:
    out = instance("i-1", state=None)
    view = View(rollout(), look(out), status("i-1"))
    with machine(grouped=False, bounds=ANY) as world:
        name = taken_out(world)
        assert is_drained(view, out)
        with changed(draining.is_drained, lambda _, *, is_certain: False):
            assert not is_drained(view, out)
            seen = one_call(world, "check_drained", instance_ids=[name])
            assert (seen["done"], seen["draining"]) == (False, [name])


def test_when_a_member_is_out_of_its_group() -> None:
    waiting = member("i-1", targets=(), lifecycle=Lifecycle.STANDBY, rollout="web-1", role="reloading")
    view = View(
        reload_rollout(FleetKind.AUTO_SCALING),
        group_look(waiting, seen=group(desired=0, suspended=frozenset({"AZRebalance", "ReplaceUnhealthy"}))),
        status(reloading=("i-1",)),
    )

    def commands() -> int:
        return sum(isinstance(action, act.SendCommand) for action in reload(view)[1].writes)

    with machine(grouped=True, bounds=ANY) as world:
        name = taken_out(world)
        assert commands() == 1
        with changed(draining.is_out_of_group, lambda _: False):
            assert commands() == 0
            seen = one_call(world, "check_drained", instance_ids=[name])
            assert (seen["done"], seen["details"]) == (False, [f"{name} is Standby in its group"])


@pytest.mark.parametrize("state", [*set(Lifecycle) - {Lifecycle.STANDBY, Lifecycle.TERMINATED}])
def test_a_member_is_in_traffic_in_every_other_state(state: Lifecycle) -> None:
    assert not draining.is_out_of_group(member("i-1", lifecycle=state))


# --- which processes are suspended, and why ---------------------------------------------------------------------------


def test_which_processes_are_suspended() -> None:
    view = View(SURGING, group_look(*FOUR, seen=group(suspended=frozenset())), status())
    with changed(suspended_processes.processes_to_suspend, lambda *, surges: ("HealthCheck",)):
        saved = prepare(view, bounds(SURGING, 4))[0].settings.found
        assert [name for name in saved if name.startswith("process:")] == ["process:HealthCheck"]
        for stage in ("deregister_targets", "double_group"):
            with machine(grouped=True, bounds=ANY) as world:
                event = {"instance_ids": [world.fleet.instance_ids[0]]} if stage == "deregister_targets" else {}
                one_call(world, stage, **event)
                assert suspended(world) == {"HealthCheck"}


def test_which_processes_are_resumed() -> None:
    kept = status(
        found_settings={"process:AZRebalance": "running"}, given_settings={"process:AZRebalance": "suspended"}
    )
    with machine(grouped=True, bounds=ANY) as world:
        old = doubled(world)
        assert [type(one) for one in restored(kept)] == [act.ResumeProcesses]
        with changed(suspended_processes.processes_to_resume, lambda _saved, _suspended: ()):
            assert restored(kept) == ()
            world.machine.until_done("retire_old_half", old_instance_ids=old)
            assert suspended(world) == {"AZRebalance", "AlarmNotification", "ReplaceUnhealthy"}


# --- how settings are restored without harm ---------------------------------------------------------------------------


def seventeen(*, now: int, saved: int, desired: int, ours: Any) -> Any:
    return 17


def zero(*, now: int, saved: int, desired: int, ours: Any) -> Any:
    return 0


def test_how_a_maximum_is_restored() -> None:
    kept = status(found_settings={"max-size": "4"}, given_settings={"max-size": "6"})
    with machine(grouped=True, bounds=ANY, max_size=4) as world:
        old = doubled(world)
        with changed(group_sizes.restored_maximum, seventeen):
            (update,) = restored(kept, maximum=6)
            assert isinstance(update, act.UpdateGroup)
            assert update.maximum == 17
            world.machine.until_done("retire_old_half", old_instance_ids=old)
            assert sizes(world)[2] == 17


def test_how_a_minimum_is_restored() -> None:
    kept = status(found_settings={"min-size": "3"}, given_settings={"min-size": "2"})
    with machine(grouped=True, bounds=ANY, min_size=3) as world:
        name = taken_out(world)
        with changed(group_sizes.restored_minimum, zero):
            (update,) = restored(kept, minimum=2)
            assert isinstance(update, act.UpdateGroup)
            assert update.minimum == 0
            world.machine.until_done("reload_instances", instance_ids=[name], command=["sandbox-version v2"])
            assert sizes(world)[0] == 0


def test_a_size_that_someone_else_has_set_is_kept() -> None:
    with machine(grouped=True, bounds=ANY, max_size=4) as world:
        old = doubled(world)
        world.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=9)
        world.machine.until_done("retire_old_half", old_instance_ids=old)
        assert sizes(world) == (0, 3, 9)


def test_when_desired_capacity_is_restored() -> None:
    low = Desired(goal=4, expected=3, previous=3, moved_at=T0)
    view = View(
        SURGING,
        group_look(*FOUR[:3], seen=group(desired=3)),
        status(mode=Mode.COMPLETING, desired=low),
    )
    with machine(grouped=True, bounds=ANY) as world:
        old = doubled(world)
        asg = world.client("autoscaling")
        one_call(world, "retire_old_half", old_instance_ids=old)
        world.sandbox.jump(200)
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
        assert [type(one) for one in finish(view)[1].writes] == [act.SetDesiredCapacity]
        with changed(group_sizes.can_restore_desired, lambda *, now, goal, members: False):
            assert [type(one) for one in finish(view)[1].writes] == []
            assert not one_call(world, "retire_old_half", old_instance_ids=old)["done"]
            assert sizes(world)[1] == 2
        world.machine.until_done("retire_old_half", old_instance_ids=old)
        assert sizes(world)[1] == 3


# --- where a replacement goes and which tags it carries ---------------------------------------------------------------


def launched(world: Watched) -> str:
    name = taken_out(world)
    event = {"instance_ids": [name], "launch_template": world.machine.template()}
    new: str = one_call(world, "terminate_and_launch", **event)["new_instance_ids"][0]
    return new


def test_which_tags_a_replacement_carries() -> None:
    fleet = look(instance("i-1", state=None, rollout="web-1", role="retiring"), instance("i-2"))
    vacant = View(rollout(), fleet, status("i-0", "i-2"))

    def tags(_rollout: Any, _tags: Any, *, replaces: str, template: Any) -> Any:
        return (("colour", "red"), ("awsroll:replaces", replaces))

    with changed(replacement.replacement_tags, tags), machine(grouped=False, bounds=ANY) as world:
        (launch,) = plan(vacant.original, vacant.observation, vacant.status).actions
        assert isinstance(launch, act.LaunchInstance)
        assert launch.launch.tags == (("colour", "red"), ("awsroll:replaces", "i-0"))
        assert world.sandbox.ec2.instance(launched(world)).tags["colour"] == "red"


def test_which_slot_a_replacement_gets() -> None:
    def on_port_80(instance: Instance, targets: Any) -> Any:
        ports = tuple(key for key in targets if key.port == 80)
        return Slots(zone=instance.zone, subnet_id=instance.subnet_id, targets=ports, instance_ids=())  # type: ignore[name-defined]  # noqa: F821

    other = TargetKey(target_group="arn:web", port=81)
    two_ports = instance("i-1", targets=(*instance("i-1").targets, *moved(instance("i-1"), other).targets))
    with changed(replacement.slot_of, on_port_80), machine(grouped=False, bounds=ANY, ports=(80, 81)) as world:
        (slot,) = slots_of((two_ports,))
        assert [key.port for key in slot.targets] == [80]
        tags = world.sandbox.ec2.instance(launched(world)).tags
        assert [value for key, value in tags.items() if key.startswith("awsroll:ports:")] == ["deploy-42 80"]


def moved(instance: Instance, key: TargetKey) -> Instance:
    return replace(instance, targets=tuple(replace(target, key=key) for target in instance.targets))


def test_which_tags_assign_a_server_to_a_rollout() -> None:
    def tags(rollout: Any, role: str) -> Any:
        return ((ROLLOUT_TAG, rollout.rollout_id), (ROLE_TAG, role), ("colour", "red"))  # type: ignore[name-defined]  # noqa: F821

    view = View(rollout(), look(instance("i-1"), instance("i-2")), status("i-1", "i-2", retiring=("i-1",)))
    with changed(replacement.owner_tags, tags), machine(grouped=False, bounds=ANY) as world:
        (tagging,) = plan(view.original, view.observation, view.status).actions
        assert isinstance(tagging, act.TagInstances)
        assert tagging.tags[-1] == ("colour", "red")
        assert world.sandbox.ec2.instance(taken_out(world)).tags["colour"] == "red"


# --- who goes first ---------------------------------------------------------------------------------------------------


def by_id_from_the_end(candidates: Any, *, in_service: Any, live: Any) -> Any:
    return tuple(sorted(candidates, key=lambda instance: instance.instance_id, reverse=True))


def test_who_goes_first() -> None:
    view = View(rollout(), look(instance("i-1"), instance("i-2")), status("i-1", "i-2"))
    with changed(leaving_order.leaving_order, by_id_from_the_end), machine(grouped=True, bounds=ANY) as world:
        assert [one.instance_id for one in order(view, view.candidates)] == ["i-2", "i-1"]
        old = doubled(world)
        asg = world.client("autoscaling")
        asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Terminate"])
        asg.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
        seen = one_call(world, "retire_old_half", old_instance_ids=old)
        assert seen["leaving"] == [max(old)]


def test_who_of_a_surplus_goes_first() -> None:
    def oldest_first(instances: Any, cost: Any) -> Any:
        return tuple(sorted(instances, key=lambda instance: (instance.launched_at, instance.instance_id)))

    new = tuple(member(f"i-{number}", SURGING.template) for number in range(5))
    extra = Desired(goal=4, expected=5, previous=5, moved_at=T0)
    view = View(SURGING, group_look(*new, seen=group(desired=5)), status(mode=Mode.STOPPING, desired=extra))
    with changed(leaving_order.surplus_order, oldest_first), machine(grouped=True, bounds=ANY) as world:
        assert finish(view)[0].retiring == ("i-0",)
        old = doubled(world)
        first = min(
            (world.sandbox.ec2.instance(name) for name in world.watch.serving - set(old)),
            key=lambda made: (made.launched_at, made.instance_id),
        )
        world.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=old[0], ShouldDecrementDesiredCapacity=False
        )
        world.sandbox.jump(200)
        world.machine.until_done("retire_old_half", old_instance_ids=old)
        world.sandbox.jump(200)
        assert first.instance_id not in world.watch.serving
