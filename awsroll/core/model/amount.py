"""A number of servers, given as a count or as a percentage of the desired capacity.

All percentages are rounded here, to the safe side: the servers that may be missing down, the extra servers up.
Only a cap on running servers may be more than the whole fleet.
"""

import re
from dataclasses import dataclass

from awsroll.core.model.value_errors import WrongValueError
from awsroll.errors import SpecError

FORM = r" *(?:[0-9]{1,6}|(?:0{0,3}100|0{0,4}[0-9]{1,2}) *%) *"
"""The text of an amount, as a regular expression that JSON Schema understands too."""
CAP_FORM = r" *(?:[0-9]{1,6}|(?:0{0,2}1000|0{0,3}[0-9]{1,3}) *%) *"
"""The text of a cap, which may be up to ten times the fleet."""
MOST = 999_999
MOST_PERCENT = 1000

_PARTS = re.compile(r" *([0-9]{1,6}) *(%?) *")
_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A count of servers, or a percentage of the desired capacity; of a cap, up to 1000%."""

    value: int
    is_percentage: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.value <= (MOST_PERCENT if self.is_percentage else MOST):
            problem = f"{self} is not an amount of servers"
            raise WrongValueError(problem)

    @classmethod
    def parse(cls, text: str | int, *, most_percent: int = _WHOLE) -> "Amount":
        """Read `3`, `"3"` or `"25%"`.

        Raises:
            SpecError: if it is neither a whole number of servers nor a whole percentage from 0 to `most_percent`.
        """
        match = _PARTS.fullmatch(str(text))
        if match is None:
            problem = f"{text!r} is not an amount: pass a whole number of servers (2) or a percentage of them (25%)"
            raise SpecError(problem)
        if match[2] and int(match[1]) > most_percent:
            whole = "the whole fleet" if most_percent == _WHOLE else "allowed"
            problem = f"{text} is more than {whole}: a percentage is from 0% to {most_percent}%"
            raise SpecError(problem)
        return cls(value=int(match[1]), is_percentage=bool(match[2]))

    def rounded_down(self, desired: int) -> int:
        """Resolve against `desired` servers: 25% of 6 is 1."""
        return self.value * desired // _WHOLE if self.is_percentage else self.value

    def rounded_up(self, desired: int) -> int:
        """Resolve against `desired` servers: 25% of 6 is 2."""
        return -(-self.value * desired // _WHOLE) if self.is_percentage else self.value

    def __str__(self) -> str:
        return f"{self.value}%" if self.is_percentage else str(self.value)


NONE = Amount(value=0)
EVERYTHING = Amount(value=_WHOLE, is_percentage=True)
