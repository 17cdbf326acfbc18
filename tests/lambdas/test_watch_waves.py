"""Waves that watch each other, by the handlers of the machine of many fleets: the same ends as at a terminal."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import named
import prepare
import watch_waves
from awsroll.core.request.waves import OnWaveFailure
from awsroll.core.wave_turns import FailureCause, WaveFailure
from awsroll.stores.fleets_notes import WavesProgress, name_of_execution
from tests.lambdas.driven import Machine, machine
from tests.lambdas.driven_waves import STARTED_AT, WavesMachine

ALARM = "web-errors"
UNHEALTHY = {"sandbox:health": "unhealthy"}
OLD, NEW, BAD = "1", "2", 3
CUTS = ("after write 2: notes", "after write 6: requests", "after write 7: notes")  # `sweep` has all of them


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path, grouped=True, servers=1, further_versions=(UNHEALTHY,)) as made:
        alarm(made)
        for name in ("web-2", "web-3"):
            made.rolling.sandbox.auto_scaling_fleet(desired=1, name=name, further_versions=(UNHEALTHY,))
        yield made


def alarm(driven: Machine, state: str = "OK") -> None:
    client = driven.rolling.sandbox.session().client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=ALARM, MetricName="errors", Namespace="web", Period=60, EvaluationPeriods=1, Threshold=1,
        Statistic="Sum", ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    client.set_alarm_state(AlarmName=ALARM, StateValue=state, StateReason="5 errors")


def wave(*names: str, version: int | str = 2, **more: Any) -> dict[str, Any]:
    fleets = [{"asg": name, "launch-template": f"{name}:{version}", "launch-first": True} for name in names]
    return {"name": names[0], "fleets": [{**fleet, "healthy-timeout": 120} for fleet in fleets], **more}


def versions(driven: Machine, *names: str) -> list[str]:
    client = driven.rolling.sandbox.session().client("autoscaling")
    groups = client.describe_auto_scaling_groups(AutoScalingGroupNames=list(names))["AutoScalingGroups"]
    return [
        one["LaunchTemplate"]["Version"]
        for name in names
        for group in groups
        for one in group["Instances"]
        if group["AutoScalingGroupName"] == name and one["LifecycleState"] == "InService"
    ]


def fires_at(driven: Machine, fleet: str, *, step: int = 3) -> Callable[[str], None]:
    steps: list[str] = []

    def at(name: str) -> None:
        steps.append(name)
        if name == fleet and steps.count(fleet) == step:
            alarm(driven, "ALARM")

    return at


def watched(on_failure: str, *, bake: int = 0) -> tuple[dict[str, Any], ...]:
    more = {"on-failure": on_failure}
    return wave("web", alarm=[ALARM], **{"bake-time": bake}, **more), wave("web-2", **more), wave("web-3", **more)


def test_a_wave_bakes_before_the_next_one_starts(driven: Machine) -> None:
    asked = wave("web", alarm=[ALARM], **{"bake-time": 300})

    answer = WavesMachine.planned(driven, asked, wave("web-2")).run()

    assert answer["verdict"] == "go-on"
    first, second = sorted(driven.rolling.store.list(), key=lambda each: each.status.started_at)
    assert first.status.ended_at is not None
    assert 300 <= (second.status.started_at - first.status.ended_at).total_seconds() < 330
    assert versions(driven, "web", "web-2") == [NEW, NEW]


ENDS = {
    OnWaveFailure.STOP: [NEW, NEW],
    OnWaveFailure.ROLLBACK_WAVE: [OLD, NEW],
    OnWaveFailure.ROLLBACK_ALL: [OLD, OLD],
}


@pytest.mark.parametrize("on_failure", [OnWaveFailure.ROLLBACK_WAVE, OnWaveFailure.ROLLBACK_ALL])
def test_an_alarm_of_the_first_wave_fires_while_the_last_one_is_driven(
    driven: Machine, on_failure: OnWaveFailure
) -> None:
    made = WavesMachine.planned(driven, *watched(on_failure), at_step=fires_at(driven, "web-3"))

    answer = made.run()

    assert answer["verdict"] == "stop"
    assert answer["reason"].startswith("wave web has failed: alarm web-errors is in ALARM: 5 errors")
    assert versions(driven, "web", "web-2") == ENDS[on_failure]
    assert versions(driven, "web-3") == [OLD]
    backs = 1 if on_failure is OnWaveFailure.ROLLBACK_WAVE else 2
    assert made.judged == ["go-on", "go-on", *["turn-back"] * backs, "stop"]


def test_a_judged_wave_that_turns_bad_later_rolls_back(driven: Machine) -> None:
    def count(event: dict[str, Any]) -> dict[str, dict[str, int]]:
        is_bad = event["fleet"] == "web" and len(driven.rolling.store.list()) > 1
        total = round(100 * (event["until"] - event["since"]))
        return {name: {"bad": total // 2 * is_bad, "total": total} for name in event["instance_ids"]}

    driven.rolling.sandbox.functions["count"] = count
    hooks = [{"point": "while_judging", "name": "errors", "function": "count", "timeout": 5}]
    spare = [f"spare-{number}" for number in range(4)]
    for name in spare:
        driven.rolling.sandbox.auto_scaling_fleet(desired=1, name=name)
    asked = [
        wave("web", judge="1%", defaults={"hooks": hooks}, **{"on-failure": "rollback-wave"}),
        wave("web-2", **{"bake-time": 1200}, defaults={"hooks": hooks}),
        wave(*spare, defaults={"hooks": hooks}),
    ]

    answer = WavesMachine.planned(driven, *asked).run()

    assert answer["verdict"] == "stop"
    assert answer["reason"].startswith("wave web has failed: the judge finds its fleets worse")
    assert versions(driven, "web", "web-2", *spare) == [OLD, NEW, *[OLD] * 4]


def test_after_an_alarm_a_wave_that_stops_pauses_the_fleets_in_progress(driven: Machine) -> None:
    fires = fires_at(driven, "web-2")

    def at(name: str) -> None:
        fires(name)
        for record in driven.rolling.store.list():
            if record.status.outcome == "paused":
                driven.name = record.rollout.rollout_id
                driven.apply_command("abort")

    answer = WavesMachine.planned(driven, *watched("stop"), at_step=at).run()

    assert answer["verdict"] == "stop"
    assert "stopped" in answer["reason"]
    assert versions(driven, "web", "web-3") == [NEW, OLD]
    assert len(driven.rolling.store.list()) == 2, "the last wave was not started"


def test_an_alarm_in_the_bake_time_starts_no_further_wave(driven: Machine) -> None:
    asked = (wave("web", alarm=[ALARM], **{"bake-time": 600, "on-failure": "rollback-wave"}), wave("web-2"))
    made = WavesMachine.planned(driven, *asked)
    really = driven.rolling.clock.jump
    driven.rolling.clock.jump = lambda seconds: (  # type: ignore[method-assign]
        really(seconds),
        alarm(driven, "ALARM") if driven.rolling.store.list() and not driven.rolling.store.unfinished() else None,
    )[0]

    answer = made.run()

    assert answer["verdict"] == "stop"
    assert versions(driven, "web", "web-2") == [OLD, OLD]


def test_a_fleet_that_fails_takes_the_earlier_waves_back(driven: Machine) -> None:
    back = {"on-failure": "rollback-all"}

    answer = WavesMachine.planned(driven, wave("web", **back), wave("web-2", version=BAD, **back)).run()

    assert answer["reason"].startswith("wave web-2 has failed: 1 of 1 failed, 0 tolerated: web-2 rolled back")
    assert versions(driven, "web", "web-2") == [OLD, OLD]


def test_an_alarm_that_fires_already_is_refused_before_anything_starts(driven: Machine) -> None:
    alarm(driven, "ALARM")
    with pytest.raises(named.PreflightRefused, match="alarm web-errors is in ALARM: 5 errors already"):
        WavesMachine.planned(driven, *watched("stop")).run()
    assert driven.rolling.store.list() == ()


def test_no_fleet_starts_after_a_failure_of_the_waves(driven: Machine) -> None:
    made = WavesMachine.planned(driven, *watched("stop"))
    failure = WaveFailure(wave="web", cause=FailureCause.ALARM, reason="alarm web-errors is in ALARM")
    driven.rolling.store.put_note(name_of_execution("deploy-1", STARTED_AT), WavesProgress(failure=failure))
    fleet = made.waves[0]["fleets"][0]
    event = {"rollout_id": fleet["rollout_id"], "request": fleet["request"], "execution_started_at": STARTED_AT}

    with pytest.raises(named.WaveStopped, match="wave web has failed"):
        prepare.handler({**event, "progress_of": "deploy-1"}, None)
    assert driven.rolling.store.list() == ()


def test_waves_without_alarms_and_rollbacks_are_not_watched(driven: Machine) -> None:
    made = WavesMachine.planned(driven, wave("web"), wave("web-2"))
    event = {"action": "watch", "name": "deploy-1", "started_at": STARTED_AT, "waves": made.waves, "turn": 1}

    assert watch_waves.handler(event, None)["verdict"] == "leave"


@pytest.mark.parametrize("cut", CUTS)
def test_a_look_that_is_killed_at_a_write_is_repeated_and_nothing_is_lost(tmp_path: Path, cut: str) -> None:
    _roll_and_cut(tmp_path, cut)


def _roll_and_cut(folder: Path, cut: str = "") -> tuple[str, ...]:
    """Roll two waves and all of them back, with one cut; return the instants at which a look could be killed."""
    with machine(folder, grouped=True, servers=1) as driven:
        alarm(driven)
        driven.rolling.sandbox.auto_scaling_fleet(desired=1, name="web-2")
        waves = watched("rollback-all")[:2]
        made = WavesMachine.planned(driven, *waves, at_step=fires_at(driven, "web-2"), cut=cut)
        answer = made.run()

        assert answer["verdict"] == "stop", cut
        assert versions(driven, "web", "web-2") == [OLD, OLD], cut
        records = driven.rolling.store.list()
        assert [record.status.outcome for record in records] == ["rolled_back"] * 2, cut
    return tuple(made.instants)


def sweep() -> None:
    """Kill a look at each of its instants: `PYTHONPATH=.:lambda:cdk python -m tests.lambdas.test_watch_waves`."""
    with TemporaryDirectory() as folder:
        instants = _roll_and_cut(Path(folder) / "whole")
        for number, instant in enumerate(instants):
            _roll_and_cut(Path(folder) / str(number), instant)
            sys.stdout.write(f"{instant}: nothing lost\n")


if __name__ == "__main__":
    sweep()
