"""Stage: lets the old half of a doubled group go, and puts the group's settings back. Called again until it is done.

Members go by id, lowering the desired capacity with each: a group that is merely given a smaller one ends members of
its own choice, by zone first. None goes unless as many new members serve as there were before. The call has no token:
each is announced on the member, and is not made again while its effect may still come.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from awsroll.aws.connection import Connection
from awsroll.core.classify.serving import LEAVING
from awsroll.core.decide.group_sizes import can_restore_desired
from awsroll.core.decide.leaving_order import leaving_order, surplus_order
from awsroll.core.decide.settings import DESIRED
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Reason
from awsroll.core.model.observation import Instance, Lifecycle, TemplateVersion
from awsroll.core.tags import ENDING_TAG
from awsroll.preflight.findings import Findings
from awsroll.preflight.versions import pin
from awsroll.stages.carry_out import carry_out
from awsroll.stages.event_fields import CheckAnswer, GroupEvent, ManyInstances, Template, first_of
from awsroll.stages.group_memory import Phase, forget, put_back, read_memory
from awsroll.stages.replace_members import ended_members
from awsroll.stages.scope import Scope, fleet_to_change, raise_refusals, refuse
from awsroll.stages.stage_tags import asked_to_end_at, instant, is_taken_out
from awsroll.stages.target_health import lacking, serving

_SETTLE = timedelta(seconds=60)
_COUNTED = (Lifecycle.IN_SERVICE, Lifecycle.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireOldHalfEvent(GroupEvent):
    """Which members go.

    Attributes:
        old_instance_ids: as `double_group` has answered; a part of them is retired without the settings being put back.
        launch_template: only new members of this version count as serving.
        protected: members that are protected from scale-in are refused, or go all the same.
    """

    old_instance_ids: ManyInstances
    launch_template: Template = ""
    protected: Literal["refuse", "replace"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetireOldHalfAnswer(CheckAnswer):
    """Who has gone; done: all of them, and with the last of the old half the settings are as they were.

    Attributes:
        leaving: members that the group drains and ends now.
        desired: what the group is set to.
    """

    old_instance_ids: tuple[str, ...]
    leaving: tuple[str, ...]
    desired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """The group, told apart.

    Attributes:
        before: the desired capacity to come back to.
        old: members of before, leaving ones included.
        new: the others that have not left.
        ending: those that the group is ending, or was just asked to.
    """

    before: int
    old: dict[str, Instance]
    new: dict[str, Instance]
    ending: frozenset[str]


def retire_old_half(event: RetireOldHalfEvent, aws: Connection) -> RetireOldHalfAnswer:
    """Bring the group one step on.

    Raises:
        FleetError: if the group was not doubled by this rollout, or one of the members is not of its old half; nothing
            was changed.
        FleetLockedError: if a rollout of awsroll's own engine holds the group; nothing was changed.
        AwsError: if AWS refused or did not answer; calling it again goes on.
    """
    scope = fleet_to_change(event, aws)
    template = _template(scope, event.launch_template)
    names = tuple(dict.fromkeys(event.old_instance_ids))
    memory = read_memory(scope)
    phase = memory.of(event.rollout_id)
    if DESIRED not in memory.was or phase is Phase.DONE:
        return _after_the_end(scope, names, phase)
    if phase is not Phase.DOUBLED:
        refuse(f"group {scope.rollout.group} was not doubled by rollout {event.rollout_id}: see double_group")
    half = _tell_apart(scope, int(memory.was[DESIRED]))
    _check(scope, half, names, even_protected=event.protected == "replace")
    going = [half.old[name] for name in names if name in half.old]
    waiting = _retire(scope, half, going, template) if going else []
    if not going and not half.old:
        waiting = _shrink(scope, half)
        if not waiting:
            put_back(scope.again(), read_memory(scope))
    return _answer(scope.again(), names, waiting)


def _template(scope: Scope, named: str) -> TemplateVersion | None:
    findings = Findings()
    found = pin(scope.aws, named, None, findings) if named else None
    raise_refusals(findings)
    return found


def _after_the_end(scope: Scope, names: tuple[str, ...], phase: Phase) -> RetireOldHalfAnswer:
    """Answer a late call: the settings have been put back, by this stage or by a repair."""
    left = [name for name in names if name in scope.members and scope.lifecycle(name) not in LEAVING]
    if phase is Phase.NONE or (left and phase is not Phase.DONE):
        refuse(
            f"group {scope.rollout.group} was not doubled by rollout {scope.rollout.rollout_id}, or somebody has put "
            "its settings back since"
        )
    if phase is not Phase.DONE:
        forget(scope, read_memory(scope))
    return _answer(scope, names, [])


def _tell_apart(scope: Scope, before: int) -> _Half:
    seen = scope.look(scope.members)
    old = {name: one for name, one in seen.items() if is_taken_out(scope.rollout, one)}
    new = {name: one for name, one in seen.items() if name not in old and one.lifecycle in _COUNTED}
    now, ended = scope.aws.clock.now(), ended_members(scope)
    ending = {name for name, one in seen.items() if one.lifecycle in LEAVING or name in ended}
    for name, one in seen.items():
        asked = asked_to_end_at(one)
        if asked is not None and now - asked < _SETTLE:
            ending.add(name)
    return _Half(before=before, old=old, new=new, ending=frozenset(ending))


def _check(scope: Scope, half: _Half, names: tuple[str, ...], *, even_protected: bool) -> None:
    group, problems = scope.rollout.group, []
    gone = [name for name in names if name not in scope.members]
    known = scope.look(gone) if gone else {}
    ended = ended_members(scope) if gone else {}
    for name in names:
        if name in scope.members and name not in half.old:
            problems.append(f"{name} is not of the old half of group {group}")
        elif name in gone and name not in ended and not is_taken_out(scope.rollout, known[name]):
            problems.append(f"{name} is no member of group {group}")
        elif name in half.old and half.old[name].protected and not even_protected and name not in half.ending:
            problems.append(f"{name} is protected from scale-in: lift that, or give protected: replace")
    if problems:
        refuse(*problems)


def _retire(scope: Scope, half: _Half, going: list[Instance], template: TemplateVersion | None) -> list[str]:
    """Ask the group to end those that it is not ending yet, if enough of the new ones serve."""
    waiting = [f"{one.instance_id} is leaving group {scope.rollout.group}" for one in going]
    ready = [one for one in going if one.instance_id not in half.ending]
    if not ready:
        return waiting
    said = {name: lacking(scope, one, template) for name, one in half.new.items() if name not in half.ending}
    count = sum(not words for words in said.values())
    if count < half.before:
        return [f"{count} new members serve, not {half.before}", *(words for words in said.values() if words)]
    room = _room(scope, half)
    if room <= 0:
        return [f"desired capacity is {scope.group['DesiredCapacity']}: the old half is the group's own to scale in"]
    _end(scope, _next_to_go(scope, half, ready)[:room])
    return waiting


def _next_to_go(scope: Scope, half: _Half, ready: list[Instance]) -> tuple[Instance, ...]:
    members = {**half.old, **half.new}
    live = [one for name, one in members.items() if one.lifecycle not in LEAVING and name not in half.ending]
    return leaving_order(ready, in_service=serving(scope, ready), live=live)


def _room(scope: Scope, half: _Half) -> int:
    """Return how many members may go with decrement: those that were just asked to, unseen so far, are counted off."""
    seen = {**half.old, **half.new}
    unseen = [name for name in half.ending if name in seen and seen[name].lifecycle not in LEAVING]
    return int(scope.group["DesiredCapacity"]) - half.before - len(unseen)


def _shrink(scope: Scope, half: _Half) -> list[str]:
    """Bring desired capacity back to what it was once the old half is gone, whatever has gone wrong meanwhile.

    If old members ended by themselves the group has launched more new ones than it should keep: the newest go, by id.
    """
    desired, group = int(scope.group["DesiredCapacity"]), scope.rollout.group
    if desired == half.before:
        return []
    if can_restore_desired(now=desired, goal=half.before, members=len(half.new)):
        back = act.SetDesiredCapacity(group=group, value=half.before, expected=desired, reason=Reason.RESTORING)
        carry_out(scope, [back])
        return [f"desired capacity of group {group} goes from {desired} to {half.before}"]
    room = max(0, _room(scope, half))
    staying = [one for name, one in half.new.items() if name not in half.ending]
    _end(scope, surplus_order(staying, lambda one: (not lacking(scope, one),))[:room])
    return [f"group {group} has {len(half.new)} members, not {half.before}"]


def _end(scope: Scope, ready: Iterable[Instance]) -> None:
    names = tuple(one.instance_id for one in ready)
    if not names:
        return
    announced = ((ENDING_TAG, instant(scope.aws.clock.now())),)
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
        details=first_of(waiting),
        old_instance_ids=names,
        leaving=tuple(sorted(name for name in scope.members if scope.lifecycle(name) in LEAVING)),
        desired=int(scope.group["DesiredCapacity"]),
    )
