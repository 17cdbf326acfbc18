"""Hooks of every kind in rollouts of the embedded AWS, through the library's public calls, in virtual time."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll import HookEvent, HookPoint, HookSpec, Outcome, PythonHook
from awsroll.core.model.rollout_choices import OnFailure, Strategy
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture(params=[False, True], ids=["standalone", "group"], name="rolling")
def _rolling(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path, grouped=request.param, servers=2)


def old_and_new(rolling: Rolling, before: set[str]) -> tuple[list[str], list[str]]:
    return sorted(before), sorted(rolling.running() - before)


def test_a_command_receives_the_event(rolling: Rolling, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ("sh", "-c", f'echo "$AWSROLL_POINT $AWSROLL_INSTANCE_IDS" >>{log}; cat >>{log}.json; echo >>{log}.json')
    before = rolling.running()
    spec = (
        HookSpec(point=HookPoint.AFTER_HEALTHY, command=command),
        HookSpec(point=HookPoint.AFTER_ROLLOUT, command=command),
    )
    report = rolling.roll(hooks=spec)
    assert (report.status, report.warnings) == (Outcome.SUCCEEDED, ())
    _, new = old_and_new(rolling, before)
    lines = log.read_text().splitlines()
    assert sorted(lines[:2]) == [f"after_healthy {one}" for one in new]
    assert lines[2:] == [f"after_rollout {' '.join(new)}"]
    event = json.loads((tmp_path / "log.json").read_text().splitlines()[-1])
    assert event == {
        "point": "after_rollout",
        "hook": "after_rollout",
        "run": 3,
        "phase": "rolling",
        "rollout_id": report.rollout_id,
        "fleet": report.fleet,
        "from_version": report.from_version,
        "to_version": report.to_version,
        "instance_ids": new,
        "ports": [],
        "drain_seconds": 0,
        "quiet_seconds": 0,
        "since": 0,
        "until": 0,
        "reason": "",
        "checkpoint": 0,
    }


def test_a_command_that_fails_rolls_the_fleet_back(rolling: Rolling) -> None:
    hooks = (HookSpec(point=HookPoint.AFTER_HEALTHY, command=("sh", "-c", "echo no such table; exit 3"), name="smoke"),)
    before = rolling.running()
    report = rolling.roll(hooks=hooks)
    assert report.status is Outcome.ROLLED_BACK
    assert report.reason.endswith("hook smoke failed at after_healthy: exit code 3: no such table")
    assert len(rolling.running()) == len(before)


def test_a_function_gets_the_event_and_its_error_is_the_failure(rolling: Rolling) -> None:
    seen: list[dict[str, Any]] = []
    rolling.sandbox.functions["check"] = seen.append
    before = rolling.running()
    hooks = (HookSpec(point=HookPoint.BEFORE_DEREGISTER, function="check"),)
    assert rolling.roll(hooks=hooks).status is Outcome.SUCCEEDED
    assert sorted((one["point"], *one["instance_ids"]) for one in seen) == [
        ("before_deregister", one) for one in sorted(before)
    ]

    def fail(event: Any) -> None:
        message = f"{event['instance_ids'][0]} is still in use"
        raise ValueError(message)

    rolling.sandbox.functions["check"] = fail
    report = rolling.roll(version=1, hooks=hooks, on_failure=OnFailure.STOP)
    assert report.status is Outcome.STOPPED
    name = report.failures[0].instance_id
    assert report.failures[0].cause == (
        f"hook before_deregister failed at before_deregister: function check failed: ValueError: {name} is still in use"
    )


def test_a_script_runs_on_the_server(rolling: Rolling) -> None:
    before = rolling.running()
    hooks = (HookSpec(point=HookPoint.AFTER_HEALTHY, script=("curl -fsS localhost/ready",), timeout=60),)
    assert rolling.roll(hooks=hooks).status is Outcome.SUCCEEDED
    _, new = old_and_new(rolling, before)
    ssm = rolling.sandbox.session().client("ssm")
    commands = ssm.list_commands()["Commands"]
    assert sorted(one["InstanceIds"][0] for one in commands) == new
    script = commands[0]["Parameters"]["commands"][0]
    assert "export AWSROLL_POINT=after_healthy" in script
    assert "curl -fsS localhost/ready" in script


def test_a_callable_gets_the_event_and_its_exception_is_the_failure(rolling: Rolling) -> None:
    events: list[HookEvent] = []
    before = rolling.running()
    report = awsroll.roll(
        rolling.request(),
        session=rolling.sandbox.session(),
        store=rolling.store,
        clock=rolling.clock,
        hooks={"before_rollout": events.append, "after_launch": events.append},
    )
    old, new = old_and_new(rolling, before)
    assert report.status is Outcome.SUCCEEDED
    assert Counter((one.point, one.instance_ids) for one in events) == Counter(
        [(HookPoint.BEFORE_ROLLOUT, tuple(old)), *((HookPoint.AFTER_LAUNCH, (one,)) for one in new)]
    )


def roll_until_a_callable_fails(rolling: Rolling) -> awsroll.Report:
    def fail(event: HookEvent) -> None:
        message = f"not today: {event.fleet}"
        raise RuntimeError(message)

    return awsroll.roll(
        rolling.request(on_failure=OnFailure.PAUSE),
        session=rolling.sandbox.session(),
        store=rolling.store,
        clock=rolling.clock,
        hooks=[PythonHook(point=HookPoint.BEFORE_ROLLOUT, call=fail, name="permission")],
    )


def test_a_rollout_with_callables_resumes_only_with_them(rolling: Rolling) -> None:
    report = roll_until_a_callable_fails(rolling)
    assert report.status is Outcome.PAUSED
    fleet = report.fleet
    assert report.reason == f"hook permission failed at before_rollout: RuntimeError: not today: {fleet}"
    around: dict[str, Any] = {"session": rolling.sandbox.session(), "store": rolling.store, "clock": rolling.clock}
    with pytest.raises(awsroll.SpecError, match="was started with the Python hook permission at before_rollout"):
        awsroll.resume(report.rollout_id, **around)
    with pytest.raises(awsroll.SpecError, match="has no Python hook after_drain; do not pass it"):
        awsroll.resume(report.rollout_id, **around, hooks={"after_drain": print})
    events: list[HookEvent] = []
    again = awsroll.resume(report.rollout_id, **around, hooks={"before_rollout": events.append})
    assert (again.status, [one.run for one in events]) == (Outcome.SUCCEEDED, [2])


def test_a_rollout_with_callables_can_be_aborted_without_them(rolling: Rolling) -> None:
    report = roll_until_a_callable_fails(rolling)
    ended = awsroll.abort(
        report.rollout_id, session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock
    )
    assert ended.status is Outcome.STOPPED


def test_hooks_that_could_not_run_are_refused(rolling: Rolling) -> None:
    with pytest.raises(awsroll.FleetError) as refused:
        rolling.roll(
            hooks=(
                HookSpec(point=HookPoint.AFTER_HEALTHY, command=("./no-such-program",)),
                HookSpec(point=HookPoint.AFTER_HEALTHY, function="no-such-function"),
            )
        )
    program, function = refused.value.problems
    assert program.startswith("hook after_healthy: there is no program './no-such-program' to run")
    assert function.startswith("hook after_healthy-2: there is no Lambda function 'no-such-function' in us-east-1")


def test_points_that_a_group_never_reaches_are_refused(rolling: Rolling) -> None:
    if not rolling.fleet.group_name:
        return
    hooks = tuple(HookSpec(point=one, command=("true",)) for one in (HookPoint.BEFORE_REGISTER, HookPoint.AFTER_DRAIN))
    with pytest.raises(awsroll.FleetError) as refused:
        rolling.roll(hooks=hooks)
    assert [one.partition(",")[0] for one in refused.value.problems] == [
        f"hook before_register: the group {rolling.fleet.group_name} registers its members by itself",
        f"hook after_drain: the group {rolling.fleet.group_name} drains and terminates its members in one step",
    ]
    assert (
        rolling.roll(strategy=Strategy.RELOAD, hooks=hooks[1:], on_failure=OnFailure.STOP).status is Outcome.SUCCEEDED
    )
    with pytest.raises(awsroll.FleetError, match="registers its members by itself"):
        awsroll.roll(
            rolling.request(),
            session=rolling.sandbox.session(),
            store=rolling.store,
            clock=rolling.clock,
            hooks={"before_register": print},
        )


def test_warns_of_hooks_that_are_never_run(rolling: Rolling) -> None:
    hooks = (
        HookSpec(point=HookPoint.AT_CHECKPOINT, command=("true",)),
        HookSpec(point=HookPoint.ON_FAILURE, command=("true",)),
    )
    plan = awsroll.plan(
        rolling.request(hooks=hooks, on_failure=OnFailure.PAUSE), session=rolling.sandbox.session(), clock=rolling.clock
    )
    warnings = [finding.message for finding in plan.findings if finding.message.startswith("hook ")]
    assert warnings == [
        "hook at_checkpoint: there is no --checkpoint, so this hook never runs",
        "hook on_failure: --on-failure pause pauses at once, so this hook never runs",
    ]
