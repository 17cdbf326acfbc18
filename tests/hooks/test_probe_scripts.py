"""The scripts of the built-in drain probes, run by a real shell against real connections."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from awsroll.core.model.hook_calls import HookCall, HookEvent, HookRun
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.request.drain_probe import probe_of
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import SpecError
from awsroll.hooks.local_commands import HookFailedError
from awsroll.hooks.probe_answers import check_answer
from awsroll.sandbox.ssm import simulated_probe as simulated

PROBE_RUN = HookRun(
    hook=Hook(point=HookPoint.WHILE_DRAINING, name="probe", function="count"),
    call=HookCall(name="probe", number=1, subject="i-1"),
    event=HookEvent(
        point=HookPoint.WHILE_DRAINING,
        hook="probe",
        run=1,
        phase="rolling",
        rollout_id="one",
        fleet="web",
        from_version="1",
        to_version="2",
    ),
)
QUIET, BUSY_UNTIL = 2, -61  # the second makes the script give up at its first sample


@pytest.fixture(name="programs")
def _programs(tmp_path: Path) -> Path:
    """A folder of programs that come first: no time passes between samples, and no packet filter forwards ports."""
    for name in ("sleep", "iptables-save", "nft"):
        _program(tmp_path, name, "exit 0")
    return tmp_path


@pytest.fixture(name="listening")
def _listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def run(
    probe: str, programs: Path, *, ports: str = "1", longest: int = BUSY_UNTIL
) -> "subprocess.CompletedProcess[str]":
    (hook,) = probe_of(probe)
    given = {"AWSROLL_PORTS": ports, "AWSROLL_QUIET_SECONDS": str(QUIET), "AWSROLL_DRAIN_SECONDS": str(longest)}
    environment = {"PATH": f"{programs}:/usr/bin:/bin", **given}
    script = "\n".join(hook.script)
    return subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def port_of(server: socket.socket) -> str:
    return str(server.getsockname()[1])


def test_a_port_without_connections_ends_the_drain(programs: Path, listening: socket.socket) -> None:
    ended = run("connections", programs, ports=port_of(listening), longest=300)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0\n", "")


def test_an_open_connection_keeps_the_drain(programs: Path, listening: socket.socket) -> None:
    with socket.create_connection(listening.getsockname()), listening.accept()[0]:
        assert run("connections", programs, ports=port_of(listening)).returncode == 1


def test_a_connection_that_the_client_has_closed_is_open_until_the_server_closes_it(
    programs: Path, listening: socket.socket
) -> None:
    client = socket.create_connection(listening.getsockname())
    with listening.accept()[0]:
        client.close()
        assert run("connections", programs, ports=port_of(listening)).returncode == 1


def test_a_port_without_a_process_says_nothing(programs: Path, listening: socket.socket) -> None:
    ended = run("connections", programs, ports=f"{port_of(listening)} 1", longest=300)
    assert ended.returncode == 1
    assert "cannot be counted" in ended.stderr


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("iptables-save", "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80"),
        ("nft", "tcp dport 80 redirect to :8080"),
    ],
)
def test_a_forwarded_port_says_nothing(programs: Path, listening: socket.socket, name: str, shows: str) -> None:
    _program(programs, name, f"echo ' {shows}'")
    ended = run("connections", programs, ports=port_of(listening), longest=300)
    assert ended.returncode == 1
    assert "forwards ports" in ended.stderr


@pytest.mark.parametrize(
    ("answer", "code"),
    [("echo 0", 0), ("echo 3", 1), ("echo '<html>0</html>'", 1), ("echo -1", 1), ("true", 1), ("exit 22", 1)],
    ids=["none-open", "some-open", "a-page", "below-0", "empty", "an-error"],
)
def test_a_url_ends_the_drain_only_with_the_number_0(programs: Path, answer: str, code: int) -> None:
    _program(programs, "curl", answer)
    assert run("http://localhost:8080/open", programs, longest=300 if code == 0 else BUSY_UNTIL).returncode == code


def test_a_url_reaches_the_shell_as_one_word(programs: Path) -> None:
    _program(programs, "curl", "for last; do :; done; [ \"$last\" = 'http://localhost/?a=1&b=$(id);c' ] && echo 0")
    assert run("http://localhost/?a=1&b=$(id);c", programs, longest=300).returncode == 0


@pytest.mark.parametrize("probe", ["connection", "ftp://localhost/", "http://a b", "http://x'y", "http://", 5, True])
def test_another_probe_is_refused(probe: object) -> None:
    with pytest.raises(SpecError, match="--drain-probe"):
        RolloutSpec(asg="web", drain_probe=probe)  # type: ignore[arg-type]


def test_a_drain_has_one_probe() -> None:
    own = {"point": HookPoint.WHILE_DRAINING, "function": "count"}
    spec = RolloutSpec(target_group="web", launch_template="web", drain_probe="connections", hooks=[own])  # type: ignore[arg-type,list-item]
    assert any("two hooks at while_draining" in problem for problem in spec.problems())


def test_the_sandbox_takes_the_samples_of_the_script() -> None:
    (hook,) = probe_of("connections")
    script = "\n".join(("export AWSROLL_QUIET_SECONDS=2", "export AWSROLL_DRAIN_SECONDS=30", *hook.script))
    assert simulated.is_probe(script)
    samples = simulated.Samples.of(script)
    assert [samples.add(count) for count in (0, 0, 1, 0, 0, 0)] == [None] * 5 + [0]
    assert simulated.Samples.of(script).add(None) == 1
    samples = simulated.Samples.of(script)
    assert [samples.add(1) for _ in range(91)][-2:] == [None, 1]


@pytest.mark.parametrize("answer", [0, "0", "3 requests\n0\n", b"0"], ids=repr)
def test_the_number_0_ends_a_drain(answer: object) -> None:
    check_answer(PROBE_RUN, answer)


@pytest.mark.parametrize("answer", [None, "", "ok", 1, False, 0.0, "10", "0 open", b"null", b'{"open": 0}'], ids=repr)
def test_any_other_answer_of_a_probe_ends_no_drain(answer: object) -> None:
    with pytest.raises(HookFailedError, match="did not answer with the number of open connections, 0"):
        check_answer(PROBE_RUN, answer)
    other = replace(PROBE_RUN, hook=replace(PROBE_RUN.hook, point=HookPoint.AFTER_DRAIN))
    check_answer(other, answer)
