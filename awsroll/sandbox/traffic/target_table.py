"""Who gets the next request: the balancer's table of target states, pure.

Rules of an Application Load Balancer: healthy targets in turn; draining ones get nothing new; a target group where no
target is healthy fails open to all that are registered; one without registered targets answers 503. Several target
groups stand for a forward action with equal weights: each gets every n-th request, and none steps in for another.
No sockets, no clock, no threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

HEALTHY = "healthy"
GONE = "gone"
# Deregistered, or never in use: these count as not registered when a group decides whether it can fail open.
# Which of the other states fail-open includes is documented for `unhealthy` only; `initial` is taken along.
_OUT_OF_USE = frozenset({"draining", "unhealthy.draining", "unused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetKey:
    """One target: an instance may be in several groups, and on several ports of one group."""

    target_group_arn: str
    instance_id: str
    port: int


@dataclass(slots=True)
class _Group:
    states: dict[TargetKey, str] = field(default_factory=dict)
    candidates: tuple[TargetKey, ...] = ()
    turn: int = 0

    def choose_candidates(self) -> None:
        healthy = tuple(key for key, state in self.states.items() if state == HEALTHY)
        fail_open = tuple(key for key, state in self.states.items() if state not in _OUT_OF_USE)
        self.candidates = healthy or fail_open

    def next_target(self) -> TargetKey | None:
        if not self.candidates:
            return None
        self.turn = (self.turn + 1) % len(self.candidates)
        return self.candidates[self.turn]


class TargetTable:
    """The states of the targets of some target groups, and whose turn it is."""

    def __init__(self, target_groups: Sequence[str]) -> None:
        self._groups = {arn: _Group() for arn in target_groups}
        self._order = tuple(target_groups)
        self._turn = -1

    def apply(self, key: TargetKey, state: str) -> None:
        """Take in a target's new state; `gone` removes it. Groups that are not followed are ignored."""
        group = self._groups.get(key.target_group_arn)
        if group is None:
            return
        if state == GONE:
            group.states.pop(key, None)
        else:
            group.states[key] = state
        group.choose_candidates()

    def next_target(self) -> TargetKey | None:
        """Return the target of the next request, or None if the group whose turn it is has none to offer."""
        self._turn = (self._turn + 1) % len(self._order)
        return self._groups[self._order[self._turn]].next_target()

    def serving_instances(self) -> frozenset[str]:
        """Return the instances that are in every group, and healthy on every port they are known with."""
        whole: frozenset[str] | None = None
        for group in self._groups.values():
            present = {key.instance_id for key in group.states}
            ailing = {key.instance_id for key, state in group.states.items() if state != HEALTHY}
            serving = frozenset(present - ailing)
            whole = serving if whole is None else whole & serving
        return whole or frozenset()
