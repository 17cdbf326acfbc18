"""The `awsroll` program: its commands, and the message and exit code of every error.

No error shows a traceback. An unexpected error is a defect of awsroll: it exits with 70 and leaves a crash file.
"""

import io
import os
import re
import sys
import threading
from collections.abc import Sequence

import click

from awsroll.cli.command_group import CommandGroup
from awsroll.cli.command_table import COMMANDS
from awsroll.cli.completion_script import COMPLETION_VARIABLE, complete
from awsroll.cli.exit_codes import Exit, exit_of_error
from awsroll.cli.grouped_option import is_set, variables_of
from awsroll.cli.output import Output, json_event, write_messages
from awsroll.cli.process_state import ProcessState, begin, given_variables, note_variables
from awsroll.cli.unexpected import READ_ONLY, end_unexpectedly, place
from awsroll.errors import AccessRefusedError, AwsrollError, FleetError, SpecError
from awsroll.version import __version__

_CHANGES_FLEETS = ("roll", "resume", "rollback")
_SAYS_WHAT_CHANGED = re.compile(r"(?i)(nothing|not|no) (was|were|further) (change|written)|changed nothing")


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001 - click
    if value and not ctx.resilient_parsing:
        Output().result(f"awsroll {__version__}")
        ctx.exit()


app = CommandGroup(
    "awsroll",
    help="Rolling deployments for EC2 fleets behind load balancers: a few servers at a time, no downtime.",
    epilog="Exit codes: 0 the fleet is on the requested version; 1 the rollout failed and was rolled back; 2 the "
    "request was refused, nothing changed; 3 stopped or paused, the fleet may be mixed; 4 another rollout holds the "
    "fleet, nothing changed; 5 AWS refused or did not answer, nothing changed; 70 awsroll failed unexpectedly; 130 "
    "interrupted, continue with `awsroll resume`.",
    context_settings={"help_option_names": ["-h", "--help"]},
    lazy=COMMANDS,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
)


def main() -> None:
    """Run the program and exit with its exit code."""
    _prepare_streams()
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        sys.exit(complete(app, instruction))
    threading.excepthook = report_thread
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        # The reader of the output has closed it, or the disk is full. Python would try again, and exit with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. No error leaves this function."""
    state = begin()
    as_json = "--json" in arguments or is_set("json")
    try:
        code = _run(arguments, state, as_json=as_json)
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - Python's own exit code would be 1
        code = _end(error, arguments, state, as_json=as_json)
    return _with_lost_output(code, arguments, state)


def _run(arguments: Sequence[str], state: ProcessState, *, as_json: bool) -> int:
    if wrong := [f"the argument {each!r} is not valid UTF-8" for each in arguments if not _is_text(each)]:
        return _refuse(wrong, Exit.REFUSED, arguments, as_json=as_json)
    try:
        return _invoke(list(arguments) or ["--help"])
    except click.ClickException as error:
        return _refuse([_usage_problem(error)], Exit.REFUSED, arguments, as_json=as_json)
    except AwsrollError as error:
        if state.has_started:
            return _leave(error, state, as_json=as_json)
        problems = error.problems if isinstance(error, SpecError | FleetError) else [str(error)]
        if isinstance(error, AccessRefusedError) and error.is_expiry:
            problems = [f"{error}. Renew the credentials, then run the command again"]
        return _refuse(problems, exit_of_error(error), arguments, as_json=as_json)


def _invoke(arguments: list[str]) -> int:
    """Run one command; return its exit code. Unlike click's `main`, this converts no error of a command."""
    try:
        with app.make_context("awsroll", arguments) as context:
            return int(app.invoke(context) or 0)
    except click.exceptions.Exit as ended:  # after `--help`
        return ended.exit_code


def _is_text(argument: str) -> bool:
    """Return whether an argument is text. Python passes on other bytes as halves of characters, which AWS refuses."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(problems: Sequence[str], code: Exit, arguments: Sequence[str], *, as_json: bool) -> int:
    problems = [_with_variables(problem) for problem in problems]
    if arguments and arguments[0] in _CHANGES_FLEETS and not any(map(_SAYS_WHAT_CHANGED.search, problems)):
        problems[-1] += ". Nothing was changed"
    write_messages(*problems)
    if as_json:
        json_event("refused", reason="; ".join(problems))
    return code


def _with_variables(problem: str) -> str:
    """Return a problem with the environment variables that gave the options in it."""
    given = given_variables()
    names = [f"{option} is from {given[option]}" for option in given if re.search(rf"{option}(?![\w-])", problem)]
    return f"{problem} ({', '.join(names)})" if names else problem


def _leave(error: AwsrollError, state: ProcessState, *, as_json: bool) -> int:
    """End after a rollout has started: the fleet may have been changed, so this is not a refusal."""
    rollout = state.rollouts[-1]
    reason = (
        f"{error}. The fleet may be mixed. `awsroll status {rollout}` shows it, `awsroll resume {rollout}` continues"
    )
    write_messages(reason)
    if as_json:
        json_event("failed", rollout_id=rollout, reason=reason)
    return Exit.STOPPED_OR_PAUSED


def _end(error: BaseException, arguments: Sequence[str], state: ProcessState, *, as_json: bool) -> int:
    """End a command after an error that is no `AwsrollError`; return its exit code."""
    if isinstance(error, KeyboardInterrupt):
        reason = "interrupted; nothing was changed"
        write_messages(reason)
        if as_json:
            json_event("interrupted", reason=reason)
        return Exit.INTERRUPTED
    return end_unexpectedly(error, arguments, state, as_json=as_json)


def _with_lost_output(code: int, arguments: Sequence[str], state: ProcessState) -> int:
    """Report a result that could not be written. A reader that has closed its end has read what it wanted."""
    lost = state.lost_output
    if lost is None or isinstance(lost, BrokenPipeError):
        return code
    write_messages(f"standard output cannot be written, so the result is incomplete: {lost}")
    only_prints = not arguments or arguments[0] in READ_ONLY or bool({"-h", "--help", "--version"} & set(arguments))
    return Exit.REFUSED if only_prints and code == Exit.DONE else code


def report_thread(failed: threading.ExceptHookArgs) -> None:
    """Report an unexpected error of a background thread; the command continues."""
    if failed.exc_value is not None:
        write_messages(f"a part of awsroll failed unexpectedly, the command continues: {place(failed.exc_value)}")


def _prepare_streams() -> None:
    """Replace closed streams, and write characters that a stream cannot encode as escapes."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _usage_problem(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = "awsroll" if context is None else context.command_path
    if context is not None:
        note_variables(variables_of(context))
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message} (`{command} --help` lists the options)"
