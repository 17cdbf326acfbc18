"""Several launches with one call of RunInstances: partial answers, lost answers, and instances that have ended."""

from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.core.model.action_results import LAUNCHED_FEWER, Answer, Result
from awsroll.core.model.actions import LaunchInstance
from awsroll.core.model.reasons import Reason
from awsroll.sandbox import ApiError, ConnectionLost
from tests.support.amazon import once
from tests.support.looking import ROLLOUT, Lab, standalone

TAGS = (("Team", "shop"), ("awsroll:rollout", ROLLOUT))


def batch(lab: Lab, count: int, **changes: object) -> list[LaunchInstance]:
    first = lab.launch(1, tags=TAGS, batch=count, **changes)
    return [
        LaunchInstance(launch=replace(first, number=index + 1, index=index), reason=Reason.SURGING)
        for index in range(count)
    ]


def launch(lab: Lab, actions: list[LaunchInstance]) -> tuple[Result, ...]:
    results = lab.fleet.execute(lab.rollout, actions)
    assert [result.action for result in results] == actions
    return tuple(results)


def names(results: tuple[Result, ...]) -> list[str]:
    return [name for result in results for name in result.instance_ids]


def test_one_call_launches_the_whole_batch_and_each_launch_gets_one_instance() -> None:
    with standalone() as lab:
        results = launch(lab, batch(lab, 7))

        (request,) = lab.requests.of("ec2:RunInstances")
        assert (request["MinCount"], request["MaxCount"]) == (1, 7)
        assert [result.answer for result in results] == [Answer.DONE] * 7
        assert len(set(names(results))) == 7
        assert len(lab.sandbox.ec2.instances()) == 9


def test_two_batches_are_two_calls() -> None:
    with standalone() as lab:
        second = [
            replace(one, launch=replace(one.launch, token="awsroll-other", subnet_id=lab.built.subnet_ids[1]))
            for one in batch(lab, 3)
        ]
        launch(lab, [*batch(lab, 2), *second])

        assert [request["MaxCount"] for request in lab.requests.of("ec2:RunInstances")] == [2, 3]


def test_a_repetition_gives_each_launch_the_same_instance() -> None:
    with standalone() as lab:
        first, again = launch(lab, batch(lab, 7)), launch(lab, batch(lab, 7))

        assert names(first) == names(again)
        assert names(launch(lab, batch(lab, 7)[4:5])) == names(first)[4:5]
        assert len(lab.sandbox.ec2.instances()) == 9


def test_a_batch_whose_answer_is_lost_is_not_doubled() -> None:
    with standalone() as lab:
        lab.sandbox.on_call(once(ConnectionLost(), "ec2:RunInstances"), "after")

        assert len(set(names(launch(lab, batch(lab, 7))))) == 7
        assert len(lab.sandbox.ec2.instances()) == 9


def test_a_partial_answer_is_adopted_and_the_rest_is_refused_for_now() -> None:
    with standalone() as lab:
        lab.sandbox.ec2.capacity["us-east-1a"] = 4
        results = launch(lab, batch(lab, 7))

        assert [result.answer for result in results] == [Answer.DONE] * 4 + [Answer.REFUSED] * 3
        assert {(one.code, one.transient, one.denied) for one in results[4:]} == {(LAUNCHED_FEWER, True, False)}
        assert results[6].message == "EC2 launched 4 of 7 instances"
        assert names(launch(lab, batch(lab, 7))) == names(results)


@pytest.mark.parametrize("code", ["InsufficientFreeAddressesInSubnet", "VcpuLimitExceeded", "InvalidParameterValue"])
def test_a_refused_batch_is_no_verdict_on_a_single_launch(code: str) -> None:
    with standalone() as lab:
        lab.sandbox.on_call(once(ApiError(code, "too many"), "ec2:RunInstances"))
        results = launch(lab, batch(lab, 7))

        assert {(one.answer, one.code, one.transient) for one in results} == {(Answer.REFUSED, code, True)}


def test_the_others_are_found_if_one_instance_of_the_batch_has_ended() -> None:
    with standalone() as lab:
        made = names(launch(lab, batch(lab, 7)))
        lab.sandbox.jump(60)
        lab.client("ec2").terminate_instances(InstanceIds=[made[2]])
        lab.sandbox.jump(60)

        assert names(launch(lab, batch(lab, 7))) == made
        assert len(lab.sandbox.ec2.instances()) == 9


def test_an_old_batch_is_searched_for_and_never_repeated() -> None:
    with standalone() as lab:
        actions = batch(lab, 7)
        made = names(launch(lab, actions))
        lab.sandbox.jump(13 * 3600)
        assert sorted(names(launch(lab, actions))) == sorted(made)

        old = [replace(one, launch=replace(one.launch, token="awsroll-unknown")) for one in actions]
        assert {result.code for result in launch(lab, old)} == {"LaunchTooOld"}
        assert lab.now() - actions[0].launch.at > timedelta(hours=12)
        assert len(lab.requests.of("ec2:RunInstances")) == 1
