"""`awsroll sandbox`: the embedded AWS as a server on this machine."""

import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import LOCAL_GROUP, CommonOptions
from awsroll.cli.flags import takes
from awsroll.cli.grouped_option import GroupedOption
from awsroll.cli.missing_extra import require_sandbox
from awsroll.cli.output import Output
from awsroll.cli.sandbox_fleets import SandboxFleet, read_fleets
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.sandbox.faults.fault_rule import FaultRule
    from awsroll.sandbox.sandbox_options import SandboxOptions
    from awsroll.sandbox.server import SandboxServer

_OVERRIDING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE")


@takes(LOCAL_GROUP)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4566,
    show_default=True,
    metavar="N",
    help="Port on the loopback address; 0: any free port.",
)
@click.option(
    "--speed",
    type=float,
    default=1.0,
    show_default=True,
    metavar="N",
    help="Speed of the sandbox's timers as a multiple of AWS's; 1: as fast as AWS.",
)
@click.option(
    "--option",
    cls=GroupedOption,
    multiple=True,
    metavar="NAME=VALUE",
    help="Set an option of the sandbox (repeatable; see docs/sandbox.md).",
)
@click.option(
    "--switches",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Set the options that a result of `awsroll probe` measured; --option overrides them.",
)
@click.option(
    "--fleet",
    cls=GroupedOption,
    multiple=True,
    metavar="NAME:N|tg:NAME:N",
    help="Build a healthy fleet of N servers: an Auto Scaling group, or with tg: servers behind a target group "
    "(repeatable). Its launch template NAME has the versions 1, which runs, and 2.",
)
@click.option(
    "--fault",
    cls=GroupedOption,
    multiple=True,
    metavar="RULE",
    help="Let AWS calls fail, for example 'throttled ec2:* probability=0.3 seed=1' (repeatable).",
)
def sandbox(  # noqa: PLR0913 - one parameter is one option
    common: CommonOptions,
    *,
    port: int,
    speed: float,
    option: tuple[str, ...],
    switches: Path | None,
    fleet: tuple[str, ...],
    fault: tuple[str, ...],
) -> int:
    """Run an AWS on this machine for any AWS client.

    Simulates EC2, load balancing, Auto Scaling, SSM and more until it is stopped with Ctrl-C. Prints the environment
    variables to export, and the commands that roll each --fleet from a second terminal.
    """
    check_speed(speed)
    fleets = read_fleets(fleet)
    _check_port(port)
    output = Output(json=common.json, quiet=common.quiet)
    with require_sandbox():
        from awsroll.sandbox.server import serve  # noqa: PLC0415 - moto is slow to import

        options, rules = _options(option, switches), _rules(fault)
        server = serve(port=port, speed=speed, options=options)
    with server:
        for each in fleets:
            output.note(f"building {each.description}")
            each.build(server)
        for rule in rules:
            server.faults.add(rule)
        _announce(server, output, fleets)
        _wait_for_a_signal()
    return 0


def check_speed(speed: float) -> None:
    """Raise SpecError unless the speed is a finite number above 0."""
    if not 0 < speed < float("inf"):
        problem = f"--speed {speed:g} is not valid: give a number above 0, such as 10 for ten times the speed of AWS"
        raise SpecError(problem)


def _options(texts: Sequence[str], switches: Path | None) -> "SandboxOptions":
    from awsroll.sandbox.sandbox_options import SandboxOptions  # noqa: PLC0415 - see above

    if wrong := next((text for text in texts if "=" not in text), None):
        problem = f"--option {wrong} is not valid: give NAME=VALUE, such as boot_seconds=10"
        raise SpecError(problem)
    options, name = SandboxOptions(), "--switches"
    try:
        if switches is not None:
            options = options.with_file(switches)
        name = "--option"
        return options.with_fields(dict(text.split("=", 1) for text in texts))
    except ValueError as error:
        problem = f"{name}: {error}"
        raise SpecError(problem) from error


def _rules(texts: Sequence[str]) -> "list[FaultRule]":
    from awsroll.sandbox.faults.fault_rule import FaultRule  # noqa: PLC0415 - see above

    try:
        return [FaultRule.parse(text) for text in texts]
    except ValueError as error:
        problem = f"--fault: {error}"
        raise SpecError(problem) from error


def _check_port(port: int) -> None:
    # Werkzeug, the server, would print its own error and exit.
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        problem = f"port {port} cannot be used: {error.strerror}. Give another --port, or --port 0 for any free port"
        raise SpecError(problem) from error


def _announce(server: "SandboxServer", output: Output, fleets: Sequence[SandboxFleet]) -> None:
    speed = server.world.options.speed
    if output.json:
        built = [fleet.to_json(speed=speed) for fleet in fleets]
        environment = dict(server.environment)
        output.emit("sandbox.started", url=server.url, environment=environment, unset=_OVERRIDING, fleets=built)
        return
    lines = [f"unset {' '.join(_OVERRIDING)}"]  # a profile of the user, or its role, must not be used on the sandbox
    lines += [f"export {name}={value}" for name, value in server.environment.items()]
    for fleet in fleets:
        lines += ["", f"# {fleet.description}: roll it to version 2"]
        lines += [fleet.command(verb, speed=speed) for verb in ("plan", "roll")]
    output.result("\n".join(lines))
    if fleets:
        output.note("paste the first lines into a second terminal, then the two commands of a fleet")
    if fleets and speed != 1:
        output.note(f"a plan shows the times of AWS; here they pass {speed:g} times as fast")
    output.note(f"the sandbox runs at {server.url}. Ctrl-C stops it and deletes its contents")


def _wait_for_a_signal() -> None:
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    while not done.wait(3600):
        pass
