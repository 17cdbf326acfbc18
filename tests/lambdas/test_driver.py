"""The rollout driver: prepare once, reconcile until it is done, control at any time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import awsroll
import container
import named
from awsroll.core.model.user_requests import UserRequests
from awsroll.driver.read_story import stored_story
from awsroll.report import build_report
from awsroll.stores import LocalStore, Waiting
from tests.lambdas.driven import machine

KINDS = pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
STRATEGIES = {
    "replace": {},
    "launch-first": {"launch_first": True},
    "double-half": {"strategy": "double-half"},
    "keep-old": {"strategy": "double-half", "keep_old": True, "bake_time": 60},
    "reload": {"strategy": "reload"},
}
UNHEALTHY = {"sandbox:health": "unhealthy"}


@KINDS
@pytest.mark.parametrize("wanted", STRATEGIES.values(), ids=STRATEGIES)
def test_takes_the_fleet_to_the_new_version_step_by_step(
    tmp_path: Path, *, grouped: bool, wanted: dict[str, Any]
) -> None:
    with machine(tmp_path, grouped=grouped) as driven:
        last = driven.run(**wanted)
        driven.rolling.sandbox.jump(120)

        assert (last["outcome"], last["phase"], last["reason"]) == ("succeeded", "finished", "")
        assert last["progress"]["replaced"] + last["progress"]["reloaded"] == 2
        assert driven.rolling.serving_versions() == {"v2": 2}
        assert len(driven.rolling.running()) == 2
        assert all(answer["wait_seconds"] >= 1 for answer in driven.answers)
        assert {"drain", "health"} <= set(driven.phases)


@KINDS
def test_a_bad_version_is_rolled_back(tmp_path: Path, *, grouped: bool) -> None:
    with machine(tmp_path, grouped=grouped, further_versions=(UNHEALTHY,)) as driven:
        last = driven.run(version=3, healthy_timeout=60)

        assert last["outcome"] == "rolled_back"
        assert "not healthy within" in last["reason"]
        assert driven.rolling.serving_versions() == {"v1": 2}


def test_preparing_twice_begins_once_and_changes_nothing_on_the_fleet(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        before = driven.rolling.group()
        first = driven.prepare()
        assert driven.prepare() == first
        assert driven.rolling.group() == before
        assert len(driven.rolling.store.list()) == 1


def test_preparing_another_request_under_the_same_name_is_refused(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare(execution_started_at="2026-01-01T00:00:00Z")
        with pytest.raises(named.PreflightRefused, match="was started by another request"):
            driven.prepare(driven.request(concurrent=2), execution_started_at="2026-01-01T00:00:00Z")
        with pytest.raises(named.PreflightRefused, match="another name for the execution"):
            driven.prepare(execution_started_at="2026-04-01T00:00:00Z")


def test_between_two_steps_the_fleet_is_held_and_another_rollout_is_refused(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        execution = "arn:aws:states:us-east-1:123456789012:execution:awsroll:deploy-1"
        driven.prepare(execution=execution)
        driven.name = "deploy-2"
        with pytest.raises(named.FleetLocked, match=f"rollout deploy-1 .{execution}; last step at"):
            driven.prepare()
        driven.name = "deploy-1"
        driven.reconcile(execution=execution)
        driven.name = "deploy-2"
        with pytest.raises(named.FleetLocked, match=f"rollout deploy-1 .{execution}; last step at"):
            driven.prepare()


def test_a_step_while_another_process_drives_waits_for_it(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        store, rollout = driven.rolling.store, driven.rolling.store.load("deploy-1").rollout
        with store.drive(rollout, clock=driven.rolling.clock, takes_steps=True):
            answer = driven.reconcile()
        assert (answer["phase"], answer["done"], answer["outcome"]) == ("elsewhere", False, "running")
        assert driven.go_on()["outcome"] == "succeeded"


def test_a_report_counts_the_calls_of_the_functions(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        made: list[str] = []
        driven.rolling.sandbox.on_call(lambda service, operation, _: made.append(f"{service}:{operation}"))
        driven.run()
        store, name = driven.rolling.store, "deploy-1"
        of_one_process = build_report(store.load(name), at=driven.rolling.clock.now())
        for report in (None, of_one_process):  # of `awsroll report`, and of a terminal that made the last step
            calls = stored_story(name, store, report=report).report.api_calls
            ended = "autoscaling:TerminateInstanceInAutoScalingGroup"
            assert calls.by_operation[ended] == made.count(ended) > 0
            assert calls.total > len(made) / 2  # `prepare` makes the others, before there is a record


def test_a_terminal_counts_the_calls_of_the_functions_before_it(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        made: list[str] = []
        driven.rolling.sandbox.on_call(lambda service, operation, _: made.append(f"{service}:{operation}"))
        driven.prepare()
        driven.go_on(until=lambda _: "autoscaling:TerminateInstanceInAutoScalingGroup" in made)
        rolling = driven.rolling
        rolling.clock.sleep(600)  # the lease of the functions expires
        given = {"session": rolling.sandbox.session(), "store": rolling.store, "clock": rolling.clock}
        reports = [awsroll.resume("deploy-1", **given), awsroll.resume("deploy-1", **given)]  # the second only reports
        for report in reports:
            for operation in ("TerminateInstanceInAutoScalingGroup", "SuspendProcesses", "UpdateAutoScalingGroup"):
                name = f"autoscaling:{operation}"
                assert report.api_calls.by_operation[name] == made.count(name) > 0


def test_a_step_that_is_repeated_after_the_end_answers_the_same(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=False) as driven:
        last = driven.run()
        assert driven.reconcile() == last | {"wait_seconds": 300}


def test_an_execution_that_was_stopped_for_hours_goes_on_without_a_missed_deadline(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        driven.go_on(lambda answer: answer["phase"] == "drain")
        driven.rolling.sandbox.jump(6 * 3600)
        assert driven.go_on()["outcome"] == "succeeded"


def test_a_step_asks_for_the_next_within_a_minute_so_that_a_pause_is_noticed(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=False, servers=1, deregistration_delay_seconds=300) as driven:
        assert driven.run(launch_first=True)["outcome"] == "succeeded"
        assert max(answer["wait_seconds"] for answer in driven.answers if answer["phase"] == "drain") == 60


def test_a_gate_waits_for_a_person_who_approves(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare(driven.request(checkpoint=1, approve_checkpoints=True))
        answer = driven.go_on(lambda answer: answer["phase"] == "approval")
        assert answer["progress"]["replaced"] == 1
        assert answer["wait_seconds"] == 45
        assert answer["approval"]["command"] == "awsroll approve deploy-1 --checkpoint 1"
        for number in (None, 2):
            with pytest.raises(named.NoApprovalAwaited if number else named.InvalidEvent, match="checkpoint"):
                driven.apply_command("approve" if number else "pause", checkpoint=number or 1)
        approval = driven.apply_command("approve", checkpoint=1, by="alice")["approval"]
        assert (approval["answer"], approval["answered_by"]) == ("approved", "alice")
        with pytest.raises(named.NoApprovalAwaited, match="was approved already"):
            driven.apply_command("approve")
        assert driven.go_on()["outcome"] == "succeeded"
        assert driven.answers[-1]["progress"]["passed"] == 1


def test_a_rejected_gate_is_rolled_back(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare(driven.request(checkpoint=[1], approve_checkpoints=True))
        driven.go_on(lambda answer: answer["phase"] == "approval")
        driven.apply_command("reject")
        assert driven.go_on()["outcome"] == "rolled_back"
        assert driven.rolling.serving_versions() == {"v1": 2}


def test_a_rollout_is_paused_and_goes_on(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=False) as driven:
        driven.prepare()
        driven.reconcile()
        driven.apply_command("pause")
        paused = driven.go_on(lambda answer: answer["phase"] == "paused")
        assert (paused["outcome"], paused["done"], paused["wait_seconds"]) == ("paused", False, 300)
        assert driven.reconcile()["phase"] == "paused"
        driven.apply_command("resume")
        assert driven.go_on()["outcome"] == "succeeded"


def test_an_aborted_rollout_settles_and_stops(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        before = driven.rolling.group()
        driven.prepare()
        driven.go_on(lambda answer: answer["progress"]["replaced"] == 1)
        driven.apply_command("abort")
        assert driven.go_on()["outcome"] == "stopped"
        after = driven.rolling.group()
        assert after["DesiredCapacity"] == before["DesiredCapacity"]
        assert after["SuspendedProcesses"] == []


@pytest.mark.parametrize(
    ("action", "outcome"), [("abort", "stopped"), ("rollback", "rolled_back"), ("resume", "succeeded")]
)
def test_a_command_that_arrives_while_a_pause_restores_the_settings_is_not_lost(
    tmp_path: Path, action: str, outcome: str
) -> None:
    with machine(tmp_path, grouped=True, servers=1) as driven:
        driven.prepare(driven.request(launch_first=True))
        driven.reconcile()
        driven.apply_command("pause")
        resting = driven.go_on(lambda each: each["reason"] == "paused by request")
        assert resting["phase"] == "settle", "the group's own care has yet to be restored"
        driven.apply_command(action)

        assert driven.go_on(lambda _: driven.rolling.clock.monotonic() > 3600)["outcome"] == outcome


def test_a_paused_rollout_is_aborted(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        driven.apply_command("pause")
        driven.go_on(lambda answer: answer["phase"] == "paused")
        driven.apply_command("abort")
        assert driven.go_on()["outcome"] == "stopped"


def test_a_rollout_that_has_succeeded_is_rolled_back_by_steps(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.run()
        assert driven.apply_command("rollback")["done"] is False
        assert driven.go_on()["outcome"] == "rolled_back"
        assert driven.rolling.serving_versions() == {"v1": 2}
        with pytest.raises(named.RolloutEnded):
            driven.apply_command("rollback")


def test_a_rollback_of_an_ended_rollout_is_a_request_and_its_next_step_reopens_the_rollout(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.run()
        before = driven.rolling.store.load("deploy-1")
        answer = driven.apply_command("rollback")

        assert driven.rolling.store.load("deploy-1") == before
        assert (answer["outcome"], answer["phase"]) == ("running", "settle")
        assert "start an execution with the rollout_id deploy-1" in answer["reason"]
        driven.reconcile()
        assert driven.rolling.store.load("deploy-1").status.rolling_back


def test_a_rollback_that_the_fleet_no_longer_allows_is_refused_by_the_step(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True, further_versions=({"app": "web"},)) as driven:
        driven.run()
        driven.apply_command("rollback")
        driven.name = "deploy-2"
        driven.run(version=3)
        driven.name = "deploy-1"

        with pytest.raises(named.RolloutEnded, match="the rollback that was requested is not possible"):
            driven.reconcile()
        assert driven.rolling.store.load("deploy-1").status.rolling_back is False


def test_a_rollback_of_a_failed_rollback_is_requested_again(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        driven.go_on(lambda answer: answer["progress"]["replaced"] == 1)
        driven.apply_command("abort")
        assert driven.go_on()["outcome"] == "stopped"
        driven.apply_command("rollback")
        assert driven.go_on()["outcome"] == "rolled_back"
        assert driven.rolling.serving_versions() == {"v1": 2}


def test_a_request_to_resume_or_a_late_rollback_does_not_reopen_an_ended_rollout(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.run()
        store = driven.rolling.store
        store.change_user_requests("deploy-1", lambda said: replace(said, resumed=said.resumed + 1))
        assert driven.reconcile()["outcome"] == "succeeded"
        store.change_user_requests("deploy-1", lambda said: replace(said, resumed=0, rollback=True))
        assert driven.reconcile()["outcome"] == "succeeded"


def test_what_is_asked_of_an_ended_rollout_is_refused(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=False) as driven:
        driven.run()
        with pytest.raises(named.RolloutEnded, match="takes no further commands"):
            driven.apply_command("pause")


def test_a_task_token_is_kept_until_a_person_has_said_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str] = []
    monkeypatch.setattr(
        "awsroll.aws.stepfunctions.StepFunctions.answer", lambda _self, token, _output: answered.append(token)
    )
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare(driven.request(checkpoint=[1], approve_checkpoints=True))
        driven.go_on(lambda answer: answer["phase"] == "approval")
        driven.wait_for_command("token-1")
        assert answered == []
        driven.apply_command("approve")
        assert answered == ["token-1"]
        assert driven.rolling.store.note("deploy-1", Waiting) == Waiting(task_token="token-1")


def test_a_task_token_is_answered_at_once_after_an_earlier_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[str] = []
    monkeypatch.setattr(
        "awsroll.aws.stepfunctions.StepFunctions.answer", lambda _self, token, _output: answered.append(token)
    )
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare(driven.request(checkpoint=[1], approve_checkpoints=True))
        driven.go_on(lambda answer: answer["phase"] == "approval")
        driven.rolling.store.change_user_requests("deploy-1", lambda said: replace(said, approved=1))
        driven.wait_for_command("token-1")
        assert answered == ["token-1"]
        assert driven.rolling.store.user_requests("deploy-1") == UserRequests(approved=1)


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({}, "missing required field `rollout_id`"),
        ({"rollout_id": "x", "action": "stop"}, "Invalid enum value 'stop'"),
        ({"rollout_id": "../x", "action": "pause"}, "matching regex"),
        ({"rollout_id": "x", "action": "pause", "now": True}, "unknown field `now`"),
        ({"rollout_id": "x", "action": "pause", "task_token": "t"}, "unknown field `task_token`"),
        ({"rollout_id": "x", "action": "await"}, "Invalid enum value 'await'"),
        (["x"], "Expected `object`"),
    ],
)
def test_a_malformed_event_is_refused_by_name(tmp_path: Path, event: Any, problem: str) -> None:
    import control

    with machine(tmp_path, grouped=False), pytest.raises(named.InvalidEvent, match=problem):
        control.handler(event, None)


@pytest.mark.parametrize(
    ("request_", "error", "problem"),
    [
        ({"asg": "none"}, named.PreflightRefused, "none"),
        ({"asg": "web", "concurent": 2}, named.PreflightRefused, "concurent"),
        ({"asg": "web", "poll": "often"}, named.PreflightRefused, "poll"),
        ({}, named.PreflightRefused, "asg"),
    ],
)
def test_a_bad_request_is_refused_and_nothing_is_kept(
    tmp_path: Path, request_: dict[str, Any], error: type[Exception], problem: str
) -> None:
    with machine(tmp_path, grouped=True) as driven:
        with pytest.raises(error, match=problem):
            driven.prepare(request_)
        assert driven.rolling.store.list() == ()


def test_hooks_that_need_a_machine_are_refused(tmp_path: Path) -> None:
    hooks = [{"point": "before_rollout", "command": ["true"]}]
    with machine(tmp_path, grouped=True) as driven, pytest.raises(named.PreflightRefused, match="need a process"):
        driven.prepare(driven.request(hooks=hooks))


def test_the_answer_is_small_whatever_the_fleet(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True, servers=12) as driven:
        driven.prepare(driven.request(strategy="double-half"))
        driven.go_on()
        assert max(len(json.dumps(answer)) for answer in driven.answers) < 1024


def test_what_aws_refuses_in_the_middle_pauses_and_names_the_permission(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        driven.reconcile()
        driven.rolling.sandbox.faults.add("denied operation=autoscaling:DescribeAutoScalingGroups")
        answer = driven.go_on(lambda answer: answer["phase"] == "paused")
        assert "DescribeAutoScalingGroups" in answer["reason"]
        driven.rolling.sandbox.faults.clear()
        driven.apply_command("resume")
        assert driven.go_on()["outcome"] == "succeeded"


def test_an_abort_ends_although_aws_keeps_refusing_to_show_the_fleet(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        driven.reconcile()
        driven.rolling.sandbox.faults.add("denied operation=autoscaling:DescribeAutoScalingGroups")
        driven.apply_command("abort")
        began = driven.rolling.clock.monotonic()
        answer = driven.go_on()
        assert (answer["outcome"], answer["phase"]) == ("stopped", "finished")
        assert driven.rolling.clock.monotonic() - began >= 600, "a refusal may be temporary"
        store, rollout = driven.rolling.store, driven.rolling.store.load("deploy-1").rollout
        assert "version of web was" in store.load("deploy-1").status.reason
        store.check_free(rollout, clock=driven.rolling.clock)
        driven.rolling.sandbox.faults.clear()
        given = {"session": driven.rolling.sandbox.session(), "store": store, "clock": driven.rolling.clock}
        assert awsroll.repair("deploy-1", **given).clean
        assert driven.rolling.group()["LaunchTemplate"]["Version"] == "1"


def test_an_earlier_preparation_that_has_not_finished_is_named_so(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        store, rollout = driven.rolling.store, driven.rolling.store.load("deploy-1").rollout
        (tmp_path / "rollouts" / "deploy-1" / "record.json").unlink()  # it died before it had written the record
        driven.rolling.clock.sleep(120)
        with (
            store.drive(rollout, clock=driven.rolling.clock, takes_steps=True),
            pytest.raises(named.StepInProgress, match="has not finished"),
        ):
            driven.prepare()
        assert driven.prepare()["phase"] == "settle"


def test_a_record_that_was_put_back_between_two_steps_is_refused(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=True) as driven:
        driven.prepare()
        record = tmp_path / "rollouts" / "deploy-1" / "record.json"
        before = record.read_bytes()
        driven.reconcile()
        record.write_bytes(before)
        another_container = patch.object(container, "store", lambda: LocalStore(tmp_path))

        with another_container, pytest.raises(named.RecordUnusable, match="was put back"):
            driven.reconcile()
        assert record.read_bytes() == before


def test_no_external_id_and_no_task_token_reaches_the_log_or_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with machine(tmp_path, grouped=True) as driven:
        more = {"role": "arn:aws:iam::123456789012:role/roller", "external_id": "s3cret-id"}
        driven.prepare(driven.request(checkpoint=1, approve_checkpoints=True), **more)
        assert "with an external id" in driven.reconcile()["reason"]  # the event does not name the role
        driven.given |= more
        driven.apply_command("resume")
        driven.go_on(lambda answer: answer["phase"] in ("approval", "paused"))
        driven.wait_for_command("s3cret-token")
        driven.apply_command("approve")
        driven.go_on()
        with pytest.raises(named.PreflightRefused):
            driven.prepare(driven.request(concurrent=2), external_id="s3cret-other")
        with pytest.raises(named.InvalidEvent):
            driven.prepare(external_id="s3cret-id", role=5)
        seen = capsys.readouterr().out + json.dumps(driven.answers)

    assert "rollout.ended" in seen
    assert "s3cret" not in seen
