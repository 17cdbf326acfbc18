"""The zones of a group's surge, and the effect of a refusal for lack of capacity."""

from dataclasses import replace

from awsroll.core.aws_names import client_token
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import LaunchInGroup
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.reasons import Reason
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Desired
from awsroll.core.observe.settle import settle
from awsroll.core.planner import plan
from awsroll.testing.clock import T0
from tests.support.looks import NEW, ZONES, group, group_look, later, member, rollout, status
from tests.support.status import changed

CODE, SAID = "InsufficientInstanceCapacity", "zone-a: InsufficientInstanceCapacity: try another zone"
SURGING = rollout(FleetKind.AUTO_SCALING, unavailable="0", surge="1")


def _kept(**more: object) -> Status:
    desired = Desired(goal=3, expected=3, previous=3, moved_at=T0)
    return status(**{"desired": desired, "observed_at": T0, "found_settings": {"desired-capacity": "3"}, **more})


def _zones_launched_in(kept: Status, *, at: float = 0) -> list[tuple[int, str, str]]:
    members = (replace(member(f"i-{zone}"), zone=zone) for zone in ZONES)
    saved = frozenset({("web", "desired-capacity")})
    decided = plan(SURGING, group_look(*members, at=at, seen=group(desired=3), saved_settings=saved), kept)
    return [
        (one.launch.number, one.launch.token, one.launch.zone)
        for one in decided.actions
        if isinstance(one, LaunchInGroup)
    ]


def _launch(*, count: int = 1) -> Launch:
    return Launch(number=1, token="awsroll-web-1-1", at=T0, count=count, zone="zone-a", template=NEW)


def _answered(answer: Answer, *ids: str, count: int = 1, code: str = "", **kept: object) -> Status:
    launch = _launch(count=count)
    action = act.LaunchInGroup(group="web", launch=launch, reason=Reason.SURGING)
    result = Result(
        action=action, answer=answer, instance_ids=ids, code=code, message=SAID, transient=answer is Answer.REFUSED
    )
    return settle(_kept(launches=(launch,), counters=replace(_kept().counters, launches=1), **kept), (result,), T0)


def test_surges_in_the_zone_of_the_next_server_to_leave() -> None:
    assert _zones_launched_in(_kept()) == [(1, client_token("web-1", 1, "zone-a"), "zone-a")]


def test_a_refused_zone_is_noted_and_the_launch_forgotten() -> None:
    noted = _answered(Answer.REFUSED, code=CODE)

    assert noted.shortage.zones == {"zone-a": T0}
    assert noted.launches == ()
    assert (noted.shortage.since, noted.shortage.reason, noted.shortage.launch_after) == (T0, SAID, later(10))


def test_the_next_launch_is_a_new_one_in_another_zone() -> None:
    noted = _answered(Answer.REFUSED, code=CODE)

    assert _zones_launched_in(noted, at=5) == []
    assert _zones_launched_in(noted, at=10) == [(2, client_token("web-1", 2, "zone-b"), "zone-b")]


def test_a_refused_zone_is_tried_again_after_a_while() -> None:
    noted = changed(_answered(Answer.REFUSED, code=CODE), owed_since=None)

    assert _zones_launched_in(noted, at=299)[0][2] == "zone-b"
    assert _zones_launched_in(noted, at=300)[0][2] == "zone-a"


def test_when_all_zones_were_refused_the_first_choice_is_tried_again() -> None:
    assert _zones_launched_in(_kept(short_zones=dict.fromkeys(ZONES, T0)), at=20)[0][2] == "zone-a"


def test_a_refusal_for_another_reason_says_nothing_about_the_zone() -> None:
    assert _answered(Answer.REFUSED, code="RequestLimitExceeded").shortage.zones == {}


def test_fewer_instances_than_asked_for_make_the_zone_short_and_are_kept() -> None:
    noted = _answered(Answer.DONE, "i-9", count=2)

    assert noted.shortage.zones == {"zone-a": T0}
    assert [(one.instance_ids, one.settled) for one in noted.launches] == [(("i-9",), True)]
    assert noted.desired is not None
    assert noted.desired.expected == 4


def test_a_zone_that_launches_all_instances_is_no_longer_short() -> None:
    assert _answered(Answer.DONE, "i-9", short_zones={"zone-a": T0, "zone-b": T0}).shortage.zones == {"zone-b": T0}
