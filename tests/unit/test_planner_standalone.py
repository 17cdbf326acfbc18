"""A standalone fleet, one server at a time: the exact plan of each observation."""

from dataclasses import replace

from awsroll.core.aws_names import client_token
from awsroll.core.model import actions as act
from awsroll.core.model.amount import EVERYTHING
from awsroll.core.model.calls import Call, CallKind, Launch
from awsroll.core.model.observation import Instance, InstanceState, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.server_record import Server
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.model.status_parts import Owner
from awsroll.core.planner import plan
from awsroll.testing.clock import T0
from tests.support.looks import NEW, OLD, ON_WEB, ended, instance, later, look, rollout, status

STOPPED_BY_A_PERSON = "Client.UserInitiatedShutdown: User initiated shutdown"
MARKED = {"rollout": "web-1", "role": "retiring"}
ONE_AFTER_THE_OTHER = rollout(max_running=EVERYTHING)
TAGS = (("Name", "web"), ("awsroll:role", "old"), ("aws:ec2launchtemplate:id", "lt-web"))


def _chosen(at: float = 0, **flight: object) -> Status:
    made = Server(phase=ServerPhase.DRAINING, since=T0, targets=(ON_WEB,))
    flights = {"i-1": replace(made, **flight)}  # type: ignore[arg-type]
    return status("i-1", "i-2", retiring=("i-1",), servers=flights, observed_at=later(at))


def _old(name: str, **more: object) -> Instance:
    return instance(name, **more)  # type: ignore[arg-type]


def test_tags_the_first_server_before_anything_is_done_to_it() -> None:
    decided = plan(rollout(), look(_old("i-1"), _old("i-2")), status("i-1", "i-2"))

    tags = (("awsroll:rollout", "web-1"), ("awsroll:role", "retiring"), ("awsroll:fleet", "web"))
    assert decided.actions == (act.TagInstances(instance_ids=("i-1",), tags=tags, reason=Reason.PREPARING),)
    assert decided.status.retiring == ("i-1",)
    assert decided.requeue_seconds == 0


def test_deregisters_a_tagged_server_with_its_port_and_announces_it() -> None:
    decided = plan(rollout(), look(_old("i-1", **MARKED), _old("i-2"), at=5), _chosen())

    assert decided.actions == (act.DeregisterTargets(instance_id="i-1", targets=(ON_WEB,), reason=Reason.OUTDATED),)
    server = decided.status.servers["i-1"]
    assert (server.deregistering_at, server.deregistered_at) == (later(5), None)


def test_waits_during_the_drain_and_observes_again_when_the_delay_is_over() -> None:
    draining = _old("i-1", state=TargetState.DRAINING, **MARKED)
    decided = plan(ONE_AFTER_THE_OTHER, look(draining, _old("i-2"), at=25), _chosen(deregistered_at=T0))

    assert decided.actions == ()
    assert [(hold.reason, hold.instance_ids, hold.until) for hold in decided.holds] == [
        (Reason.DRAINING, ("i-1",), later(360))
    ]
    assert decided.requeue_seconds == 5


def test_terminates_a_server_that_was_draining_and_is_registered_nowhere() -> None:
    gone = _old("i-1", state=None, **MARKED)
    drained = _chosen(deregistered_at=T0, draining_seen=True)
    decided = plan(ONE_AFTER_THE_OTHER, look(gone, _old("i-2"), at=31), drained)

    assert decided.actions == (
        act.TerminateInstance(instance_id="i-1", not_registered=(ON_WEB,), template=OLD, reason=Reason.DRAINED),
    )
    assert decided.status.calls == (Call(kind=CallKind.TERMINATE, at=later(31), instance_id="i-1"),)


def test_does_not_trust_a_single_observation_that_shows_a_target_gone_too_soon() -> None:
    gone = _old("i-1", state=None, **MARKED)
    decided = plan(ONE_AFTER_THE_OTHER, look(gone, _old("i-2"), at=3), _chosen(deregistered_at=T0))

    assert decided.actions == ()
    assert decided.requeue_seconds == 2

    again = plan(ONE_AFTER_THE_OTHER, look(gone, _old("i-2"), at=5), decided.status)

    assert isinstance(again.actions[0], act.TerminateInstance)


def test_does_not_launch_before_the_old_server_has_stopped_running() -> None:
    kept = replace(_chosen(), calls=(Call(kind=CallKind.TERMINATE, at=T0, instance_id="i-1", answered=True),))
    decided = plan(rollout(), look(_old("i-1", state=None, **MARKED), _old("i-2"), at=1), kept)

    assert decided.actions == ()
    assert decided.holds[0].reason is Reason.TERMINATING


def test_launches_into_the_slot_of_the_terminated_server_with_its_user_tags() -> None:
    went = replace(_old("i-1", state=None, tags=TAGS, **MARKED), state=InstanceState.SHUTTING_DOWN)
    decided = plan(rollout(), look(went, _old("i-2"), at=40), _chosen())

    launch = Launch(
        number=1,
        token=client_token("web-1", 1, "zone-a"),
        at=later(40),
        zone="zone-a",
        subnet_id="subnet-zone-a",
        template=NEW,
        replaces="i-1",
        targets=(ON_WEB,),
        tags=(
            ("Name", "web"),
            ("awsroll:rollout", "web-1"),
            ("awsroll:role", "replacement"),
            ("awsroll:fleet", "web"),
            ("awsroll:template", "lt-web:2"),
            ("awsroll:replaces", "i-1"),
        ),
    )
    assert decided.actions == (act.LaunchInstance(launch=launch, reason=Reason.REPLACING_VACANCY),)
    assert decided.status.launches == (launch,)
    assert decided.status.counters.replaced == 1


def _launched(*, settled: bool = True) -> Launch:
    ids = ("i-9",) if settled else ()
    return Launch(
        number=1,
        token="t-1",
        at=T0,
        replaces="i-1",
        targets=(ON_WEB,),
        instance_ids=ids,
        settled=settled,
    )


def test_repeats_a_launch_with_the_same_token_until_its_outcome_is_known() -> None:
    kept = status("i-1", "i-2", launches=(_launched(settled=False),))
    decided = plan(rollout(), look(ended(_old("i-1")), _old("i-2"), at=9), kept)

    again = replace(kept.launches[0], repeated=True)
    assert decided.actions == (act.LaunchInstance(launch=again, reason=Reason.REPLACING_VACANCY),)
    assert decided.status.launches == (again,)


def test_a_refused_repetition_that_no_observation_shows_in_time_had_no_effect() -> None:
    launch = replace(_launched(settled=False), repeated=True, refused="no")
    kept = status("i-1", "i-2", launches=(launch,))
    waiting = plan(rollout(), look(ended(_old("i-1")), _old("i-2"), at=59), kept)
    over = plan(rollout(), look(ended(_old("i-1")), _old("i-2"), at=60), kept)

    assert waiting.actions == (act.LaunchInstance(launch=launch, reason=Reason.REPLACING_VACANCY),)
    assert (over.actions, over.status.launches) == ((), ())
    assert (over.status.shortage.reason, over.status.shortage.launch_after) == ("no", later(70))


def test_adopts_a_launch_whose_answer_was_lost_by_its_token() -> None:
    new = instance("i-9", NEW, state=None, client_token="t-1")
    kept = status("i-1", "i-2", launches=(_launched(settled=False),))
    decided = plan(rollout(), look(ended(_old("i-1")), _old("i-2"), new, at=9), kept)

    assert decided.status.launches[0].instance_ids == ("i-9",)
    assert isinstance(decided.actions[0], act.RegisterTargets)


def test_registers_a_new_server_once_it_runs() -> None:
    kept = status("i-1", "i-2", launches=(_launched(),))
    pending = replace(instance("i-9", NEW, state=None), state=InstanceState.PENDING)
    rest = (ended(_old("i-1")), _old("i-2"))

    assert plan(rollout(), look(*rest, pending), kept).actions == ()
    assert plan(rollout(), look(*rest, instance("i-9", NEW, state=None)), kept).actions == (
        act.RegisterTargets(instance_id="i-9", targets=(ON_WEB,), reason=Reason.NEW_INSTANCE_RUNNING),
    )


def test_the_next_server_leaves_only_when_the_new_server_has_been_healthy_long_enough() -> None:
    patient = rollout(limits=replace(rollout().limits, min_healthy_seconds=10))
    fleet = (ended(_old("i-1")), _old("i-2"), instance("i-9", NEW))
    first = plan(patient, look(*fleet, at=100), status("i-1", "i-2", launches=(_launched(),), observed_at=later(99)))
    early = plan(patient, look(*fleet, at=109), first.status)
    served = plan(patient, look(*fleet, at=110), early.status)

    assert (first.status.retiring, early.status.retiring, served.status.retiring) == ((), (), ("i-2",))
    assert served.status.slots[0].instance_ids == ("i-9", "i-2")


def test_a_long_gap_between_observations_restarts_the_healthy_clock() -> None:
    patient = rollout(limits=replace(rollout().limits, min_healthy_seconds=10))
    fleet = (ended(_old("i-1")), _old("i-2"), instance("i-9", NEW))
    first = plan(patient, look(*fleet, at=100), status("i-1", "i-2", launches=(_launched(),), observed_at=later(99)))
    after_gap = plan(patient, look(*fleet, at=121), first.status)

    assert after_gap.status.retiring == ()
    assert after_gap.status.servers["i-9"].healthy_since == later(121)


def test_launch_first_launches_a_replacement_and_then_retires_its_predecessor() -> None:
    surging = rollout(unavailable="0", surge="1")
    first = plan(surging, look(_old("i-1"), _old("i-2")), status("i-1", "i-2"))

    assert [type(action) for action in first.actions] == [act.LaunchInstance]
    assert first.status.launches[0].replaces == "i-1"

    kept = status("i-1", "i-2", launches=(_launched(),), serving=("i-9",), observed_at=T0)
    relieved = plan(surging, look(_old("i-1"), _old("i-2"), instance("i-9", NEW)), kept)

    assert relieved.status.retiring == ("i-1",)


def test_completes_when_nothing_outdated_is_left_and_all_serve() -> None:
    done = plan(rollout(), look(instance("i-8", NEW), instance("i-9", NEW)), status("i-8", "i-9"))

    assert done.status.mode is Mode.COMPLETING

    over = plan(rollout(), look(instance("i-8", NEW), instance("i-9", NEW)), done.status)

    assert (over.status.mode, over.status.outcome) == (Mode.ENDED, Outcome.SUCCEEDED)


def test_warns_if_the_servers_of_one_version_run_different_images() -> None:
    new = (instance(f"i-{number}", NEW, image=image) for number, image in enumerate(("ami-1", "ami-2", "ami-2")))
    serving = {f"i-{number}": Server(phase=ServerPhase.SERVING, since=T0) for number in range(3)}
    decided = plan(rollout(), look(*new), status("i-0", "i-1", "i-2", servers=serving, mode=Mode.COMPLETING))
    assert decided.status.outcome is Outcome.SUCCEEDED
    (warning,) = decided.status.warnings
    assert "do not run one image: ami-1 (1), ami-2 (2)" in warning


def test_an_empty_fleet_is_done_at_once() -> None:
    assert plan(rollout(), look(), status()).status.mode is Mode.COMPLETING


def test_an_ended_or_paused_rollout_gets_no_actions() -> None:
    for kept in (status("i-1", mode=Mode.ENDED), status("i-1", outcome=Outcome.PAUSED)):
        decided = plan(rollout(), look(_old("i-1")), kept)

        assert (decided.actions, decided.status) == ((), kept)


def test_a_new_server_that_is_not_healthy_in_time_stops_the_rollout_with_its_reason() -> None:
    bad = instance("i-9", NEW, state=TargetState.UNHEALTHY)
    bad = replace(bad, targets=(replace(bad.targets[0], reason="Target.Timeout", description="Request timed out"),))
    flights = {"i-9": Server(phase=ServerPhase.VERIFYING, since=T0)}
    kept = status("i-1", "i-2", launches=(_launched(),), servers=flights, observed_at=later(590))
    decided = plan(rollout(), look(ended(_old("i-1")), _old("i-2"), bad, at=600), kept)

    assert (decided.status.mode, decided.status.outcome) == (Mode.ENDED, Outcome.STOPPED)
    assert decided.status.reason == (
        "i-9: not healthy within 600 s: web:80 unhealthy (Target.Timeout: Request timed out)"
    )


def test_a_stop_returns_a_draining_server_to_traffic() -> None:
    kept = replace(_chosen(deregistered_at=T0), mode=Mode.STOPPING, reason="x")
    draining = _old("i-1", state=TargetState.DRAINING, **MARKED)
    decided = plan(rollout(), look(draining, _old("i-2"), at=5), kept)

    assert decided.actions == (act.RegisterTargets(instance_id="i-1", targets=(ON_WEB,), reason=Reason.STOPPING),)
    assert decided.status.retiring == ()


def test_a_server_registered_by_hand_joins_the_fleet() -> None:
    decided = plan(rollout(), look(_old("i-1"), _old("i-7")), status("i-1", observed_at=T0))

    assert [place.instance_ids for place in decided.status.slots] == [("i-1", "i-7")]


def test_a_stopped_server_joins_the_fleet_when_it_runs() -> None:
    for state, members in ((InstanceState.STOPPED, 1), (InstanceState.STOPPING, 1), (InstanceState.RUNNING, 2)):
        other = replace(_old("i-2"), state=state)
        decided = plan(rollout(), look(_old("i-1"), other), status("i-1"))
        assert [len(shape.instance_ids) for shape in decided.status.slots] == [members]


def test_a_new_server_that_someone_stops_is_a_failure_at_once() -> None:
    new = instance("i-9", NEW, TargetState.UNUSED, state_reason=STOPPED_BY_A_PERSON)
    stopped = replace(new, state=InstanceState.STOPPED)
    arriving = {"i-9": Server(phase=ServerPhase.VERIFYING, since=T0)}
    decided = plan(rollout(), look(_old("i-1"), stopped), status("i-1", "i-9", servers=arriving))
    (failure,) = decided.status.failures
    assert (failure.instance_id, failure.owner) == ("i-9", Owner.OTHERS)
    assert failure.cause == f"ended before it served: {STOPPED_BY_A_PERSON}"


def test_a_server_deregistered_by_hand_leaves_the_fleet() -> None:
    decided = plan(rollout(), look(_old("i-1"), _old("i-2", state=None)), status("i-1", "i-2", observed_at=T0))

    assert decided.status.slots[0].instance_ids == ("i-1",)


def test_the_same_observation_with_the_same_record_gives_the_same_plan() -> None:
    fleet = look(_old("i-1"), _old("i-2"))

    assert plan(rollout(), fleet, status("i-1", "i-2")) == plan(rollout(), fleet, status("i-1", "i-2"))
