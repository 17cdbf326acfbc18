"""The options of a request: what each field of its class means, and which values it takes. Pure.

A field of a request carries its option: the kind of its value with bounds, the help text and the section. The command
line, the rollout file, its JSON Schema and docs/options.md are made from the fields. `read_fields` checks every value
when the request is made, so a request that exists has no wrong value.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Protocol

from awsroll.core.model.keys import dashed
from awsroll.core.model.value_errors import WrongValueError
from awsroll.core.model.values import Kind
from awsroll.errors import SpecError

# The groups of options in `--help`, in this order.
FLEET = "Fleet"
VERSION = "Version"
PACE = "Pace"
GATES = "Gates"
FAILURE = "Failure"
WAITING = "Waiting"

_KEY = "awsroll.option"


class Request(Protocol):
    """A frozen dataclass of plain values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a request.

    Attributes:
        field: the name in Python. The option and the key in a file have the same name with dashes.
        kind: reads a value and checks its bounds.
        help: the meaning, with unit and default.
        section: the group of the option in `--help`; empty: only a file has it.
        metavar: what `--help` shows for the value.
        default: the value of a request that does not give it.
        is_required: there is no default.
    """

    field: str
    kind: Kind
    help: str
    section: str
    metavar: str
    default: Any
    is_required: bool

    @property
    def name(self) -> str:
        """The name with dashes, as on the command line and in a file."""
        return dashed(self.field)


def option(kind: Kind, text: str, *, default: Any, section: str = "", metavar: str = "") -> Any:
    """Return the field of a dataclass that is an option with a default."""
    metadata = option_metadata(kind, text, section=section, metavar=metavar)
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def option_metadata(kind: Kind, text: str, *, section: str = "", metavar: str = "") -> Mapping[str, Any]:
    """Return the metadata that makes a field of a dataclass an option; for a field without a default."""
    return {_KEY: (kind, text, section, metavar or kind.metavar)}


@cache
def options_of(request: type[Request]) -> tuple[Option, ...]:
    """Return the options of a class, in the order of its fields."""
    return tuple(_option(each) for each in fields(request) if _KEY in each.metadata)


def _option(of: "Field[Any]") -> Option:
    kind, text, section, metavar = of.metadata[_KEY]
    made = of.default if of.default_factory is MISSING else of.default_factory()
    return Option(
        field=of.name,
        kind=kind,
        help=text,
        section=section,
        metavar=metavar,
        default=None if made is MISSING else made,
        is_required=made is MISSING,
    )


def read_fields(request: Request, where: str = "") -> None:
    """Replace each value of a frozen dataclass with its plain form. Call it in `__post_init__`.

    None is a value only of a field whose default is None.

    Args:
        request: the dataclass.
        where: the start of each problem.

    Raises:
        SpecError: with all values that are wrong.
    """
    problems = []
    for each in options_of(type(request)):
        value = getattr(request, each.field)
        if value is None and each.default is None and not each.is_required:
            continue
        try:
            read = each.kind.read(value)
        except WrongValueError as error:
            name = f"--{each.name}" if each.section else each.name
            problems += [f"{where}{name}: {problem}" for problem in error.problems]
        else:
            object.__setattr__(request, each.field, read)
    if problems:
        raise SpecError(*problems)
