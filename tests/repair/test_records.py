"""Repairs with the record: of unfinished rollouts, of settings that were not restored, and of members in standby."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Mode, Outcome
from awsroll.driver import operations
from awsroll.report import Report
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.repair.wreck import Wreck, wreck

SURGING = Scenario(
    name="surging", grouped=True, wanted={"launch_first": True}, shape={"min_size": 2, "max_size": 2}, surge=1
)
WAITING = Scenario(
    name="waiting",
    grouped=True,
    wanted={"strategy": Strategy.DOUBLE_HALF, "checkpoint": (1,), "approve_checkpoints": True},
    shape={"min_size": 2, "max_size": 2},
)


@pytest.fixture(name="found")
def _found(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wreck]:
    with wreck(request.param, tmp_path) as found:
        yield found


def roll(found: Wreck, scenario: Scenario) -> Report:
    """Roll until the end, or until the rollout waits for approval."""
    session, clock = found.sandbox.session(), found.sandbox.clock
    context = operations.Context(session=session, store=found.store, clock=clock, wait_for_approval=False)
    return operations.roll(scenario.spec(found.fleet), context)


@pytest.mark.parametrize("found", [SURGING], indirect=True)
def test_a_repair_restores_settings_that_the_rollout_could_not_restore(found: Wreck) -> None:
    denied: list[int] = []

    def deny(_service: str, operation: str, _parameters: object) -> None:
        if operation == "SuspendProcesses" and not denied:
            denied.append(found.sandbox.faults.add("denied autoscaling:ResumeProcesses"))

    found.sandbox.on_call(deny, "after")
    report = roll(found, SURGING)

    assert report.status is not Outcome.SUCCEEDED
    assert "AZRebalance" in found.settings_now().group["web"]["suspended"]

    found.sandbox.faults.remove(*denied)
    repaired = found.repair(recorded=True)
    found.sandbox.jump(900)

    assert (repaired.rollout_id, repaired.clean) == (report.rollout_id, True)
    assert found.settings_now() == found.found
    assert found.store.load(report.rollout_id).status.outcome is Outcome.SUCCEEDED, "all of it is on the new version"
    assert found.repair(recorded=True).found == ()


@pytest.mark.parametrize("found", [WAITING], indirect=True)
def test_a_paused_rollout_is_shown_first_and_then_settled(found: Wreck) -> None:
    report = roll(found, WAITING)
    assert report.status is Outcome.PAUSED

    shown = found.repair(recorded=True, confirm=lambda _: False).found
    repaired = found.repair(recorded=True)
    found.sandbox.jump(900)

    assert (shown[0].what, shown[0].about) == ("rollout", report.rollout_id)
    assert f"rollout {report.rollout_id} has not ended (paused: " in shown[0].found
    assert f"`awsroll rollback {report.rollout_id}` rolls it back" in shown[0].remedy
    assert repaired.clean, repaired
    ended = found.store.load(report.rollout_id).status
    assert (ended.mode, ended.outcome) == (Mode.ENDED, Outcome.STOPPED)
    assert found.settings_now() == found.found
    assert found.live() == found.serving() == set(found.fleet.instance_ids)


@pytest.mark.parametrize("found", [SURGING], indirect=True)
def test_a_successful_rollout_leaves_nothing_to_repair(found: Wreck) -> None:
    assert roll(found, SURGING).succeeded

    assert found.repair(recorded=True).found == ()
    assert found.repair(recorded=False).found == ()


def test_a_member_that_a_reload_left_in_standby_is_shown_with_its_remedy(tmp_path: Path) -> None:
    scenario = SCENARIOS["group-reload"]
    with wreck(scenario, tmp_path) as killed:
        killed.roll(scenario, "after autoscaling:EnterStandby")
        killed.sandbox.jump(300)
        (away,) = {name for name, state in killed.members().items() if state == "Standby"}
        repaired = killed.repair(recorded=False)

        assert [(one.what, one.about, one.acts) for one in repaired.left] == [("standby", away, False)]
        assert killed.members()[away] == "Standby"
        assert "AZRebalance" not in killed.settings_now().group["web"]["suspended"]

        client = killed.sandbox.session().client("autoscaling")
        client.exit_standby(AutoScalingGroupName="web", InstanceIds=[away])
        killed.sandbox.jump(300)
        again = killed.repair(recorded=False)
        assert [one.found for one in again.found if one.what == "setting"] == ["min size of group web is 1, it was 2"]
        assert killed.settings_now() == killed.found
        assert killed.live() == killed.serving() == set(killed.fleet.instance_ids)
        assert killed.repair(recorded=False).found == ()
