"""A reload command whose outcome is not known: when it is sent again, and under which number."""

from dataclasses import replace

from awsroll.core.model import actions as act
from awsroll.core.model.calls import Call, CallKind
from awsroll.core.model.observation import CommandState, Invocation
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Status
from awsroll.core.planner import plan
from awsroll.testing.clock import T0
from tests.support.looks import ON_WEB, instance, later, look, reload_rollout, status

DRAINED = instance("i-1", state=None, rollout="web-1", role="reloading")
OTHER = instance("i-2")


def _sent(*, answered: bool, attempt: int = 3) -> Status:
    flight = Server(phase=ServerPhase.RELOADING, since=T0, targets=(ON_WEB,), attempt=attempt)
    call = Call(kind=CallKind.SEND_COMMAND, at=T0, instance_id="i-1", number=attempt, answered=answered)
    return status("i-1", "i-2", reloading=("i-1",), servers={"i-1": flight}, calls=(call,), observed_at=later(50))


def test_a_command_that_ssm_has_accepted_is_never_sent_again() -> None:
    decided = plan(reload_rollout(), look(DRAINED, OTHER, at=100), _sent(answered=True))

    assert decided.actions == ()
    assert [hold.reason for hold in decided.holds] == [Reason.RUNNING_COMMAND]


def test_a_command_without_an_answer_is_waited_for_until_the_settle_time_is_over() -> None:
    decided = plan(reload_rollout(), look(DRAINED, OTHER, at=59), _sent(answered=False))

    assert decided.actions == ()


def test_a_command_that_is_not_shown_is_sent_again_under_the_same_number() -> None:
    decided = plan(reload_rollout(), look(DRAINED, OTHER, at=60), _sent(answered=False))

    assert decided.actions == (
        act.SendCommand(instance_ids=("i-1",), attempt=3, not_registered=(ON_WEB,), reason=Reason.DRAINED),
    )
    assert decided.status.servers["i-1"].attempt == 3
    assert decided.status.calls == (Call(kind=CallKind.SEND_COMMAND, at=later(60), instance_id="i-1", number=3),)


def test_a_command_that_is_shown_is_watched() -> None:
    seen = Invocation(attempt=3, instance_id="i-1", state=CommandState.RUNNING)
    decided = plan(reload_rollout(), look(DRAINED, OTHER, at=60, invocations=(seen,)), _sent(answered=False))

    assert decided.actions == ()
    assert decided.status.calls == ()


def test_a_stop_waits_for_a_command_that_may_run_before_the_server_returns() -> None:
    stopping = replace(_sent(answered=False), mode=Mode.STOPPING, reason="i-2: something failed")
    waiting = plan(reload_rollout(), look(DRAINED, OTHER, at=59), stopping)
    settled = plan(reload_rollout(), look(DRAINED, OTHER, at=60), waiting.status)

    assert waiting.actions == ()
    assert settled.actions == (act.RegisterTargets(instance_id="i-1", targets=(ON_WEB,), reason=Reason.STOPPING),)
