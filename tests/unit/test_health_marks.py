"""The Unhealthy marks of a group: which members serve, whose mark is cleared, and when."""

import pytest

from awsroll.core.classify.view import View
from awsroll.core.decide.health_marks import clear_before_care, clear_for_serving
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.observation import FleetKind, Lifecycle, Target, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Limits
from awsroll.core.model.server_record import Server
from awsroll.core.observe.settle import settle
from tests.support.looks import NEW, ON_WEB, group, group_look, later, member, rollout, status

ROLLOUT = rollout(FleetKind.AUTO_SCALING, limits=Limits(min_healthy_seconds=30))
SUSPENDED = {"process:ReplaceUnhealthy": "suspended"}
MARKED = member("i-1", NEW, marked_unhealthy=True)


def clearing(*names: str) -> tuple[act.ClearUnhealthyMarks, ...]:
    return (act.ClearUnhealthyMarks(group="web", instance_ids=names, reason=Reason.HEALTHY_DESPITE_MARK),)


def verifying(**more: object) -> Server:
    return Server(phase=ServerPhase.VERIFYING, since=later(0), **{"healthy_since": later(0), **more})  # type: ignore[arg-type]


def view(*instances: object, at: float = 40, seen: object = None, **more: object) -> View:
    return View(ROLLOUT, group_look(*instances, at=at, seen=seen), status(at=at, **more))  # type: ignore[arg-type]


def test_a_marked_member_is_healthy_but_not_in_service() -> None:
    marked = view(MARKED)

    assert marked.is_healthy(MARKED)
    assert not marked.is_in_service(MARKED)


def test_the_mark_of_a_new_member_is_cleared_once_it_has_been_healthy_for_long_enough() -> None:
    assert clear_for_serving(view(MARKED, servers={"i-1": verifying()})) == clearing("i-1")
    assert clear_for_serving(view(MARKED, at=20, servers={"i-1": verifying()})) == ()


@pytest.mark.parametrize(
    ("instance", "server"),
    [
        (MARKED, verifying(mark_cleared=True)),
        (MARKED, verifying(failed=True)),
        (member("i-1", NEW), verifying()),
        (
            member("i-1", NEW, marked_unhealthy=True, targets=(Target(key=ON_WEB, state=TargetState.UNHEALTHY),)),
            verifying(),
        ),
        (member("i-1", NEW, marked_unhealthy=True, lifecycle=Lifecycle.PENDING), verifying()),
    ],
    ids=["marked again", "failed", "not marked", "unhealthy", "pending"],
)
def test_no_other_mark_is_cleared(instance: object, server: Server) -> None:
    assert clear_for_serving(view(instance, servers={"i-1": server})) == ()
    assert clear_before_care(view(instance, servers={"i-1": server}, given_settings=SUSPENDED)) == ()


def test_marks_of_healthy_members_are_cleared_before_the_group_acts_on_them() -> None:
    old = member("i-2", marked_unhealthy=True)

    assert clear_before_care(view(MARKED, old, given_settings=SUSPENDED)) == clearing("i-1", "i-2")


def test_marks_are_left_alone_where_awsroll_does_not_resume_the_process() -> None:
    runs = group(desired=1, suspended=frozenset())

    assert clear_before_care(view(MARKED, seen=runs, given_settings=SUSPENDED)) == ()
    assert clear_before_care(view(MARKED)) == ()


def test_a_cleared_mark_is_recorded() -> None:
    before = status(servers={"i-1": verifying(), "i-2": verifying()})
    (action,) = clearing("i-1", "i-2")
    done = Result(action=action, answer=Answer.DONE, instance_ids=("i-1",))

    servers = settle(before, (done,), later(1)).servers

    assert servers["i-1"].mark_cleared
    assert not servers["i-2"].mark_cleared
