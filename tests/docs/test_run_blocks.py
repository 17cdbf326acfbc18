"""The commands of the documents run: in this process, against one sandbox, in virtual time.

Each command meets the fleets, stores, files and rollouts that it names. `NOT_RUN` lists the others with their reasons.
"""

import contextlib
import io
import re
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import boto3
import pytest

from awsroll.cli.main import run
from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock
from tests.docs.test_blocks import PAGES, commands_in

NOT_RUN = {
    "demo": "tests/cli/test_demo.py runs it",
    "demo --report report.html": "as above",
    "sandbox --switches probe-1/result.json": "it ends with a signal: tests/cli/test_process.py runs it",
    "probe --only P1,P5,P6 --account 123456789012 --accept-cost --out probe-1": "tests/probe runs the experiments",
    "probe --teardown probe-1/ledger.jsonl": "as above",
    "resume ROLLOUT --command deploy 2": "it needs a rollout that was stopped within a reload: tests/rollouts",
    "roll --asg web --zones one-by-one --zone-bake 10m": "it needs two servers in each zone: tests/rollouts",
    "doctor --asg web --launch-first --state s3://deploys/awsroll --profile deploy": "the sandbox hides all profiles",
}
PYTHON_OF_OTHERS = {
    "deploy.md": "tests/cdk synthesizes such stacks: node starts in seconds",
    "step-functions.md": "as above",
    "records.md": "it needs a rollout that was stopped between its hooks: tests/rollouts",
    "sandbox.md": "tests/sandbox/test_documentation.py runs them",
    "testing.md": "tests/sandbox/test_pytest_plugin.py runs them",
}
_FILES = {
    "web.yaml": "asg: web\nhooks: [{point: after_healthy, command: ['true']}]\n",
    "rollout.yaml": "asg: web\nlaunch-first: true\ncheckpoint: [1]\ncheckpoint-delay: 5m\nalarm: [web-5xx]\n",
    "fleets.yaml": "waves: [{name: first, fleets: [{asg: web}]}]\n",
}
_SIGNING_KEY = ".awsroll-key"
_PAUSING = ("--checkpoint", "1", "--approve-checkpoints", "--no-wait", "--yes")
_READS = ("status", "replay", "report", "list", "history", "watch", "schema", "budget", "probe", "state")


def _every_call(page: Path) -> list[list[str]]:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [words for block in blocks for words in commands_in(block)]


def _calls() -> dict[str, list[list[str]]]:
    """Return the commands of each page that run; the same command with another store or rollout runs once."""
    seen: set[str] = set()
    calls: dict[str, list[list[str]]] = {}
    for page in PAGES:
        for words in _every_call(page):
            form = re.sub(r" --state \S+", "", " ".join(words)).replace("web-7", "ROLLOUT")
            if " ".join(words) not in NOT_RUN and form not in seen:
                seen.add(form)
                calls.setdefault(page.name, []).append(words)
    return calls


def _run(*words: str) -> tuple[int, str]:
    """Run a command; return its exit code and its output."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(words)
    return code, out.getvalue() + err.getvalue()


def _state_of(words: list[str]) -> list[str]:
    return words[words.index("--state") :][:2] if "--state" in words else []


class _Machine:
    """A machine with AWS at hand, on which a user runs the commands of the documents."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.auto_scaling_fleet(name="web", desired=2, target_group_names=("web-group",), further_versions=({},) * 5)
        sandbox.standalone_fleet(name="api", servers=2, target_groups=2, target_group_names=("web", "api"))
        boto3.client("cloudwatch").put_metric_alarm(
            AlarmName="web-5xx", Namespace="web", MetricName="errors", Period=60, EvaluationPeriods=1, Threshold=1,
            Statistic="Sum", ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        boto3.client("s3").create_bucket(Bucket="deploys")
        kms = boto3.client("kms")
        key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/awsroll", TargetKeyId=key)
        _run("state", "create", "--state", "dynamodb://deploys")
        self._paused: dict[tuple[str, ...], str] = {}

    def prepared(self, words: list[str]) -> list[str]:
        """Return a command with what exists here in place of its placeholders, and with the answers of a person."""
        words = [word.replace("dynamodb://TABLE", "records").replace("~/", "") for word in words]
        if {"ROLLOUT", "web-7"} & set(words):
            name = self._paused_rollout(words)
            words = [name if word in ("ROLLOUT", "web-7") else word for word in words]
        elif words[0] not in _READS:
            self.settle()
        if "web.plan" in words and words[0] == "roll":
            made = _run("plan", "--asg", "web", "--out", "web.plan")[1]
            words = [re.findall(r"sha256:\w+", made)[0] if word.startswith("sha256:") else word for word in words]
        if "--head" in words:
            words[-1] = _run("history", "--verify")[1].rsplit("Head: ", 1)[1].split()[0]
        if words[0] in ("roll", "resume", "rollback", "repair", "abort"):
            if "--approve-checkpoints" in words:
                words += ["--no-wait"]
                boto3.client("ec2").create_launch_template_version(
                    LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={}
                )
            words += ["--yes"]
        return words

    def settle(self) -> None:
        """End the rollout that waits for an approval."""
        while self._paused:
            state, name = self._paused.popitem()
            _run("abort", name, "--yes", *state)
            _run("repair", "--asg", "web", "--yes")

    def note(self, state: list[str], text: str) -> None:
        """Note the rollout that a command has left at an approval."""
        self._paused[tuple(state)] = re.findall(r"^rollout (\S+)$", text, re.MULTILINE)[0]

    def forget(self) -> None:
        """Note that the rollout that waited has ended."""
        self._paused.clear()

    def _paused_rollout(self, words: list[str]) -> str:
        """Return a rollout that waits for an approval; if it is to be resumed, of one that is approved."""
        state = _state_of(words)
        if tuple(state) not in self._paused:
            self.settle()  # one fleet, one rollout
            given = ["-f", "web.yaml"] if "web.yaml" in words else ["--asg", "web"]
            for version in ("web:6", "web:7"):
                code, text = _run("roll", *given, "--launch-template", version, *_PAUSING, *state)
                if code == 3:
                    break
            self.note(state, text)
        name = self._paused[tuple(state)]
        if words[0] == "resume":
            _run("approve", name, *state)
        return name


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Machine]:
    clock, folder = VirtualClock(), tmp_path_factory.mktemp("documents")
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    key = folder / _SIGNING_KEY
    key.write_text("0" * 64)
    key.chmod(0o600)
    with ExitStack() as stack:
        stack.enter_context(contextlib.chdir(folder))
        sandbox = stack.enter_context(Sandbox(clock=clock))
        stack.enter_context(patch("awsroll.clock.SystemClock", lambda *_: clock))
        yield _Machine(sandbox)


@pytest.mark.parametrize("calls", _calls().values(), ids=_calls().keys())
def test_the_commands_of_a_page_run(calls: list[list[str]], machine: _Machine) -> None:
    for words in calls:
        ready = machine.prepared(words)
        code, text = _run(*ready)
        if "--no-wait" in ready:
            machine.note(_state_of(ready), text)
        elif words[0] in ("approve", "repair"):
            machine.settle()
        elif words[0] in ("resume", "rollback", "abort"):
            machine.forget()
        expected = 3 if words[0] == "abort" or {"--no-wait", "--release"} & set(ready) else 0
        assert code == expected, f"{' '.join(ready)}: {text}"


def _python_blocks() -> dict[str, str]:
    """Return the blocks of Python that run here, by page and number."""
    return {
        f"{page.name}-{number}": block
        for page in PAGES
        if page.name not in PYTHON_OF_OTHERS
        for number, block in enumerate(
            re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL), 1
        )
    }


@pytest.mark.parametrize("block", _python_blocks().values(), ids=_python_blocks().keys())
def test_the_python_blocks_run(block: str, machine: _Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.settle()
    exec(compile(block, "block", "exec"), {"my_checks_pass": lambda: True, "__name__": "block"})  # noqa: S102
    assert "Traceback" not in capsys.readouterr().err


def test_each_command_that_does_not_run_is_in_a_document() -> None:
    every = {" ".join(words) for page in PAGES for words in _every_call(page)}
    assert NOT_RUN.keys() - every == set()
