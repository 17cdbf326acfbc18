"""The bad and all requests of each server, as the judge needs them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

KEPT_SECONDS = 600
"""How long the counts of a second are kept."""

_BAD, _TOTAL = 0, 1


class RequestCounts:
    """Counts requests by second and server. The requests of the last ten minutes are kept."""

    def __init__(self) -> None:
        self._seconds: dict[int, defaultdict[str, list[int]]] = {}

    def add(self, at: float, instance_id: str, *, is_bad: bool) -> None:
        """Count a request that ended at an instant, in seconds since 1970."""
        second = int(at)
        if second not in self._seconds:
            self._forget(second - KEPT_SECONDS)
            self._seconds[second] = defaultdict(lambda: [0, 0])
        counts = self._seconds[second][instance_id]
        counts[_BAD] += is_bad
        counts[_TOTAL] += 1

    def answer(self, event: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        """Return the answer of a hook at `while_judging`: the requests of each server of the event.

        The requests of a second count when it is over. So each request is in exactly one of the intervals of a rollout.
        A server without requests is missing.
        """
        since, until = event["since"], event["until"]
        found = {name: {"bad": 0, "total": 0} for name in event["instance_ids"]}
        for second, servers in self._seconds.items():
            if since < second + 1 <= until:
                for name in found.keys() & servers.keys():
                    found[name]["bad"] += servers[name][_BAD]
                    found[name]["total"] += servers[name][_TOTAL]
        return {name: counts for name, counts in found.items() if counts["total"]}

    def _forget(self, before: int) -> None:
        for second in [each for each in self._seconds if each < before]:
            del self._seconds[second]
