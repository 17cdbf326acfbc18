"""Several servers in one call, and one odd server among them."""

from collections.abc import Sequence

import pytest

from awsroll.core.model.action_results import Answer
from awsroll.core.model.actions import DeregisterTargets, LaunchInstance, RegisterTargets, TerminateInstance
from awsroll.core.model.observation import InstanceState, TargetState
from awsroll.core.model.reasons import Reason
from awsroll.errors import AccessRefusedError, AwsBusyError, AwsError, AwsRefusedError, AwsUnansweredError
from awsroll.fleets.together import call_together
from awsroll.sandbox import ApiError, ConnectionLost
from tests.support.amazon import once
from tests.support.looking import Lab, standalone

IDS = tuple(f"i-{number:017x}" for number in range(100))
SIX = {"servers": 6, "zones": 2}
UNKNOWN = "i-0fffffffffffffff0"


def deregistrations(lab: Lab, *names: str) -> list[DeregisterTargets]:
    keys = tuple(lab.key(80, number) for number in range(len(lab.built.target_group_arns)))
    return [DeregisterTargets(instance_id=name, targets=keys, reason=Reason.OUTDATED) for name in names]


def terminations(lab: Lab, *names: str) -> list[TerminateInstance]:
    return [
        TerminateInstance(
            instance_id=name, not_registered=(lab.key(),), template=lab.template(1), reason=Reason.DRAINED
        )
        for name in names
    ]


def answers(lab: Lab, actions: Sequence[object]) -> list[Answer]:
    results = lab.fleet.execute(lab.rollout, actions)  # type: ignore[arg-type]
    assert [result.action for result in results] == actions
    return [result.answer for result in results]


def states(lab: Lab) -> set[TargetState]:
    return {target.state for one in lab.look().instances for target in one.targets}


# --- one call ---------------------------------------------------------------------------------------------------------


def test_deregisters_servers_with_one_call_for_each_target_group() -> None:
    with standalone(shape={**SIX, "target_groups": 2}) as lab:
        assert answers(lab, deregistrations(lab, *lab.built.instance_ids)) == [Answer.DONE] * 6
        assert [len(one["Targets"]) for one in lab.requests.of("elbv2:DeregisterTargets")] == [6, 6]
        assert states(lab) == {TargetState.DRAINING}


def test_a_call_takes_at_most_a_hundred_servers() -> None:
    with standalone() as lab:
        answers(lab, deregistrations(lab, *(f"i-{number:017x}" for number in range(250))))
        assert max(len(one["Targets"]) for one in lab.requests.of("elbv2:DeregisterTargets")) == 100


def test_registers_what_runs_with_one_call() -> None:
    with standalone(shape=SIX) as lab:
        names = lab.built.instance_ids
        lab.client("ec2").stop_instances(InstanceIds=[names[0]])
        lab.sandbox.jump(60)
        actions = [
            RegisterTargets(instance_id=name, targets=(lab.key(),), reason=Reason.NEW_INSTANCE_RUNNING)
            for name in names
        ]
        assert answers(lab, actions) == [Answer.STALE, *[Answer.DONE] * 5]
        assert [len(one["Targets"]) for one in lab.requests.of("elbv2:RegisterTargets")] == [5]


def test_terminates_what_is_drained_with_one_call_and_leaves_the_rest() -> None:
    with standalone(shape=SIX) as lab:
        names = lab.built.instance_ids
        answers(lab, deregistrations(lab, *names[1:]))
        lab.sandbox.jump(60)
        assert answers(lab, terminations(lab, *names, UNKNOWN)) == [Answer.STALE, *[Answer.DONE] * 6]
        assert lab.requests.of("ec2:TerminateInstances") == [{"InstanceIds": list(names[1:])}]
        assert lab.one(names[0]).state is InstanceState.RUNNING


# --- one odd server ---------------------------------------------------------------------------------------------------


def test_a_protected_server_does_not_stop_the_others() -> None:
    with standalone(shape=SIX) as lab:
        names = lab.built.instance_ids
        answers(lab, deregistrations(lab, *names))
        lab.sandbox.jump(60)
        lab.client("ec2").modify_instance_attribute(InstanceId=names[2], DisableApiTermination={"Value": True})
        results = lab.fleet.execute(lab.rollout, terminations(lab, *names))
        assert [result.answer for result in results] == [*[Answer.DONE] * 2, Answer.REFUSED, *[Answer.DONE] * 3]
        assert results[2].code == "OperationNotPermitted"
        assert lab.one(names[2]).state is InstanceState.RUNNING
        assert len(lab.requests.of("ec2:TerminateInstances")) == 2


def test_a_server_that_ec2_does_not_know_does_not_stop_the_others() -> None:
    with standalone(shape=SIX) as lab:
        names = lab.built.instance_ids
        assert answers(lab, deregistrations(lab, names[0], UNKNOWN, *names[1:])) == [Answer.DONE] * 7
        assert states(lab) == {TargetState.DRAINING}


def test_a_server_refused_in_one_target_group_is_not_called_for_in_the_next() -> None:
    with standalone(shape={**SIX, "target_groups": 2}) as lab:
        names = lab.built.instance_ids
        refusal = ApiError("InvalidTarget", f"The following targets are odd: '{names[1]}'")
        lab.sandbox.on_call(once(refusal, "elbv2:RegisterTargets"))
        keys = (lab.key(80, 0), lab.key(80, 1))
        actions = [
            RegisterTargets(instance_id=name, targets=keys, reason=Reason.NEW_INSTANCE_RUNNING) for name in names
        ]
        results = lab.fleet.execute(lab.rollout, actions)
        assert [result.answer for result in results] == [Answer.DONE, Answer.REFUSED, *[Answer.DONE] * 4]
        assert [len(one["Targets"]) for one in lab.requests.of("elbv2:RegisterTargets")] == [6, 5, 5]


def test_a_lost_answer_is_the_answer_of_every_server_in_the_call() -> None:
    with standalone(shape=SIX) as lab:
        lab.sandbox.on_call(_lost)
        assert answers(lab, deregistrations(lab, *lab.built.instance_ids)) == [Answer.UNANSWERED] * 6


def _lost(service: str, operation: str, parameters: object) -> None:
    if operation == "DeregisterTargets":
        raise ConnectionLost


# --- the rule, without AWS --------------------------------------------------------------------------------------------


class Calls:
    """Calls that AWS refuses because of odd servers."""

    def __init__(self, *odd: str, names: bool) -> None:
        self.odd, self.names = set(odd), names
        self.made: list[int] = []
        self.accepted: list[str] = []

    def __call__(self, ids: Sequence[str]) -> None:
        self.made.append(len(ids))
        if found := [name for name in ids if name in self.odd]:
            message = f"not known: {', '.join(found)}" if self.names else "one of the targets is not known"
            raise AwsRefusedError(message, code="InvalidTarget", operation="elbv2:RegisterTargets")
        self.accepted += ids


@pytest.mark.parametrize("names", [True, False], ids=["AWS names it", "AWS does not name it"])
@pytest.mark.parametrize("odd", [(), (IDS[0],), (IDS[99],), (IDS[3], IDS[4], IDS[70])], ids=len)
def test_all_but_the_odd_servers_are_accepted_once(odd: tuple[str, ...], names: bool) -> None:
    calls = Calls(*odd, names=names)

    outcomes = call_together(IDS, calls)

    assert {name for name, error in outcomes.items() if error is not None} == set(odd)
    assert sorted(calls.accepted) == sorted(set(IDS) - set(odd))
    assert list(outcomes.keys() - set(IDS)) == []
    assert len(calls.made) <= (2 if names else 1 + 14 * len(odd))


def test_no_call_without_servers() -> None:
    assert call_together((), Calls(names=True)) == {}


@pytest.mark.parametrize(
    "kind", [AwsUnansweredError, AccessRefusedError, AwsBusyError], ids=lambda kind: str(kind.__name__)
)
def test_a_failure_that_is_not_of_one_server_is_not_tried_for_each(kind: type[AwsError]) -> None:
    made: list[int] = []
    message = "no"

    def call(ids: Sequence[str]) -> None:
        made.append(len(ids))
        if len(made) > 1:
            raise kind(message, code="x", operation="ec2:y")
        raise AwsRefusedError(message, code="InvalidTarget", operation="ec2:y")

    outcomes = call_together(IDS, call)

    assert made == [100, 50]
    assert {type(error) for error in outcomes.values()} == {kind}


def test_a_refusal_that_is_not_about_servers_is_not_tried_for_each() -> None:
    made: list[int] = []

    def call(ids: Sequence[str]) -> None:
        made.append(len(ids))
        message = "One or more target groups not found"
        raise AwsRefusedError(message, code="TargetGroupNotFound", operation="elbv2:RegisterTargets")

    outcomes = call_together(IDS, call)

    assert made == [100]
    assert len(outcomes) == 100


def test_one_launch_is_still_one_call() -> None:
    with standalone() as lab:
        launches = [LaunchInstance(launch=lab.launch(number), reason=Reason.SURGING) for number in (1, 2)]
        assert answers(lab, launches) == [Answer.DONE] * 2
