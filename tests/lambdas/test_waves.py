"""The handlers of many fleets: what is planned, and what is refused before anything is begun."""

from pathlib import Path
from typing import Any

import pytest

import judge_wave
import named
import plan_waves
from handling import LONGEST_MESSAGE
from tests.lambdas.driven import Machine, machine


def planned(*fleets: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = plan_waves.handler({"name": "deploy-1", "fleets": {"waves": [*_waves(fleets)]}}, None)
    return answer


def _waves(fleets: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
    return [{"name": f"wave-{number}", "fleets": [fleet]} for number, fleet in enumerate(fleets)]


def pinned(answer: dict[str, Any]) -> list[str]:
    return [fleet["request"]["launch_template"] for wave in answer["waves"] for fleet in wave["fleets"]]


def second_fleet(driven: Machine) -> Any:
    return driven.rolling.sandbox.auto_scaling_fleet(desired=1, name="web-2")


def test_an_alias_is_pinned_once_for_all_waves(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        fleet, other = driven.rolling.fleet, second_fleet(driven)
        answer = planned(
            {"asg": fleet.group_name, "launch-template": f"{fleet.template_id}:$Default"},
            {"asg": other.group_name},
        )
        assert pinned(answer) == [f"{fleet.template_id}:1", f"{other.template_id}:2"]


def test_a_number_is_taken_as_it_is_and_costs_no_call(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        fleet, before = driven.rolling.fleet, dict(driven.rolling.sandbox.calls)
        assert pinned(planned({"asg": fleet.group_name, "launch-template": "lt-unknown:7"})) == ["lt-unknown:7"]
        assert driven.rolling.sandbox.calls == before


def test_each_value_that_cannot_be_pinned_is_reported_with_its_fleet(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        fleet = driven.rolling.fleet.group_name
        with pytest.raises(named.PreflightRefused) as refused:
            planned({"asg": fleet, "launch-template": "no-such"}, {"asg": "none"})
        assert f"{fleet}: there is no launch template no-such" in str(refused.value)
        assert "none: there is no Auto Scaling group 'none'" in str(refused.value)


def test_more_fleets_than_the_state_of_an_execution_can_hold_are_refused() -> None:
    fleets = [{"asg": f"web-{number}", "launch-template": "web:2"} for number in range(500)]
    with pytest.raises(named.PreflightRefused, match="500 fleets are too many for one execution"):
        plan_waves.handler({"name": "deploy-1", "fleets": {"waves": [{"name": "all", "fleets": fleets}]}}, None)


def test_a_message_is_never_longer_than_a_machine_can_carry_for_each_of_its_fleets() -> None:
    with pytest.raises(named.PreflightRefused) as refused:
        planned(*({"asg": f"web-{number}", "concurrent": "none"} for number in range(20)))
    message = str(refused.value)
    assert len(message) == LONGEST_MESSAGE == 1000
    assert message.startswith("wave wave-0, fleet 1: concurrent: pass 1 or more servers")
    assert message.endswith("…")


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(named.InvalidEvent, match="Expected `int` >= 0"):
        judge_wave.handler({"tolerated_failures": -1, "results": []}, None)


def test_the_reason_of_a_wave_has_messages_and_no_stack_traces() -> None:
    cause = '{"errorMessage": "group web is gone", "errorType": "PreflightRefused", "stackTrace": ["File x"]}'
    results = [{"rollout_id": "web-1", "outcome": "refused", "reason": cause}]
    judged = judge_wave.handler({"tolerated_failures": 0, "results": results}, None)
    assert judged["reason"] == "1 of 1 failed, 0 tolerated: web-1 refused: group web is gone"
