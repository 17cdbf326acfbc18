"""The `awsroll` program: its commands, and every error as a few plain lines and an exit code.

A user's mistake never shows a traceback; an unknown error is a defect and does.
"""

import os
import sys
from collections.abc import Sequence

import typer

from awsroll.cli import control, demo, listing, plan, policy, repair, resume, roll, sandbox, schema, state
from awsroll.cli.exit_codes import Exit, exit_of_error
from awsroll.cli.output import Output, complain
from awsroll.errors import AwsrollError, FleetError, SpecError

# The root of typer's own complaints about the command line; it has no public name of its own.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="awsroll",
    help="Rolling deployments for EC2 fleets behind load balancers: a few servers at a time, no downtime.",
    epilog="Exit codes: 0 on the new version; 1 failed and rolled back; 2 refused, nothing changed; 3 stopped "
    "or paused, a person must look; 4 another rollout holds the fleet; 5 AWS refused us, nothing changed; 130 "
    "interrupted, `awsroll resume` goes on.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables cut long options short
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
):
    app.command(name="list" if _command is listing.rollouts else None)(_command)
app.add_typer(state.app, name="state")


def main() -> None:
    """Run the program and exit with its code."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has left; Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
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
        complain("interrupted before anything was changed")
        return Exit.INTERRUPTED


def _refuse(problems: Sequence[str], code: Exit, *, as_json: bool) -> int:
    complain(*problems)
    if as_json:
        Output(json=True).emit("refused", reason="; ".join(problems))
    return code


def _usage_problem(error: Exception) -> str:
    # The context tells which command it was; typer's exceptions carry it without declaring it in a public type.
    context = getattr(error, "ctx", None)
    command = "awsroll" if context is None else context.command_path
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    said = " ".join(said.split()).rstrip(".").replace("Value error, ", "")
    return f"{said} (`{command} --help` lists the options)"
