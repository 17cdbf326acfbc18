"""The settings of a group's warm pool: instances that are launched ahead and wait until the group scales out.

They were launched from an earlier launch template version, so an instance that comes into service during a rollout may
run the old version. A pool that reuses members on scale-in may also return a retired server. So a rollout with
`warm_pool="purge"` deletes the pool at its start and creates it again at its end, with the same settings.
"""

import re
from dataclasses import dataclass

NO_POOL = "none"
_FORM = re.compile(r"min=(\d+) max-prepared=(\d+|none) state=(\w+) reuse=(yes|no)")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmPool:
    """The settings of a warm pool.

    Attributes:
        minimum: the smallest number of instances in the pool.
        prepared: the largest number of instances in the pool and the group together; None: the group's max size.
        state: the state of its instances while they wait: `Stopped`, `Running` or `Hibernated`.
        reuses: members return to the pool on scale-in.
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
        """Parse the text that `str` returns, as it is stored in the record and in a tag."""
        match = _FORM.fullmatch(text)
        if match is None:
            message = f"not the settings of a warm pool: {text!r}"
            raise ValueError(message)
        minimum, prepared, state, reuse = match.groups()
        return cls(
            minimum=int(minimum),
            prepared=None if prepared == NO_POOL else int(prepared),
            state=state,
            reuses=reuse == "yes",
        )
