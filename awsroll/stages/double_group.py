"""Stage: lets a group launch as many new members as it has, beside the old ones.

Old members are marked and old settings are remembered before anything is changed. The desired capacity becomes twice
the *remembered* one, an absolute value, so no repetition doubles it again.
"""

from dataclasses import dataclass
from typing import Literal

from awsroll.aws.connection import Connection
from awsroll.core.classify.serving import LEAVING
from awsroll.core.decide.processes import processes_to_suspend
from awsroll.core.decide.settings import DESIRED, MAXIMUM
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Answer, Reason
from awsroll.core.model.observation import Lifecycle
from awsroll.errors import FleetError
from awsroll.stages.carry_out import carry_out
from awsroll.stages.event_fields import FleetAnswer, GroupEvent, Seconds, Template
from awsroll.stages.group_memory import (
    Memory,
    Phase,
    check_is_free,
    read_memory,
    remember,
    running,
    suspend,
)
from awsroll.stages.scope import Scope, check_can_launch, fleet_to_change, refuse
from awsroll.stages.stage_tags import is_taken_out, taken_out

_POLL_SECONDS = 15
_BEGUN = (Phase.DOUBLING, Phase.DOUBLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleGroupEvent(GroupEvent):
    """Which group to double.

    Attributes:
        launch_template: what the group must launch: one that launches another version is refused.
        protected: a group with members that are protected from scale-in is refused, or they go in the end all the same.
    """

    launch_template: Template = ""
    protected: Literal["refuse", "replace"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleGroupAnswer(FleetAnswer):
    """What is to go once the new half serves, for `retire_old_half`.

    Attributes:
        old_instance_ids: the members of before that are still there.
        desired_before: so many new members must serve; for `check_healthy`.
        desired: what the group was set to.
    """

    old_instance_ids: tuple[str, ...]
    desired_before: int
    desired: int
    wait_seconds: Seconds


def double_group(event: DoubleGroupEvent, aws: Connection) -> DoubleGroupAnswer:
    """Double a group that is at rest; done before, nothing is changed.

    Raises:
        FleetError: if the group cannot be doubled as it is; nothing was changed. Or somebody else has set its desired
            capacity since; the old values stand as tags.
        FleetLockedError: if a rollout of awsroll's own engine holds the group; nothing was changed.
        AwsError: if AWS refused or did not answer; calling it again goes on.
    """
    scope = fleet_to_change(event, aws)
    memory = read_memory(scope)
    phase = memory.of(event.rollout_id)
    if phase is not Phase.DONE:
        check_is_free(scope, memory, *_BEGUN)
    if phase not in (*_BEGUN, Phase.DONE):
        memory = _remember(scope, memory, event)
    before = int(memory.was.get(DESIRED, scope.group["DesiredCapacity"]))
    if memory.of(event.rollout_id) is Phase.DOUBLING:
        _double(scope, memory, before)
    scope = scope.again()
    return DoubleGroupAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        old_instance_ids=() if phase is Phase.DONE else _old(scope),
        desired_before=before,
        desired=int(scope.group["DesiredCapacity"]),
        wait_seconds=_POLL_SECONDS,
    )


def _remember(scope: Scope, memory: Memory, event: DoubleGroupEvent) -> Memory:
    check_can_launch(scope, event.launch_template)
    desired, maximum = int(scope.group["DesiredCapacity"]), int(scope.group["MaxSize"])
    names = _at_rest(scope, desired, even_protected=event.protected == "replace")
    marks = tuple(taken_out(scope.rollout).items())
    carry_out(scope, [act.TagInstances(instance_ids=names, tags=marks, reason=Reason.PREPARING)])
    was = {DESIRED: str(desired)} | ({MAXIMUM: str(maximum)} if maximum < 2 * desired else {})
    return remember(scope, memory, Phase.DOUBLING, was | running(scope, processes_to_suspend(surges=True)))


def _at_rest(scope: Scope, desired: int, *, even_protected: bool) -> tuple[str, ...]:
    """Return the members of a group in which nothing is going on.

    Raises:
        FleetError: if something is.
    """
    seen = {name: scope.lifecycle(name) for name in scope.members}
    counted = tuple(sorted(name for name, state in seen.items() if state is Lifecycle.IN_SERVICE))
    group = scope.rollout.group
    moving = [
        f"{name} is {scope.members[name]['LifecycleState']}"
        for name, state in seen.items()
        if state not in (Lifecycle.IN_SERVICE, Lifecycle.STANDBY)
    ]
    if moving or len(counted) != desired:
        refuse(f"group {group} has {len(counted)} of {desired} members in service", *moving, "wait until it is at rest")
    if not desired:
        refuse(f"group {group} has no members: there is nothing to double")
    held = [name for name in counted if scope.members[name].get("ProtectedFromScaleIn")]
    if held and not even_protected:
        refuse(f"{', '.join(held)}: protected from scale-in; lift that, or give protected: replace")
    return counted


def _double(scope: Scope, memory: Memory, before: int) -> None:
    group, wanted, now = scope.rollout.group, 2 * before, int(scope.group["DesiredCapacity"])
    suspend(scope, memory)
    if int(scope.group["MaxSize"]) < wanted:
        carry_out(scope, [act.UpdateGroup(group=group, maximum=wanted, reason=Reason.PREPARING)])
    if now != wanted:
        raised = act.SetDesiredCapacity(group=group, value=wanted, expected=before, reason=Reason.SURGING)
        (result,) = carry_out(scope, [raised])
        if result.answer is Answer.STALE:
            problem = (
                f"{result.message}: somebody has changed group {group} since; it was not doubled. What was changed "
                f"before is remembered: `awsroll repair --asg {group}` puts it back"
            )
            raise FleetError(problem)
    remember(scope, memory, Phase.DOUBLED, {})


def _old(scope: Scope) -> tuple[str, ...]:
    """Return the members that were marked before the group was doubled."""
    seen = scope.look(name for name in scope.members if scope.lifecycle(name) not in LEAVING)
    return tuple(sorted(name for name, one in seen.items() if is_taken_out(scope.rollout, one)))
