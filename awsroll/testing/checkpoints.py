"""Invariant 5: nothing beyond a checkpoint is touched before its gate has opened.

The check uses the true state of the world at the last observation that was not stale: how many servers were unchanged
and how many ran the new version. The record supplies only decisions: which servers are leaving, which gates are closed
or have opened. Changes made by someone else are never reported as a violation of the rollout.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from awsroll.core.model.observation import Lifecycle
from awsroll.core.model.period import calendars_of
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Rehearsal
from awsroll.schedules import schedule_at
from awsroll.testing.facts import Change, Facts, Truth

_AWAY = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The part of an observation that matters for checkpoints.

    Attributes:
        desired: how many servers there should be.
        untouched: servers on another version than the goal that the rollout has not chosen to leave.
        found: servers that were on the goal version when the rollout began.
        new: servers on the goal version that were launched since, without those that failed.
        owed: how many more servers of the goal version the group is about to launch.
    """

    desired: int
    untouched: frozenset[str]
    found: frozenset[str]
    new: frozenset[str]
    owed: int

    def touched(self, names: Iterable[str] = ()) -> int:
        """Return how many servers have changed since the start, counting `names` as changed too."""
        return max(0, self.desired - len(self.untouched - set(names)) - len(self.found))


@dataclass(slots=True, kw_only=True)
class Checkpoints:
    """Checks the checkpoints of one rollout.

    Attributes:
        found: the servers that were on the goal version when the rollout began.
    """

    truth: Truth
    rollout: Rollout
    found: frozenset[str]
    _status: Status | None = None
    _looked_at: datetime | None = None
    _seen: Seen | None = None
    _aside: frozenset[str] = frozenset()

    def look(self, status: Status, at: datetime, *, desired: int, facts: Facts | None) -> list[str]:
        """Check the decisions since the last observation, then store this one (`facts` is None: it is stale)."""
        problems = []
        before = self._status
        if before is not None and _is_rolling(status):
            problems += self._opened_early(before, status)
            chosen = _chosen(status) - _chosen(before) - set(status.failed)
            problems += self._beyond(chosen)
            overridden = bool(before.user_requests.override)
            problems += self._while_closed(chosen, self._looked_at, at, overridden=overridden)
            problems += self._in_two_zones(chosen, status)
        self._status, self._looked_at = status, at
        self._aside = _chosen(status) | set(status.failed)
        if facts is not None:
            self._seen = self._see(status, facts, desired)
        return problems

    def act(self, change: Change, facts: Facts) -> list[str]:
        """Check one action of the rollout by what it has changed, and by the true state after it."""
        status, seen = self._status, self._seen
        if status is None or seen is None or not _is_rolling(status):
            return []
        taken = frozenset(one for one in change.taken if one not in self._aside)
        problems = self._beyond(taken)
        launched = frozenset(one for one in change.launched if self._is_new(one))
        to_come = self.rollout.gates.zones[status.gate.passed + self._may_open(status) + 1 :]
        if self._rehearses(status):
            to_come = ()
        early = sorted(one for one in launched if self.truth.instances[one].zone in to_come)
        if early and not any(not launch.settled for launch in status.launches):
            problems += [f"invariant 5: {early} of the new version were launched in a zone before its turn"]
        more_desired = not change.moves_members and self._group_launches_goal()  # no server is leaving
        owed = max(0, facts.owed - change.owed_before) if more_desired else 0
        if not launched and not owed:
            return problems
        self._seen = Seen(
            desired=seen.desired,
            untouched=seen.untouched,
            found=seen.found,
            new=seen.new | launched,
            owed=seen.owed + owed,
        )
        repeated = any(not launch.settled for launch in status.launches)  # decided earlier, when the launch was allowed
        return problems if repeated else problems + self._launched(len(self._seen.new) + self._seen.owed)

    def _rehearses(self, status: Status) -> bool:
        """Return whether the rollout rehearses its way forth. The first plan says so, after the first observation."""
        begins = self.rollout.gates.rehearses and status.rehearsal is Rehearsal.NONE and not status.rolling_back
        return begins or status.rehearsal is Rehearsal.FORTH

    def _see(self, status: Status, facts: Facts, desired: int) -> Seen:
        aside = self._aside
        members = frozenset(one for one in facts.live if facts.by_id[one].lifecycle not in _AWAY)
        return Seen(
            desired=desired,
            untouched=frozenset(one for one in members - aside if not self._is_on_goal(one)),
            found=frozenset(one for one in members & self.found if self._is_on_goal(one)),
            new=frozenset(one for one in members - set(status.failed) if self._is_new(one)),
            owed=facts.owed if self._group_launches_goal() else 0,
        )

    def _in_two_zones(self, chosen: frozenset[str], status: Status) -> list[str]:
        """Check that no zone is touched before its turn, and no two zones at once, if the zones come one by one."""
        gates = self.rollout.gates
        zones = {self.truth.instances[one].zone for one in chosen}
        if not gates.by_zone or not zones or self._rehearses(status):
            return []
        early = zones & set(gates.zones[status.gate.passed + 1 :])
        away = (one for one in _leaving(status) if self.truth.instances[one].live)
        at_once = zones | {self.truth.instances[one].zone for one in away}
        problems = [f"invariant 5: {sorted(chosen)} were chosen before the turn of {sorted(early)}"] if early else []
        return problems + ([f"invariant 5: two zones in flight: {sorted(at_once)}"] if len(at_once) > 1 else [])

    def _while_closed(
        self, chosen: frozenset[str], before: datetime | None, at: datetime, *, overridden: bool
    ) -> list[str]:
        """Check that no server was chosen while windows were closed or a freeze lasted, at this and the last look."""
        gates = self.rollout.gates
        follows = gates.is_scheduled and not overridden
        if not chosen or before is None or not follows or calendars_of((*gates.windows, *gates.freezes)):
            return []
        closed = (not schedule_at(gates.windows, gates.freezes, {}, one).is_open for one in (before, at))
        return [f"invariant 5: chose {sorted(chosen)} outside the windows"] if all(closed) else []

    def _opened_early(self, before: Status, now: Status) -> list[str]:
        if now.gate.passed == before.gate.passed:
            return []
        if now.gate.passed == before.gate.passed + 1 and self._may_open(before):
            return []
        return [f"invariant 5: gate {now.gate.passed} was opened too early"]

    def _may_open(self, status: Status) -> bool:
        gates = self.rollout.gates
        if status.gate.closed_since is None or self._looked_at is None:
            return False
        waited = self._looked_at - status.gate.closed_since >= timedelta(seconds=gates.delay_seconds)
        return waited and (status.user_requests.approved > status.gate.passed or not gates.needs_approval)

    def _beyond(self, taken: Iterable[str]) -> list[str]:
        """Check servers that were chosen to leave, or taken out, right after the observation."""
        seen, limit = self._seen, self._limit()
        names = frozenset() if seen is None else frozenset(taken) & seen.untouched
        if seen is None or limit is None or not names or seen.touched(names) <= limit:
            return []
        count = seen.touched(names)
        return [f"invariant 5: {sorted(names)} taken, {count} servers are touched, allowed before the gate: {limit}"]

    def _launched(self, count: int) -> list[str]:
        limit = self._limit(closed=0)
        if limit is None or count <= limit:
            return []
        return [f"invariant 5: {count} servers of the new version, allowed before the gate: {limit}"]

    def _limit(self, *, closed: int | None = None) -> int | None:
        """Return how many servers may be touched; None: any number.

        Args:
            closed: how many are allowed while a gate is closed; None: as many as are touched already.
        """
        status, seen = self._status, self._seen
        if status is None or seen is None or not _is_rolling(status):
            return None
        if self._rehearses(status):
            return 1
        checkpoints = self.rollout.gates.checkpoints
        may_open = self._may_open(status)
        if status.gate.closed_since is not None and not may_open:
            return seen.touched() if closed is None else closed
        behind = status.gate.passed + may_open
        return None if behind >= len(checkpoints) else max(1, checkpoints[behind].rounded_down(seen.desired))

    def _is_on_goal(self, instance_id: str) -> bool:
        return self.truth.instances[instance_id].application_version == self.rollout.to_version

    def _is_new(self, instance_id: str) -> bool:
        return instance_id not in self.found and self._is_on_goal(instance_id)

    def _group_launches_goal(self) -> bool:
        group = self.truth.group
        return group is not None and group.settings.template == self.rollout.template


def _is_rolling(status: Status) -> bool:
    return status.mode is Mode.ROLLING and not status.rolling_back


def _leaving(status: Status) -> frozenset[str]:
    """Return the old servers that leave, without those that failed or died."""
    return frozenset((*status.retiring, *status.reloading)) - set(status.failed)


def _chosen(status: Status) -> frozenset[str]:
    return frozenset((*status.retiring, *status.reloading, *status.kept))
