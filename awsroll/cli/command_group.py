"""Commands, and a group of commands that imports the module of a command when the command is used.

`awsroll --help` lists the commands from a table, so that it imports none of them.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from awsroll.cli.grouped_option import OWN_OPTIONS, name_variables
from awsroll.cli.output import Output
from awsroll.core.model.keys import nearest

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command is defined, and its line in the list of commands.

    Attributes:
        place: the module in `awsroll.cli` and the name in it, such as `listing:status`. Without a name, the command
            has the name of its module.
        help: the first sentence of the command's help.
    """

    place: str
    help: str

    def load(self) -> click.Command:
        """Return the command; import its module."""
        module, _, name = self.place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"awsroll.cli.{module}"), name or module)
        return command


class _PrintsHelp(click.Command):
    """A command that prints its help as every result is printed."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option `--help`."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _print_help
        return option


class ProgramCommand(_PrintsHelp):
    """One command. Its help shows the options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options: those of the command alone first, then each group."""
        groups: dict[str, list[tuple[str, str]]] = {OWN_OPTIONS: []}
        for each in self.get_params(ctx):
            record = None if isinstance(each, click.Argument) else each.get_help_record(ctx)
            if record is not None:
                groups.setdefault(getattr(each, "section", OWN_OPTIONS), []).append(record)
        for heading, rows in groups.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments of the command."""
        rows = [each.get_help_record(ctx) for each in self.get_params(ctx) if isinstance(each, click.Argument)]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)


class CommandGroup(_PrintsHelp, click.Group):
    """A group of commands that are imported on use.

    Args:
        name: the name of the group.
        path: the words after `awsroll` that lead to it; empty for the program itself.
        lazy: the commands, by name.
    """

    def __init__(self, name: str, *, lazy: Mapping[str, LazyCommand], path: str = "", **more: Any) -> None:
        super().__init__(name, no_args_is_help=False, **more)
        self.lazy = lazy
        self.path = path

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order of the table."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - see above
        """Return a command, each of its options with a variable; import its module."""
        if cmd_name not in self.lazy:
            return None
        command = self.lazy[cmd_name].load()
        if not isinstance(command, click.Group):
            name_variables(command, f"{self.path} {cmd_name}".strip())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument; suggest a similar name if there is none."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            similar = nearest(error.command_name, tuple(self.lazy))
            possible = [similar] if similar else None
            raise click.NoSuchCommand(error.command_name, possibilities=possible, ctx=ctx) from None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Return the completions of a word; commands from the table."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell needs it

        names = [
            CompletionItem(name, help=each.help) for name, each in self.lazy.items() if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - see above
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self.lazy.items()])


def _print_help(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001 - see above
    if value and not ctx.resilient_parsing:
        Output().result(ctx.get_help())
        ctx.exit()
