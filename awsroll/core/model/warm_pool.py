"""A group's warm pool: instances that are built ahead and wait beside the group until it scales out.

They were built from whatever the group's template said then, so each that comes into service during a rollout may run
the old version, and a pool that takes back what is scaled in may return a retired server. A rollout that is told to
purge the pool therefore deletes it for its own duration and puts it back at the end, with the settings that it had.
"""

import re
from dataclasses import dataclass

NO_POOL = "none"
_FORM = re.compile(r"min=(\d+) max-prepared=(\d+|none) state=(\w+) reuse=(yes|no)")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmPool:
    """What is set on a warm pool.

    Attributes:
        minimum: how many instances it keeps at least.
        prepared: the most that pool and group hold together; None: the group's max size.
        state: what its instances do while they wait: `Stopped`, `Running` or `Hibernated`.
        reuses: members that are scaled in go back to the pool.
    """

    minimum: int = 0
    prepared: int | None = None
    state: str = "Stopped"
    reuses: bool = False

    def __str__(self) -> str:
        prepared = NO_POOL if self.prepared is None else self.prepared
        return f"min={self.minimum} max-prepared={prepared} state={self.state} reuse={'yes' if self.reuses else 'no'}"

    @classmethod
    def parse(cls, text: str) -> "WarmPool":
        """Read what `str` has written: that is how an old value stands in the record and in a tag."""
        match = _FORM.fullmatch(text)
        if match is None:
            message = f"no warm pool's settings: {text!r}"
            raise ValueError(message)
        minimum, prepared, state, reuse = match.groups()
        return cls(
            minimum=int(minimum),
            prepared=None if prepared == NO_POOL else int(prepared),
            state=state,
            reuses=reuse == "yes",
        )
