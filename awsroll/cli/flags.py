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
from awsroll.cli.grouped_option import GroupedOption, variable_of, variables_of
from awsroll.core.model.composed_values import Many, Parameters
from awsroll.core.model.options import Option
from awsroll.core.model.values import Choice

_ROLLOUT = "rollout"  # the parameter that names a rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option of a command.

    Attributes:
        field: the name in Python. The option and the key in a file have the same name with dashes.
        type: what click reads: `str`, `bool`, `Path`, or `list[str]` for an option that can be repeated. The value is
            None, or empty, if the option is not given.
        help: the meaning, with unit and default.
        section: the group of the option in `--help`.
        short: the one-letter form, such as `-f`.
        default: the value of a `bool` that is not given: False, or None if a file may give it. Only the second kind has
            the form `--no-NAME`, which overrides the file.
        from_environment: the environment variable `AWSROLL_NAME` gives the option too.
        typed: no environment variable gives the option: see `GroupedOption`.
        choices: the values that a shell completes.
        hidden: `--help` leaves it out, because it has no effect on this command.
    """

    field: str
    type: Any
    help: str
    section: str
    metavar: str | None = None
    short: str = ""
    default: bool | None = None
    from_environment: bool = False
    typed: bool = False
    choices: tuple[str, ...] = ()
    hidden: bool = False

    @property
    def name(self) -> str:
        """Return the name with dashes, as in a file."""
        return self.field.replace("_", "-")

    def parameter(self) -> click.Option:
        """Return the option as click understands it."""
        forms = [self.field, f"--{self.name}"] + ([self.short] if self.short else [])
        shown: dict[str, Any] = {
            "help": self.help,
            "metavar": self.metavar,
            "section": self.section,
            "hidden": self.hidden,
            "typed": self.typed,
            "choices": self.choices,
        }
        if self.from_environment:
            shown["envvar"] = variable_of(self.name)
        if self.type is not bool:
            repeated = self.type == list[str]
            return GroupedOption(forms, type=str if repeated else self.type, multiple=repeated, **shown)
        if self.default is None and self.from_environment:
            forms[1] = f"{forms[1]}/--no-{self.name}"
        return GroupedOption(forms, is_flag=True, default=self.default, **shown)


def flag_of(option: Option) -> Flag:
    """Return the option of a request as an option of a command. Its kind reads the text, as it reads every value."""
    kind: Any = list[str] if isinstance(option.kind, Many | Parameters) else bool if option.metavar == "" else str
    return Flag(
        field=option.field,
        type=kind,
        help=option.help,
        section=option.section,
        metavar=option.metavar or None,
        choices=tuple(map(str, option.kind.choices)) if isinstance(option.kind, Choice) else (),
        from_environment=True,
    )


CONNECTION = "Connection"
OUTPUT = "Output"


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
            if context := click.get_current_context(silent=True):
                process_state.note_variables(variables_of(context))
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
            epilog=_about_variables([flag for group in groups for flag in group.flags if not flag.hidden]),
        )

    return decorate


def _about_variables(shown: Sequence[Flag]) -> str | None:
    """Return what the end of a command's help says about variables, with an option that the help shows."""
    known = {flag.field: flag for flag in shown if flag.from_environment}
    if not known:
        return None
    example = known.get("state") or next(iter(known.values()))
    file = ", and the environment over a file" if any(flag.field == "file" for flag in shown) else ""
    such = f"such as {variable_of(example.name)} for --{example.name}"
    return f"Environment variables can give options, {such}. The command line wins over the environment{file}."


def _check_parameters(function: Callable[..., int], values: set[str]) -> None:
    parameters = set(inspect.signature(function).parameters)
    for problem, names in (("has no parameter", values - parameters), ("has no option for", parameters - values)):
        if names:
            message = f"{function.__name__} {problem} {', '.join(sorted(names))}"
            raise TypeError(message)
