"""Completion of commands and options in a shell: click's own scripts, and the answers that they ask for.

A script runs `awsroll` with the variable `_AWSROLL_COMPLETE` whenever the user presses Tab.
"""

import click

COMPLETION_VARIABLE = "_AWSROLL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


def complete(program: click.Command, instruction: str) -> int:
    """Answer the script of a shell; return the exit code."""
    from click.shell_completion import shell_complete  # noqa: PLC0415 - only a shell needs it

    return shell_complete(program, {}, "awsroll", COMPLETION_VARIABLE, instruction)


def script_of(program: click.Command, shell: str) -> str:
    """Return the script of a shell."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - see above

    kind = get_completion_class(shell)
    if kind is None:
        problem = f"click has no completion for {shell}"
        raise ValueError(problem)
    made = kind(program, {}, "awsroll", COMPLETION_VARIABLE)
    return made.source_template % made.source_vars()
