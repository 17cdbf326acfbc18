"""Options as data, and commands whose parameters come from that data.

A command declares values (`request: RolloutSpec`, `common: CommonOptions`). `takes` replaces each value with the
options that build it. One table therefore defines the command line, the rollout file and the JSON Schema. A command
declares an option of its own with `click.option`, below `takes`.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from awsroll.cli import process_state
from awsroll.cli.command_group import ProgramCommand
from awsroll.core.model.composed_values import Many, Parameters
from awsroll.core.model.options import LIMITS, Option

_ROLLOUT = "rollout"  # the parameter that names a rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option of a command.

    Attributes:
        field: the name in Python. The option and the key in a file have the same name with dashes.
        type: what click reads: `str`, `bool`, `Path`, or `list[str]` for an option that can be repeated. The value is
            None, or empty, if the option is not given.
        help: the meaning, with unit and default.
        section: the group of the option.
        short: the one-letter form, such as `-f`.
    """

    field: str
    type: Any
    help: str
    section: str
    metavar: str | None = None
    short: str = ""

    @property
    def name(self) -> str:
        """Return the name with dashes, as in a file."""
        return self.field.replace("_", "-")

    def parameter(self) -> click.Option:
        """Return the option as click understands it."""
        forms = [self.field, f"--{self.name}"] + ([self.short] if self.short else [])
        shown: dict[str, Any] = {"help": self.help, "metavar": self.metavar}
        if self.type is not bool:
            repeated = self.type == list[str]
            return click.Option(forms, type=str if repeated else self.type, multiple=repeated, **shown)
        if self.section == LIMITS:
            forms[1] = f"{forms[1]}/--no-{self.name}"  # an option can override a file either way
        return click.Option(forms, is_flag=True, default=False if self.section == COMMON else None, **shown)


def flag_of(option: Option) -> Flag:
    """Return the option of a request as an option of a command. Its kind reads the text, as it reads every value."""
    kind: Any = list[str] if isinstance(option.kind, Many | Parameters) else bool if option.metavar == "" else str
    return Flag(field=option.field, type=kind, help=option.help, section=option.section, metavar=option.metavar or None)


OUTPUT = "Where to"
COMMON = "Common"


@dataclass(frozen=True, slots=True)
class FlagGroup:
    """Options that together build one value.

    Attributes:
        into: the command's parameter that receives the value.
        build: builds the value from the options' values, given as keyword arguments.
    """

    into: str
    flags: Sequence[Flag]
    build: Callable[..., Any]


def takes(*groups: FlagGroup) -> Callable[[Callable[..., int]], ProgramCommand]:
    """Make a command of a function, with the options of `groups` and those that click's decorators declare.

    Raises:
        TypeError: if the parameters of the function are not the values of its options.
    """

    def decorate(function: Callable[..., int]) -> ProgramCommand:
        own: list[click.Parameter] = list(reversed(getattr(function, "__click_params__", [])))
        _check_parameters(function, {group.into for group in groups} | {each.name for each in own})

        @wraps(function)
        def with_flags(**given: Any) -> int:
            process_state.note_rollout(given.get(_ROLLOUT) or "")
            values = {
                group.into: group.build(**{flag.field: given.pop(flag.field) for flag in group.flags})
                for group in groups
            }
            return function(**given, **values)

        return ProgramCommand(
            function.__name__,
            callback=with_flags,
            params=[*own, *(flag.parameter() for group in groups for flag in group.flags)],
            help=inspect.getdoc(function),
        )

    return decorate


def _check_parameters(function: Callable[..., int], values: set[str]) -> None:
    parameters = set(inspect.signature(function).parameters)
    for problem, names in (("has no parameter", values - parameters), ("has no option for", parameters - values)):
        if names:
            message = f"{function.__name__} {problem} {', '.join(sorted(names))}"
            raise TypeError(message)
