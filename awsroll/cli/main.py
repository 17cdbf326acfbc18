"""The `awsroll` program: its commands, and the message and exit code of every error.

A user's mistake never shows a traceback. An unexpected error is a defect of awsroll and does.
"""

import os
import sys
from collections.abc import Sequence

import typer

from awsroll.cli import control, demo, listing, plan, policy, probe, repair, resume, roll, sandbox, schema, state
from awsroll.cli.exit_codes import Exit, exit_of_error
from awsroll.cli.output import Output, write_messages
from awsroll.errors import AwsrollError, FleetError, SpecError

# The base class of typer's usage errors. typer does not export it.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="awsroll",
    help="Rolling deployments for EC2 fleets behind load balancers: a few servers at a time, no downtime.",
    epilog="Exit codes: 0 the fleet is on the requested version; 1 the rollout failed and was rolled back; 2 the "
    "request was refused, nothing changed; 3 stopped or paused, the fleet may be mixed; 4 another rollout holds the "
    "fleet, nothing changed; 5 AWS refused or did not answer, nothing changed; 130 interrupted, continue with "
    "`awsroll resume`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich truncates long options
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in (
    roll.roll,
    plan.plan,
    resume.resume,
    control.rollback,
    control.pause,
    control.approve,
    control.abort,
    repair.repair,
    listing.status,
    listing.rollouts,
    plan.doctor,
    policy.policy,
    schema.schema,
    demo.demo,
    sandbox.sandbox,
    probe.probe,
):
    app.command(name="list" if _command is listing.rollouts else None)(_command)
app.add_typer(state.app, name="state")


def main() -> None:
    """Run the program and exit with its exit code."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has closed it. Python would print an error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    as_json = "--json" in arguments
    try:
        return int(app(list(arguments) or ["--help"], standalone_mode=False, prog_name="awsroll") or 0)
    except _UsageError as error:
        return _refuse([_usage_problem(error)], Exit.REFUSED, as_json=as_json)
    except (SpecError, FleetError) as error:
        return _refuse(error.problems, Exit.REFUSED, as_json=as_json)
    except AwsrollError as error:
        return _refuse([str(error)], exit_of_error(error), as_json=as_json)
    except KeyboardInterrupt:
        write_messages("interrupted; nothing was changed")
        return Exit.INTERRUPTED


def _refuse(problems: Sequence[str], code: Exit, *, as_json: bool) -> int:
    write_messages(*problems)
    if as_json:
        Output(json=True).emit("refused", reason="; ".join(problems))
    return code


def _usage_problem(error: Exception) -> str:
    # typer's errors have the context of the command, but no public type declares it.
    context = getattr(error, "ctx", None)
    command = "awsroll" if context is None else context.command_path
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    message = " ".join(message.split()).rstrip(".").replace("Value error, ", "")
    return f"{message} (`{command} --help` lists the options)"
