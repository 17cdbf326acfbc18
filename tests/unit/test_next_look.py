"""When the planner observes again: as soon as something can have changed, not on a beat."""

from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.core.classify.view import View
from awsroll.core.decide.next_look import LONGEST_SECONDS, seconds_until_next_look
from awsroll.core.model.calls import Launch
from awsroll.core.model.hook_calls import HookCall
from awsroll.core.model.observation import FleetKind, Instance, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import Hold
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rhythm import Awaited, Seen, after, due
from awsroll.core.model.rollout_choices import Limits
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import HookRuns
from awsroll.core.observe.clocks import _DRIVEN_SECONDS
from awsroll.core.observe.learn_rhythm import learn
from tests.support.looks import NEW, ON_WEB, group_look, instance, later, look, member, rollout, status

SECOND_OF_LAUNCH = 1  # EC2 tells the second of a launch, not the instant
KNOWN = {str(Awaited.BOOT): Seen(not_yet=59.5, done=60), str(Awaited.HEALTH): Seen(not_yet=33, done=33.5)}


def _view(*instances: Instance, at: float, limits: Limits | None = None, **more: object) -> View:
    wanted = rollout(limits=limits or Limits())
    return View(wanted, look(*instances, at=at), status("i-1", "i-2", observed_at=later(at), **more))  # type: ignore[arg-type]


def _booting(at: float, **more: object) -> View:
    one = instance("i-9", NEW, state=None, launched_at=later(0))
    servers = {"i-9": Server(phase=ServerPhase.LAUNCHING, since=later(0))}
    return _view(one, at=at, servers=servers, **more)


def _seconds(view: View, reason: Reason, *names: str) -> float:
    return seconds_until_next_look(view, [Hold(reason=reason, instance_ids=names)])


def test_a_boot_is_not_looked_at_before_the_shortest_boot_of_this_rollout_is_over() -> None:
    assert _seconds(_booting(5, rhythm=KNOWN), Reason.LAUNCHING, "i-9") == 60 + SECOND_OF_LAUNCH - 5


def test_a_boot_that_takes_longer_is_looked_at_after_a_share_of_the_time_that_it_has_taken() -> None:
    assert _seconds(_booting(62, rhythm=KNOWN), Reason.LAUNCHING, "i-9") == pytest.approx(3.1)
    assert _seconds(_booting(100, rhythm=KNOWN), Reason.LAUNCHING, "i-9") == pytest.approx(5)


def test_the_first_boot_is_looked_at_more_often() -> None:
    assert _seconds(_booting(0), Reason.LAUNCHING, "i-9") == 24
    assert _seconds(_booting(24), Reason.LAUNCHING, "i-9") == 6


def test_a_launch_that_no_observation_shows_counts_from_its_call() -> None:
    launch = Launch(number=1, token="t", at=later(0), instance_ids=("i-9",), settled=True)
    view = _view(at=2, launches=(launch,), rhythm=KNOWN)
    assert _seconds(view, Reason.CAPACITY) == 60 + SECOND_OF_LAUNCH - 2


def test_health_is_looked_at_when_the_health_check_can_have_passed() -> None:
    servers = {"i-9": Server(phase=ServerPhase.VERIFYING, since=later(0))}
    view = _view(instance("i-9", NEW, state=TargetState.INITIAL), at=1, servers=servers, rhythm=KNOWN)
    assert _seconds(view, Reason.VERIFYING, "i-9") == 32.5


@pytest.mark.parametrize(("at", "seconds"), [(0, 10 / 2), (5, 10 / 4)])
def test_the_first_health_is_looked_at_after_half_an_interval_of_the_health_check_then_after_quarters(
    at: float, seconds: float
) -> None:
    servers = {"i-9": Server(phase=ServerPhase.VERIFYING, since=later(0))}
    view = _view(instance("i-9", NEW, state=TargetState.INITIAL), at=at, servers=servers)
    assert _seconds(view, Reason.VERIFYING, "i-9") == seconds


@pytest.mark.parametrize(("at", "seconds"), [(302, 3), (330, 3), (400, 9.8), (900, 30)])
def test_a_hook_after_a_drain_is_looked_at_less_often_the_longer_it_runs(at: float, seconds: float) -> None:
    gone = Server(
        phase=ServerPhase.DRAINING, since=later(0), deregistered_at=later(0), gone_since=later(300), targets=(ON_WEB,)
    )
    hooks = HookRuns(announced=(HookCall(name="archive", number=1, subject="i-1", since=later(302)),))
    view = _view(instance("i-1", state=None), at=at, servers={"i-1": gone}, hooks=hooks)
    assert _seconds(view, Reason.RUNNING_HOOK, "i-1") == pytest.approx(seconds)


def test_the_end_of_a_drain_is_confirmed_after_two_seconds() -> None:
    gone = Server(
        phase=ServerPhase.DRAINING, since=later(0), deregistered_at=later(0), gone_since=later(300), targets=(ON_WEB,)
    )
    view = _view(instance("i-1", state=None), at=300, servers={"i-1": gone})
    assert _seconds(view, Reason.DRAINING, "i-1") == 2


def test_a_healthy_server_is_looked_at_when_it_has_been_healthy_for_long_enough() -> None:
    servers = {"i-9": Server(phase=ServerPhase.VERIFYING, since=later(0), healthy_since=later(10))}
    one = instance("i-9", NEW)
    view = _view(one, at=12, servers=servers, limits=Limits(min_healthy_seconds=10))
    assert _seconds(view, Reason.VERIFYING, "i-9") == 8


def test_the_health_of_a_healthy_server_is_never_unseen_for_two_intervals_of_the_health_check() -> None:
    servers = {"i-9": Server(phase=ServerPhase.VERIFYING, since=later(0), healthy_since=later(10))}
    view = _view(instance("i-9", NEW), at=12, servers=servers, limits=Limits(min_healthy_seconds=500))
    interval = view.observation.target_groups[0].health_interval_seconds
    assert _seconds(view, Reason.VERIFYING, "i-9") == 1.5 * interval


def _draining(at: float, **more: object) -> View:
    server = Server(phase=ServerPhase.DRAINING, since=later(0), deregistered_at=later(0), draining_seen=True)
    one = instance("i-1", state=TargetState.DRAINING)
    return _view(one, at=at, servers={"i-1": server}, **more)


def test_a_drain_is_looked_at_when_the_delay_is_over() -> None:
    assert _seconds(_draining(1), Reason.DRAINING, "i-1") == 29


def test_a_drain_of_a_group_is_looked_at_when_the_delay_is_over_since_it_was_first_seen() -> None:
    server = Server(phase=ServerPhase.DRAINING, since=later(3), reloading=True, draining_seen=True, targets=(ON_WEB,))
    view = _view(instance("i-1", state=TargetState.DRAINING), at=4, servers={"i-1": server})
    assert _seconds(view, Reason.DRAINING, "i-1") == 29


def test_a_drain_is_never_looked_at_earlier_than_the_delay_although_it_took_a_little_longer_before() -> None:
    rhythm = {str(Awaited.DRAIN): Seen(not_yet=0, done=30.5)}
    assert 29 <= _seconds(_draining(1, rhythm=rhythm), Reason.DRAINING, "i-1") <= 29.5


def test_what_is_due_at_about_the_same_time_is_observed_once() -> None:
    ones = [instance(f"i-{number}", NEW, state=None, launched_at=later(number / 10)) for number in (5, 9)]
    servers = {one.instance_id: Server(phase=ServerPhase.LAUNCHING, since=later(0)) for one in ones}
    view = _view(*ones, at=10, servers=servers, rhythm=KNOWN)
    assert _seconds(view, Reason.LAUNCHING, "i-5", "i-9") == pytest.approx(60.9 + SECOND_OF_LAUNCH - 10)


def test_the_end_of_old_servers_is_not_awaited_while_anything_else_is() -> None:
    servers = {
        "i-1": Server(phase=ServerPhase.TERMINATING, since=later(0)),
        "i-9": Server(phase=ServerPhase.LAUNCHING, since=later(0)),
    }
    view = _view(instance("i-9", NEW, state=None, launched_at=later(0)), at=5, servers=servers, rhythm=KNOWN)
    holds = [
        Hold(reason=Reason.TERMINATING, instance_ids=("i-1",)),
        Hold(reason=Reason.LAUNCHING, instance_ids=("i-9",)),
    ]
    assert seconds_until_next_look(view, holds) == 60 + SECOND_OF_LAUNCH - 5
    assert seconds_until_next_look(view, holds[:1]) == 60 + SECOND_OF_LAUNCH - 5


def test_the_end_of_old_servers_is_awaited_once_nothing_else_is() -> None:
    servers = {"i-1": Server(phase=ServerPhase.TERMINATING, since=later(0))}
    assert _seconds(_view(at=1, servers=servers), Reason.TERMINATING, "i-1") == 5


def test_a_member_of_a_group_is_looked_at_when_it_can_have_arrived_whatever_its_boot_took() -> None:
    one = member("i-9", NEW, launched_at=later(0))
    wanted = rollout(FleetKind.AUTO_SCALING)
    servers = {"i-9": Server(phase=ServerPhase.VERIFYING, since=later(70))}
    known = {str(Awaited.ARRIVAL): Seen(not_yet=94.5, done=95)}
    view = View(wanted, group_look(one, at=80), status(at=80, servers=servers, rhythm=known))
    assert _seconds(view, Reason.VERIFYING, "i-9") == 95 + SECOND_OF_LAUNCH - 80


@pytest.mark.parametrize("seconds_before", [0.3, 30], ids=["only-the-second-is-known", "this-clock-is-ahead"])
def test_a_member_that_seems_launched_just_before_the_start_is_looked_at_when_it_can_have_arrived(
    seconds_before: float,
) -> None:
    servers = {"i-9": Server(phase=ServerPhase.VERIFYING, since=later(0))}
    one = replace(member("i-9", NEW, state=TargetState.INITIAL), launched_at=later(-seconds_before))
    wanted = rollout(kind=FleetKind.AUTO_SCALING)
    known = {str(Awaited.ARRIVAL): Seen(not_yet=94.5, done=95)}
    view = View(wanted, group_look(one, at=10), status("i-1", observed_at=later(10), servers=servers, rhythm=known))
    assert _seconds(view, Reason.VERIFYING, "i-9") == pytest.approx(95 + SECOND_OF_LAUNCH - 10 - seconds_before)


def test_no_wait_is_longer_than_the_longest_and_than_half_of_each_deadline() -> None:
    slow = {str(Awaited.BOOT): Seen(not_yet=899, done=900)}
    assert _seconds(_booting(5, rhythm=slow), Reason.LAUNCHING, "i-9") == LONGEST_SECONDS
    hurried = _booting(5, rhythm=slow, limits=Limits(launch_seconds=50))
    assert _seconds(hurried, Reason.LAUNCHING, "i-9") == 25


def test_a_wait_of_a_plan_never_looks_like_a_time_without_a_driver() -> None:
    assert LONGEST_SECONDS < _DRIVEN_SECONDS


def test_the_user_may_ask_for_shorter_waits() -> None:
    view = _booting(5, rhythm=KNOWN, limits=Limits(poll_seconds=7))
    assert _seconds(view, Reason.LAUNCHING, "i-9") == 7


# --- what a rollout learns --------------------------------------------------------------------------------------------


def _learnt(server: Server, now: Server, seen: Instance, at: float) -> Status:
    before = status("i-1", observed_at=later(at - 5), servers={"i-9": server})
    view = View(rollout(), look(seen, at=at), replace(before, servers={"i-9": now}))
    return learn(view, before)


def test_a_boot_is_learnt_when_the_server_runs_and_health_when_it_serves() -> None:
    booting = Server(phase=ServerPhase.LAUNCHING, since=later(0))
    running = instance("i-9", NEW, state=None, launched_at=later(0))
    assert _learnt(booting, booting, running, at=60).rhythm == {"boot": Seen(done=60)}
    verifying = Server(phase=ServerPhase.VERIFYING, since=later(62))
    serving = Server(phase=ServerPhase.SERVING, since=later(95))
    assert _learnt(verifying, serving, instance("i-9", NEW), at=95).rhythm == {"health": Seen(done=33)}


def test_a_drain_that_was_broken_off_teaches_nothing() -> None:
    draining = Server(phase=ServerPhase.DRAINING, since=later(0), deregistered_at=later(0))
    back = Server(phase=ServerPhase.RETURNING, since=later(10))
    assert _learnt(draining, back, instance("i-9"), at=10).rhythm == {}


def test_the_true_length_is_found_by_looking_between_too_early_and_late_enough() -> None:
    true_length, seen, looks = 57.3, after(None, 61.0, done=True), 0
    while seen is not None and due(seen) != seen.done:
        seen, looks = after(seen, due(seen), done=due(seen) >= true_length), looks + 1
    assert seen is not None
    assert true_length <= seen.done < true_length + 1.3
    assert looks <= 4


def test_a_faster_server_makes_the_next_looks_earlier() -> None:
    seen = after(Seen(not_yet=59, done=60), 50, done=True)
    assert seen == Seen(not_yet=0, done=50)
    assert due(seen) < 50


def test_a_slower_server_changes_nothing() -> None:
    seen = Seen(not_yet=59, done=60)
    assert after(seen, 80, done=False) == seen
    assert after(seen, 90, done=True) == seen
    assert timedelta(seconds=due(seen)) == timedelta(minutes=1)
