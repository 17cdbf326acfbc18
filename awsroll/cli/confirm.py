"""The confirmation before the first change: a short plan on a terminal, and `--fail-on-warnings`.

Without a terminal there is no prompt: warnings are events of the rollout, and the rollout continues. Scripts pass
`--yes`, which says the same on a terminal.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from awsroll.cli.common_options import CommonOptions
from awsroll.cli.grouped_option import variable_of
from awsroll.cli.output import Output, ask_to_confirm, message_width, write_messages, write_text
from awsroll.errors import SpecError

if TYPE_CHECKING:
    from awsroll.ports import Record
    from awsroll.report import RolloutPlan

fail_on_warnings_option = click.option(
    "--fail-on-warnings",
    envvar=variable_of("fail-on-warnings"),
    is_flag=True,
    help="Refuse the rollout (exit 2) if a check has a warning (default: warn and continue).",
)


def check_warnings(warnings: Sequence[str], *, fail: bool) -> None:
    """Refuse a rollout whose checks have warnings, if the user wants that.

    Raises:
        SpecError: with each warning; nothing was changed.
    """
    if fail and warnings:
        advice = "--fail-on-warnings refuses this rollout; nothing was changed"
        raise SpecError(*(f"warning: {message}" for message in warnings), advice)


def roll_prompt(common: CommonOptions, *, fail_on_warnings: bool) -> "Callable[[RolloutPlan], bool]":
    """Return the function that asks a person before a rollout starts."""

    def confirm(plan: "RolloutPlan") -> bool:
        check_warnings(plan.warnings, fail=fail_on_warnings)
        if not asks(common) or plan.nothing_to_do:
            return True
        from awsroll.cli.plan_colours import coloured  # noqa: PLC0415 - keeps `--help` fast
        from awsroll.cli.render_plan import plan_summary_text  # noqa: PLC0415 - see above

        write_text(plan_summary_text(plan, width=message_width()), paint=coloured)
        return ask_to_confirm(f"Roll {plan.fleet}?")

    return confirm


def rollback_prompt(common: CommonOptions) -> "Callable[[Record], bool]":
    """Return the function that asks a person before a rollback starts."""

    def confirm(record: "Record") -> bool:
        if not asks(common) or record.status.rolling_back:
            return True
        from awsroll.cli.render_report import rollback_text  # noqa: PLC0415 - keeps `--help` fast

        write_text(rollback_text(record))
        return ask_to_confirm(f"Roll {record.rollout.fleet} back?")

    return confirm


def unrestored_prompt(common: CommonOptions, output: Output) -> Callable[[Sequence[str]], bool]:
    """Return the function that asks a person whether an abort that AWS refuses ends the rollout as it is."""

    def confirm(lines: Sequence[str]) -> bool:
        why, *left = lines
        write_messages(why, *(f"not restored: {line}" for line in left))
        if output.json:
            for line in left:
                output.emit("unrestored", found=line)
        return common.yes or (output.can_ask and ask_to_confirm("End the rollout, and restore nothing?"))

    return confirm


def asks(common: CommonOptions) -> bool:
    """Return whether this command asks before its first change."""
    return not common.yes and Output(json=common.json, quiet=common.quiet).can_ask
