"""The number of API calls: `api_calls` in the report.

Each attempt counts, also a retry, because AWS counts and throttles attempts.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

_READING = ("Describe", "List", "Get", "Query")
_CHANGING_NOTHING = frozenset({"GenerateMac", "VerifyMac"})


def is_reading(operation: str) -> bool:
    """Return whether an API operation changes nothing.

    Most names say so; AWS sorts its throttling buckets by the same rule.
    """
    return operation.startswith(_READING) or operation in _CHANGING_NOTHING


class ApiCalls:
    """The counts of API calls, by operation (`ec2:RunInstances`)."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()  # hook functions are invoked in threads of their own

    def record(self, service: str, operation: str) -> None:
        """Count one call."""
        with self._lock:
            self._counts[f"{service}:{operation}"] += 1

    @property
    def total(self) -> int:
        """Return the number of all calls."""
        return self._counts.total()

    @property
    def mutating(self) -> int:
        """Return the number of calls that may have changed something."""
        return sum(count for name, count in self._counts.items() if not is_reading(name.partition(":")[2]))

    @property
    def by_operation(self) -> Mapping[str, int]:
        """Return the counts by operation, sorted by name."""
        return MappingProxyType(dict(sorted(self._counts.items())))
