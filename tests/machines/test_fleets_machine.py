"""The machine of many fleets, run for real: waves in order, tolerated failures, fleets that are not begun."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from awsroll_cdk.definition import fleets_machine
from named import PreflightRefused
from plan_waves import LONGEST_STATE
from tests.machines.interpreter import ARNS, Interpreter, interpreter

UNHEALTHY = {"sandbox:health": "unhealthy"}


@contextmanager
def several(folder: Path, *, count: int = 3, **more: Any) -> Iterator[tuple[Interpreter, list[Any]]]:
    """Groups `web`, `web-2`, `web-3`, of one server each."""
    with interpreter(folder, servers=1, further_versions=(UNHEALTHY,)) as made:
        sandbox = made.driven.rolling.sandbox
        fleets = [made.driven.rolling.fleet]
        fleets += [
            sandbox.auto_scaling_fleet(desired=1, name=f"web-{number}", further_versions=(UNHEALTHY,))
            for number in range(2, count + 1)
        ]
        made.create(fleets_machine(ARNS, **more), name="fleets")
        yield made, fleets


def asked(fleet: Any, version: int = 2) -> dict[str, Any]:
    return {"asg": fleet.group_name, "launch-template": f"{fleet.template_id}:{version}"}


def serving(made: Interpreter, fleet: Any) -> list[str]:
    world = made.driven.rolling.sandbox.world
    found = world.elb.targets(fleet.target_group_arns[0])
    return [world.ec2.instance(one.instance_id).version_label for one in found if one.state == "healthy"]


def test_rolls_the_fleets_of_each_wave(tmp_path: Path) -> None:
    with several(tmp_path) as (made, fleets):
        ended = made.run(
            {
                "defaults": {"launch-first": True},
                "waves": [
                    {"name": "canary", "fleets": [asked(fleets[0])]},
                    {"name": "rest", "concurrency": 1, "fleets": [asked(fleets[1]), asked(fleets[2])]},
                ],
            }
        )
        assert ended["status"] == "SUCCEEDED"
        assert [serving(made, fleet) for fleet in fleets] == [["v2"]] * 3


def test_a_fleet_of_a_wave_is_rehearsed_before_it_is_rolled(tmp_path: Path) -> None:
    with several(tmp_path, count=1) as (made, (fleet,)):
        waves = [{"name": "canary", "fleets": [{**asked(fleet), "rehearse": True}]}]
        ended = made.run({"defaults": {"launch-first": True}, "waves": waves})
        (record,) = made.driven.rolling.store.list()

        assert ended["status"] == "SUCCEEDED"
        assert record.status.rehearsal == "passed"
        assert serving(made, fleet) == ["v2"]


def test_a_wave_rolls_no_more_fleets_at_a_time_than_its_concurrency(tmp_path: Path) -> None:
    for concurrency in (1, 2):
        with several(tmp_path / str(concurrency), count=2) as (made, fleets):
            wave = {"name": "all", "concurrency": concurrency, "fleets": [asked(one) for one in fleets]}
            assert made.run({"defaults": {"launch-first": True}, "waves": [wave]})["status"] == "SUCCEEDED"
            rolled = [event["rollout_id"] for name, event in made.called if name == "reconcile"]
            turns = [one for one, _ in groupby(rolled)]
            assert (len(turns) == 2) is (concurrency == 1), turns


def test_the_refusals_of_many_fleets_fit_in_a_state(tmp_path: Path) -> None:
    with several(tmp_path, count=1) as (made, fleets):
        long = PreflightRefused("x" * 1000)
        made.broken["prepare"] = [long] * 100
        absent = [{"asg": f"absent-{number}", "launch-template": f"{fleets[0].template_id}:2"} for number in range(100)]
        waves = [{"name": f"{at}", "fleets": absent[at : at + 5]} for at in range(0, 100, 5)]
        execution = made.start({"waves": waves})
        ended = made.end_of(execution)
        assert (ended["status"], ended["error"]) == ("FAILED", "PreflightRefused")
        assert ended["cause"].startswith("5 of 5 failed, 0 tolerated: deploy-1.absent-0.")
        outputs = [
            len(event["stateExitedEventDetails"].get("output", ""))
            for event in made.events(execution)
            if "stateExitedEventDetails" in event
        ]
        assert max(outputs) < LONGEST_STATE


def test_a_wave_that_fails_stops_the_later_ones(tmp_path: Path) -> None:
    with several(tmp_path) as (made, fleets):
        limits = {"launch-first": True, "healthy-timeout": 60}
        ended = made.run(
            {
                "defaults": limits,
                "waves": [
                    {"name": "canary", "concurrency": 1, "fleets": [asked(fleets[0], version=3), asked(fleets[1])]},
                    {"name": "rest", "fleets": [asked(fleets[2])]},
                ],
            }
        )
        assert (ended["status"], ended["error"]) == ("FAILED", "WaveFailed")
        assert ended["cause"].startswith("wave canary has failed: 1 of 2 failed, 0 tolerated: web rolled back; ")
        assert "not_begun" in ended["cause"]
        assert [serving(made, fleet) for fleet in fleets] == [["v1"]] * 3
        assert len(made.driven.rolling.store.list()) == 1


def test_a_tolerated_failure_does_not(tmp_path: Path) -> None:
    with several(tmp_path, count=2) as (made, fleets):
        ended = made.run(
            {
                "defaults": {"launch-first": True, "healthy-timeout": 60},
                "waves": [
                    {"name": "one", "tolerated-failures": 1, "fleets": [asked(fleets[0], version=3)]},
                    {"name": "two", "fleets": [asked(fleets[1])]},
                ],
            }
        )
        assert ended["status"] == "SUCCEEDED"
        assert [serving(made, fleet) for fleet in fleets] == [["v1"], ["v2"]]


def test_a_wave_is_entered_again_when_an_execution_is_at_its_limit(tmp_path: Path) -> None:
    with several(tmp_path, count=1, longest_steps=4) as (made, fleets):
        execution = made.start({"waves": [{"name": "one", "fleets": [asked(fleets[0]) | {"launch-first": True}]}]})
        assert made.end_of(execution)["status"] == "SUCCEEDED"
        assert made.states(execution).count("Take wave") > 1
        assert serving(made, fleets[0]) == ["v2"]


def test_a_bad_file_is_refused_before_anything_is_begun(tmp_path: Path) -> None:
    with several(tmp_path, count=1) as (made, fleets):
        ended = made.run({"waves": [{"name": "one", "fleets": [asked(fleets[0])]}, {"name": "two", "fleets": [{}]}]})
        assert (ended["status"], ended["error"]) == ("FAILED", "PreflightRefused")
        assert "two" in ended["cause"]
        assert made.driven.rolling.store.list() == ()


def test_every_wave_is_checked_before_the_first_begins(tmp_path: Path) -> None:
    with several(tmp_path, count=2) as (made, fleets):
        absent = {"asg": "absent", "launch-template": f"{fleets[0].template_id}:2"}
        ended = made.run(
            {
                "defaults": {"launch-first": True},
                "waves": [
                    {"name": "canary", "fleets": [asked(fleets[0])]},
                    {"name": "rest", "fleets": [asked(fleets[1]), absent]},
                ],
            }
        )
        assert (ended["status"], ended["error"]) == ("FAILED", "PreflightRefused")
        assert ended["cause"].startswith("1 of 2 failed, 0 tolerated: deploy-1.absent.")
        assert "there is no Auto Scaling group 'absent' in us-east-1: check asg and region" in ended["cause"]
        assert "stackTrace" not in ended["cause"]
        assert made.driven.rolling.store.list() == (), "no rollout has begun"
        assert [serving(made, fleet) for fleet in fleets] == [["v1"]] * 2


def test_the_cause_of_a_refused_file_is_a_sentence(tmp_path: Path) -> None:
    with several(tmp_path, count=1) as (made, _):
        ended = made.run({"waves": [{"name": "canary", "fleets": [{"asg": "web", "max-surgee": 1}]}]})
        assert (ended["status"], ended["error"]) == ("FAILED", "PreflightRefused")
        assert "max-surgee" in ended["cause"]
        assert not ended["cause"].startswith("{")


def test_an_alarm_of_the_first_wave_takes_all_waves_back(tmp_path: Path) -> None:
    with several(tmp_path, count=2) as (made, fleets):
        client = made.driven.rolling.sandbox.session().client("cloudwatch")
        client.put_metric_alarm(
            AlarmName="errors", MetricName="errors", Namespace="web", Period=60, EvaluationPeriods=1, Threshold=1,
            Statistic="Sum", ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        client.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="no errors")
        back = {"on-failure": "rollback-all"}
        made.at_step["web-2"] = lambda: client.set_alarm_state(
            AlarmName="errors", StateValue="ALARM", StateReason="5 errors"
        )
        made.broken["watch_waves"] = [None, RuntimeError("killed")]
        execution = made.start(
            {
                "defaults": {"launch-first": True},
                "waves": [
                    {"name": "canary", "alarm": ["errors"], "bake-time": 60, **back, "fleets": [asked(fleets[0])]},
                    {"name": "rest", **back, "fleets": [asked(fleets[1])]},
                ],
            }
        )
        ended = made.end_of(execution)

        assert (ended["status"], ended["error"]) == ("FAILED", "WaveFailed")
        assert ended["cause"].startswith("wave canary has failed: alarm errors is in ALARM: 5 errors")
        assert [serving(made, fleet) for fleet in fleets] == [["v1"], ["v1"]]
        states = made.states(execution)
        assert states.count("Bake") >= 1
        assert states.count("Turn back") >= 1
