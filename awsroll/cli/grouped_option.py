"""An option that has a group in `--help`, and an environment variable.

The variable of `--max-surge` is `AWSROLL_MAX_SURGE`. An option on the command line wins over the variable, and the
variable wins over the file. An option that can be repeated has one value on each line of its variable.
"""

import os
from typing import Any

import click
from click.core import ParameterSource

_PREFIX = "AWSROLL_"


def variable_of(name: str) -> str:
    """Return the environment variable of an option, such as `AWSROLL_MAX_SURGE` of `max-surge`."""
    return f"{_PREFIX}{name.upper().replace('-', '_')}"


class GroupedOption(click.Option):
    """An option with a group in `--help`.

    Args:
        section: the name of the group.
    """

    def __init__(self, *args: Any, section: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self.section = section

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Return the value of the environment variable; each line is a value if the option can be repeated."""
        if not self.multiple:
            return super().value_from_envvar(ctx)
        text = self.resolve_envvar_value(ctx)
        return None if text is None else tuple(line for line in text.splitlines() if line.strip())


def is_set(name: str) -> bool:
    """Return whether the environment variable of a switch turns it on."""
    return bool(click.BOOL.str_to_bool(os.environ.get(variable_of(name), "")))


def variables_of(context: click.Context) -> dict[str, str]:
    """Return the options of a command that environment variables gave: each option with its variable."""
    return {
        f"--{each.name.replace('_', '-')}": str(each.envvar)
        for each in context.command.params
        if each.name and each.envvar and context.get_parameter_source(each.name) is ParameterSource.ENVIRONMENT
    }
