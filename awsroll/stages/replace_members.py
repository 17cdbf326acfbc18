"""Has a group replace members by itself: the desired capacity stays, so the group launches one for each that goes."""

from datetime import datetime, timedelta

from awsroll.core.classify.serving import LEAVING
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Reason
from awsroll.core.model.observation import Instance, Lifecycle
from awsroll.fleets.group_settings import TERMINATED
from awsroll.stages.carry_out import carry_out
from awsroll.stages.group_memory import check_is_free, read_memory
from awsroll.stages.replace_standalone import Come, Wish
from awsroll.stages.scope import Scope, check_can_launch, refuse
from awsroll.stages.stage_tags import is_taken_out, taken_out
from awsroll.stages.target_health import left_serving

_LOOKED_BACK = timedelta(hours=24)
_CLOCK_SKEW = timedelta(seconds=5)


def ended_members(scope: Scope) -> dict[str, datetime]:
    """Return which members the group has begun to end in the last day, and when."""
    since, found = scope.aws.clock.now() - _LOOKED_BACK, dict[str, datetime]()
    for page in scope.aws.autoscaling.activities(scope.rollout.group, since):
        for one in page:
            match = TERMINATED.search(one.get("Description", ""))
            if match and one.get("StatusCode") not in ("Failed", "Cancelled"):
                found[match[1]] = one["StartTime"]
    return found


def replace_members(scope: Scope, names: tuple[str, ...], wish: Wish) -> Come:
    """Have the group end those that are members still, and look for what came in their place.

    Raises:
        FleetError: if one of them is no member, is protected, or too few others serve; nothing was changed.
        AwsError: if AWS refused or did not answer.
    """
    found = scope.look(names)
    going = [one for one in found.values() if one.lifecycle is not None and one.lifecycle not in LEAVING]
    if going:
        _check_going(scope, going, wish)
    ended = ended_members(scope)
    _check_gone(scope, [name for name in names if scope.lifecycle(name) is None], ended, found)
    if going:
        others = left_serving(scope, names)
        if len(others) < wish.min_healthy:
            refuse(f"besides {', '.join(names)} only {len(others)} serve in {scope.rollout.fleet}")
        _end(scope, going)
        return Come(new=(), waiting=tuple(f"{one.instance_id} is leaving its group" for one in going))
    return _come(scope, names, ended)


def _check_going(scope: Scope, going: list[Instance], wish: Wish) -> None:
    check_can_launch(scope, wish.template)
    check_is_free(scope, read_memory(scope))
    problems = []
    for one in going:
        by_hand = [target.key for target in one.targets if target.key not in scope.managed]
        if one.lifecycle is not Lifecycle.IN_SERVICE:
            problems.append(f"{one.instance_id} is {one.lifecycle_detail} in group {scope.rollout.group}")
        elif one.protected and not wish.even_protected:
            problems.append(f"{one.instance_id} is protected from scale-in: lift that, or give protected: replace")
        elif by_hand:
            where = ", ".join(f"{scope.described[key.target_group]['TargetGroupName']}:{key.port}" for key in by_hand)
            problems.append(f"{one.instance_id} is also registered by hand ({where}), which its group does not drain")
    if problems:
        refuse(*problems)


def _check_gone(scope: Scope, gone: list[str], ended: dict[str, datetime], found: dict[str, Instance]) -> None:
    strangers = [name for name in gone if name not in ended and not is_taken_out(scope.rollout, found[name])]
    if strangers:
        refuse(*(f"{name} is no member of group {scope.rollout.group}" for name in strangers))


def _end(scope: Scope, going: list[Instance]) -> None:
    names, group = tuple(one.instance_id for one in going), scope.rollout.group
    marks = tuple(taken_out(scope.rollout).items())
    carry_out(scope, [act.TagInstances(instance_ids=names, tags=marks, reason=Reason.PREPARING)])
    retire = act.TerminateInGroup(
        group=group, instance_ids=names, decrement=False, not_registered=(), reason=Reason.OUTDATED
    )
    carry_out(scope, [retire])


def _come(scope: Scope, names: tuple[str, ...], ended: dict[str, datetime]) -> Come:
    """Tell whether the group is whole again."""
    waiting = [f"{name} is {scope.look([name])[name].lifecycle_detail}" for name in names if name in scope.members]
    seen = scope.look(name for name in scope.members if scope.lifecycle(name) not in LEAVING)
    ready = [one for one in seen.values() if one.lifecycle is Lifecycle.IN_SERVICE and _is_registered(scope, one)]
    desired = int(scope.group["DesiredCapacity"])
    if len(ready) < desired:
        waiting.append(f"{len(ready)} of {desired} members of group {scope.rollout.group} are registered")
    since = min((ended[name] for name in names if name in ended), default=None)
    new = [
        one.instance_id
        for one in sorted(seen.values(), key=lambda one: (one.launched_at or scope.aws.clock.now(), one.instance_id))
        if since is not None and one.launched_at is not None and one.launched_at >= since - _CLOCK_SKEW
    ]
    return Come(new=tuple(new[: len(names)]), waiting=tuple(waiting))


def _is_registered(scope: Scope, one: Instance) -> bool:
    return all(one.target(key) is not None for key in scope.managed)
