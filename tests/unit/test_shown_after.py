"""What an observation right after a call would show of the members that leave a group."""

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.observation import Lifecycle
from awsroll.core.model.reasons import Reason
from awsroll.core.observe.shown_after import shown_after
from tests.support.looks import group_look, member


def _terminated(*names: str, answer: Answer = Answer.DONE, decrement: bool = False) -> Result:
    action = act.TerminateInGroup(
        group="web", instance_ids=("i-1", "i-2"), decrement=decrement, not_registered=(), reason=Reason.OUTDATED
    )
    return Result(action=action, answer=answer, instance_ids=names)


def test_members_that_a_call_has_ended_are_leaving() -> None:
    seen = shown_after(group_look(member("i-1"), member("i-2"), member("i-3")), [_terminated("i-1")])
    lives = {one.instance_id: one.lifecycle for one in seen.instances}
    assert lives == {"i-1": Lifecycle.TERMINATING, "i-2": Lifecycle.IN_SERVICE, "i-3": Lifecycle.IN_SERVICE}
    assert seen.group is not None
    assert seen.group.desired == 3


def test_a_call_that_lowers_desired_is_seen_in_desired_too() -> None:
    before = group_look(member("i-1"), member("i-2"), member("i-3"))
    seen = shown_after(before, [_terminated("i-1", "i-2", decrement=True)])
    assert seen.group is not None
    assert seen.group.desired == 1


def test_a_call_without_an_effect_changes_nothing() -> None:
    before = group_look(member("i-1"), member("i-2"))
    assert shown_after(before, [_terminated(answer=Answer.STALE)]) is before
