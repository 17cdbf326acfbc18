"""The target of the next request: a table of target states, without I/O.

It follows an Application Load Balancer. Healthy targets get requests in turn; draining targets get no new requests. A
target group with fewer healthy targets than its routing threshold fails open to all registered targets; without
registered targets it answers 503. The threshold is `target_group_health.unhealthy_state_routing`, by default one.
Several target groups form a forward action with equal weights: each gets every n-th request.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

HEALTHY = "healthy"
GONE = "gone"
SHIFTED = "shifted"  # a zonal shift keeps requests away, whatever the state
# States that count as not registered when a group fails open. AWS documents that fail-open includes `unhealthy`; the
# table includes `initial` too.
_OUT_OF_USE = frozenset({"draining", "unhealthy.draining", "unused", SHIFTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetKey:
    """One target. An instance can be in several groups, and on several ports of one group."""

    target_group_arn: str
    instance_id: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingThreshold:
    """The healthy targets that a target group needs, or it fails open. Either limit acts (user guide)."""

    count: int = 1
    percentage: int = 0
    """Of the registered targets; 0 is off."""

    def is_met(self, healthy: int, registered: int) -> bool:
        """Return whether enough of the registered targets are healthy."""
        return healthy >= self.count and healthy * 100 >= registered * self.percentage


@dataclass(slots=True)
class _Group:
    threshold: RoutingThreshold = field(default_factory=RoutingThreshold)
    states: dict[TargetKey, str] = field(default_factory=dict)
    candidates: tuple[TargetKey, ...] = ()
    turn: int = 0

    def choose_candidates(self) -> None:
        healthy = tuple(key for key, state in self.states.items() if state == HEALTHY)
        registered = tuple(key for key, state in self.states.items() if state not in _OUT_OF_USE)
        self.candidates = healthy if self.threshold.is_met(len(healthy), len(registered)) else registered

    def next_target(self) -> TargetKey | None:
        if not self.candidates:
            return None
        self.turn = (self.turn + 1) % len(self.candidates)
        return self.candidates[self.turn]


class TargetTable:
    """The target states of some target groups, and the target of the next request."""

    def __init__(self, target_groups: Sequence[str]) -> None:
        self._groups = {arn: _Group() for arn in target_groups}
        self._order = tuple(target_groups)
        self._turn = -1

    def apply(self, key: TargetKey, state: str) -> None:
        """Apply a new target state; `gone` removes the target. Other target groups are ignored."""
        group = self._groups.get(key.target_group_arn)
        if group is None:
            return
        if state == GONE:
            group.states.pop(key, None)
        else:
            group.states[key] = state
        group.choose_candidates()

    def set_threshold(self, target_group_arn: str, threshold: RoutingThreshold) -> None:
        """Set the routing threshold of a target group."""
        group = self._groups[target_group_arn]
        group.threshold = threshold
        group.choose_candidates()

    def next_target(self) -> TargetKey | None:
        """Return the target of the next request, or None if the next group has no candidate."""
        self._turn = (self._turn + 1) % len(self._order)
        return self._groups[self._order[self._turn]].next_target()

    def serving_instances(self) -> frozenset[str]:
        """Return the instances that are in every group, and healthy on all their ports."""
        serving_everywhere: frozenset[str] | None = None
        for group in self._groups.values():
            present = {key.instance_id for key in group.states}
            unhealthy = {key.instance_id for key, state in group.states.items() if state != HEALTHY}
            serving = frozenset(present - unhealthy)
            serving_everywhere = serving if serving_everywhere is None else serving_everywhere & serving
        return serving_everywhere or frozenset()
