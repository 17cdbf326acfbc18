"""CONTRIBUTING.md, the workflow, the pre-commit hooks and pyproject.toml agree with each other."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml

from tests.check import STATIC

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def _yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_the_workflow_runs_on_each_supported_python() -> None:
    prefix = "Programming Language :: Python :: 3."
    supported = [line.split(" :: ")[-1] for line in PROJECT["project"]["classifiers"] if line.startswith(prefix)]
    jobs = _yaml(".github/workflows/checks.yml")["jobs"]

    assert jobs["checks"]["strategy"]["matrix"]["python"] == supported
    assert all(f" {version}" in CONTRIBUTING for version in supported)


def test_one_job_needs_all_others() -> None:
    jobs = _yaml(".github/workflows/checks.yml")["jobs"]

    assert set(jobs["required"]["needs"]) == set(jobs) - {"required"}


def test_each_action_is_pinned_by_version() -> None:
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    uses = [used for path in workflows for used in re.findall(r"uses: (\S+)", path.read_text())]

    assert uses
    assert [name for name in uses if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", name)] == []


def test_the_nightly_workflow_runs_the_long_searches() -> None:
    (job,) = _yaml(".github/workflows/nightly.yml")["jobs"].values()
    commands = " && ".join(step["run"] for step in job["steps"] if "run" in step)

    assert job["env"] == {"AWSROLL_HYPOTHESIS": "long"}
    assert "tests/fuzz tests/property" in commands
    assert "tests.model.everything" in commands
    assert "AWSROLL_HYPOTHESIS=long .venv/bin/python -m pytest tests/fuzz tests/property" in CONTRIBUTING


def test_each_static_check_is_a_hook_that_runs_from_the_environment() -> None:
    hooks = [hook for repository in _yaml(".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]

    assert set(STATIC) <= {hook["name"] for hook in hooks}
    assert all(hook["language"] == "system" and hook["entry"].startswith(".venv/bin/") for hook in hooks)


def test_the_quick_start_installs_what_contributing_installs() -> None:
    readme = (ROOT / "README.md").read_text()
    checks = next(line for line in readme.splitlines() if line.endswith("-m tests.check"))
    commands = [command.strip() for command in checks.split("&&")]

    assert [command for command in commands if f"{command}\n" not in CONTRIBUTING] == []


def test_development_tools_are_a_group_and_not_an_extra() -> None:
    pins = {re.split(r"[=<> ]", line)[0] for line in (ROOT / "constraints.txt").read_text().lower().splitlines()}
    tools = [re.split(r"[=<>\[]", name)[0].lower() for name in PROJECT["dependency-groups"]["dev"]]

    assert set(PROJECT["project"]["optional-dependencies"]) == {"sandbox", "cdk", "otel", "durable"}
    assert [name for name in (*tools, "pip") if name not in pins] == []


def test_the_commands_of_contributing_name_files_that_exist() -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", CONTRIBUTING, flags=re.MULTILINE | re.DOTALL)
    words = [word for block in blocks for word in shlex.split(block)]
    modules = [word for word in words if word.startswith(("tests.", "awsroll."))]
    paths = [word for word in words if word.startswith(("tests/", "lambda/", "docs/")) and "=" not in word]

    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []
    assert [name for name in paths if not (ROOT / name).exists()] == []


def test_a_bug_report_asks_for_what_explains_a_rollout() -> None:
    template = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text()

    assert [
        command for command in ("awsroll status ROLLOUT --json", "awsroll doctor --json") if command not in template
    ] == []
