"""A share of the cuts that `python -m tests.crash.everything` makes.

`AWSROLL_CRASH_SEED` selects other cuts. Each cut is a death in virtual time, or of a real process by SIGKILL. `watch`
checks every change, and `ending` checks the end.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEED = os.environ.get("AWSROLL_CRASH_SEED", "0")
CUT = (
    "standalone-replace", "group-launch-first", "group-reload", "standalone-keep-old",
    "group-keep-old-rung-while-baking", "group-bad-replacement", "standalone-bad-reload",
    "standalone-batch",
)  # fmt: skip
KILLED = ("group-replace", "standalone-reload", "group-keep-old", "standalone-bad-half")
SETTINGS = (
    "SuspendProcesses", "ResumeProcesses", "UpdateAutoScalingGroup", "SetDesiredCapacity", "CreateOrUpdateTags",
    "DeleteTags", "ModifyTargetGroupAttributes", "ModifyTargetGroup", "AddTags", "RemoveTags",
)  # fmt: skip
WITH_SETTINGS = (
    "group-shorter-delay", "group-suspended-before", "group-without-launch-instances",
)  # fmt: skip

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]


def everything(*words: str, scenarios: tuple[str, ...]) -> str:
    chosen = [word for name in scenarios for word in ("--scenario", name)]
    command = [sys.executable, "-m", "tests.crash.everything", *words, "--seed", SEED, *chosen]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_a_rollout_that_dies_anywhere_is_resumed_to_its_end() -> None:
    output = everything("--gap", "0", "--share", "0.005", "--mutating", "0.05", "--twice", "0.001", scenarios=CUT)

    assert "0 went wrong" in output


def test_a_rollout_that_dies_at_a_change_of_settings_is_resumed_and_restores_them() -> None:
    at = [word for name in SETTINGS for word in ("--at", name)]
    output = everything("--gap", "5", "--share", "0.1", "--twice", "0", *at, scenarios=WITH_SETTINGS)

    assert "0 went wrong" in output


def test_processes_that_are_killed_are_resumed_to_the_end() -> None:
    output = everything("--processes", "--share", "0.03", scenarios=KILLED)

    assert "0 went wrong" in output
