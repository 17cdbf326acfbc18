"""To whom the end of a server is due, and what a rollout does about it."""

from dataclasses import replace

import pytest

from awsroll.core.classify.ended_by import owner_of_ending
from awsroll.core.classify.view import View
from awsroll.core.model.observation import FleetKind, InstanceState, Lifecycle
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode
from awsroll.core.model.status_parts import Failure, Owner
from awsroll.core.observe.verdict import LEAST_ENDED_BY_OTHERS, decide_on_failure
from awsroll.core.planner import plan
from awsroll.testing.clock import T0
from tests.support.looks import NEW, OLD, group, group_look, instance, later, look, member, rollout, status

REASONS = {
    "Client.UserInitiatedShutdown": Owner.OTHERS,
    "Server.SpotInstanceTermination": Owner.OTHERS,
    "Server.InternalError": Owner.OTHERS,
    "Server.InsufficientInstanceCapacity": Owner.OTHERS,
    "Client.VolumeLimitExceeded": Owner.OTHERS,
    "Client.InstanceInitiatedShutdown": Owner.VERSION,
    "Client.InternalError": Owner.VERSION,
    "Client.SomethingNew": Owner.VERSION,
    "": Owner.VERSION,
}


@pytest.mark.parametrize(("reason", "owner"), REASONS.items())
@pytest.mark.parametrize("state", [InstanceState.TERMINATED, InstanceState.STOPPED])
def test_the_state_reason_tells_who_ended_a_server(reason: str, owner: Owner, state: InstanceState) -> None:
    ended = instance("i-9", NEW, state=None, state_reason=f"{reason}: so says EC2")
    assert owner_of_ending(replace(ended, state=state)) is owner


def test_a_server_that_runs_fails_by_itself_and_one_that_does_not_start_fails_by_aws() -> None:
    running = instance("i-9", NEW, state_reason="Client.UserInitiatedShutdown: long ago")
    assert owner_of_ending(running) is Owner.VERSION
    assert owner_of_ending(replace(running, state=InstanceState.PENDING)) is Owner.OTHERS


@pytest.mark.parametrize("reason", ["Client.InstanceInitiatedShutdown", "Server.SpotInstanceTermination"])
def test_a_server_that_shuts_itself_down_after_it_served_is_a_failure_of_the_version(reason: str) -> None:
    servers = {"i-9": Server(phase=ServerPhase.SERVING, since=T0)}
    ended = replace(instance("i-9", NEW, state=None, state_reason=f"{reason}: so"), state=InstanceState.TERMINATED)
    seen = look(instance("i-1", OLD), ended, at=60)
    after = plan(rollout(), seen, status("i-1", "i-9", servers=servers, observed_at=later(55))).status

    causes = [failure.cause for failure in after.failures]
    own = reason == "Client.InstanceInitiatedShutdown"
    assert causes == ([f"ended after it served: {reason}: so"] if own else [])


def _decided(*failures: Failure, rolling_back: bool = False, max_failures: int = 0) -> Mode | str:
    kept = status("i-1", "i-2", failures=failures, rolling_back=rolling_back)
    seen = look(instance("i-1", OLD), instance("i-2", OLD), at=60)
    ours = rollout(max_failures=max_failures)
    after = decide_on_failure(View(ours, seen, kept))
    return "rolling back" if after.rolling_back and not rolling_back else after.mode


def _failure(number: int, owner: Owner) -> Failure:
    return Failure(instance_id=f"i-{number}", cause="it ended", at=T0, owner=owner)


def test_only_failures_of_the_version_count_against_max_failures() -> None:
    others = [_failure(10 + number, Owner.OTHERS) for number in range(LEAST_ENDED_BY_OTHERS)]
    assert _decided(*others) is Mode.ROLLING
    assert _decided(*others, _failure(9, Owner.VERSION), max_failures=1) is Mode.ROLLING
    assert _decided(*others, _failure(9, Owner.VERSION)) != Mode.ROLLING
    assert _decided(*others, _failure(9, Owner.OTHERS)) != Mode.ROLLING, "the bound"


def test_a_server_ended_by_others_does_not_end_a_rollback() -> None:
    assert _decided(_failure(9, Owner.OTHERS), rolling_back=True) is Mode.ROLLING
    assert _decided(_failure(9, Owner.VERSION), rolling_back=True) is Mode.STOPPING


def test_a_retained_member_has_left_and_is_named_in_a_warning() -> None:
    leaving = {"i-1": Server(phase=ServerPhase.TERMINATING, since=T0)}
    retained = member("i-1", lifecycle=Lifecycle.RETAINED, lifecycle_detail="Terminating:Retained", targets=())
    seen = group_look(retained, member("i-2"), at=60, seen=group(desired=2))
    after = plan(rollout(FleetKind.AUTO_SCALING), seen, status(servers=leaving)).status

    assert "i-1" not in after.servers
    assert after.counters.replaced == 1
    assert any("i-1: the group retains it" in warning for warning in after.warnings)


def test_a_member_that_someone_detached_leaves_the_rollout_alone() -> None:
    leaving = {"i-1": Server(phase=ServerPhase.DRAINING, since=T0)}
    detached = instance("i-1", state=None)
    seen = group_look(detached, member("i-2"), member("i-3"), at=60, seen=group(desired=3))
    decided = plan(rollout(FleetKind.AUTO_SCALING), seen, status(servers=leaving))

    assert "i-1" not in decided.status.servers
    assert not any("i-1" in getattr(action, "instance_ids", ()) for action in decided.actions)
    assert any("i-1: someone has detached it" in warning for warning in decided.status.warnings)


def test_a_stall_names_what_is_awaited() -> None:
    waiting = {"i-1": Server(phase=ServerPhase.DRAINING, since=later(2900), deregistered_at=later(2900))}
    kept = status("i-1", "i-2", servers=waiting, observed_at=later(2995), progress_at=T0)
    seen = look(instance("i-1", OLD), instance("i-2", OLD), at=3600)
    after = plan(rollout(), seen, replace(kept, observed_at=later(3595))).status

    assert "no progress for 3600 s: waiting for i-1 draining" in after.reason
