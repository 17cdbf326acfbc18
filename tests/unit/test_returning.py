"""A member that does not leave standby: how long awsroll waits for it, and what it keeps afterwards."""

from awsroll.core.model.observation import FleetKind, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import Plan
from awsroll.core.model.reasons import Reason
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.model.status_parts import Desired
from awsroll.core.planner import plan
from awsroll.testing.clock import T0
from tests.support.looks import WEB, group, group_look, later, member, reload_rollout, status

OURS = reload_rollout(FleetKind.AUTO_SCALING)
ON_ITS_WAY_OUT = member("i-1", lifecycle=Lifecycle.ENTERING_STANDBY, rollout="web-1", role="reloading")
PATIENCE = OURS.limits.progress_seconds + WEB.deregistration_delay_seconds


def _waited(seconds: float) -> Plan:
    kept = status(
        mode=Mode.STOPPING,
        returning=("i-1",),
        servers={"i-1": Server(phase=ServerPhase.RETURNING, since=T0)},
        desired=Desired(goal=2, expected=1, previous=1, moved_at=T0),
        observed_at=later(seconds - 5),
    )
    return plan(OURS, group_look(ON_ITS_WAY_OUT, member("i-2"), at=seconds, seen=group(desired=1)), kept)


def test_a_member_in_standby_has_the_time_of_its_drain_beyond_its_deadline() -> None:
    decided = _waited(PATIENCE - 1)

    assert [hold.reason for hold in decided.holds] == [Reason.LAUNCHING]
    assert decided.status.returning == ("i-1",)


def test_no_replacement_is_launched_for_a_member_that_stays_in_standby() -> None:
    decided = _waited(PATIENCE)

    assert decided.actions == ()
    assert decided.status.outcome is Outcome.STOPPED
    assert "i-1: could not be brought back into service" in decided.status.warnings


def test_a_member_that_is_no_longer_shown_no_longer_returns() -> None:
    kept = status(
        mode=Mode.STOPPING,
        returning=("i-1",),
        servers={"i-1": Server(phase=ServerPhase.RETURNING, since=T0)},
        desired=Desired(goal=1, expected=1, previous=1, moved_at=T0),
    )

    decided = plan(OURS, group_look(member("i-2"), at=30, seen=group(desired=1)), kept)

    assert decided.status.returning == ()
