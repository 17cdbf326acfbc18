"""The kinds of values that a request can have. Each kind reads a value, and describes the same rule as JSON Schema.

Every way to give a value uses these kinds: the command line, a file, an event, Python, a plan file and a record. So a
value has one meaning and one set of bounds, wherever it comes from. Pure.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from awsroll.core.model.amount import CAP_FORM, FORM, MOST, MOST_PERCENT, Amount
from awsroll.core.model.keys import nearest
from awsroll.core.model.value_errors import WrongValueError, shown

Schema = dict[str, Any]

DAY_SECONDS = 24 * 3600
LONGEST_SECONDS = 30 * DAY_SECONDS
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_DURATION = r" *[0-9]{1,9}(?:\.[0-9]{1,9})? *[smh]? *"
_WHOLE_DURATION = r" *[0-9]{1,9} *[smh]? *"
_DIGITS = r" *[0-9]{1,6} *"
CONTROLS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069"  # also bidirectional overrides
ONE_LINE = rf"[^{CONTROLS}]*"
_LINES = r"[^\u0000]*"
_LONGEST_NAME = 2048
LONGEST_SCRIPT = 65536


class Kind(Protocol):
    """A kind of value."""

    @property
    def metavar(self) -> str:
        """What `--help` shows for a value; empty for a switch."""

    def read(self, value: object) -> Any:
        """Return the value in its plain form.

        Raises:
            WrongValueError: if the value has the wrong type or form, or is out of bounds.
        """

    def schema(self) -> Schema:
        """Return the JSON Schema of the values that `read` accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string.

    Attributes:
        says: what to pass, for messages.
        form: a regular expression that the whole text matches. JSON Schema must understand it too.
        least: the number of characters that it has at least.
        most: the number of characters that it has at most.
    """

    says: str = "a string in one line, without control characters"
    form: str = ONE_LINE
    least: int = 0
    most: int = _LONGEST_NAME
    metavar: str = "TEXT"

    def read(self, value: object) -> str:
        """Return the string; a subclass of `str` as a plain string."""
        if not isinstance(value, str):
            quotes = ": put it in quotes" if isinstance(value, int | float) else ""
            refuse(self.says, value, quotes)
        text = str.__str__(value)
        if not self.least <= len(text) <= self.most:
            span = f"at most {self.most}" if len(text) > self.most else f"{self.least} or more"
            refuse(f"{self.says}, with {span} characters", value)
        if not _matches(self.form, text) or not _is_unicode(text):
            refuse(self.says, value)
        return text

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        least: Schema = {"minLength": self.least} if self.least else {}
        return {"type": "string", **least, "maxLength": self.most, "pattern": whole_form(self.form)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretText(Text):
    """A string that may be a secret: no message shows it."""

    def read(self, value: object) -> str:
        """Return the string."""
        if not isinstance(value, str):
            return Text.read(self, value)
        try:
            return Text.read(self, value)
        except WrongValueError:
            problem = f"pass {self.says}; the given value is not shown, because it may be a secret"
            raise WrongValueError(problem) from None


NAME = Text(metavar="NAME")
LISTED_NAME = Text(says="a name in one line, without control characters", least=1, metavar="NAME")
PERCENTAGE = Text(
    says="a percentage of more than 0% and less than 100%, such as 1% or 0.5%",
    form=r"(0\.0{0,2}[1-9][0-9]{0,2}|[1-9][0-9]?(\.[0-9]{1,3})?)%",
    metavar="N%",
)
SHELL = Text(says="a string without NUL characters", form=_LINES, most=LONGEST_SCRIPT, metavar="SHELL")


def share_of(percentage: str) -> float:
    """Return a percentage as a share: 0.01 for `1%`."""
    return round(float(percentage.rstrip("%")) / 100, 6)


@dataclass(frozen=True, slots=True)
class Switch:
    """Yes or no. Only a real boolean: the text `false` would count as true in Python."""

    metavar: str = ""

    def read(self, value: object) -> bool:
        """Return the boolean."""
        if not isinstance(value, bool):
            refuse("true or false", value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words: the members of an enum of strings, or plain strings."""

    choices: Sequence[str]

    @property
    def metavar(self) -> str:
        """The words."""
        return "|".join(self._words)

    @property
    def _words(self) -> list[str]:
        return [str(choice) for choice in self.choices]

    def read(self, value: object) -> str:
        """Return the member."""
        if isinstance(value, str):
            for choice in self.choices:
                if str.__str__(choice) == str.__str__(value):
                    return choice
        near = nearest(value, self._words, likeness=0.5)  # `dubble` is like `double-half`
        return refuse(f"one of {', '.join(self._words)}", value, f"; did you mean {near}?" if near else "")

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"enum": self._words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A whole number."""

    least: int = 0
    most: int = MOST
    metavar: str = "N"

    def read(self, value: object) -> int:
        """Return the number. Digits in a string are a number, as on the command line; a boolean is not."""
        if isinstance(value, str) and _matches(_DIGITS, value):
            value = int(value)
        number = _number(value)
        if number is None or not number.is_integer() or not self.least <= number <= self.most:
            refuse(f"a whole number from {self.least} to {self.most}", value)
        return int(number)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        number = {"type": "integer", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": whole_form(_DIGITS)}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A number of servers or fleets, or a percentage of all of them; `is_cap`: up to ten times all of them."""

    least: int = 0
    is_cap: bool = False
    of: str = "servers"
    metavar: str = "N|N%"

    def read(self, value: object) -> str | int:
        """Return a count as a number, and a percentage as text (`25%`)."""
        number = _number(value)
        given = str(int(number)) if number is not None and number.is_integer() and abs(number) <= MOST else value
        is_amount = isinstance(given, str) and _matches(self._form, given)
        amount = Amount.parse(str(given), most_percent=MOST_PERCENT) if is_amount else None
        if amount is None or amount.value < self.least:
            most = MOST_PERCENT if self.is_cap else 100
            refuse(f"{self.least} or more {self.of} (such as 2), or {self.least}% to {most}% of them", value)
        return str(amount) if amount.is_percentage else amount.value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        form = self._form if not self.least else rf"(?! *0+ *%? *$){self._form}"
        number = {"type": "integer", "minimum": self.least, "maximum": MOST}
        return {"anyOf": [number, {"type": "string", "pattern": whole_form(form)}]}

    @property
    def _form(self) -> str:
        return CAP_FORM if self.is_cap else FORM


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """A duration: a number of seconds, or text such as `90`, `90s`, `10m` and `2h`.

    Attributes:
        whole: no fractions of a second.
    """

    least: float = 0
    most: float = LONGEST_SECONDS
    whole: bool = False
    metavar: str = "TIME"

    def read(self, value: object) -> float:
        """Return the seconds; a whole number of them as `int`."""
        seconds = _number(value)
        if isinstance(value, str) and _matches(self._form, value):
            text = value.strip()
            unit = text[-1] if text[-1] in _UNITS else ""
            seconds = float(text.removesuffix(unit)) * _UNITS[unit]
        if seconds is None or (self.whole and not seconds.is_integer()) or not self.least <= seconds <= self.most:
            refuse(self._says, value)
        return int(seconds) if seconds.is_integer() else seconds

    def schema(self) -> Schema:
        """Return the JSON Schema. It cannot express the bounds of a duration that is written as text."""
        number = {"type": "integer" if self.whole else "number", "minimum": self.least, "maximum": self.most}
        return {"anyOf": [number, {"type": "string", "pattern": whole_form(self._form)}]}

    @property
    def _form(self) -> str:
        return _WHOLE_DURATION if self.whole else _DURATION

    @property
    def _says(self) -> str:
        kind = "a whole number of seconds" if self.whole else "a time in seconds"
        days = self.most / DAY_SECONDS
        most = f"{days:g} day{'s' if days > 1 else ''}" if days >= 1 else f"{self.most:g} seconds"
        return f"{kind} from {self.least:g} seconds to {most}, such as 90, 90s, 10m or 2h"


def check_times(*seconds: float | None) -> None:
    """Check times that a record holds. They may be longer than those of a request: awsroll adds times to each other.

    Raises:
        WrongValueError: if a time is negative, not finite, or far out of the bounds of a request.
    """
    for each in seconds:
        if each is not None:
            _RECORDED.read(each)


def _number(value: object) -> float | None:
    """Return a number as a float; None if the value is no finite number. A boolean is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_unicode(text: str) -> bool:
    """Return whether UTF-8 can encode the text: bytes of a command line that are no UTF-8 cannot be stored."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _matches(form: str, text: str) -> bool:
    return re.fullmatch(form, text) is not None


def whole_form(form: str) -> str:
    """Return a regular expression for JSON Schema, which searches. Python's `$` also matches before a last newline."""
    return rf"^(?:{form})$(?!\n)"


def refuse(says: str, value: object, advice: str = "") -> NoReturn:
    """Raise WrongValueError, with what to pass instead of a value."""
    problem = f"pass {says}, not {shown(value)}{advice}"
    raise WrongValueError(problem)


_RECORDED = Seconds(most=12 * LONGEST_SECONDS)
