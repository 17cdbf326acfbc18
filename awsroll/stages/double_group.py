"""Stage: let a group launch as many new members as it has, beside the old ones.

Old members are tagged and old settings are saved before anything is changed. The desired capacity becomes twice the
saved one, an absolute value, so a repeated call does not double it again.
"""

from dataclasses import dataclass
from typing import Literal

from awsroll.aws.connection import Connection
from awsroll.core.classify.serving import LEAVING
from awsroll.core.decide.suspended_processes import processes_to_suspend
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer
from awsroll.core.model.observation import Lifecycle
from awsroll.core.model.reasons import Reason
from awsroll.core.model.setting_names import DESIRED, MAXIMUM
from awsroll.errors import FleetError
from awsroll.stages.carry_out import carry_out
from awsroll.stages.event_fields import FleetAnswer, GroupEvent, Seconds, Template
from awsroll.stages.routes import check_managed_delays, check_other_routes
from awsroll.stages.saved_settings import (
    Phase,
    SavedSettings,
    check_no_other_rollout,
    read_saved_settings,
    running_processes,
    save_settings,
    suspend_processes,
)
from awsroll.stages.scope import Scope, check_can_launch, find_fleet_to_change, refuse
from awsroll.stages.stage_tags import is_taken_out, retiring_tags

_POLL_SECONDS = 15
_BEGUN = (Phase.DOUBLING, Phase.DOUBLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleGroupEvent(GroupEvent):
    """Which group to double.

    Attributes:
        launch_template: refuse a group that launches another version.
        protected: whether members protected from scale-in are refused, or replaced like the others.
    """

    launch_template: Template = ""
    protected: Literal["refuse", "replace"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleGroupAnswer(FleetAnswer):
    """Which members go once the new half serves, for `retire_old_half`.

    Attributes:
        old_instance_ids: the old members that are still in the group.
        desired_before: the number of new members that must serve, for `check_healthy`.
        desired: the desired capacity of the group now.
    """

    old_instance_ids: tuple[str, ...]
    desired_before: int
    desired: int
    wait_seconds: Seconds


def double_group(event: DoubleGroupEvent, aws: Connection) -> DoubleGroupAnswer:
    """Double a group that is at rest. A group that this rollout has doubled already is left alone.

    Raises:
        FleetError: if the group cannot be doubled; nothing was changed. Or if someone else has set its desired capacity
            since; the old values are saved as tags.
        FleetLockedError: if a rollout of awsroll's own engine holds the group; nothing was changed.
        AwsError: if AWS refused or did not answer; call the stage again to continue.
    """
    scope = find_fleet_to_change(event, aws)
    saved = read_saved_settings(scope)
    phase = saved.phase_of(event.rollout_id)
    if phase is not Phase.DONE:
        check_no_other_rollout(scope, saved, *_BEGUN)
    if phase not in (*_BEGUN, Phase.DONE):
        saved = _save_settings(scope, saved, event)
    before = int(saved.values.get(DESIRED, scope.group["DesiredCapacity"]))
    if saved.phase_of(event.rollout_id) is Phase.DOUBLING:
        _double(scope, saved, before)
    scope = scope.refreshed()
    return DoubleGroupAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        old_instance_ids=() if phase is Phase.DONE else _old_members(scope),
        desired_before=before,
        desired=int(scope.group["DesiredCapacity"]),
        wait_seconds=_POLL_SECONDS,
    )


def _save_settings(scope: Scope, saved: SavedSettings, event: DoubleGroupEvent) -> SavedSettings:
    check_can_launch(scope, event.launch_template)
    desired, maximum = int(scope.group["DesiredCapacity"]), int(scope.group["MaxSize"])
    names = _members_at_rest(scope, desired, even_protected=event.protected == "replace")
    check_managed_delays(scope)
    check_other_routes(scope, names, replaces=True)
    tags = tuple(retiring_tags(scope.rollout).items())
    carry_out(scope, [act.TagInstances(instance_ids=names, tags=tags, reason=Reason.PREPARING)])
    values = {DESIRED: str(desired)} | running_processes(scope, processes_to_suspend(surges=True))
    if maximum < 2 * desired:
        values[MAXIMUM] = str(maximum)
    return save_settings(scope, saved, Phase.DOUBLING, values)


def _members_at_rest(scope: Scope, desired: int, *, even_protected: bool) -> tuple[str, ...]:
    """Return the members in service of a group whose members do not change.

    Raises:
        FleetError: if a member is launching or leaving, or may not be replaced.
    """
    states = {name: scope.lifecycle(name) for name in scope.members}
    in_service = tuple(sorted(name for name, state in states.items() if state is Lifecycle.IN_SERVICE))
    group = scope.rollout.group
    moving = [
        f"{name} is {scope.members[name]['LifecycleState']}"
        for name, state in states.items()
        if state not in (Lifecycle.IN_SERVICE, Lifecycle.STANDBY)
    ]
    if moving or len(in_service) != desired:
        counts = f"group {group} has {len(in_service)} of {desired} members in service"
        refuse(counts, *moving, "wait until all members are in service")
    if not desired:
        refuse(f"group {group} has no members: there is nothing to double")
    held = [name for name in in_service if scope.members[name].get("ProtectedFromScaleIn")]
    if held and not even_protected:
        refuse(f"{', '.join(held)}: protected from scale-in; remove the protection, or pass protected: replace")
    return in_service


def _double(scope: Scope, saved: SavedSettings, before: int) -> None:
    group, wanted, now = scope.rollout.group, 2 * before, int(scope.group["DesiredCapacity"])
    suspend_processes(scope, saved)
    if int(scope.group["MaxSize"]) < wanted:
        carry_out(scope, [act.UpdateGroup(group=group, maximum=wanted, reason=Reason.PREPARING)])
    if now != wanted:
        raised = act.SetDesiredCapacity(group=group, value=wanted, expected=before, reason=Reason.SURGING)
        (result,) = carry_out(scope, [raised])
        if result.answer is Answer.STALE:
            problem = (
                f"{result.message}: someone else has changed group {group}; the group was not doubled. The settings "
                f"that were changed before are saved: `awsroll repair --asg {group}` restores them"
            )
            raise FleetError(problem)
    save_settings(scope, saved, Phase.DOUBLED, {})


def _old_members(scope: Scope) -> tuple[str, ...]:
    """Return the members that were tagged before the group was doubled."""
    members = scope.observe(name for name in scope.members if scope.lifecycle(name) not in LEAVING)
    return tuple(sorted(name for name, instance in members.items() if is_taken_out(scope.rollout, instance)))
