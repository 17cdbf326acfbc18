"""Clocks start with the answer to a call, or with the first observation of its effect, never with the decision."""

from dataclasses import replace

import pytest

from awsroll.core.classify.view import View
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import PUT_OFF, Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Call, CallKind
from awsroll.core.model.observation import TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import SavedSettings
from awsroll.core.observe.clocks import advance
from awsroll.core.observe.settle import settle
from awsroll.testing.clock import T0
from tests.support.looks import OLD, ON_WEB, instance, later, look, rollout, status

DEREGISTER = act.DeregisterTargets(instance_id="i-1", targets=(ON_WEB,), reason=Reason.OUTDATED)
REGISTER = act.RegisterTargets(instance_id="i-1", targets=(ON_WEB,), reason=Reason.RELOADED)
SEND = act.SendCommand(instance_ids=("i-1",), attempt=1, not_registered=(), reason=Reason.DRAINED)


def _kept(phase: ServerPhase = ServerPhase.DRAINING, **facts: object) -> Status:
    server = Server(phase=phase, since=T0, targets=(ON_WEB,), **facts)  # type: ignore[arg-type]
    return status("i-1", servers={"i-1": server}, observed_at=T0)


def _settled(kept: Status, action: Action, answer: Answer, code: str = "", at: float = 30) -> Status:
    return settle(kept, (Result(action=action, answer=answer, code=code),), later(at))


def _server(kept: Status) -> Server:
    return kept.servers["i-1"]


def test_the_clock_and_the_deadline_of_a_drain_start_with_the_accepted_call() -> None:
    after = _settled(_kept(deregistering_at=later(20)), DEREGISTER, Answer.DONE)

    server = _server(after)
    assert (server.deregistered_at, server.since, server.deregistering_at) == (later(30), later(30), None)
    assert after.progress_at == later(30)


def test_a_deregistration_that_was_put_off_leaves_no_stamp_and_does_not_make_the_server_late() -> None:
    after = _settled(_kept(deregistering_at=later(20)), DEREGISTER, Answer.STALE, PUT_OFF)

    server = _server(after)
    assert (server.deregistered_at, server.deregistering_at, server.since) == (None, None, later(30))
    assert after.progress_at == T0


def test_a_deregistration_that_was_not_tried_leaves_no_stamp() -> None:
    server = _server(_settled(_kept(deregistering_at=later(20)), DEREGISTER, Answer.STALE))

    assert (server.deregistered_at, server.deregistering_at, server.since) == (None, None, T0)


@pytest.mark.parametrize("answer", [Answer.UNANSWERED, Answer.REFUSED])
def test_a_deregistration_that_may_have_had_an_effect_stays_announced_without_a_clock(answer: Answer) -> None:
    server = _server(_settled(_kept(deregistering_at=later(20)), DEREGISTER, answer))

    assert (server.deregistered_at, server.deregistering_at, server.since) == (None, later(20), T0)


@pytest.mark.parametrize("target", [TargetState.DRAINING, None], ids=["draining", "gone"])
def test_the_first_observation_starts_the_clock_of_a_drain_whose_answer_was_lost(target: TargetState | None) -> None:
    kept = _kept(deregistering_at=later(20))
    seen = look(instance("i-1", state=target, rollout="web-1", role="retiring"), at=50)

    server = _server(advance(View(rollout(), seen, kept)))

    assert (server.deregistered_at, server.deregistering_at) == (later(50), None)


def test_the_deadline_of_a_drain_counts_from_the_first_observation_of_the_drain() -> None:
    seen = look(instance("i-1", state=TargetState.DRAINING, rollout="web-1", role="retiring"), at=50)

    assert _server(advance(View(rollout(), seen, _kept()))).since == later(50)
    known = _kept(deregistered_at=later(10))
    assert _server(advance(View(rollout(), seen, known))).since == T0


@pytest.mark.parametrize("phase", [ServerPhase.RETURNING, ServerPhase.LAUNCHING])
def test_the_time_for_which_a_registration_is_put_off_does_not_count(phase: ServerPhase) -> None:
    assert _server(_settled(_kept(phase), REGISTER, Answer.STALE, PUT_OFF)).since == later(30)
    assert _server(_settled(_kept(phase), REGISTER, Answer.DONE)).since == T0


def test_a_put_off_termination_does_not_restart_the_clock_of_a_drain() -> None:
    terminate = act.TerminateInstance(instance_id="i-1", not_registered=(), template=OLD, reason=Reason.DRAINED)

    server = _server(_settled(_kept(deregistered_at=T0), terminate, Answer.STALE, PUT_OFF))

    assert (server.deregistered_at, server.since) == (T0, T0)


def test_the_deadline_of_a_reload_counts_from_the_accepted_command() -> None:
    kept = _kept(ServerPhase.RELOADING, attempt=1)

    assert _server(_settled(kept, SEND, Answer.DONE)).since == later(30)
    assert _server(_settled(kept, SEND, Answer.UNANSWERED)).since == T0


def test_an_accepted_call_is_recorded_with_the_time_of_its_answer() -> None:
    call = Call(kind=CallKind.TERMINATE, at=later(20), instance_id="i-1")
    terminate = act.TerminateInstance(instance_id="i-1", not_registered=(), template=OLD, reason=Reason.DRAINED)

    after = _settled(replace(_kept(), calls=(call,)), terminate, Answer.DONE)

    assert after.calls == (replace(call, at=later(30), answered=True),)


def test_an_observation_may_be_older_than_a_setting_from_the_answer_on() -> None:
    suspend = act.SuspendProcesses(group="web", processes=("AZRebalance",), reason=Reason.PREPARING)
    kept = replace(_kept(), settings=SavedSettings(changed_at=later(20)))

    assert _settled(kept, suspend, Answer.DONE).settings.changed_at == later(30)
    assert _settled(kept, suspend, Answer.STALE, PUT_OFF).settings.changed_at == later(20)
    assert _settled(_kept(), suspend, Answer.DONE).settings.changed_at is None
