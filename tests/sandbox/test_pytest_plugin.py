"""The pytest fixture of awsroll, used in the pytest of another project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import awsroll
from tests.support.patience import PATIENCE_SECONDS

ROOT = Path(awsroll.__file__).parents[1]

TESTS = """
import pytest


def test_default(awsroll_sandbox):
    fleet = awsroll_sandbox.standalone_fleet(servers=1, zones=1)
    assert awsroll_sandbox.ec2.instance(fleet.instance_ids[0]).application_healthy()
    assert awsroll_sandbox.world.options.boot_seconds == 40

@pytest.mark.awsroll_sandbox(boot_seconds=10)
def test_marker_sets_switches(awsroll_sandbox):
    assert awsroll_sandbox.world.options.boot_seconds == 10

"""


@pytest.mark.process
def test_fixture_and_marker_work_in_a_project_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(TESTS)
    done = run("-m", "pytest", "-q", "--strict-markers", *plugin(), str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.process
def test_the_deploy_scripts_of_the_page_run_as_they_stand(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing.md").read_text(), re.DOTALL)
    (tmp_path / "test_sandbox.py").write_text(blocks[0])
    (tmp_path / "test_fake_fleet.py").write_text(blocks[1])
    assert all("def test_" in block for block in blocks[:2])
    done = run("-m", "pytest", "-q", *plugin(), str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert not (tmp_path / ".local").exists()


@pytest.mark.process
def test_importing_the_plugin_imports_nothing_slow(tmp_path: Path) -> None:
    code = "import sys, awsroll.sandbox.pytest_plugin; print({'moto', 'boto3', 'botocore'} & set(sys.modules))"
    done = run("-c", code, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


def plugin() -> list[str]:
    """Return the option that loads the plugin if awsroll, with its entry point, is not installed."""
    from importlib.metadata import entry_points

    installed = any(each.name == "awsroll-sandbox" for each in entry_points(group="pytest11"))
    return [] if installed else ["-p", "awsroll.sandbox.pytest_plugin"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(cwd)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
