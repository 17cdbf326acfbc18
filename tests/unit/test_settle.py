"""What the answer to a call, or a lost answer, changes in the record."""

from dataclasses import replace

import pytest

from awsroll.core.classify.view import View
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import EMPTY_ANSWER, Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Call, CallKind, Launch
from awsroll.core.model.observation import CommandState, FleetKind, Instance, InstanceState, Invocation, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Desired
from awsroll.core.observe.abandoned import abandoned_name
from awsroll.core.observe.launch_answers import RETRY_LAUNCH_SECONDS
from awsroll.core.observe.settle import MANY_FRUITLESS_CALLS, is_worth_a_call, settle, settle_by_observation
from awsroll.testing.clock import T0
from tests.support.looks import NEW, group, group_look, instance, later, look, member, rollout, status

AT_REST = Desired(goal=4, expected=4, previous=4, moved_at=T0)
NOW = later(30)


def _launch(**more: object) -> Launch:
    return replace(Launch(number=1, token="t-1", at=T0, template=NEW), **more)  # type: ignore[arg-type]


def _answered(action: Action, answer: Answer, kept: Status, **result: object) -> Status:
    made = Result(action=action, answer=answer, message="said AWS")
    return settle(kept, (replace(made, **result),), NOW)  # type: ignore[arg-type]


# --- launches -------------------------------------------------------------------------------------------------------


def _launched(answer: Answer, *, kept: Status | None = None, count: int = 1, **result: object) -> Status:
    launch = _launch(count=count)
    before = kept or status(desired=AT_REST, owed_since=T0, owed_reason="none yet")
    action = act.LaunchInGroup(group="web", launch=launch, reason=Reason.SURGING)
    return _answered(action, answer, replace(before, launches=(launch,)), **result)


def test_a_launch_is_known_by_its_ids_and_has_raised_desired() -> None:
    after = _launched(Answer.DONE, count=2, instance_ids=("i-8", "i-9"))

    assert after.launches == (_launch(count=2, settled=True, instance_ids=("i-8", "i-9"), at=NOW),)
    assert after.desired == Desired(goal=4, expected=6, previous=4, moved_at=NOW)
    assert (after.shortage.since, after.shortage.reason, after.progress_at) == (None, "", NOW)


def test_a_launch_that_brought_fewer_keeps_the_clock_of_what_is_missing() -> None:
    after = _launched(Answer.DONE, count=2, instance_ids=("i-8",))

    assert after.desired is not None
    assert after.desired.expected == 5
    assert (after.shortage.since, after.shortage.reason) == (T0, "said AWS")
    assert after.shortage.launch_after == later(30 + RETRY_LAUNCH_SECONDS)


def test_a_launch_without_an_answer_stays_open() -> None:
    assert _launched(Answer.UNANSWERED).launches == (_launch(),)


def test_a_stale_launch_is_forgotten_and_may_be_decided_again_at_once() -> None:
    after = _launched(Answer.STALE)

    assert (after.launches, after.shortage.launch_after, after.mode) == ((), None, Mode.ROLLING)


def test_a_definite_refusal_is_a_failure() -> None:
    after = _launched(Answer.REFUSED, code="InvalidKeyPair.NotFound")

    assert [one.cause for one in after.failures] == ["launch refused: said AWS"]
    assert after.launches == ()


def test_a_refused_permission_pauses() -> None:
    after = _launched(Answer.REFUSED, denied=True)

    assert (after.mode, after.outcome, after.launches) == (Mode.ROLLING, Outcome.PAUSED, ())
    assert after.reason.startswith("LaunchInGroup was refused: said AWS Grant the permission")


def test_a_refusal_while_stopping_is_a_warning_and_not_tried_again() -> None:
    after = _launched(Answer.REFUSED, kept=status(mode=Mode.STOPPING, desired=AT_REST))

    assert after.failures == ()
    assert after.warnings == ("LaunchInGroup was refused: said AWS",)
    assert after.settings.abandoned == ("LaunchInGroup",)


REPEATED = _launch(repeated=True)


@pytest.mark.parametrize("mode", [Mode.ROLLING, Mode.STOPPING])
@pytest.mark.parametrize("transient", [True, False], ids=["for-now", "for-good"])
def test_the_refusal_of_a_repeated_launch_proves_nothing_about_the_first(mode: Mode, *, transient: bool) -> None:
    action = act.LaunchInGroup(group="web", launch=REPEATED, reason=Reason.SURGING)
    before = status(mode=mode, desired=AT_REST, launches=(REPEATED,))
    code = "InsufficientInstanceCapacity" if transient else "InvalidParameterValue"
    after = _answered(action, Answer.REFUSED, before, transient=transient, code=code)

    assert after == replace(before, launches=(replace(REPEATED, refused="said AWS"),))


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "Throttling"])
def test_a_repeated_launch_that_is_throttled_is_repeated_again(code: str) -> None:
    action = act.LaunchInGroup(group="web", launch=REPEATED, reason=Reason.SURGING)
    before = status(desired=AT_REST, launches=(REPEATED,))

    assert _answered(action, Answer.REFUSED, before, transient=True, code=code) == before


def test_an_answer_without_instances_and_errors_leaves_the_launch_open() -> None:
    first = _launched(Answer.UNANSWERED, code=EMPTY_ANSWER)
    assert first.launches == (_launch(empty_since=NOW),)
    action = act.LaunchInGroup(group="web", launch=_launch(empty_since=T0), reason=Reason.SURGING)
    again = _answered(action, Answer.UNANSWERED, status(launches=(action.launch,)), code=EMPTY_ANSWER)
    assert again.launches == (_launch(empty_since=T0),)


def test_launch_instances_without_permission_is_replaced_by_the_desired_capacity() -> None:
    after = _launched(Answer.REFUSED, denied=True, code="AccessDenied")

    assert (after.mode, after.outcome, after.launches) == (Mode.ROLLING, Outcome.RUNNING, ())
    assert after.launches_denied
    assert after.warnings[0].startswith("LaunchInstances is not permitted (said AWS)")


def test_a_launch_that_was_looked_up_and_not_found_is_made_again_later() -> None:
    action = act.LaunchInstance(launch=REPEATED, reason=Reason.SURGING)
    after = _answered(action, Answer.REFUSED, status(launches=(REPEATED,)), code="LaunchTooOld")

    assert (after.launches, after.failures) == ((), ())
    assert after.shortage.reason == "said AWS"


def test_a_refusal_that_proves_the_first_launch_settles_it() -> None:
    action = act.LaunchInstance(launch=REPEATED, reason=Reason.SURGING)
    after = _answered(action, Answer.REFUSED, status(launches=(REPEATED,)), code="IdempotentInstanceTerminated")

    assert after.launches == ()
    assert [one.cause for one in after.failures] == ["launch refused: said AWS"]


# --- calls on instances ---------------------------------------------------------------------------------------------

MOVES = {
    "decrement": (
        act.TerminateInGroup(
            group="web", instance_ids=("i-1", "i-2"), decrement=True, not_registered=(), reason=Reason.OUTDATED
        ),
        CallKind.TERMINATE_AND_DECREMENT,
        -1,
    ),
    "replace": (
        act.TerminateInGroup(
            group="web", instance_ids=("i-1", "i-2"), decrement=False, not_registered=(), reason=Reason.OUTDATED
        ),
        CallKind.TERMINATE,
        0,
    ),
    "detach": (
        act.DetachFromGroup(group="web", instance_ids=("i-1", "i-2"), reason=Reason.KEPT_FOR_INSPECTION),
        CallKind.DETACH,
        0,
    ),
    "enter-standby": (
        act.EnterStandby(group="web", instance_ids=("i-1", "i-2"), reason=Reason.OUTDATED),
        CallKind.ENTER_STANDBY,
        -1,
    ),
    "exit-standby": (
        act.ExitStandby(group="web", instance_ids=("i-1", "i-2"), reason=Reason.RELOADED),
        CallKind.EXIT_STANDBY,
        1,
    ),
}
EACH_MOVE = pytest.mark.parametrize(("action", "kind", "by"), MOVES.values(), ids=MOVES)


def _announced(kind: CallKind) -> Status:
    calls = tuple(Call(kind=kind, at=T0, instance_id=one) for one in ("i-1", "i-2"))
    return status(desired=AT_REST, calls=calls)


@EACH_MOVE
def test_an_accepted_call_is_kept_until_it_is_observed_and_has_changed_desired(
    action: Action, kind: CallKind, by: int
) -> None:
    after = _answered(action, Answer.DONE, _announced(kind))

    assert [(call.instance_id, call.answered) for call in after.calls] == [("i-1", True), ("i-2", True)]
    assert after.desired is not None
    assert after.desired.expected == 4 + 2 * by


@EACH_MOVE
def test_what_was_not_accepted_had_no_effect(action: Action, kind: CallKind, by: int) -> None:
    after = _answered(action, Answer.DONE, _announced(kind), instance_ids=("i-2",))

    assert [(call.instance_id, call.answered) for call in after.calls] == [("i-2", True)]
    assert after.desired is not None
    assert after.desired.expected == 4 + by


@EACH_MOVE
def test_a_stale_call_is_forgotten_and_an_unanswered_one_is_kept(action: Action, kind: CallKind, by: int) -> None:
    before = _announced(kind)

    assert _answered(action, Answer.STALE, before) == replace(before, calls=())
    assert _answered(action, Answer.UNANSWERED, before) == before


def test_calls_without_an_effect_are_repeated_rarely_and_named_in_a_warning() -> None:
    action, _, _ = MOVES["replace"]
    after = status(servers={"i-1": Server(phase=ServerPhase.DRAINING, since=T0)})
    for number in range(1, MANY_FRUITLESS_CALLS + 2):
        assert is_worth_a_call(View(rollout(), look(at=31), after), "i-1") is (number <= MANY_FRUITLESS_CALLS)
        after = _answered(action, Answer.STALE, after)

    assert after.warnings == ("i-1: TerminateInGroup had no effect 3 times: said AWS. awsroll tries again",)
    assert is_worth_a_call(View(rollout(), look(at=60), after), "i-1")
    assert _answered(action, Answer.DONE, after).servers["i-1"].fruitless == 0


def test_a_refused_command_may_be_sent_again_under_another_number() -> None:
    action = act.SendCommand(instance_ids=("i-1",), attempt=3, not_registered=(), reason=Reason.DRAINED)
    flight = Server(phase=ServerPhase.RELOADING, since=T0, attempt=3)
    other = replace(flight, attempt=4)
    call = Call(kind=CallKind.SEND_COMMAND, at=T0, instance_id="i-1", number=3)
    before = status(calls=(call,), servers={"i-1": flight, "i-2": other})
    after = _answered(action, Answer.REFUSED, before, transient=True)

    assert after.calls == ()
    assert after.servers == {"i-1": replace(flight, attempt=0), "i-2": other}
    assert after.mode is Mode.ROLLING


def test_desired_is_known_to_have_moved_only_by_an_answer() -> None:
    action = act.SetDesiredCapacity(group="web", value=6, expected=4, reason=Reason.SURGING)
    before = status(desired=AT_REST, calls=(Call(kind=CallKind.SET_DESIRED, at=T0, number=6),))

    done = _answered(action, Answer.DONE, before)
    assert (done.calls, done.desired) == ((), Desired(goal=4, expected=6, previous=4, moved_at=NOW))
    assert _answered(action, Answer.STALE, before) == replace(before, calls=())
    assert _answered(action, Answer.UNANSWERED, before) == before


def test_a_refused_write_is_a_failure_of_its_instance() -> None:
    action = act.DeregisterTargets(instance_id="i-1", targets=(), reason=Reason.OUTDATED)
    after = _answered(action, Answer.REFUSED, status())

    assert [(one.instance_id, one.cause) for one in after.failures] == [
        ("i-1", "DeregisterTargets was refused: said AWS")
    ]
    assert _answered(action, Answer.REFUSED, status(), transient=True).failures == ()


def test_abandoned_actions_are_distinguished_by_their_instances() -> None:
    one = act.RegisterTargets(instance_id="i-1", targets=(), reason=Reason.STOPPING)
    several = act.ExitStandby(group="web", instance_ids=("i-1", "i-2"), reason=Reason.STOPPING)

    assert abandoned_name(one) == "RegisterTargets i-1"
    assert abandoned_name(several) == "ExitStandby i-1,i-2"


# --- by looking -----------------------------------------------------------------------------------------------------

GROUP = rollout(FleetKind.AUTO_SCALING)


def _looked(call: Call, *members: object, at: float = 10, desired: int = 4, **kept: object) -> Status:
    seen = group_look(*members, at=at, seen=group(desired=desired))  # type: ignore[arg-type]
    return settle_by_observation(View(GROUP, seen, status(desired=AT_REST, calls=(call,), **kept)))


def test_a_call_that_shows_nothing_stays_open_until_the_settle_time_then_had_no_effect() -> None:
    call = Call(kind=CallKind.TERMINATE_AND_DECREMENT, at=T0, instance_id="i-1")

    assert _looked(call, member("i-1"), at=59).calls == (call,)
    over = _looked(call, member("i-1"), at=60)
    assert (over.calls, over.desired) == ((), AT_REST)


def test_an_answered_call_that_is_never_observed_is_undone() -> None:
    call = Call(kind=CallKind.TERMINATE_AND_DECREMENT, at=T0, instance_id="i-1", answered=True)
    after = _looked(call, member("i-1"), at=60)

    assert after.calls == ()
    assert after.desired == Desired(goal=4, expected=5, previous=4, moved_at=later(60))


def test_an_ending_that_shows_is_kept_as_answered_until_the_instance_is_gone() -> None:
    call = Call(kind=CallKind.TERMINATE_AND_DECREMENT, at=T0, instance_id="i-1")
    after = _looked(call, member("i-1", lifecycle=Lifecycle.TERMINATING))

    assert after.calls == (replace(call, answered=True),)
    assert after.desired == Desired(goal=4, expected=3, previous=4, moved_at=later(10))


def test_a_move_to_standby_shows_in_the_lifecycle() -> None:
    entering = Call(kind=CallKind.ENTER_STANDBY, at=T0, instance_id="i-1")
    leaving = Call(kind=CallKind.EXIT_STANDBY, at=T0, instance_id="i-1")

    assert _looked(entering, member("i-1", lifecycle=Lifecycle.STANDBY)).calls == ()
    assert _looked(entering, member("i-1")).calls == (entering,)
    assert _looked(leaving, member("i-1", lifecycle=Lifecycle.PENDING)).calls == ()
    assert _looked(leaving).calls == (leaving,)


@pytest.mark.parametrize("ended", [(), (member("i-1", lifecycle=Lifecycle.TERMINATING),)], ids=["gone", "leaving"])
def test_a_member_that_left_standby_and_was_ended_since_shows_in_desired(ended: tuple[Instance, ...]) -> None:
    leaving = Call(kind=CallKind.EXIT_STANDBY, at=T0, instance_id="i-1")
    left = _looked(leaving, *ended, desired=5)

    assert (left.calls, left.desired) == ((), Desired(goal=4, expected=5, previous=4, moved_at=later(10)))
    assert _looked(leaving, *ended, desired=4).calls == (leaving,)


def test_a_member_that_ended_in_standby_has_not_left_it_whatever_desired_is() -> None:
    leaving = Call(kind=CallKind.EXIT_STANDBY, at=T0, instance_id="i-1")
    ghost = replace(member("i-1", lifecycle=Lifecycle.STANDBY), state=InstanceState.TERMINATED)

    assert _looked(leaving, ghost, desired=5).calls == (leaving,)


def test_one_of_two_ended_members_has_left_standby_if_desired_rose_by_one() -> None:
    calls = tuple(Call(kind=CallKind.EXIT_STANDBY, at=T0, instance_id=name) for name in ("i-1", "i-2"))
    seen = group_look(at=10, seen=group(desired=5))
    after = settle_by_observation(View(GROUP, seen, status(desired=AT_REST, calls=calls)))

    assert after.calls == calls[1:]


def test_an_observed_desired_capacity_settles_its_call() -> None:
    call = Call(kind=CallKind.SET_DESIRED, at=T0, number=6)
    after = _looked(call, desired=6)

    assert after.calls == ()
    assert after.desired == Desired(goal=4, expected=6, previous=4, moved_at=later(10))


def test_a_command_that_ssm_knows_was_sent_and_one_that_it_does_not_was_not() -> None:
    call = Call(kind=CallKind.SEND_COMMAND, at=T0, instance_id="i-1", number=3)
    flight = Server(phase=ServerPhase.RELOADING, since=T0, attempt=3)
    before = status("i-1", calls=(call,), servers={"i-1": flight})

    def after(state: CommandState, at: float) -> Status:
        known = (Invocation(attempt=3, instance_id="i-1", state=state),)
        return settle_by_observation(View(rollout(), look(instance("i-1"), at=at, invocations=known), before))

    assert (after(CommandState.RUNNING, 10).calls, after(CommandState.RUNNING, 10).servers) == ((), {"i-1": flight})
    assert after(CommandState.UNSENT, 10) == before
    lost = after(CommandState.UNSENT, 60)
    assert (lost.calls, lost.servers) == ((), {"i-1": flight})


def test_a_standalone_instance_that_is_gone_has_been_terminated() -> None:
    call = Call(kind=CallKind.TERMINATE, at=T0, instance_id="i-1")
    ending = instance("i-1", state=None)
    ending = replace(ending, state=InstanceState.SHUTTING_DOWN)
    after = settle_by_observation(View(rollout(), look(ending, at=5), status("i-1", calls=(call,))))

    assert after.calls == (replace(call, answered=True),)
