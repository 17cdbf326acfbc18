"""The recipes for pipelines: their own scripts, run against the sandbox as the runner would run them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from awsroll.sandbox import SandboxServer, serve
from tests.cli.program import clean_environment
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.process
INTEGRATIONS = Path(__file__).parents[2] / "integrations"
PROGRAM = Path(sys.executable).parent / "awsroll"
POLL = "0.2"


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with serve(speed=100) as running:
        yield running


def run(script: str, environment: Mapping[str, str], *, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        env=clean_environment(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def installed(folder: Path) -> None:
    """Put the program where a recipe installs it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "awsroll").symlink_to(PROGRAM)


class Action:
    """Runs the steps of the GitHub action after its installation."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        installed(folder / "awsroll")
        steps = yaml.safe_load((INTEGRATIONS / "github" / "action.yml").read_text())["runs"]["steps"]
        self._scripts = {step["id"]: step["run"] for step in steps if "id" in step}
        self._folder = folder
        self._environment = {
            **environment,
            "RUNNER_TEMP": str(folder),
            "GITHUB_ACTION_PATH": str(INTEGRATIONS / "github"),
            "GITHUB_OUTPUT": str(folder / "outputs"),
            "STATE": str(folder / "state"),
        }

    def __call__(self, command: str, *arguments: str, allow_paused: bool = False) -> tuple[int, dict[str, str]]:
        given = {"COMMAND": command, "ARGUMENTS": "\n".join(arguments)}
        ran = run(self._scripts["run"], self._environment | given, cwd=self._folder)
        outcome = {
            "RAN": "failure" if ran.returncode else "success",
            "ALLOW_PAUSED": "true" if allow_paused else "false",
        }
        (self._folder / "outputs").unlink(missing_ok=True)
        judged = run(self._scripts["outcome"], self._environment | outcome, cwd=self._folder)
        outputs = dict(line.split("=", 1) for line in (self._folder / "outputs").read_text().splitlines())
        return judged.returncode, outputs


def test_the_github_action_rolls_waits_for_approval_in_another_job_and_goes_on(
    server: SandboxServer, tmp_path: Path
) -> None:
    fleet = server.standalone_fleet(name="github", servers=2, zones=1)
    action = Action(server.environment, tmp_path)
    request = ("--target-group", "github-1", "--launch-template", f"{fleet.template_id}:2", "--poll", POLL)
    gate = ("--checkpoint", "1", "--approve-checkpoints", "--no-wait")

    assert action("roll", *request, "--concurrent", "200%") == (1, {"rollout-id": "", "status": "refused"})
    code, paused = action("roll", *request, *gate, allow_paused=True)
    assert (code, paused["status"]) == (0, "paused")
    assert action("approve", paused["rollout-id"])[0] == 0
    assert action("resume", paused["rollout-id"]) == (0, {**paused, "status": "succeeded"})


CREATED = '{"event": "rollout.created", "rollout_id": "r"}\n'


@pytest.mark.parametrize(
    ("lines", "said", "status"),
    [
        (
            f'{CREATED}{{"event": "report", "status": "paused", "rollout_id": "r", "reason": "a\\nb=c"}}\n',
            "a b=c",
            "paused",
        ),
        (f'{CREATED}{{"event": "failed", "rollout_id": "r", "reason": "a\\nb=c"}}\n', "a b=c", "failed"),
        (f'{CREATED}{{"event": "rep', "awsroll did not run to its end", ""),
    ],
    ids=["paused", "failed", "killed"],
)
def test_a_rollout_that_did_not_end_fails_the_step_and_has_its_id(
    lines: str, said: str, status: str, tmp_path: Path
) -> None:
    (tmp_path / "lines.jsonl").write_text(lines)
    judged = subprocess.run(
        [sys.executable, INTEGRATIONS / "github" / "outcome.py", tmp_path / "lines.jsonl"],
        env={**os.environ, "RAN": "failure", "ALLOW_PAUSED": "false", "GITHUB_OUTPUT": str(tmp_path / "outputs")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (judged.returncode, judged.stdout) == (1, f"::error title=awsroll::{said}\n")
    assert (tmp_path / "outputs").read_text() == f"rollout-id=r\nstatus={status}\n"


def test_the_gitlab_jobs_roll_approve_and_go_on(server: SandboxServer, tmp_path: Path) -> None:
    fleet = server.standalone_fleet(name="gitlab", servers=3, zones=1)
    jobs = yaml.safe_load((INTEGRATIONS / "gitlab" / "awsroll.gitlab-ci.yml").read_text())
    installed(tmp_path / ".awsroll")
    request = {"target-group": "gitlab-1", "launch-template": f"{fleet.template_id}:2", "poll": float(POLL)}
    gate = {"checkpoint": [1, 2], "approve-checkpoints": True}
    (tmp_path / "rollout.yaml").write_text(yaml.safe_dump(request | gate))
    environment = {
        **server.environment,
        "AWSROLL_FILE": "rollout.yaml",
        "AWSROLL_STATE": str(tmp_path / "state"),
    }

    rolled = run("\n".join(jobs[".awsroll-roll"]["script"]), environment, cwd=tmp_path)
    assert rolled.returncode == 3, rolled.stderr
    dotenv = dict(line.split("=", 1) for line in (tmp_path / "awsroll.env").read_text().splitlines())
    approve = "\n".join(jobs[".awsroll-approve"]["script"])
    approved = [run(approve, environment | dotenv, cwd=tmp_path) for _ in range(2)]
    assert [each.returncode for each in approved] == [3, 0], approved
    assert jobs[".awsroll-approve"]["allow_failure"] == jobs[".awsroll-roll"]["allow_failure"] == {"exit_codes": [3]}


def test_the_ansible_role_rolls_a_group(server: SandboxServer, tmp_path: Path) -> None:
    fleet = server.auto_scaling_fleet(name="ansible", servers=2)
    role = INTEGRATIONS / "ansible" / "roles" / "awsroll"
    given = {
        "name": fleet.group_name,
        "launch_template": {"launch_template_id": fleet.template_id, "version": 2},
        "awsroll_executable": str(PROGRAM),
        "awsroll_state": str(tmp_path / "state"),
        "awsroll_arguments": ["--poll", POLL],
    }
    task = yaml.safe_load((role / "tasks" / "main.yml").read_text())[1]
    argv = _evaluated(
        task["ansible.builtin.command"]["argv"], yaml.safe_load((role / "defaults" / "main.yml").read_text()) | given
    )

    ran = subprocess.run(
        argv,
        env=clean_environment(server.environment),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    report = json.loads(ran.stdout.splitlines()[-1])

    assert (ran.returncode, report["status"], report["instances"]["replaced"]) == (0, "succeeded", 2)
    assert _has_changed(report) is True


def _has_changed(last_line: Mapping[str, Any]) -> object:
    role = INTEGRATIONS / "ansible" / "roles" / "awsroll"
    task = yaml.safe_load((role / "tasks" / "main.yml").read_text())[1]
    condition = task["changed_when"].replace("awsroll_run.stdout_lines | last | from_json", "report")
    return Environment(autoescape=True).compile_expression(condition, undefined_to_none=False)(report=last_line)


def test_a_refused_rollout_of_the_ansible_role_has_changed_nothing() -> None:
    assert _has_changed({"event": "refused", "reason": "there is no Auto Scaling group 'wbe'"}) is False
    assert _has_changed({"event": "report", "instances": {"replaced": 0}}) is False


def _evaluated(template: str, variables: Mapping[str, Any]) -> list[str]:
    expression = template.strip().removeprefix("{{").removesuffix("}}")
    words: list[str] = Environment(autoescape=True).compile_expression(expression)(**variables)
    return words


def test_terraform_rolls_a_group_by_its_local_command(server: SandboxServer, tmp_path: Path) -> None:
    fleet = server.auto_scaling_fleet(name="terraform", servers=1)
    recipe = (INTEGRATIONS / "terraform" / "rollout.tf").read_text()
    command = json.loads(re.findall(r"command = (\".*\")$", recipe, re.MULTILINE)[0])
    given = {
        "ASG": str(fleet.group_name),
        "VERSION": f"{fleet.template_id}:2",
        "STATE": str(tmp_path / "state"),
        "OPTIONS": f"--launch-first --json --poll {POLL}",
        "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",
    }
    assert set(given) - {"PATH"} == set(re.findall(r"^      (\w+) +=", recipe, re.MULTILINE))

    ran = run(command, {**server.environment, **given}, cwd=tmp_path)

    assert (ran.returncode, json.loads(ran.stdout.splitlines()[-1])["status"]) == (0, "succeeded"), ran.stderr


def test_the_examples_of_the_modules_give_their_variables() -> None:
    pages = {name: (INTEGRATIONS.parent / "docs" / name).read_text() for name in ("ci.md", "deploy.md")}
    (rollout,), (deployment,) = (re.findall(r"```hcl\n(.*?)```", page, re.DOTALL) for page in pages.values())
    declared = re.findall(r'^variable "(\w+)"', (INTEGRATIONS / "terraform" / "rollout.tf").read_text(), re.MULTILINE)

    assert set(re.findall(r"^  (\w+) +=", rollout, re.MULTILINE)) - {"source"} == set(declared) - {"options"}
    assert "  bundle " in deployment


def _examples() -> list[Any]:
    page = (INTEGRATIONS.parent / "docs" / "ci.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def test_the_examples_of_the_page_use_what_the_recipes_have() -> None:
    github, gitlab, (play,) = _examples()
    action = yaml.safe_load((INTEGRATIONS / "github" / "action.yml").read_text())
    jobs = yaml.safe_load((INTEGRATIONS / "gitlab" / "awsroll.gitlab-ci.yml").read_text())
    role = INTEGRATIONS / "ansible" / "roles" / "awsroll"

    steps = [step for job in github["jobs"].values() for step in job["steps"] if "integrations" in step["uses"]]
    required = {name for name, given in action["inputs"].items() if given.get("required")}
    assert len(steps) == 3
    assert all(required <= set(step["with"]) <= set(action["inputs"]) for step in steps)
    assert {gitlab[name]["extends"] for name in ("roll", "approve", "rollback")} < set(jobs)
    assert set(gitlab["variables"]) < set(jobs[".awsroll"]["variables"])
    assert set(play["roles"][0]["vars"]) < set(yaml.safe_load((role / "defaults" / "main.yml").read_text()))


def test_the_container_runs_the_program_as_an_ordinary_user() -> None:
    lines = (INTEGRATIONS / "container" / "Dockerfile").read_text().splitlines()

    assert 'ENTRYPOINT ["awsroll"]' in lines
    assert lines.index("USER 10001") < lines.index('ENTRYPOINT ["awsroll"]')
