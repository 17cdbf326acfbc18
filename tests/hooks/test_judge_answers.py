"""A hook at `while_judging` answers with counts of each server; anything else fails it."""

import pytest

from awsroll.core.model.hook_calls import HookCall, HookEvent, HookRun, Reading
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.hooks.judge_answers import readings_of
from awsroll.hooks.local_commands import HookFailedError


def run(point: HookPoint = HookPoint.WHILE_JUDGING) -> HookRun:
    event = HookEvent(
        point=point,
        hook="errors",
        run=1,
        phase="rolling",
        rollout_id="web",
        fleet="web",
        from_version="1",
        to_version="2",
        instance_ids=("i-1", "i-2"),
    )
    hook = Hook(point=point, name="errors", function="count")
    return HookRun(hook=hook, call=HookCall(name="errors", number=1), event=event)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b'counting\n{"i-1": {"bad": 3, "total": 9}, "i-7": {"bad": 1, "total": 1}}\n', id="output"),
        pytest.param({"i-1": {"bad": 3, "total": 9, "note": "more keys"}}, id="callable"),
    ],
)
def test_counts_of_compared_servers_are_read(answer):
    assert readings_of(run(), answer) == (Reading(instance_id="i-1", bad=3, total=9),)


@pytest.mark.parametrize(
    "answer", [b"", b"0", b"[1]", None, {"i-1": 3}, {"i-1": {"bad": 2, "total": 1}}, {"i-1": {"bad": True, "total": 1}}]
)
def test_any_other_answer_fails_the_hook(answer):
    with pytest.raises(HookFailedError):
        readings_of(run(), answer)


def test_hooks_at_other_points_count_nothing():
    assert readings_of(run(HookPoint.AT_CHECKPOINT), b"whatever") == ()
