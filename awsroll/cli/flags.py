"""Options as data, and commands whose parameters come from that data.

A command declares values (`request: RolloutSpec`, `common: CommonOptions`). `takes` replaces each value with the
options that build it. One table therefore defines the command line, the rollout file and the JSON Schema.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from awsroll.cli import process_state
from awsroll.core.model.composed_values import Many, Parameters
from awsroll.core.model.options import LIMITS, Option

_ROLLOUT = "rollout"  # the parameter that names a rollout


class PastTyperError(Exception):
    """Carries an error of a command past typer, which would end the program with codes and messages of its own."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        super().__init__(str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option of a command.

    Attributes:
        field: the name in Python. The option and the key in a file have the same name with dashes.
        type: the type that typer parses. The value is None if the option is not given.
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

    def parameter(self) -> inspect.Parameter:
        """Return the option as a parameter that typer understands."""
        forms = [f"--{self.name}"] + ([self.short] if self.short else [])
        if self.type is bool and self.section == LIMITS:
            forms = [f"--{self.name}/--no-{self.name}"]  # an option can override a file either way
        option = typer.Option(
            *forms, help=self.help, metavar=self.metavar, rich_help_panel=self.section, show_default=False
        )
        default = False if self.section == COMMON and self.type is bool else None
        annotation: Any = Annotated[self.type if default is False else self.type | None, option]
        return inspect.Parameter(self.field, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


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


def takes(*groups: FlagGroup) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Replace a command's parameters with the options of `groups` that build their values.

    Raises:
        TypeError: if the command has no parameter for a group.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        parameters = [
            *_own_parameters(command, groups),
            *(flag.parameter() for group in groups for flag in group.flags),
        ]

        @wraps(command)
        def with_flags(**given: Any) -> int:
            process_state.note_rollout(given.get(_ROLLOUT) or "")
            try:
                values = {
                    group.into: group.build(**{flag.field: given.pop(flag.field) for flag in group.flags})
                    for group in groups
                }
                return command(**given, **values)
            except (OSError, KeyboardInterrupt, EOFError) as error:
                raise PastTyperError(error) from error

        with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_flags.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_flags

    return decorate


def _own_parameters(command: Callable[..., int], groups: Sequence[FlagGroup]) -> list[inspect.Parameter]:
    """Return the parameters that no group builds."""
    parameters = inspect.signature(command).parameters
    built = {group.into for group in groups}
    if missing := sorted(built - set(parameters)):
        problem = f"{command.__name__} has no parameter {', '.join(missing)} for its options"
        raise TypeError(problem)
    return [parameter for name, parameter in parameters.items() if name not in built]
