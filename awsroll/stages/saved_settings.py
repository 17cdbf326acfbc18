"""The settings of a group that stages change, saved as tags on the group, and how far the stages have come.

The old values have the engine's own keys (`awsroll:was:…`), so that `awsroll repair --asg` can restore them. The tag
`awsroll:stages` names the rollout and its phase. Both are written before the first change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from awsroll.aws.parse_answers import tags_of
from awsroll.core.decide.group_sizes import restored_maximum, restored_minimum
from awsroll.core.decide.suspended_processes import processes_to_resume
from awsroll.core.model.actions import ResumeProcesses, SuspendProcesses, UpdateGroup
from awsroll.core.model.reasons import Reason
from awsroll.core.model.setting_names import DESIRED, MAXIMUM, MINIMUM, PROCESS, RUNNING
from awsroll.core.tags import SAVED_SETTING_PREFIX, STAGES_TAG
from awsroll.stages.carry_out import carry_out
from awsroll.stages.scope import Scope, refuse


class Phase(StrEnum):
    """How far the stages of a rollout have come with a group."""

    NONE = "none"
    DOUBLING = "doubling"
    DOUBLED = "doubled"
    RELOADING = "reloading"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSettings:
    """What the tags of a group say about stages.

    Attributes:
        rollout_id: the rollout whose stages work on the group; empty if there is none.
        phase: how far that rollout has come.
        values: old values by setting, whichever rollout saved them.
    """

    rollout_id: str = ""
    phase: Phase = Phase.NONE
    values: Mapping[str, str]

    def phase_of(self, rollout_id: str) -> Phase:
        """Return how far a rollout has come; `NONE` if another rollout works on the group."""
        return self.phase if self.rollout_id == rollout_id else Phase.NONE


def read_saved_settings(scope: Scope) -> SavedSettings:
    """Read the tags of the group."""
    tags = tags_of(scope.group)
    owner, _, phase = tags.get(STAGES_TAG, "").partition(" ")
    known = phase in set(Phase)
    prefix = SAVED_SETTING_PREFIX
    return SavedSettings(
        rollout_id=owner if known else "",
        phase=Phase(phase) if known else Phase.NONE,
        values={key.removeprefix(prefix): value for key, value in tags.items() if key.startswith(prefix)},
    )


def check_no_other_rollout(scope: Scope, saved: SavedSettings, *phases: Phase) -> None:
    """Refuse a group whose settings were changed by another rollout, or by this one in another phase.

    Raises:
        FleetError: if the group has saved settings, and this rollout is not in one of the phases.
    """
    if saved.values and saved.phase_of(scope.rollout.rollout_id) not in phases:
        rollout = f"rollout {saved.rollout_id}" if saved.rollout_id else "an earlier rollout"
        refuse(
            f"{rollout} has left settings of group {scope.rollout.group} changed ({', '.join(sorted(saved.values))}): "
            f"finish that rollout, or restore the settings with `awsroll repair --asg {scope.rollout.group}`"
        )


def save_settings(scope: Scope, saved: SavedSettings, phase: Phase, values: Mapping[str, str]) -> SavedSettings:
    """Write old values and the phase in one call. Values that are saved already are kept."""
    rollout_id = scope.rollout.rollout_id
    new = {key: value for key, value in values.items() if key not in saved.values}
    if not new and saved.phase_of(rollout_id) is phase:
        return saved
    tags = {SAVED_SETTING_PREFIX + key: value for key, value in new.items()}
    scope.aws.autoscaling.add_tags(scope.rollout.group, tags | {STAGES_TAG: f"{rollout_id} {phase}"})
    return replace(saved, rollout_id=rollout_id, phase=phase, values={**saved.values, **new})


def forget_settings(scope: Scope, saved: SavedSettings) -> None:
    """Remove the old values, then tag the rollout as done, so that no late call changes the group again."""
    group = scope.rollout.group
    if saved.values:
        scope.aws.autoscaling.remove_tags(group, [SAVED_SETTING_PREFIX + key for key in saved.values])
    scope.aws.autoscaling.add_tags(group, {STAGES_TAG: f"{scope.rollout.rollout_id} {Phase.DONE}"})


def suspended_processes(scope: Scope) -> frozenset[str]:
    """Return the processes of the group that are suspended now."""
    return frozenset(process["ProcessName"] for process in scope.group.get("SuspendedProcesses", []))


def running_processes(scope: Scope, processes: tuple[str, ...]) -> dict[str, str]:
    """Return those of the processes that run now, as settings to save."""
    return {f"{PROCESS}{name}": RUNNING for name in processes if name not in suspended_processes(scope)}


def _saved_processes(saved: SavedSettings) -> list[str]:
    return sorted(key.removeprefix(PROCESS) for key in saved.values if key.startswith(PROCESS))


def suspend_processes(scope: Scope, saved: SavedSettings) -> None:
    """Suspend the processes that are saved as running."""
    suspended = suspended_processes(scope)
    names = tuple(name for name in _saved_processes(saved) if name not in suspended)
    if names:
        carry_out(scope, [SuspendProcesses(group=scope.rollout.group, processes=names, reason=Reason.PREPARING)])


def restore_settings(scope: Scope, saved: SavedSettings) -> None:
    """Restore sizes and processes so that the group terminates no member by it, then forget them."""
    group = scope.rollout.group
    lowest, highest = _sizes_to_restore(scope, saved)
    if (lowest, highest) != (None, None):
        carry_out(scope, [UpdateGroup(group=group, minimum=lowest, maximum=highest, reason=Reason.RESTORING)])
    names = processes_to_resume(_saved_processes(saved), suspended_processes(scope))
    if names:
        carry_out(scope, [ResumeProcesses(group=group, processes=names, reason=Reason.RESTORING)])
    forget_settings(scope, saved)


def _sizes_to_restore(scope: Scope, saved: SavedSettings) -> tuple[int | None, int | None]:
    """Return the minimum and the maximum to set; None for a size that is right, was not changed, or is not ours.

    `double_group` sets the maximum to twice the old desired capacity. `deregister_targets` sets the minimum to what is
    left of the old desired capacity. Another value was set by someone else.
    """
    desired = int(scope.group["DesiredCapacity"])
    before = int(saved.values.get(DESIRED, desired))
    lowest = highest = None
    if MINIMUM in saved.values:
        now, old = int(scope.group["MinSize"]), int(saved.values[MINIMUM])
        lowest = restored_minimum(now=now, saved=old, desired=desired, ours=range(before))
    if MAXIMUM in saved.values:
        now, old = int(scope.group["MaxSize"]), int(saved.values[MAXIMUM])
        highest = restored_maximum(now=now, saved=old, desired=desired, ours=(2 * before,))
    return lowest, highest
