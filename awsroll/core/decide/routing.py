"""Notices that the group or a target group of a rollout is gone or unused, or that the group serves others now.

A running rollout pauses then: awsroll can no longer see whether a new server takes its requests. A rollout that stops
goes on with what still exists, so that an abort or a repair always comes to its end.
"""

from awsroll.core.lifecycle import amend, move
from awsroll.core.model.observation import Observation, TargetKey, TargetState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import add_warnings
from awsroll.core.model.replacing import replace
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.setting_names import target_group_of
from awsroll.core.model.status import Status


def changed_routing(rollout: Rollout, observation: Observation) -> str:
    """Return what has changed about the group and its target groups, for people; empty if nothing has."""
    if rollout.group in observation.gone:
        return f"Auto Scaling group {rollout.group} no longer exists, or is being deleted"
    changes = [f"target group {arn} no longer exists" for arn in sorted(observation.gone)]
    changes += [
        f"no load balancer sends requests to target group {name} (Target.NotInUse): let a listener or a rule forward "
        f"to it, then `awsroll resume {rollout.rollout_id}`"
        for name in _not_in_use(observation)
    ]
    if rollout.group:
        attached = sorted(observation.attached - set(rollout.target_groups))
        changes += [f"group {rollout.group} is attached to another target group, {arn}" for arn in attached]
        changes += [
            f"group {rollout.group} is no longer attached to target group {arn}"
            for arn in _detached(rollout, observation)
        ]
    return "; ".join(changes)


def _not_in_use(observation: Observation) -> list[str]:
    """Return the names of the target groups of which no target can get a request, whatever its health."""
    in_use = dict[str, bool]()
    for instance in observation.instances:
        for target in instance.targets:
            if target.state is not TargetState.DRAINING:
                arn = target.key.target_group
                in_use[arn] = in_use.get(arn, False) or not target.not_in_use
    return [group.name for group in observation.target_groups if not in_use.get(group.arn, True)]


def _detached(rollout: Rollout, observation: Observation) -> list[str]:
    by_hand = {key.target_group for key in rollout.extra_targets}
    known = (group.arn for group in observation.target_groups if not group.managed)
    return [arn for arn in known if arn not in by_hand]


def advice(rollout: Rollout) -> str:
    """Return what a person can do about changed routing."""
    name = rollout.rollout_id
    return f"awsroll changes nothing more. `awsroll abort {name}` restores what still exists and ends the rollout"


def without_gone(rollout: Rollout, observation: Observation, status: Status) -> tuple[Rollout, Status]:
    """Return the rollout and its record without what no longer exists; warn of the settings that cannot be restored."""
    gone = observation.gone
    if not gone:
        return rollout, status
    status = _without_settings(rollout, status, gone)
    if rollout.group in gone:
        return rollout, _without_servers(observation, status)
    kept = tuple(arn for arn in rollout.target_groups if arn not in gone)
    rollout = replace(rollout, target_groups=kept, extra_targets=_existing(rollout.extra_targets, gone))
    for name, server in status.servers.items():
        status = amend(status, name, targets=_existing(server.targets, gone))
    slots = tuple(replace(shape, targets=_existing(shape.targets, gone)) for shape in status.slots)
    launches = tuple(replace(launch, targets=_existing(launch.targets, gone)) for launch in status.launches)
    return rollout, replace(status, slots=slots, launches=launches)


def _existing(keys: tuple[TargetKey, ...], gone: frozenset[str]) -> tuple[TargetKey, ...]:
    return tuple(key for key in keys if key.target_group not in gone)


def _without_servers(observation: Observation, status: Status) -> Status:
    """Return the record of a group that is gone: its members are gone with it."""
    for name in status.servers:
        status = move(status, name, ServerPhase.NONE, at=observation.at, reason="its group is gone")
    return replace(status, launches=(), calls=(), desired=None)


def _without_settings(rollout: Rollout, status: Status, gone: frozenset[str]) -> Status:
    lost = sorted(name for name in status.settings.found if resource_of(rollout, name) in gone)
    if not lost:
        return status
    warnings = [
        f"{resource_of(rollout, name)} no longer exists, so {name.partition('=')[0]} was not restored" for name in lost
    ]
    return add_warnings(replace(status, settings=status.settings.without(lost)), *warnings)


def resource_of(rollout: Rollout, name: str) -> str:
    """Return the group or the target group that a saved setting belongs to."""
    return target_group_of(name) or rollout.group
