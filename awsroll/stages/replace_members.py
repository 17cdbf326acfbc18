"""Replace members of a group: the group terminates each and launches another, because its desired capacity stays."""

import re
from datetime import datetime, timedelta

from awsroll.core.classify.serving import LEAVING
from awsroll.core.model import actions as act
from awsroll.core.model.observation import Instance, Lifecycle
from awsroll.core.model.reasons import Reason
from awsroll.fleets.group_settings import LAUNCHED, TERMINATED
from awsroll.stages.carry_out import carry_out
from awsroll.stages.replace_standalone import ReplacementProgress, ReplacementRequest
from awsroll.stages.routes import check_managed_delays, check_other_routes
from awsroll.stages.saved_settings import check_no_other_rollout, read_saved_settings
from awsroll.stages.scope import Scope, check_can_launch, launched_template, pinned_template, refuse
from awsroll.stages.stage_tags import is_taken_out, retiring_tags
from awsroll.stages.target_health import others_serving

_PERIOD_OF_TERMINATIONS = timedelta(hours=24)


def terminations(scope: Scope) -> dict[str, datetime]:
    """Return the members that the group has begun to terminate in the last day, and when."""
    return _activities(scope, TERMINATED, scope.aws.now() - _PERIOD_OF_TERMINATIONS)


def _activities(scope: Scope, description: re.Pattern[str], since: datetime) -> dict[str, datetime]:
    """Return the instances of the activities with such a description that have not failed, and when each started."""
    started = dict[str, datetime]()
    for page in scope.aws.autoscaling.activities(scope.rollout.group, since):
        for activity in page:
            match = description.search(activity.get("Description", ""))
            if match and activity.get("StatusCode") not in ("Failed", "Cancelled"):
                started[match[1]] = activity["StartTime"]
    return started


def replace_members(scope: Scope, names: tuple[str, ...], request: ReplacementRequest) -> ReplacementProgress:
    """Have the group terminate those that are still members, and find the new ones.

    Raises:
        FleetError: if an instance is not a member, is protected, or too few others serve; nothing was changed.
        AwsError: if AWS refused or did not answer.
    """
    servers = scope.observe(names)
    leaving = [one for one in servers.values() if one.lifecycle is not None and one.lifecycle not in LEAVING]
    if leaving:
        _check_leaving(scope, leaving, request)
    terminated = terminations(scope)
    _check_departed(scope, [name for name in names if scope.lifecycle(name) is None], terminated, servers)
    if leaving:
        others = others_serving(scope, names)
        if len(others) < request.min_healthy:
            refuse(f"besides {', '.join(names)} only {len(others)} serve in {scope.rollout.fleet}")
        _terminate(scope, leaving)
        return ReplacementProgress(new=(), waiting=tuple(f"{one.instance_id} is leaving its group" for one in leaving))
    return _progress(scope, names, terminated, request.template)


def _check_leaving(scope: Scope, leaving: list[Instance], request: ReplacementRequest) -> None:
    check_can_launch(scope, request.template)
    check_managed_delays(scope)
    check_other_routes(scope, [instance.instance_id for instance in leaving], replaces=True)
    check_no_other_rollout(scope, read_saved_settings(scope))
    problems = []
    for instance in leaving:
        name = instance.instance_id
        by_hand = [target.key for target in instance.targets if target.key not in scope.managed]
        if instance.lifecycle is not Lifecycle.IN_SERVICE:
            problems.append(f"{name} is {instance.lifecycle_detail} in group {scope.rollout.group}")
        elif instance.protected and not request.even_protected:
            problems.append(f"{name} is protected from scale-in: remove the protection, or pass protected: replace")
        elif by_hand:
            where = ", ".join(f"{scope.described[key.target_group]['TargetGroupName']}:{key.port}" for key in by_hand)
            problems.append(f"{name} is also registered by hand ({where}), which its group does not drain")
    if problems:
        refuse(*problems)


def _check_departed(
    scope: Scope, departed: list[str], terminated: dict[str, datetime], servers: dict[str, Instance]
) -> None:
    unknown = [name for name in departed if name not in terminated and not is_taken_out(scope.rollout, servers[name])]
    if unknown:
        refuse(*(f"{name} is not a member of group {scope.rollout.group}" for name in unknown))


def _terminate(scope: Scope, leaving: list[Instance]) -> None:
    names, group = tuple(instance.instance_id for instance in leaving), scope.rollout.group
    tags = tuple(retiring_tags(scope.rollout).items())
    carry_out(scope, [act.TagInstances(instance_ids=names, tags=tags, reason=Reason.PREPARING)])
    retire = act.TerminateInGroup(
        group=group, instance_ids=names, decrement=False, not_registered=(), reason=Reason.OUTDATED
    )
    carry_out(scope, [retire])


def _progress(
    scope: Scope, names: tuple[str, ...], terminated: dict[str, datetime], template: str
) -> ReplacementProgress:
    """Return the new members of the wanted version, and what the group still lacks."""
    waiting = [f"{name} is {scope.observe([name])[name].lifecycle_detail}" for name in names if name in scope.members]
    members = scope.observe(name for name in scope.members if scope.lifecycle(name) not in LEAVING)
    ready = [one for one in members.values() if one.lifecycle is Lifecycle.IN_SERVICE and _is_registered(scope, one)]
    desired = int(scope.group["DesiredCapacity"])
    if len(ready) < desired:
        waiting.append(f"{len(ready)} of {desired} members of group {scope.rollout.group} are registered")
    wanted = str(pinned_template(scope, template) or launched_template(scope))
    launched = [members[name] for name in _launched_since(scope, names, terminated) if name in members]
    new = [one.instance_id for one in launched if one.template is not None and str(one.template) == wanted]
    waiting += [
        f"{one.instance_id} was launched in their place and runs {one.template or 'no known version'}, not {wanted}"
        for one in launched[: len(names)]
        if one.instance_id not in new
    ]
    return ReplacementProgress(new=tuple(new[: len(names)]), waiting=tuple(waiting))


def _launched_since(scope: Scope, names: tuple[str, ...], terminated: dict[str, datetime]) -> list[str]:
    """Return the members that the group has launched since it began to terminate these, in the order of their launch.

    Both times are those of the group's activities, so that no member that was there before counts as new.
    """
    since = min((terminated[name] for name in names if name in terminated), default=None)
    if since is None:
        return []
    launches = _activities(scope, LAUNCHED, since)
    return sorted((name for name, at in launches.items() if at >= since), key=lambda name: (launches[name], name))


def _is_registered(scope: Scope, instance: Instance) -> bool:
    return all(instance.target(key) is not None for key in scope.managed)
