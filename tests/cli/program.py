"""Run the `awsroll` program as a process and return its exit code and output."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.patience import PATIENCE_SECONDS

NO_ACCOUNT = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_REGION": "us-east-1",
}
FAKE_KEYS = {"AWS_ACCESS_KEY_ID": "AKIAFAKE", "AWS_SECRET_ACCESS_KEY": "fake"}


@dataclass(frozen=True, kw_only=True)
class Finished:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON objects of standard output, one per line."""
        return [json.loads(line) for line in self.out.splitlines()]


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AWSROLL_", "XDG_"))}
    return {**inherited, **NO_ACCOUNT, **more}


def start(*arguments: str, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "awsroll", *arguments],
        env=clean_environment(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def awsroll(*arguments: str, environment: Mapping[str, str] | None = None) -> Finished:
    with start(*arguments, environment=environment or {}) as process:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Finished(code=process.returncode, out=out, err=err)
