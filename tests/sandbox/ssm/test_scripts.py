"""The exit code that SSM reports for simple scripts."""

import subprocess

import pytest

from awsroll.fleets.reload_script import run_once
from awsroll.sandbox.ssm.scripts import exit_code
from tests.sandbox.ssm.nodes import DONE_SECONDS, open_nodes

SCRIPTS = [
    "",
    "true",
    "false",
    "exit 3",
    "exit 0",
    "exit 259",
    "false\nexit",
    "false\ntrue",
    "true\nfalse",
    "true && false",
    "false && true",
    "false || true",
    "false || exit 7",
    "true || exit 7",
    "true && exit 7",
    "false; true",
    "! true",
    "! false",
    "set -e\nfalse\ntrue",
    "set -e\nfalse || true\ntrue",
    "set -e\nfalse && true\ntrue",
    "set -e\n! true\ntrue",
    "set -eu\nfalse\ntrue",
    "set -e\nset +e\nfalse\ntrue",
    "set -o errexit\nfalse\ntrue",
    "false | true",
    "true | false",
    "exit 4 # out of order",
    "# exit 4",
    "echo 'exit 4'",
    'echo "a; exit 4"',
    "sh -c 'exit 5'",
    "sh -c 'exit 5' || exit 6",
    "if true; then\n  true\nfi\nexit 2",
    "for each in 1 2; do\n  true\ndone\nfalse",
    "stop() {\n  exit 9\n}\ntrue",
    "true; exit 8; exit 9",
    "true && \\\nfalse",
    "(exit 3)",
    "(true) || exit 4",
    "(false) || exit 4",
    "exit -1",
    "exit abc",
    "exit $missing",
    "false\nexit $?",
    "exec false\ntrue",
    "exec sh -c 'exit 9'",
    "cat <<END\nexit 3\nEND",
    "cat <<'END'\nexit 3\nEND\nfalse",
    "cat <<-END\nexit 3\n\tEND\nexit 5",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_exit_code_is_the_one_of_a_shell(script: str) -> None:
    assert exit_code(script) == subprocess.run(["sh", "-c", script], capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        (("systemctl reload web",), 0),
        (("exit 3",), 3),
        (("false", "systemctl reload web"), 1),
        (("false || true", "exit 4"), 4),
        (("#!/bin/sh", "false", "true"), 0),
        (("#!/bin/sh", "exit 12"), 12),
    ],
    ids=str,
)
def test_a_reload_command_has_the_exit_code_of_its_own_lines(commands: tuple[str, ...], code: int) -> None:
    assert exit_code(run_once(commands, rollout_id="web-1", attempt=1)) == code


def test_a_failed_command_reports_the_exit_code_of_its_script() -> None:
    with open_nodes() as nodes:
        command = nodes.send("sandbox-version v2", "true && exit 3")
        nodes.jump(DONE_SECONDS)
        result = nodes.ssm.get_command_invocation(CommandId=command, InstanceId=nodes.ids[0])
        assert (result["Status"], result["ResponseCode"]) == ("Failed", 3)
        assert "exit status 3" in result["StandardErrorContent"]
        assert nodes.label(nodes.ids[0]) == "v1"
