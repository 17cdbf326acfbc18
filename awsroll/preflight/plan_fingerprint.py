"""The content of a plan file: the request with all defaults filled in, and the fingerprint of the fleet."""

from dataclasses import replace

from awsroll.core.model.fingerprint import Fingerprint, GroupSettings, Member
from awsroll.core.model.observation import Instance
from awsroll.core.model.rollout import Rollout, version_of
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.fleet_facts import FleetFacts


def pinned(spec: RolloutSpec, rollout: Rollout) -> RolloutSpec:
    """Return the request with the resolved version and deadlines; amounts stay as requested."""
    limits = rollout.limits
    return replace(
        spec,
        launch_template="" if rollout.template is None else str(rollout.template),
        app_version="" if rollout.reload is None else rollout.reload.app_version,
        drain_timeout=limits.drain_seconds,
        launch_timeout=limits.launch_seconds,
        healthy_timeout=limits.healthy_seconds,
    )


def fingerprint_of(fleet: FleetFacts, rollout: Rollout) -> Fingerprint:
    """Return the facts about the fleet that a plan depends on."""
    group = fleet.group
    return Fingerprint(
        fleet=fleet.name,
        region=rollout.region,
        account=rollout.account,
        members=tuple(sorted(_member(instance, rollout) for instance in fleet.live)),
        target_groups=tuple(group.arn for group in fleet.target_groups),
        extra_targets=rollout.extra_targets,
        group=None
        if group is None
        else GroupSettings(
            minimum=group.minimum,
            maximum=group.maximum,
            desired=group.desired,
            template="" if group.setting is None else str(group.setting),
            zones=group.zones,
        ),
    )


def _member(instance: Instance, rollout: Rollout) -> Member:
    by_hand = () if rollout.group else tuple(sorted(target.key for target in instance.targets))
    version = version_of(instance, reloading=rollout.reload is not None)
    return Member(instance_id=instance.instance_id, version=version, registered=by_hand)
