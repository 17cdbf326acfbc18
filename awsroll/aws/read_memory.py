"""The answers of reading calls, for a block in which nothing is changed: each question goes to AWS once.

The checks before a rollout look at one fleet from many sides, and several of them ask AWS the same. An answer is used
again for five seconds. A call that may change something clears all answers.
"""

import json
from typing import Any, TypeAlias

from awsroll.ports import Clock

_SECONDS = 5.0

_Answer: TypeAlias = dict[str, Any]


class ReadMemory:
    """Remembers the answers of reading calls for a short time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: dict[str, tuple[_Answer, float]] = {}

    def find(self, service: str, operation: str, parameters: _Answer) -> _Answer | None:
        """Return the answer to an equal call; None if there was none within the last five seconds."""
        answer, at = self._answers.get(_key(service, operation, parameters), (None, float("-inf")))
        return answer if self._clock.monotonic() - at < _SECONDS else None

    def keep(self, service: str, operation: str, parameters: _Answer, answer: _Answer) -> None:
        """Remember an answer."""
        self._answers[_key(service, operation, parameters)] = (answer, self._clock.monotonic())

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()


def _key(service: str, operation: str, parameters: _Answer) -> str:
    return f"{service}:{operation} {json.dumps(parameters, sort_keys=True, default=str)}"
