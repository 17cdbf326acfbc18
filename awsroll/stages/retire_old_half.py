"""Stage: retire the old half of a doubled group, then restore the group's settings. Called until it is done.

Members are terminated by id, each with a decrement of the desired capacity. If the desired capacity were only lowered,
the group would choose members itself, by zone first. No member goes unless as many new members serve as there were
before. The call has no token, so it is announced by a tag and not repeated while its effect may still come.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from awsroll.aws.connection import Connection
from awsroll.core.classify.serving import LEAVING
from awsroll.core.decide.group_sizes import can_restore_desired
from awsroll.core.decide.leaving_order import leaving_order, surplus_order
from awsroll.core.model import actions as act
from awsroll.core.model.observation import Instance, Lifecycle, TemplateVersion
from awsroll.core.model.reasons import Reason
from awsroll.core.model.setting_names import DESIRED
from awsroll.core.tags import ENDING_TAG
from awsroll.stages.carry_out import carry_out
from awsroll.stages.event_fields import CheckAnswer, GroupEvent, ManyInstances, Template, limited
from awsroll.stages.replace_members import terminations
from awsroll.stages.saved_settings import Phase, forget_settings, read_saved_settings, restore_settings
from awsroll.stages.scope import Scope, find_fleet_to_change, pinned_template, refuse
from awsroll.stages.stage_tags import format_instant, is_taken_out, termination_requested_at
from awsroll.stages.target_health import serving, why_not_serving

_SETTLE = timedelta(seconds=60)
_COUNTED = (Lifecycle.IN_SERVICE, Lifecycle.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireOldHalfEvent(GroupEvent):
    """Which members go.

    Attributes:
        old_instance_ids: the answer of `double_group`, or a part of it. Settings are restored with the last member.
        launch_template: only new members of this version count as serving.
        protected: whether members protected from scale-in are refused, or retired like the others.
    """

    old_instance_ids: ManyInstances
    launch_template: Template = ""
    protected: Literal["refuse", "replace"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireOldHalfAnswer(CheckAnswer):
    """Whether the members have left; with the last of the old half, the settings are restored, too.

    Attributes:
        leaving: members that the group drains and terminates now.
        desired: the desired capacity of the group now.
    """

    old_instance_ids: tuple[str, ...]
    leaving: tuple[str, ...]
    desired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Members:
    """The members of a doubled group.

    Attributes:
        desired_before: the desired capacity to restore.
        old: members from before the doubling, leaving ones included.
        new: the other members that have not left.
        ending: members that the group terminates, or was just asked to terminate.
    """

    desired_before: int
    old: dict[str, Instance]
    new: dict[str, Instance]
    ending: frozenset[str]


def retire_old_half(event: RetireOldHalfEvent, aws: Connection) -> RetireOldHalfAnswer:
    """Make the next step towards a group without its old half.

    Raises:
        FleetError: if the group was not doubled by this rollout, or a member is not in its old half; nothing was
            changed.
        FleetLockedError: if a rollout of awsroll's own engine holds the group; nothing was changed.
        AwsError: if AWS refused or did not answer; call the stage again to continue.
    """
    scope = find_fleet_to_change(event, aws)
    template = pinned_template(scope, event.launch_template)
    names = tuple(dict.fromkeys(event.old_instance_ids))
    saved = read_saved_settings(scope)
    phase = saved.phase_of(event.rollout_id)
    if DESIRED not in saved.values or phase is Phase.DONE:
        return _answer_late_call(scope, names, phase)
    if phase is not Phase.DOUBLED:
        refuse(f"group {scope.rollout.group} was not doubled by rollout {event.rollout_id}: see double_group")
    members = _split_members(scope, int(saved.values[DESIRED]))
    _check(scope, members, names, even_protected=event.protected == "replace")
    leaving = [members.old[name] for name in names if name in members.old]
    waiting = _retire(scope, members, leaving, template) if leaving else []
    if not leaving and not members.old:
        waiting = _restore_desired(scope, members)
        if not waiting:
            restore_settings(scope.refreshed(), saved)
    return _answer(scope.refreshed(), names, waiting)


def _answer_late_call(scope: Scope, names: tuple[str, ...], phase: Phase) -> RetireOldHalfAnswer:
    """Answer a call that comes after the settings were restored, by this stage or by a repair."""
    left = [name for name in names if name in scope.members and scope.lifecycle(name) not in LEAVING]
    if phase is Phase.NONE or (left and phase is not Phase.DONE):
        refuse(
            f"group {scope.rollout.group} was not doubled by rollout {scope.rollout.rollout_id}, or its settings were "
            "restored since"
        )
    if phase is not Phase.DONE:
        forget_settings(scope, read_saved_settings(scope))
    return _answer(scope, names, [])


def _split_members(scope: Scope, desired_before: int) -> _Members:
    members = scope.observe(scope.members)
    old = {name: one for name, one in members.items() if is_taken_out(scope.rollout, one)}
    new = {name: one for name, one in members.items() if name not in old and one.lifecycle in _COUNTED}
    now, terminated = scope.aws.now(), terminations(scope)
    ending = {name for name, one in members.items() if one.lifecycle in LEAVING or name in terminated}
    for name, instance in members.items():
        requested_at = termination_requested_at(instance)
        if requested_at is not None and now - requested_at < _SETTLE:
            ending.add(name)
    return _Members(desired_before=desired_before, old=old, new=new, ending=frozenset(ending))


def _check(scope: Scope, members: _Members, names: tuple[str, ...], *, even_protected: bool) -> None:
    group, problems = scope.rollout.group, []
    left = [name for name in names if name not in scope.members]
    known = scope.observe(left) if left else {}
    terminated = terminations(scope) if left else {}
    for name in names:
        if name in scope.members and name not in members.old:
            problems.append(f"{name} is not in the old half of group {group}")
        elif name in left and name not in terminated and not is_taken_out(scope.rollout, known[name]):
            problems.append(f"{name} is not a member of group {group}")
        elif name in members.old and members.old[name].protected and not even_protected and name not in members.ending:
            problems.append(f"{name} is protected from scale-in: remove the protection, or pass protected: replace")
    if problems:
        refuse(*problems)


def _retire(scope: Scope, members: _Members, leaving: list[Instance], template: TemplateVersion | None) -> list[str]:
    """Terminate the members that are not ending yet, if enough new members serve. Return what the stage waits for."""
    waiting = [f"{instance.instance_id} is leaving group {scope.rollout.group}" for instance in leaving]
    ready = [instance for instance in leaving if instance.instance_id not in members.ending]
    if not ready:
        return waiting
    staying = [instance for name, instance in members.new.items() if name not in members.ending]
    problems = [why_not_serving(scope, instance, template) for instance in staying]
    count = problems.count("")
    if count < members.desired_before:
        return [f"{count} new members serve, not {members.desired_before}", *filter(None, problems)]
    room = _room(scope, members)
    if room <= 0:
        desired = scope.group["DesiredCapacity"]
        return [f"desired capacity is {desired}, not above {members.desired_before}: the group itself scales in"]
    _terminate(scope, _leaving_order(scope, members, ready)[:room])
    return waiting


def _leaving_order(scope: Scope, members: _Members, ready: list[Instance]) -> tuple[Instance, ...]:
    every = {**members.old, **members.new}
    live = [one for name, one in every.items() if one.lifecycle not in LEAVING and name not in members.ending]
    return leaving_order(ready, in_service=serving(scope, ready), live=live)


def _room(scope: Scope, members: _Members) -> int:
    """Return how many members may be terminated with a decrement.

    Members that were just asked to go, and whose termination is not seen yet, may not be in the desired capacity yet.
    """
    every = {**members.old, **members.new}
    unseen = [name for name in members.ending if name in every and every[name].lifecycle not in LEAVING]
    return int(scope.group["DesiredCapacity"]) - members.desired_before - len(unseen)


def _restore_desired(scope: Scope, members: _Members) -> list[str]:
    """Restore the desired capacity once the old half has left. Return what the stage waits for.

    If old members ended by themselves, the group has launched more new members than it should keep. Then the newest of
    these are terminated by id.
    """
    desired, goal, group = int(scope.group["DesiredCapacity"]), members.desired_before, scope.rollout.group
    if desired == goal:
        return []
    if can_restore_desired(now=desired, goal=goal, members=len(members.new)):
        restore = act.SetDesiredCapacity(group=group, value=goal, expected=desired, reason=Reason.RESTORING)
        carry_out(scope, [restore])
        return [f"desired capacity of group {group} goes from {desired} to {goal}"]
    room = max(0, _room(scope, members))
    staying = [instance for name, instance in members.new.items() if name not in members.ending]
    _terminate(scope, surplus_order(staying, lambda instance: (not why_not_serving(scope, instance),))[:room])
    return [f"group {group} has {len(members.new)} members, not {goal}"]


def _terminate(scope: Scope, instances: Iterable[Instance]) -> None:
    names = tuple(instance.instance_id for instance in instances)
    if not names:
        return
    announced = ((ENDING_TAG, format_instant(scope.aws.now())),)
    retire = act.TerminateInGroup(
        group=scope.rollout.group, instance_ids=names, decrement=True, not_registered=(), reason=Reason.SURPLUS
    )
    carry_out(scope, [act.TagInstances(instance_ids=names, tags=announced, reason=Reason.SURPLUS)])
    carry_out(scope, [retire])


def _answer(scope: Scope, names: tuple[str, ...], waiting: list[str]) -> RetireOldHalfAnswer:
    return RetireOldHalfAnswer(
        rollout_id=scope.rollout.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        done=not waiting,
        wait_seconds=scope.poll_seconds(),
        details=limited(waiting),
        old_instance_ids=names,
        leaving=tuple(sorted(name for name in scope.members if scope.lifecycle(name) in LEAVING)),
        desired=int(scope.group["DesiredCapacity"]),
    )
