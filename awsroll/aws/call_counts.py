"""How many API calls were made: the `api_calls` of the report.

Every attempt counts, retried ones too: it is what AWS sees and throttles.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

_READING = ("Describe", "List", "Get", "Query")


def is_reading(operation: str) -> bool:
    """Tell whether an API operation only reads, by its name: AWS's own rule for its throttling buckets."""
    return operation.startswith(_READING)


class ApiCalls:
    """A tally of API calls, by operation (`ec2:RunInstances`)."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()  # functions of hooks are invoked in threads of their own

    def record(self, service: str, operation: str) -> None:
        """Count one call."""
        with self._lock:
            self._counts[f"{service}:{operation}"] += 1

    @property
    def total(self) -> int:
        """All calls."""
        return self._counts.total()

    @property
    def mutating(self) -> int:
        """Calls that may have changed something."""
        return sum(count for name, count in self._counts.items() if not is_reading(name.partition(":")[2]))

    @property
    def by_operation(self) -> Mapping[str, int]:
        """The counts, by operation, sorted by name."""
        return MappingProxyType(dict(sorted(self._counts.items())))
