"""The rehearsal: before the rollout, one server goes to the new version and returns, so the way back is driven once.

It needs no planner of its own. Each part of it is a rollout of one server with the parts of every rollout:

    forth   the rollout as usual, with a single gate after one server (`Rollout.rehearsed`)
    back    a rollback as usual. Before its end the old servers serve for the delay, and are judged
    then    the rollout as requested, from its beginning

A failure on the way forth is a failure of the rollout. A failure on the way back stops the rollout: a rollback of the
whole fleet would fail as well.
"""

from datetime import timedelta

from awsroll.core.classify.view import View
from awsroll.core.lifecycle import move, note
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.proposals import Proposals
from awsroll.core.model.reasons import Reason
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout_events import Event, EventName
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Gate, Rehearsal
from awsroll.core.observe.judging import is_undecided, judged_until_now, lacking, verdict_words
from awsroll.core.observe.rollback import start_rollback


def turn_back(view: View) -> Status:
    """Send the server back to the old version: its gate has opened."""
    fields = {"server": ", ".join(view.status.to_check), **_verdict(view)}
    status = start_rollback(view, "", rehearses=True)
    return note(status, Event(name=EventName.REHEARSAL_RETURNS, fields=fields))


def prove(view: View) -> tuple[Status, Proposals]:
    """Watch the fleet after the way back for the delay of the gates and until the judge can tell; then begin."""
    status, at, proposals, gates = view.status, view.observation.at, Proposals(), view.original.gates
    since = status.gate.baking_since or at
    status = replace(status, gate=replace(status.gate, baking_since=since), progress_at=at)
    view = view.with_status(status)
    most = gates.judge.wait_seconds
    waits = is_undecided(view) and (most is None or at - since < timedelta(seconds=gates.delay_seconds + most))
    if at - since < timedelta(seconds=gates.delay_seconds):
        proposals.wait(Reason.CHECKPOINT)
    elif waits:
        proposals.wait(Reason.JUDGING)
    else:
        return _begin(view), proposals
    return status, proposals


def _begin(view: View) -> Status:
    """Begin the rollout: the new version is the target again, and no server has been touched."""
    status, at = view.status, view.observation.at
    if is_undecided(view):
        status = add_warnings(status, f"the rehearsal ended without a verdict: {lacking(view)}")
    status = replace(
        status,
        rolling_back=False,
        rehearsal=Rehearsal.PASSED,
        progress_at=at,
        counters=replace(status.counters, replaced=0, replaced_forward=None, reloaded=0),
        gate=Gate(),
        judge=judged_until_now(view),
    )
    turned = view.with_status(status)
    for name in status.serving:
        instance = view.by_id.get(name)
        if instance is not None and not turned.is_current(instance):
            status = move(status, name, ServerPhase.NONE, at=at, reason="it runs the old version")
    return note(status, Event(name=EventName.REHEARSAL_PASSED, fields=_verdict(view)))


def _verdict(view: View) -> dict[str, str | int]:
    """Return the field of the event that says what the judge found on this way; none without a judge."""
    return {"verdict": verdict_words(view)} if view.original.metrics else {}
