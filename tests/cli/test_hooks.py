"""Hooks of a rollout file: reading, schema, execution, and interruption by Ctrl-C."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from awsroll.cli.read_request import build_request
from awsroll.core.model.hooks import HookPoint, HookSpec
from awsroll.core.request.file_schema import rollout_schema
from awsroll.errors import SpecError
from awsroll.sandbox import SandboxServer, serve
from tests.cli.program import awsroll, start
from tests.support.patience import PATIENCE_SECONDS, PROMPT_SECONDS, wait_until

HOOKS = """
target-group: {name}-1
launch-template: {name}:2
poll: 0.2
hooks:
  - {{point: before_rollout, command: [{notify}, begin]}}
  - {{point: after_drain, command: [{notify}, drained], timeout: 30}}
  - {{point: after_healthy, command: [{notify}, healthy], name: smoke}}
"""
NOTIFY = """#!/bin/sh
echo "$1 $AWSROLL_POINT $AWSROLL_INSTANCE_IDS" >>"$0.log"
cat >>"$0.json"
"""
SLOW = """#!/bin/sh
trap '' TERM
echo $$ >"$0.pid.new" && mv "$0.pid.new" "$0.pid"
[ -f "$0.quick" ] || sleep 600
"""


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


def program(folder: Path, text: str) -> Path:
    path = folder / "notify"
    path.write_text(text)
    path.chmod(0o755)
    return path


def rollout_file(folder: Path, name: str, notify: Path) -> str:
    path = folder / "web.yaml"
    path.write_text(HOOKS.format(name=name, notify=notify))
    return str(path)


def test_a_file_defines_hooks(tmp_path: Path) -> None:
    path = rollout_file(tmp_path, "web", Path("/bin/notify"))
    drained = HookSpec(point=HookPoint.AFTER_DRAIN, command=("/bin/notify", "drained"), timeout=30)
    assert build_request(file=path).hooks[1] == drained


@pytest.mark.parametrize(
    ("hooks", "problem"),
    [
        pytest.param("[{point: after_lunch, command: [x]}]", "after_lunch", id="point"),
        pytest.param("[{point: after_drain, comand: [x]}]", "unknown key 'comand': did you mean command?", id="key"),
        pytest.param("[{point: after_drain, command: ./x y}]", "command: pass a list, not './x y'", id="shell-line"),
        pytest.param("[{command: [x]}]", "a hook has no point", id="no-point"),
    ],
)
def test_a_wrong_hook_is_refused(tmp_path: Path, hooks: str, problem: str) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(f"asg: web\nhooks: {hooks}\n")
    with pytest.raises(SpecError, match=problem):
        build_request(file=str(path))


@pytest.mark.parametrize(
    ("hook", "valid"),
    [
        pytest.param({"point": "after_drain", "command": ["x"], "timeout": 5}, True, id="right"),
        pytest.param({"point": "after_lunch", "command": ["x"]}, False, id="point"),
        pytest.param({"point": "after_drain", "comand": ["x"]}, False, id="key"),
    ],
)
def test_the_schema_describes_hooks(hook: dict[str, Any], valid: bool) -> None:
    errors = list(jsonschema.Draft202012Validator(rollout_schema()).iter_errors({"asg": "web", "hooks": [hook]}))
    assert (errors == []) is valid


@pytest.mark.process
def test_commands_of_a_file_are_run(server: SandboxServer, tmp_path: Path) -> None:
    fleet = server.standalone_fleet(name="hooked", servers=2)
    notify = program(tmp_path, NOTIFY)
    environment = {**server.environment, "XDG_STATE_HOME": str(tmp_path)}

    rolled = awsroll("roll", "-f", rollout_file(tmp_path, "hooked", notify), "--json", environment=environment)

    assert rolled.code == 0, rolled.err
    lines = [line.split() for line in Path(f"{notify}.log").read_text().splitlines()]
    assert lines[0] == ["begin", "before_rollout", *sorted(fleet.instance_ids)]
    drained = {ids[0] for word, _, *ids in lines if word == "drained"}
    assert drained == set(fleet.instance_ids)
    assert Counter(word for word, *_ in lines) == {"begin": 1, "drained": 2, "healthy": 2}
    events = Counter(line["event"] for line in rolled.lines)
    assert (events["hook.started"], events["hook.passed"]) == (5, 5)
    events_of_hooks = Path(f"{notify}.json").read_text().replace("}{", "}\n{").splitlines()
    assert {json.loads(event)["rollout_id"] for event in events_of_hooks} == {rolled.lines[-1]["rollout_id"]}


@pytest.mark.process
def test_ctrl_c_ends_a_running_command_and_resume_runs_it_again(server: SandboxServer, tmp_path: Path) -> None:
    server.standalone_fleet(name="slow", servers=2)
    notify = program(tmp_path, SLOW)
    environment = {**server.environment, "XDG_STATE_HOME": str(tmp_path)}
    pid = Path(f"{notify}.pid")

    with start("roll", "-f", rollout_file(tmp_path, "slow", notify), "--json", environment=environment) as driver:
        wait_until(lambda: pid.exists() or driver.poll() is not None)
        assert driver.poll() is None
        begun = time.monotonic()
        driver.send_signal(signal.SIGINT)
        out, err = driver.communicate(timeout=PATIENCE_SECONDS)
        seconds = time.monotonic() - begun
    rollout_id = json.loads(out.splitlines()[0])["rollout_id"]
    Path(f"{notify}.quick").touch()
    resumed = awsroll("resume", rollout_id, "-f", str(tmp_path / "web.yaml"), "--json", environment=environment)

    assert driver.returncode == 130, err
    assert seconds < PROMPT_SECONDS
    (left,) = [line for line in map(json.loads, out.splitlines()) if line["event"] == "hook.left"]
    assert left["message"] == "was still running and was ended; `awsroll resume` runs it again"
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
    assert resumed.code == 0, resumed.err
    started = [line for line in resumed.lines if line["event"] == "hook.started"]
    assert (started[0]["hook"], started[0]["run"]) == ("before_rollout", left["run"])
