"""The programs of the chain: what is started is ended, and all of it listens on the loopback address alone."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS

MINISTACK = "ministack==1.5.33"  # in an environment of its own: it pins an older botocore
CDK = "aws-cdk@2.1148.1"
RUNTIME_CLIENT = "awslambdaric==4.2.2"
REGION = "us-east-1"
_LOOPBACK = "127.0.0.1"


def tool(name: str) -> str:
    """Return where a program is: beside this Python, or on the path."""
    found = shutil.which(name, path=os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])))
    if found is None:
        message = f"{name} is needed and not installed"
        raise FileNotFoundError(message)
    return found


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this environment without settings for AWS, and with unused keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    silenced = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20", "AWS_EC2_METADATA_DISABLED": "true"}
    return {**kept, **keys, "AWS_REGION": REGION, **silenced, **more}


@contextmanager
def ministack(folder: Path) -> Iterator[str]:
    """Run the emulator that the stack is deployed to; its address."""
    port = _free_port()
    url = f"http://{_LOOPBACK}:{port}"
    more = {
        "BIND_HOST": _LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    command = [tool("uv"), "tool", "run", "--quiet", "--no-config", "--from", MINISTACK, "ministack"]
    with (folder / "ministack.log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment(more), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _await(url, process)
            yield url
        finally:
            _end(process)


def run(command: Sequence[str], *, more: Mapping[str, str], log: Path, cwd: Path | None = None) -> None:
    """Run a program to its end; what it wrote is in the log, and in the error if it failed."""
    ended = subprocess.run(
        command,
        env=environment(more),
        cwd=cwd,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    log.write_text(ended.stdout)
    if ended.returncode:
        message = f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout[-4000:]}"
        raise RuntimeError(message)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=10):  # noqa: S310 - an address of our own
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    message = f"ministack did not answer at {url} within {PATIENCE_SECONDS} s"
    raise RuntimeError(message)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a program and all that it has started: it leads a process group of its own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
        time.sleep(0.5)  # for what it had started
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
