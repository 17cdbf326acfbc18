"""What a stage changes on a group, remembered on the group itself: the engine's ledger of tags, and how far it is.

The old values stand under the engine's own keys (`awsroll:was:…`), so that `awsroll repair --asg` puts them back
whatever became of the stages. Beside them stands whose they are. They are written before the first change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from awsroll.aws.parse_answers import tags_of
from awsroll.core.decide.group_sizes import restored_maximum, restored_minimum
from awsroll.core.decide.processes import processes_to_resume
from awsroll.core.decide.settings import DESIRED, MAXIMUM, MINIMUM, PROCESS, RUNNING
from awsroll.core.model.actions import Reason, ResumeProcesses, SuspendProcesses, UpdateGroup
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
class Memory:
    """What a group's tags say of stages.

    Attributes:
        rollout_id: whose they are; empty if there are none.
        was: old values by setting, whoever wrote them.
    """

    rollout_id: str = ""
    phase: Phase = Phase.NONE
    was: Mapping[str, str]

    def of(self, rollout_id: str) -> Phase:
        """Return how far this very rollout has come."""
        return self.phase if self.rollout_id == rollout_id else Phase.NONE


def read_memory(scope: Scope) -> Memory:
    """Read the group's tags."""
    tags = tags_of(scope.group)
    owner, _, phase = tags.get(STAGES_TAG, "").partition(" ")
    known = phase in {one.value for one in Phase}
    return Memory(
        rollout_id=owner if known else "",
        phase=Phase(phase) if known else Phase.NONE,
        was={key.removeprefix(SAVED_SETTING_PREFIX): tags[key] for key in tags if key.startswith(SAVED_SETTING_PREFIX)},
    )


def check_is_free(scope: Scope, memory: Memory, *mine: Phase) -> None:
    """Refuse a group that anybody else has left changed, or that other stages of this rollout are at.

    Raises:
        FleetError: if so.
    """
    if memory.was and memory.of(scope.rollout.rollout_id) not in mine:
        whose = f"rollout {memory.rollout_id}" if memory.rollout_id else "an earlier rollout"
        refuse(
            f"{whose} has left settings of group {scope.rollout.group} changed ({', '.join(sorted(memory.was))}): let "
            f"it come to its end, or put them back with `awsroll repair --asg {scope.rollout.group}`"
        )


def remember(scope: Scope, memory: Memory, phase: Phase, was: Mapping[str, str]) -> Memory:
    """Write old values and the phase, in one call; what is remembered already stays as it is."""
    rollout_id = scope.rollout.rollout_id
    new = {key: value for key, value in was.items() if key not in memory.was}
    if not new and memory.of(rollout_id) is phase:
        return memory
    tags = {SAVED_SETTING_PREFIX + key: value for key, value in new.items()}
    scope.aws.autoscaling.add_tags(scope.rollout.group, tags | {STAGES_TAG: f"{rollout_id} {phase}"})
    return replace(memory, rollout_id=rollout_id, phase=phase, was={**memory.was, **new})


def forget(scope: Scope, memory: Memory) -> None:
    """Remove the old values, then say that the rollout is done with the group: no late call changes it again."""
    if memory.was:
        scope.aws.autoscaling.remove_tags(scope.rollout.group, [SAVED_SETTING_PREFIX + key for key in memory.was])
    scope.aws.autoscaling.add_tags(scope.rollout.group, {STAGES_TAG: f"{scope.rollout.rollout_id} {Phase.DONE}"})


def suspended(scope: Scope) -> frozenset[str]:
    """Return which of the group's processes rest now."""
    return frozenset(one["ProcessName"] for one in scope.group.get("SuspendedProcesses", []))


def running(scope: Scope, processes: tuple[str, ...]) -> dict[str, str]:
    """Return, as old values, which of these processes run now."""
    return {f"{PROCESS}{name}": RUNNING for name in processes if name not in suspended(scope)}


def _processes(memory: Memory) -> list[str]:
    return sorted(key.removeprefix(PROCESS) for key in memory.was if key.startswith(PROCESS))


def suspend(scope: Scope, memory: Memory) -> None:
    """Suspend the processes that are remembered as running."""
    names = tuple(name for name in _processes(memory) if name not in suspended(scope))
    if names:
        carry_out(scope, [SuspendProcesses(group=scope.rollout.group, processes=names, reason=Reason.PREPARING)])


def put_back(scope: Scope, memory: Memory) -> None:
    """Put bounds and processes back as they were, never so that the group would end instances by it; forget them."""
    name, desired = scope.rollout.group, int(scope.group["DesiredCapacity"])
    before = int(memory.was.get(DESIRED, desired))
    maximum, minimum = memory.was.get(MAXIMUM), memory.was.get(MINIMUM)
    highest = lowest = None
    if maximum is not None:
        now = int(scope.group["MaxSize"])
        highest = restored_maximum(now=now, saved=int(maximum), desired=desired, ours=(2 * before,))
    if minimum is not None:
        now = int(scope.group["MinSize"])
        lowest = restored_minimum(now=now, saved=int(minimum), desired=desired, ours=range(before))
    if (highest, lowest) != (None, None):
        carry_out(scope, [UpdateGroup(group=name, minimum=lowest, maximum=highest, reason=Reason.RESTORING)])
    names = processes_to_resume(_processes(memory), suspended(scope))
    if names:
        carry_out(scope, [ResumeProcesses(group=name, processes=names, reason=Reason.RESTORING)])
    forget(scope, memory)
