"""Flags as data, and commands whose parameters are made from them.

A command asks for values (`request: RolloutSpec`, `common: CommonOptions`); `takes` replaces each by the flags that
make it up. So one table feeds the command line, the file and the schema, and they cannot drift.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option of a command.

    Attributes:
        field: the name in Python; the flag and the file's key are the same with dashes.
        type: what the command line parses it to; every flag may be absent, which is None.
        help: what it means, with its unit and default.
        section: the heading that `--help` lists it under.
        short: a one-letter form, `-f`.
    """

    field: str
    type: Any
    help: str
    section: str
    metavar: str | None = None
    short: str = ""

    @property
    def name(self) -> str:
        """The name with dashes, as in a file."""
        return self.field.replace("_", "-")

    def parameter(self) -> inspect.Parameter:
        """Return the option as typer reads it from a function's signature."""
        forms = [f"--{self.name}"] + ([self.short] if self.short else [])
        if self.type is bool and self.section == LIMITS:
            forms = [f"--{self.name}/--no-{self.name}"]  # a flag must be able to win over a file both ways
        option = typer.Option(
            *forms, help=self.help, metavar=self.metavar, rich_help_panel=self.section, show_default=False
        )
        default = False if self.section == EVERYWHERE and self.type is bool else None
        annotation: Any = Annotated[self.type if default is False else self.type | None, option]
        return inspect.Parameter(self.field, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


FLEET = "Which servers"
VERSION = "To which version"
LIMITS = "How"
OUTPUT = "Where to"
EVERYWHERE = "Everywhere"


@dataclass(frozen=True, slots=True)
class FlagGroup:
    """Flags that together make one value.

    Attributes:
        into: the command's parameter that takes the value.
        build: makes it of the flags' values, all by keyword.
    """

    into: str
    flags: Sequence[Flag]
    build: Callable[..., Any]


def takes(*groups: FlagGroup) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the flags of `groups` in place of the parameters that take their values."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        own = [one for one in inspect.signature(command).parameters.values() if one.name not in _taken(groups)]
        made = [flag.parameter() for group in groups for flag in group.flags]

        @wraps(command)
        def with_flags(**given: Any) -> int:
            values = {
                group.into: group.build(**{flag.field: given.pop(flag.field) for flag in group.flags})
                for group in groups
            }
            return command(**given, **values)

        parameters = [*own, *made]
        with_flags.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_flags.__annotations__ = {one.name: one.annotation for one in parameters}
        return with_flags

    return decorate


def _taken(groups: Sequence[FlagGroup]) -> set[str]:
    return {group.into for group in groups}
