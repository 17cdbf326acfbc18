"""The behavior of each standalone fleet: the fleet in memory and the sandbox agree."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import (
    DeregisterTargets,
    ForgetSavedSettings,
    LaunchInstance,
    RegisterTargets,
    SaveSettings,
    SendCommand,
    SetDeregistrationDelay,
    SetHealthChecks,
    TagInstances,
    TerminateInstance,
)
from awsroll.core.model.observation import CommandState, FleetKind, InstanceState, Observation, TargetState
from awsroll.core.model.reasons import Reason
from tests.contract.lab import LABS, ROLLOUT_ID, Lab

WHY = Reason.OUTDATED


@pytest.fixture(params=LABS, name="lab")
def _lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with LABS[request.param](FleetKind.STANDALONE) as lab:
        yield lab


def state_of(lab: Lab, seen: Observation, instance_id: str) -> TargetState | None:
    one = seen.instance(instance_id)
    target = None if one is None else one.target(lab.key)
    return None if target is None else target.state


def drained(lab: Lab, instance_id: str) -> None:
    lab.name(instance_id)
    lab.do(DeregisterTargets(instance_id=instance_id, targets=(lab.key,), reason=WHY))
    lab.until(lambda seen: state_of(lab, seen, instance_id) is None)


def terminate(lab: Lab, instance_id: str) -> TerminateInstance:
    return TerminateInstance(instance_id=instance_id, not_registered=(lab.key,), template=lab.old, reason=WHY)


def test_an_observation_shows_registered_instances(lab: Lab) -> None:
    seen = lab.look()
    assert len(seen.instances) == 3
    assert seen.group is None
    for one in seen.instances:
        assert (one.state, one.template, one.lifecycle) == (InstanceState.RUNNING, lab.old, None)
        assert one.zone
        assert one.subnet_id
        assert [target.state for target in one.targets] == [TargetState.HEALTHY]
    assert seen.target_group(lab.key.target_group).deregistration_delay_seconds == 30


def test_a_deregistered_target_drains_for_its_delay_and_is_gone(lab: Lab) -> None:
    one = lab.first().instance_id
    lab.name(one)
    assert lab.do(DeregisterTargets(instance_id=one, targets=(lab.key,), reason=WHY)).answer is Answer.DONE
    began = lab.clock.monotonic()
    assert state_of(lab, lab.look(), one) is TargetState.DRAINING
    seen = lab.until(lambda seen: state_of(lab, seen, one) is None)
    assert lab.clock.monotonic() - began >= 30
    gone = seen.instance(one)
    assert gone is not None, "an instance in the record is always observed"
    assert gone.state is InstanceState.RUNNING


def test_deregistering_again_does_not_restart_the_drain(lab: Lab) -> None:
    one = lab.first().instance_id
    lab.name(one)
    again = DeregisterTargets(instance_id=one, targets=(lab.key,), reason=WHY)
    lab.do(again)
    began = lab.clock.monotonic()
    lab.clock.sleep(20)
    assert lab.do(again).answer is Answer.DONE
    lab.until(lambda seen: state_of(lab, seen, one) is None)
    assert lab.clock.monotonic() - began < 45


def test_a_draining_target_can_be_registered_again(lab: Lab) -> None:
    one = lab.first().instance_id
    lab.do(DeregisterTargets(instance_id=one, targets=(lab.key,), reason=WHY))
    assert lab.do(RegisterTargets(instance_id=one, targets=(lab.key,), reason=WHY)).answer is Answer.DONE
    lab.until(lambda seen: state_of(lab, seen, one) is TargetState.HEALTHY)


def test_a_registered_instance_is_not_terminated(lab: Lab) -> None:
    one = lab.first().instance_id
    assert lab.do(terminate(lab, one)).answer is Answer.STALE
    assert lab.first().state is InstanceState.RUNNING


def test_a_draining_instance_is_not_terminated(lab: Lab) -> None:
    one = lab.first().instance_id
    lab.do(DeregisterTargets(instance_id=one, targets=(lab.key,), reason=WHY))
    assert lab.do(terminate(lab, one)).answer is Answer.STALE


def test_a_drained_instance_is_terminated_once(lab: Lab) -> None:
    one = lab.first().instance_id
    drained(lab, one)
    assert lab.do(terminate(lab, one)).answer is Answer.DONE
    assert lab.do(terminate(lab, one)).answer in (Answer.DONE, Answer.STALE)
    seen = lab.until(lambda seen: _state(seen, one) is InstanceState.TERMINATED)
    assert len(seen.instances) == 3


def _state(seen: Observation, instance_id: str) -> InstanceState | None:
    one = seen.instance(instance_id)
    return None if one is None else one.state


def test_an_instance_of_another_version_than_observed_is_not_terminated(lab: Lab) -> None:
    one = lab.first().instance_id
    drained(lab, one)
    assert lab.do(replace(terminate(lab, one), template=lab.new)).answer is Answer.STALE
    assert _state(lab.look(), one) is InstanceState.RUNNING


def test_a_launch_with_the_same_token_is_the_same_instance(lab: Lab) -> None:
    wanted = LaunchInstance(launch=lab.launch(), reason=WHY)
    first, again = lab.do(wanted), lab.do(wanted)
    assert (first.answer, again.answer) == (Answer.DONE, Answer.DONE)
    assert first.instance_ids == again.instance_ids
    seen = lab.until(lambda seen: len(seen.instances) == 4)
    assert {one.rollout for one in seen.instances} == {"", ROLLOUT_ID}


def test_a_token_with_other_parameters_is_refused(lab: Lab) -> None:
    lab.do(LaunchInstance(launch=lab.launch(), reason=WHY))
    other = lab.do(LaunchInstance(launch=lab.launch(template=lab.old), reason=WHY))
    assert (other.answer, other.code) == (Answer.REFUSED, "IdempotentParameterMismatch")


def test_a_token_whose_instance_is_terminated_is_refused(lab: Lab) -> None:
    wanted = LaunchInstance(launch=lab.launch(), reason=WHY)
    one = lab.do(wanted).instance_ids[0]
    lab.name(one)
    lab.until(lambda seen: _state(seen, one) is InstanceState.RUNNING)
    lab.do(replace(terminate(lab, one), template=lab.new))
    lab.until(lambda seen: _state(seen, one) is InstanceState.TERMINATED)
    again = lab.do(wanted)
    assert (again.answer, again.code) == (Answer.REFUSED, "IdempotentInstanceTerminated")


def test_a_new_instance_boots_is_registered_and_gets_healthy(lab: Lab) -> None:
    one = lab.do(LaunchInstance(launch=lab.launch(), reason=WHY)).instance_ids[0]
    lab.name(one)
    assert _state(lab.look(), one) in (InstanceState.PENDING, InstanceState.MISSING)
    register = RegisterTargets(instance_id=one, targets=(lab.key,), reason=WHY)
    assert lab.do(register).answer is Answer.STALE, "an instance that does not run is not registered"
    seen = lab.until(lambda seen: _state(seen, one) is InstanceState.RUNNING)
    new = seen.instance(one)
    assert new is not None
    assert (new.template, new.role, new.targets) == (lab.new, "replacement", ())
    assert ("team", "shop") in new.tags
    assert lab.do(register).answer is Answer.DONE
    assert state_of(lab, lab.look(), one) is TargetState.INITIAL
    lab.until(lambda seen: state_of(lab, seen, one) is TargetState.HEALTHY)


def test_a_tag_is_observed(lab: Lab) -> None:
    one = lab.first().instance_id
    tags = (("awsroll:rollout", ROLLOUT_ID), ("awsroll:role", "retiring"))
    assert lab.do(TagInstances(instance_ids=(one,), tags=tags, reason=WHY)).answer is Answer.DONE
    seen = lab.first()
    assert (seen.rollout, seen.role) == (ROLLOUT_ID, "retiring")


def test_a_setting_is_saved_changed_and_removed(lab: Lab) -> None:
    arn = lab.key.target_group
    lab.do(SaveSettings(resource=arn, settings=(("deregistration-delay", "30"),)))
    lab.do(SetDeregistrationDelay(target_group=arn, seconds=5, reason=WHY))
    seen = lab.look()
    assert (arn, "deregistration-delay") in seen.saved_settings
    assert seen.target_group(arn).deregistration_delay_seconds == 5
    lab.do(ForgetSavedSettings(resource=arn, settings=("deregistration-delay",)))
    assert not lab.look().saved_settings


def test_the_health_checks_of_a_target_group_are_changed(lab: Lab) -> None:
    arn = lab.key.target_group
    before = lab.look().target_group(arn)
    lab.do(SetHealthChecks(target_group=arn, interval_seconds=9, reason=WHY))
    lab.do(SetHealthChecks(target_group=arn, healthy_threshold=2, reason=WHY))
    seen = lab.look().target_group(arn)
    assert (seen.health_interval_seconds, seen.healthy_threshold) == (9, 2)
    assert seen.unhealthy_threshold == before.unhealthy_threshold


def test_an_id_that_aws_does_not_know_is_missing(lab: Lab) -> None:
    lab.name("i-0123456789abcdef0")
    assert _state(lab.look(), "i-0123456789abcdef0") is InstanceState.MISSING


def test_a_command_is_refused_until_the_drain_ends_and_then_runs_once(lab: Lab) -> None:
    one = lab.first().instance_id
    send = SendCommand(instance_ids=(one,), attempt=1, not_registered=(lab.key,), reason=WHY)
    assert lab.do(send).answer is Answer.STALE
    drained(lab, one)
    assert lab.do(send).answer is Answer.DONE
    assert lab.do(send).answer is Answer.DONE
    lab.until(lambda seen: [state.state for state in seen.invocations] == [CommandState.RUNNING], seconds=10)
    lab.until(lambda seen: [state.state for state in seen.invocations] == [CommandState.SUCCEEDED])


def test_a_command_that_was_never_sent_is_unsent(lab: Lab) -> None:
    lab.name(lab.first().instance_id)
    assert [state.state for state in lab.look().invocations] in ([], [CommandState.UNSENT])
