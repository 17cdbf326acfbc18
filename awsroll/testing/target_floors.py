"""Invariant 1 for each registration target by itself: a target group and a port.

A server that awsroll has deregistered in one target group still takes the requests of the others. So the servers that
serve *everywhere* do not show what is lost when such a server is terminated. A server counts here as long as it is
fit: it has served everywhere, and since then it has been unhealthy nowhere. A server that never served, or that has
fallen ill in one target group, is no capacity, wherever else it is healthy.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from awsroll.core.model.observation import TargetKey
from awsroll.testing.facts import Change, Facts


@dataclass(slots=True, kw_only=True)
class TargetFloors:
    """The floor of each registration target of one rollout.

    Attributes:
        desired: how many servers the fleet should have at the start.
        missing: by how many servers fewer than desired each target had at the start.
    """

    desired: int
    missing: dict[TargetKey, int]
    _fit: set[str]
    _lost: dict[tuple[str, TargetKey], datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Facts, desired: int, keys: Iterator[TargetKey]) -> "TargetFloors":
        """Return the floors for a fleet as it is at the start."""
        registered = Counter(keys)
        missing = {key: max(0, desired - count) for key, count in registered.items()}
        return cls(desired=desired, missing=missing, _fit=set(facts.serving))

    def forget(self, seen_at: datetime) -> None:
        """Forget the losses that an observation of this instant shows."""
        self._lost = {lost: at for lost, at in self._lost.items() if at > seen_at}

    def note(self, change: Change, now: datetime, *, by_us: bool) -> dict[TargetKey, set[str]]:
        """Keep what an event or an action has changed; return the fit servers that each target has lost by awsroll."""
        taken: dict[TargetKey, set[str]] = {}
        for name, fact in change.after.items():
            for key in change.before[name].serves_on - fact.serves_on:
                if not by_us:
                    self._lost[name, key] = now
                elif name in self._fit:
                    taken.setdefault(key, set()).add(name)
        for name, fact in change.after.items():
            if fact.serving:
                self._fit.add(name)
            elif fact.is_ill or not fact.running:
                self._fit.discard(name)
        return taken

    def problems(self, taken: dict[TargetKey, set[str]], facts: Facts, *, floor: int, desired: int) -> Iterator[str]:
        """Yield a problem for each target that serves with fewer servers than the floor allows.

        A server that somebody adds may be meant for one target alone, so it raises the floor of none.

        Args:
            taken: the fit servers that each target has lost by an action of awsroll.
            facts: the state after the action.
            floor: the floor of the whole fleet.
            desired: how many servers the whole fleet should have now.
        """
        added = max(0, desired - self.desired)
        for key, names in sorted(taken.items()):
            unseen = sum(1 for name, lost in self._lost if lost == key and key not in facts.by_id[name].serves_on)
            least, serve = floor - added - self.missing.get(key, self.desired), facts.on[key]
            if serve + unseen < least:
                where = f"{key.target_group}:{key.port}"
                yield f"invariant 1: took {sorted(names)}, {serve} serve on {where}, the floor is {least}"
