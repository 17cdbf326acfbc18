"""The parts of a rollout's status: small values, each for one question about the rollout as a whole.

The dataclasses hold plain values only, so that they can be stored as they are.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from awsroll.core.model.hook_calls import HookCall
from awsroll.core.model.replacing import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The group's desired capacity: its goal, and its value after awsroll's own calls.

    Attributes:
        goal: the capacity of the fleet: the value at the start, or the value set by someone else since.
        expected: the value that the group should have now, with awsroll's surge and standby moves.
        previous: the value before the last moves, for as long as an observation may still show it.
        moved_at: when the last moves were made.
    """

    goal: int
    expected: int
    previous: int
    moved_at: datetime


class Owner(StrEnum):
    """To whom a failure is due. Only failures of the version count against `max_failures`."""

    VERSION = "version"  # never healthy, crashed, shut itself down, unhealthy after it served
    OTHERS = "others"  # AWS or other people: terminated by a user, Spot interruption, host failure, no capacity
    OURS = "ours"  # a call of awsroll was refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One failure and its cause. `instance_id` is empty if the failure is not of one instance.

    Attributes:
        owner: to whom it is due.
        final: another attempt cannot help (an alarm, no progress), so `max_failures` does not cover it.
    """

    instance_id: str
    cause: str
    at: datetime
    owner: Owner = Owner.VERSION
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Figures for the report. `lowest_serving`, `highest_live` and `highest_running` are over all observations.

    Attributes:
        replaced: servers that were retired, in either direction. `core.classify.counts` returns how many count.
        drain_seconds_saved: by how much drain probes have shortened drains, in all.
        replaced_forward: the value of `replaced` when the rollback began; None if there is no rollback.
    """

    launches: int = 0
    commands: int = 0
    hooks: int = 0
    replaced: int = 0
    replaced_forward: int | None = None
    reloaded: int = 0
    skipped: int = 0
    lowest_serving: int | None = None
    highest_live: int = 0
    highest_running: int = 0
    drain_seconds_saved: float = 0


class Rehearsal(StrEnum):
    """How far the rehearsal is."""

    NONE = "none"  # not asked for, or given up by a rollback
    FORTH = "forth"  # one server goes to the new version
    BACK = "back"  # it returns to the old version
    PASSED = "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The progress through the gates.

    Attributes:
        passed: the number of checkpoints passed.
        closed_since: since when the rollout waits at the next checkpoint; None if it does not wait.
        asked_since: since when the closed gate waits for nothing but a person's approval; None if it does not.
        baking_since: since when the whole new fleet has served; None before and after the bake time.
        baked: the bake time is over.
    """

    passed: int = 0
    closed_since: datetime | None = None
    asked_since: datetime | None = None
    baking_since: datetime | None = None
    baked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """What keeps the rollout from starting anything new. What is in flight comes to its end.

    Attributes:
        reason: what it waits for: `the window that opens at 2026-12-01 09:00 CET`.
        since: since when.
        until: when that ends, as far as it is known.
        rests: nothing was in flight once: since then the group takes care of itself.
    """

    reason: str
    since: datetime
    until: datetime | None = None
    rests: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSettings:
    """Settings of the group and of target groups that this rollout changed.

    Attributes:
        found: name -> value before the rollout.
        set: name -> the values set by this rollout, separated by spaces; the last one is wanted now. Earlier ones stay
            until an observation shows the last one, because its call may not have been made. Any other value was set
            by someone else.
        changed_at: when settings were last announced or changed, until an observation shows the change.
        abandoned: names of the calls that could not restore a setting; they are in the report.
    """

    found: dict[str, str] = field(default_factory=dict)
    set: dict[str, str] = field(default_factory=dict)
    changed_at: datetime | None = None
    abandoned: tuple[str, ...] = ()

    def without(self, names: Collection[str]) -> "SavedSettings":
        """Return the settings without those that nothing can restore."""
        found = {name: value for name, value in self.found.items() if name not in names}
        return replace(self, found=found, set={name: value for name, value in self.set.items() if name not in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Instances that this rollout has requested but EC2 or the group has not launched.

    Attributes:
        since: since when; None if there is no shortage.
        reason: why, in AWS's words.
        zones: zones where LaunchInstances found no capacity, and when. Other zones are tried first.
        not_offered: zones that do not offer the instance type. They are not tried again.
        shifted: zones under a zonal shift, until an observation shows requests there again.
        excused_until: failed launches of the group up to this time (by AWS's clock) are not caused by this rollout.
        launch_after: the earliest time of the next launch, after a refusal that may pass by itself.
        keeps_drained: the end of a drained server would not give the launch what it lacks. So the drained servers of a
            standalone fleet wait for their replacements: they can still return to service.
    """

    since: datetime | None = None
    reason: str = ""
    zones: dict[str, datetime] = field(default_factory=dict)
    not_offered: tuple[str, ...] = ()
    shifted: tuple[str, ...] = ()
    excused_until: datetime | None = None
    launch_after: datetime | None = None
    keeps_drained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A failed server that is kept for inspection, out of traffic and out of the fleet.

    Attributes:
        until: when a repair may terminate it.
        is_out: an observation has shown that it is out of the fleet. Until then, it is on its way out.
        is_refused: AWS has refused to tag or detach it, so it is terminated like another failed server.
    """

    instance_id: str
    until: datetime
    is_out: bool = False
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRuns:
    """Runs of hooks.

    Attributes:
        announced: runs that were announced and whose end has not been observed.
        passed: keys of the hooks that have passed, as long as they are needed.
    """

    announced: tuple[HookCall, ...] = ()
    passed: tuple[str, ...] = ()
