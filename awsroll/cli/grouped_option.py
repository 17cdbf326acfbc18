"""An option that has a group in `--help`, and an environment variable.

The variable of `--max-surge` is `AWSROLL_MAX_SURGE`. An option that one command has alone, such as `--limit` of
`awsroll list`, has the command in its variable: `AWSROLL_LIST_LIMIT`. An option on the command line wins over the
variable, and the variable wins over the file. An option that can be repeated has one value on each line of its
variable.
"""

import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

OWN_OPTIONS = "Options"  # the group of the options that have no other
_PREFIX = "AWSROLL_"


def variable_of(name: str) -> str:
    """Return the environment variable of an option, such as `AWSROLL_MAX_SURGE` of `max-surge`."""
    return f"{_PREFIX}{name.upper().replace('-', '_')}"


class GroupedOption(click.Option):
    """An option with a group in `--help`.

    Args:
        section: the name of the group.
        typed: no environment variable gives the option, because it confirms a danger or makes another act of the
            command. A variable that somebody set for another command would do so unseen.
        choices: the values that a shell completes.
    """

    def __init__(
        self,
        *args: Any,
        section: str = OWN_OPTIONS,
        typed: bool = False,
        choices: Collection[str] = (),
        **more: Any,
    ) -> None:
        super().__init__(*args, **more)
        self.choices = choices
        self.section = section
        self.typed = typed

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Return the value of the environment variable; each line is a value if the option can be repeated."""
        if not self.multiple:
            return super().value_from_envvar(ctx)
        text = self.resolve_envvar_value(ctx)
        return None if text is None else tuple(line for line in text.splitlines() if line.strip())

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Return the values that begin with a word: the choices, or the files of the folder."""
        if self.metavar == "FILE":
            return [_item(incomplete, "file")]
        found = super().shell_complete(ctx, incomplete)
        return found + [_item(each) for each in self.choices if each.startswith(incomplete)]


def _item(text: str, kind: str = "plain") -> "CompletionItem":
    """Return a completion; of the kind `file`, the shell completes the text itself."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell needs it

    return CompletionItem(text, type=kind)


def name_variables(command: click.Command, path: str) -> None:
    """Give a variable to each option of a command that has none yet.

    Args:
        command: the command.
        path: its name after `awsroll`, such as `list` or `state create`.
    """
    for each in command.params:
        if isinstance(each, click.Option) and each.envvar is None and not getattr(each, "typed", False):
            each.envvar = variable_of(f"{path.replace(' ', '-')}-{long_form(each).removeprefix('--')}")


def long_form(option: click.Parameter) -> str:
    """Return an option as one types it, such as `--max-surge`."""
    return max(option.opts, key=len)


def is_set(name: str) -> bool:
    """Return whether the environment variable of a switch turns it on."""
    return bool(click.BOOL.str_to_bool(os.environ.get(variable_of(name), "")))


def variables_of(context: click.Context) -> dict[str, str]:
    """Return the options of a command that environment variables gave: each option with its variable."""
    return {
        long_form(each): str(each.envvar)
        for each in context.command.params
        if each.name and each.envvar and context.get_parameter_source(each.name) is ParameterSource.ENVIRONMENT
    }
