"""The behavior of each Auto Scaling fleet: the fleet in memory and the sandbox agree."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import (
    DeleteWarmPool,
    EnterStandby,
    ExitStandby,
    ForgetSavedSettings,
    LaunchInGroup,
    PutWarmPool,
    ResumeProcesses,
    SaveSettings,
    SetDesiredCapacity,
    SuspendProcesses,
    TerminateInGroup,
    UpdateGroup,
)
from awsroll.core.model.observation import (
    FleetKind,
    Group,
    Instance,
    InstanceState,
    Lifecycle,
    Observation,
    TargetState,
)
from awsroll.core.model.reasons import Reason
from awsroll.core.model.warm_pool import WarmPool
from tests.contract.lab import LABS, Lab

WHY = Reason.OUTDATED


@pytest.fixture(params=LABS, name="lab")
def _lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with LABS[request.param](FleetKind.AUTO_SCALING) as lab:
        yield lab


def group_of(lab: Lab) -> Group:
    group = lab.look().group
    assert group is not None
    return group


def in_service(seen: Observation) -> list[Instance]:
    return [
        one
        for one in seen.instances
        if one.lifecycle is Lifecycle.IN_SERVICE and all(target.state is TargetState.HEALTHY for target in one.targets)
    ]


def terminate(lab: Lab, *ids: str, decrement: bool) -> TerminateInGroup:
    return TerminateInGroup(
        group=lab.rollout.group, instance_ids=ids, decrement=decrement, not_registered=(), reason=WHY
    )


def test_an_observation_shows_members_and_settings(lab: Lab) -> None:
    seen = lab.look()
    group = group_of(lab)
    assert (group.desired, group.template, group.suspended) == (3, lab.old, frozenset())
    assert len(in_service(seen)) == 3
    assert [one.template for one in seen.instances] == [lab.old] * 3
    assert seen.target_group(lab.key.target_group).managed
    assert dict(group.zones).keys() >= {one.zone for one in seen.instances}


def test_a_member_terminated_without_decrement_drains_and_is_replaced_on_the_current_version(lab: Lab) -> None:
    lab.do(UpdateGroup(group=lab.rollout.group, template=lab.new, version=str(lab.new.number), reason=WHY))
    one = lab.first().instance_id
    assert lab.do(terminate(lab, one, decrement=False)).answer is Answer.DONE
    seen = lab.look().instance(one)
    assert seen is not None
    assert seen.lifecycle is Lifecycle.TERMINATING
    assert [target.state for target in seen.targets] == [TargetState.DRAINING]
    assert one in group_of(lab).terminations
    began = lab.clock.monotonic()
    lab.until(lambda seen: seen.instance(one) is None)
    assert lab.clock.monotonic() - began >= 30
    seen_all = lab.until(lambda seen: len(in_service(seen)) == 3)
    assert sorted(str(one.template) for one in seen_all.instances) == [str(lab.old), str(lab.old), str(lab.new)]
    assert group_of(lab).desired == 3


def test_a_member_terminated_with_decrement_is_not_replaced_and_counts_once(lab: Lab) -> None:
    one = lab.first().instance_id
    assert lab.do(terminate(lab, one, decrement=True)).answer is Answer.DONE
    assert lab.do(terminate(lab, one, decrement=True)).answer is Answer.STALE
    assert group_of(lab).desired == 2
    lab.until(lambda seen: seen.instance(one) is None)
    lab.clock.sleep(120)
    assert len(lab.look().instances) == 2


def test_several_members_are_retired_in_one_call(lab: Lab) -> None:
    ids = sorted(one.instance_id for one in lab.look().instances)[:2]
    result = lab.do(terminate(lab, *ids, decrement=False))
    assert (result.answer, sorted(result.instance_ids)) == (Answer.DONE, ids)


def test_an_instance_outside_the_group_is_not_terminated(lab: Lab) -> None:
    assert lab.do(terminate(lab, "i-0123456789abcdef0", decrement=False)).answer is Answer.STALE


def test_a_member_still_registered_where_the_group_does_not_drain_is_not_terminated(lab: Lab) -> None:
    one = lab.first().instance_id
    action = TerminateInGroup(
        group=lab.rollout.group, instance_ids=(one,), decrement=False, not_registered=(lab.key,), reason=WHY
    )
    assert lab.do(action).answer is Answer.STALE


def test_a_launch_in_the_group_is_made_once_and_raises_desired_once(lab: Lab) -> None:
    zone, subnet = group_of(lab).zones[0]
    launch = lab.launch(zone=zone, subnet_id=subnet, tags=(), targets=(), count=2)
    wanted = LaunchInGroup(group=lab.rollout.group, launch=launch, reason=WHY)
    first, again = lab.do(wanted), lab.do(wanted)
    assert (first.answer, again.answer) == (Answer.DONE, Answer.DONE)
    assert sorted(first.instance_ids) == sorted(again.instance_ids)
    assert len(first.instance_ids) == 2
    assert group_of(lab).desired == 5
    seen = lab.until(lambda seen: len(in_service(seen)) == 5)
    assert {one.zone for one in seen.instances if one.instance_id in first.instance_ids} == {zone}


def test_desired_is_set_only_from_what_was_expected(lab: Lab) -> None:
    wrong = SetDesiredCapacity(group=lab.rollout.group, value=5, expected=4, reason=WHY)
    assert lab.do(wrong).answer is Answer.STALE
    assert group_of(lab).desired == 3
    right = SetDesiredCapacity(group=lab.rollout.group, value=4, expected=3, reason=WHY)
    assert lab.do(right).answer is Answer.DONE
    assert group_of(lab).desired == 4
    lab.until(lambda seen: len(in_service(seen)) == 4)


def test_desired_is_never_lowered_so_that_a_member_ends(lab: Lab) -> None:
    lower = SetDesiredCapacity(group=lab.rollout.group, value=2, expected=3, reason=WHY)
    assert lab.do(lower).answer is Answer.STALE
    assert group_of(lab).desired == 3


def test_standby_moves_a_member_out_and_back_and_changes_desired(lab: Lab) -> None:
    one = lab.first().instance_id
    assert lab.do(EnterStandby(group=lab.rollout.group, instance_ids=(one,), reason=WHY)).answer is Answer.DONE
    assert group_of(lab).desired == 2
    seen = lab.until(lambda seen: _lifecycle(seen, one) is Lifecycle.STANDBY)
    away = seen.instance(one)
    assert away is not None
    assert (away.state, away.targets) == (InstanceState.RUNNING, ())
    again = lab.do(EnterStandby(group=lab.rollout.group, instance_ids=(one,), reason=WHY))
    assert (again.answer, again.instance_ids, group_of(lab).desired) == (Answer.DONE, (one,), 2), "no second effect"
    assert lab.do(ExitStandby(group=lab.rollout.group, instance_ids=(one,), reason=WHY)).answer is Answer.DONE
    assert group_of(lab).desired == 3
    lab.until(lambda seen: len(in_service(seen)) == 3)
    lab.do(ExitStandby(group=lab.rollout.group, instance_ids=(one,), reason=WHY))
    assert group_of(lab).desired == 3


def _lifecycle(seen: Observation, instance_id: str) -> Lifecycle | None:
    one = seen.instance(instance_id)
    return None if one is None else one.lifecycle


def test_processes_are_suspended_and_resumed(lab: Lab) -> None:
    names = ("AZRebalance", "ReplaceUnhealthy")
    lab.do(SuspendProcesses(group=lab.rollout.group, processes=names, reason=WHY))
    assert group_of(lab).suspended == set(names)
    lab.do(ResumeProcesses(group=lab.rollout.group, processes=("AZRebalance",), reason=WHY))
    assert group_of(lab).suspended == {"ReplaceUnhealthy"}


def test_bounds_and_version_are_set(lab: Lab) -> None:
    before = group_of(lab)
    lab.do(UpdateGroup(group=lab.rollout.group, maximum=before.maximum + 4, minimum=1, reason=WHY))
    lab.do(UpdateGroup(group=lab.rollout.group, template=lab.new, version=str(lab.new.number), reason=WHY))
    after = group_of(lab)
    assert (after.minimum, after.maximum, after.desired) == (1, before.maximum + 4, before.desired)
    assert (after.template, after.version) == (lab.new, str(lab.new.number))
    assert [one.template for one in lab.look().instances] == [lab.old] * 3, "what runs is not touched"


def test_settings_are_saved_on_the_group_and_removed(lab: Lab) -> None:
    name = lab.rollout.group
    lab.do(SaveSettings(resource=name, settings=(("max-size", "3"), ("process:AZRebalance", "running"))))
    assert lab.look().saved_settings == {(name, "max-size"), (name, "process:AZRebalance")}
    lab.do(ForgetSavedSettings(resource=name, settings=("max-size",)))
    assert lab.look().saved_settings == {(name, "process:AZRebalance")}


def test_a_rollout_that_purges_the_warm_pool_observes_deletes_and_restores_it(lab: Lab) -> None:
    name, pool = lab.rollout.group, WarmPool(minimum=1, prepared=6, state="Running", reuses=True)
    lab.do(PutWarmPool(group=name, pool=pool, reason=WHY))
    assert group_of(lab).warm_pool is None, "other rollouts do not read it"
    lab.rollout = replace(lab.rollout, purges_warm_pool=True)
    assert group_of(lab).warm_pool == pool
    assert lab.do(PutWarmPool(group=name, pool=WarmPool(), reason=WHY)).answer is Answer.STALE
    assert lab.do(DeleteWarmPool(group=name, pool=WarmPool(), reason=WHY)).answer is Answer.STALE
    assert lab.do(DeleteWarmPool(group=name, pool=pool, reason=WHY)).answer is Answer.DONE
    assert group_of(lab).warm_pool is None
    assert lab.do(DeleteWarmPool(group=name, pool=pool, reason=WHY)).answer is Answer.DONE, "it is gone"


def test_a_zonal_shift_keeps_requests_from_healthy_targets(lab: Lab) -> None:
    zone = lab.first().zone
    lab.shift(zone)
    seen = lab.look()
    assert {one.zone for one in seen.instances if any(target.shifted for target in one.targets)} == {zone}
    assert in_service(seen) == list(seen.instances)
