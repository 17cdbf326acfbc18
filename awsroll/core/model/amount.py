"""A number of servers, given as a count or as a percentage of the desired capacity.

All percentages are rounded here, to the safe side: the servers that may be missing down, the extra servers up.
"""

import re
from dataclasses import dataclass

from awsroll.errors import SpecError

_FORM = re.compile(r"(\d{1,6})\s*(%?)")
_WHOLE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A count of servers, or a percentage of the desired capacity."""

    value: int
    is_percentage: bool = False

    @classmethod
    def parse(cls, text: str | int) -> "Amount":
        """Read `3`, `"3"` or `"25%"`.

        Raises:
            SpecError: if it is neither a whole number of servers nor a whole percentage from 0 to 100.
        """
        match = _FORM.fullmatch(str(text).strip())
        if match is None:
            problem = f"{text!r} is not an amount: pass a whole number of servers (2) or a percentage of them (25%)"
            raise SpecError(problem)
        amount = cls(value=int(match[1]), is_percentage=bool(match[2]))
        if amount.is_percentage and amount.value > _WHOLE:
            problem = f"{text} is more than the whole fleet: a percentage is from 0% to 100%"
            raise SpecError(problem)
        return amount

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
