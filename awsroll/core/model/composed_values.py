"""The kinds of values that hold other values: lists, the parameters of a document, and requests in requests. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awsroll.core.model.value_errors import WrongValueError, shown
from awsroll.core.model.values import CONTROLS, LISTED_NAME, SHELL, Kind, Schema, refuse, whole_form
from awsroll.errors import SpecError

_MOST_PARAMETER = 2**53 - 1  # JSON numbers beyond it lose digits in JavaScript


@dataclass(frozen=True, slots=True)
class Many:
    """A list of values of one kind.

    Attributes:
        wraps: one value without a list is a list of one.
        most: the number of items that it has at most.
    """

    item: Kind
    wraps: bool = True
    most: int = 1000

    @property
    def metavar(self) -> str:
        """What `--help` shows for one item."""
        return self.item.metavar

    def read(self, value: object) -> tuple[Any, ...]:
        """Return the items as a tuple."""
        if not isinstance(value, list | tuple):
            if not self.wraps:
                refuse("a list", value)
            return (self.item.read(value),)
        if len(value) > self.most:
            problem = f"pass at most {self.most} items, not {len(value)}"
            raise WrongValueError(problem)
        return tuple(self.item.read(each) for each in value)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        item = self.item.schema()
        many = {"type": "array", "items": item, "maxItems": self.most}
        return {"anyOf": [many, item]} if self.wraps else many


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of an SSM document: a mapping of names to one or several texts, or `NAME=VALUE` texts."""

    metavar: str = "K=V"

    def read(self, value: object) -> dict[str, list[str]]:
        """Return a list of texts for each name."""
        if isinstance(value, Mapping):
            return {
                LISTED_NAME.read(name): [_parameter(each) for each in _listed(given)] for name, given in value.items()
            }
        parameters: dict[str, list[str]] = {}
        for pair in _listed(value):
            name, equals, given = SHELL.read(pair).partition("=")
            if not equals:
                problem = f"use the form NAME=VALUE, not {shown(pair)}"
                raise WrongValueError(problem)
            parameters.setdefault(LISTED_NAME.read(name), []).append(given)
        return parameters

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        number = {"type": "integer", "minimum": -_MOST_PARAMETER, "maximum": _MOST_PARAMETER}
        text = {"anyOf": [SHELL.schema(), number]}
        pair = SHELL.schema() | {"pattern": whole_form(rf"[^=\u0000{CONTROLS}]+=[^\u0000]*")}
        return {
            "anyOf": [
                {
                    "type": "object",
                    "propertyNames": LISTED_NAME.schema(),
                    "additionalProperties": {"anyOf": [{"type": "array", "items": text}, text]},
                },
                {"type": "array", "items": pair},
                pair,
            ]
        }


@dataclass(frozen=True, slots=True)
class Nested:
    """A request inside a request: an instance of its class, or a mapping of its fields.

    Attributes:
        of: its class.
        make: returns an instance for a mapping; raises `SpecError`. None: a mapping is refused.
    """

    of: type
    make: Callable[[Mapping[Any, Any]], object] | None = None
    metavar: str = ""

    def read(self, value: object) -> object:
        """Return the instance."""
        if isinstance(value, self.of):
            return value
        if self.make is None or not isinstance(value, Mapping):
            also = "" if self.make is None else ", or a mapping of its keys"
            refuse(f"a {self.of.__name__}{also}", value)
        try:
            return self.make(value)
        except SpecError as error:
            raise WrongValueError(*error.problems) from error

    def schema(self) -> Schema:
        """Return a reference to the schema of the class."""
        return {"$ref": f"#/$defs/{self.of.__name__}"}


@dataclass(frozen=True, slots=True)
class PythonFunction:
    """A function or another callable object; only in Python."""

    metavar: str = ""

    def read(self, value: object) -> object:
        """Return the callable."""
        if not callable(value):
            refuse("a callable", value)
        return value

    def schema(self) -> Schema:
        """Return a schema that refuses every value: a file cannot hold a callable."""
        return {"not": {}}


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else [value]


def _parameter(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST_PARAMETER:
        return str(value)
    return SHELL.read(value)
