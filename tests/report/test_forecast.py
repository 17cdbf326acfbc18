"""Plans: the order and limits of the planner, and a duration that can be checked by hand."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from awsroll.cli.render_plan import plan_summary_text, plan_text
from awsroll.core.model.amount import EVERYTHING, NONE, Amount
from awsroll.core.model.hooks import Hook, HookPoint, HookSpec
from awsroll.core.model.observation import (
    FleetKind,
    Instance,
    Observation,
    Target,
    TargetGroup,
    TargetKey,
    TargetState,
    TemplateVersion,
)
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.rollout_choices import Gates, OnFailure, Strategy, Zones
from awsroll.core.model.server_record import Slots
from awsroll.core.model.status import Status
from awsroll.core.request.spec import RolloutSpec
from awsroll.report.estimate import NO_HISTORY, History
from awsroll.report.forecast import PlannedInstance, RolloutPlan, forecast
from tests.stores.records import T0

KEY = TargetKey(target_group="web", port=80)
OLD, NEW = TemplateVersion(template_id="lt-1", number=1), TemplateVersion(template_id="lt-1", number=2)
GROUP = TargetGroup(
    arn="web", name="web", port=80, deregistration_delay_seconds=300, health_interval_seconds=30, healthy_threshold=5
)


def _server(number: int, template: TemplateVersion = OLD, state: TargetState = TargetState.HEALTHY) -> Instance:
    return Instance(
        instance_id=f"i-{number}",
        zone=f"zone-{'ab'[number % 2]}",
        template=template,
        launched_at=T0 - timedelta(hours=10 - number),
        targets=(Target(key=KEY, state=state),),
    )


def _forecast(*servers: Instance, history: Any = NO_HISTORY, **request: Any) -> RolloutPlan:
    rollout = Rollout(
        rollout_id="web-1",
        kind=FleetKind.STANDALONE,
        fleet="web",
        target_groups=("web",),
        template=NEW,
        baseline=(VersionCount(version="lt-1:1", count=len(servers), template=OLD),),
        **{"max_unavailable": Amount(value=2), **request},
    )
    instance_ids = tuple(server.instance_id for server in servers)
    slots = (Slots(zone="zone-a", subnet_id="subnet-a", targets=(KEY,), instance_ids=instance_ids),)
    status = Status(started_at=T0, progress_at=T0, slots=slots)
    return forecast(rollout, Observation(at=T0, instances=servers, target_groups=(GROUP,)), status, history=history)


def test_the_order_comes_from_the_planner_and_current_servers_are_skipped() -> None:
    plan = _forecast(_server(1), _server(2), _server(3, TemplateVersion(template_id="lt-1", number=2)),
                     _server(4, state=TargetState.UNHEALTHY))  # fmt: skip

    assert [server.instance_id for server in plan.order] == ["i-4", "i-1", "i-2"]
    assert plan.skipped == 1
    assert plan.order[0].version == "lt-1:1"


def test_a_plan_is_printed_in_a_few_lines() -> None:
    plan = _forecast(_server(1), _server(2), _server(3))

    assert str(plan).splitlines()[:4] == [
        "plan of web: lt-1:1 -> lt-1:2",
        "  replace, 2 at a time",
        "  servers: 3 to update, 0 to skip, 3 desired",
        "  capacity: serving never below 1, live never above 3",
    ]
    assert re.fullmatch(
        r"  duration: about .* \(.* to .* in 8 of 10 rollouts\); about \d+ API calls", str(plan).splitlines()[4]
    )
    assert str(_forecast(_server(1, NEW))) == "no changes: web is on lt-1:2"


def test_zones_one_by_one_are_in_the_order_of_their_turns() -> None:
    servers = [_server(number) for number in range(5)]  # zone-a has one server more
    plan = _forecast(*servers, gates=Gates(by_zone=True, zones=("zone-b", "zone-a")))
    assert [server.zone for server in plan.order] == ["zone-b"] * 2 + ["zone-a"] * 3
    request = RolloutSpec(asg="web", zones=Zones.ONE_BY_ONE, zone_bake=600, approve_checkpoints=True)
    text = plan_text(replace(plan, request=request))
    assert "one by one: zone-b, zone-a; a checkpoint ends each, for 10 min 0 s, until a person approves" in text


def test_the_prompt_before_a_rollout_says_where_it_waits_and_what_a_failure_leads_to() -> None:
    request = RolloutSpec(asg="web", checkpoint=("1",), approve_checkpoints=True, bake_time=600, alarm=("web-5xx",))

    lines = plan_summary_text(replace(_forecast(_server(1)), request=request)).splitlines()

    rows = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines if not line.startswith(" "))
    assert rows["checkpoints"] == "after 1, until a person approves"
    assert (rows["bake time"], rows["alarms"]) == ("10 min 0 s", "web-5xx")
    assert rows["failure"] == "the first one returns the fleet to the old version"


def test_nine_servers_two_at_a_time_take_five_rounds() -> None:
    plan = _forecast(*(_server(number) for number in range(1, 10)))

    assert (plan.lowest_serving, plan.max_live, plan.at_a_time) == (7, 9, 2)
    assert plan.max_running == 9 + 2 * 2, "while two servers leave, the two before them still drain"
    assert plan.estimated_seconds == 4 * (60 + 150) + 300


def test_with_a_cap_each_drain_ends_before_the_next_launch() -> None:
    plan = _forecast(*(_server(number) for number in range(1, 10)), max_running=EVERYTHING)

    assert (plan.max_live, plan.max_running, plan.is_capped) == (9, 9, True)
    assert plan.estimated_seconds == 5 * (300 + 60 + 150)


def test_double_half_takes_one_round_at_full_capacity() -> None:
    plan = _forecast(
        *(_server(number) for number in range(1, 5)),
        max_unavailable=NONE,
        max_surge=EVERYTHING,
        strategy=Strategy.DOUBLE_HALF,
    )

    assert (plan.lowest_serving, plan.max_live, plan.max_running) == (4, 8, 8)
    assert plan.estimated_seconds == 300 + 60 + 150


def test_a_fleet_on_the_new_version_takes_no_time() -> None:
    plan = _forecast(_server(1, NEW), _server(2, NEW))

    assert plan.order == ()
    assert plan.skipped == 2
    assert plan.estimated_seconds == 0


def test_the_deregistration_delay_of_the_request_overrides_the_target_groups() -> None:
    plan = _forecast(_server(1), _server(2), _server(3), deregistration_delay_seconds=20)

    assert plan.estimated_seconds == 2 * (60 + 150)


def test_kept_servers_cost_server_hours() -> None:
    servers = tuple(_server(number) for number in range(1, 10))
    surge = {"max_unavailable": NONE, "max_surge": EVERYTHING, "gates": Gates(bake_seconds=600)}

    assert _forecast(*servers, keep_old=True, **surge).kept_server_hours == 1.5
    assert _forecast(*servers, **surge).kept_server_hours == 0


def test_the_text_of_a_plan_says_gates_failures_settings_and_servers_by_zone() -> None:
    request = RolloutSpec(asg="web", checkpoint=(1, "50%"), approve_checkpoints=True, bake_time=60, alarm=("a",))
    order = tuple(
        PlannedInstance(instance_id=f"i-{number}", zone=f"zone-{'ab'[number % 2]}", version="lt-1:1")
        for number in range(3)
    )
    plan = RolloutPlan(
        fleet="web",
        strategy="replace",
        from_version="lt-1:1",
        to_version="lt-1:2",
        desired=3,
        order=order,
        nothing_to_do=False,
        skipped=0,
        lowest_serving=2,
        max_live=3,
        max_running=4,
        is_capped=False,
        at_a_time=1,
        estimated_seconds=1800,
        request=request,
    )

    text, listed = plan_text(plan), plan_text(plan, verbose=True)

    for words in (
        "checkpoints  after 1, 50%, until a person approves",
        "bake time    1 min 0 s",
        "alarms       a",
        "failure      the first one returns the fleet to the old version",
        "settings     AZRebalance, ReplaceUnhealthy suspended while servers are in flight",
        "cost         about 0 server hours beyond the desired capacity",
        "duration     about 30 min",
        "zone-a  2 to update, on lt-1:1",
        "zone-b  1 to update, on lt-1:1",
    ):
        assert words in text, words
    assert "i-0" not in text
    plain = plan.as_dict()
    assert plain["gates"] == {
        "checkpoints": ("1", "50%"),
        "checkpoint_delay": 0,
        "approve_checkpoints": True,
        "approval_timeout": None,
        "bake_time": 60,
        "alarms": ("a",),
        "rehearse": False,
        "zones": "together",
        "zone_bake": 0,
    }
    assert plain["failure_policy"] == {
        "max_failures": 0,
        "on_failure": "rollback",
        "keep_failed": 0,
        "keep_failed_for": 0,
    }
    assert [each["setting"] for each in plain["settings"]] == ["suspended-processes"]
    assert [line.split()[1] for line in listed.splitlines()[-3:]] == ["i-0", "i-1", "i-2"]


COUNTED = (Hook(point=HookPoint.WHILE_JUDGING, name="errors", command=("count",)),)
COUNTING = (HookSpec(point=HookPoint.WHILE_JUDGING, name="errors", command=("count",)),)


def _judged_text(server_rate: float | None) -> str:
    servers, gates = [_server(number) for number in range(10)], Gates(checkpoints=(Amount(value=1),))
    history = History(server_rate=server_rate)
    plan = _forecast(*servers, history=history, hooks=COUNTED, gates=gates, on_failure=OnFailure.ROLLBACK)
    asked = RolloutSpec(target_group=("web",), launch_template="web", hooks=COUNTING, checkpoint=("1",))
    return " ".join(plan_text(replace(plan, asked=asked)).split())


def test_a_plan_says_what_the_judge_finds_at_the_fleets_own_rate() -> None:
    text = _judged_text(5)

    assert "1 of 10 servers within 1 min at 50 requests/s, the fleet's rate of the last hour" in text
    assert "(5% more bad requests, at 50 requests/s, the fleet's rate of the last hour)" in text


def test_a_plan_says_that_the_judge_finds_nothing_without_traffic() -> None:
    assert "cannot find 5% more bad requests on 1 of 10 servers at the fleet's 0 requests/s" in _judged_text(1e-5)


def test_a_plan_assumes_a_rate_that_is_not_known_and_says_so() -> None:
    text = _judged_text(None)

    assert "at 2 requests/s, " in text
    assert "at 50 requests/s, which is assumed: CloudWatch tells no rate)" in text
