"""`awsroll sandbox`: the embedded AWS as a server on this machine, until stopped."""

import signal
import socket
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from awsroll.cli.common_options import COMMON_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.missing_extra import needing_sandbox
from awsroll.cli.output import Output
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.sandbox.faults.fault_rule import FaultRule
    from awsroll.sandbox.sandbox_options import SandboxOptions
    from awsroll.sandbox.server import SandboxServer


@takes(COMMON_GROUP)
def sandbox(
    common: CommonOptions,
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port on the loopback address (0: any free one).")
    ] = 4566,
    speed: Annotated[
        float, typer.Option(metavar="N", help="How many times faster than AWS its own timers run (1: as AWS).")
    ] = 1.0,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Set a switch of the sandbox, see docs/sandbox.md (repeatable)."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Let calls fail: 'throttled ec2:* probability=0.3 seed=1' (repeatable)."),
    ] = None,
) -> int:
    """Run an AWS on this machine (EC2, load balancing, Auto Scaling, SSM) for any AWS client, until stopped."""
    if not 0 < speed < float("inf"):
        problem = f"--speed {speed:g}: give a number above 0, 10 for ten times as fast"
        raise SpecError(problem)
    _check_port(port)
    output = Output(json=common.json, quiet=common.quiet)
    with needing_sandbox():
        from awsroll.sandbox.server import serve  # noqa: PLC0415 - moto, only for whoever wants it

        options, rules = _options(option or []), _rules(fault or [])
        server = serve(port=port, speed=speed, options=options)
    with server:
        for rule in rules:
            server.faults.add(rule)
        _announce(server, output)
        _wait_for_a_signal()
    return 0


def _options(texts: list[str]) -> "SandboxOptions":
    from awsroll.sandbox.sandbox_options import SandboxOptions  # noqa: PLC0415 - only for whoever wants it

    if wrong := next((text for text in texts if "=" not in text), None):
        problem = f"--option {wrong}: give NAME=VALUE, boot_seconds=10 for instances that boot in 10 s"
        raise SpecError(problem)
    try:
        return SandboxOptions().with_fields(dict(text.split("=", 1) for text in texts))
    except ValueError as error:
        problem = f"--option: {error}"
        raise SpecError(problem) from error


def _rules(texts: list[str]) -> "list[FaultRule]":
    from awsroll.sandbox.faults.fault_rule import FaultRule  # noqa: PLC0415 - the same

    try:
        return [FaultRule.parse(text) for text in texts]
    except ValueError as error:
        problem = f"--fault: {error}"
        raise SpecError(problem) from error


def _check_port(port: int) -> None:
    # Werkzeug, which serves, would print its own lines and leave.
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        problem = f"port {port} cannot be used: {error.strerror}; give another --port, or --port 0 for any free one"
        raise SpecError(problem) from error


def _announce(server: "SandboxServer", output: Output) -> None:
    if output.json:
        output.emit("sandbox.started", url=server.url, environment=dict(server.environment))
        return
    output.result("\n".join(f"export {name}={value}" for name, value in server.environment.items()))
    output.note(f"the sandbox answers at {server.url}; Ctrl-C ends it and everything in it")


def _wait_for_a_signal() -> None:
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    while not done.wait(3600):
        pass
