"""Whether the tags of the rollout fit beside the tags that are there. Read only.

AWS takes 50 tags on a resource, without those that begin with `aws:` (EC2 user guide, tag restrictions).
"""

from collections.abc import Collection

from awsroll.aws.connection import Connection
from awsroll.core.aws_limits import TAGS_PER_RESOURCE
from awsroll.core.classify.replacement import replacement_tags
from awsroll.core.classify.target_group_settings import value_in, values_in_rollout
from awsroll.core.decide.suspended_processes import processes_to_suspend
from awsroll.core.model import setting_names
from awsroll.core.model.observation import FleetKind, Instance
from awsroll.core.model.rollout import Rollout
from awsroll.core.tags import (
    APP_VERSION_TAG,
    AWS_PREFIX,
    FLEET_TAG,
    HELD_BY_TAG,
    ROLE_TAG,
    ROLLOUT_TAG,
    SAVED_SETTING_PREFIX,
)
from awsroll.errors import AwsError
from awsroll.preflight.findings import Findings, shortened
from awsroll.preflight.fleet_facts import FleetFacts, Goal
from awsroll.preflight.versions import template_tags

_OWNER_TAGS = (ROLLOUT_TAG, ROLE_TAG, FLEET_TAG)


def check_tags(aws: Connection, rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Refuse servers, groups and target groups without room for the tags of the rollout."""
    leaving = tuple(instance for instance in fleet.live if not goal.is_on(instance))
    if not leaving:
        return
    _check_servers(rollout, leaving, findings)
    if rollout.kind is FleetKind.STANDALONE and not rollout.reloads:
        of_template = tuple(key for key, _ in template_tags(aws, rollout.template))
        _check_replacements(rollout, leaving, of_template, findings)
    _check_group(rollout, fleet, findings)
    _check_target_groups(aws, rollout, fleet, findings)


def _check_servers(rollout: Rollout, leaving: tuple[Instance, ...], findings: Findings) -> None:
    """Check the servers that are tagged before they leave: a group terminates most of its members without tags."""
    if rollout.kind is FleetKind.AUTO_SCALING and not (rollout.reloads or rollout.keep_old or rollout.extra_targets):
        return
    own = (*_OWNER_TAGS, APP_VERSION_TAG) if rollout.reloads else _OWNER_TAGS
    full = {
        instance.instance_id: excess
        for instance in leaving
        if (excess := _excess({key for key, _ in instance.tags}, own))
    }
    if full:
        findings.refuse(
            f"{shortened(list(full))} have no room for the {len(own)} tags of awsroll: a server has at most "
            f"{TAGS_PER_RESOURCE} tags. Remove {max(full.values())} of its tags"
        )


def _check_replacements(
    rollout: Rollout, leaving: tuple[Instance, ...], of_template: tuple[str, ...], findings: Findings
) -> None:
    """Check the tags of the new servers: those of the template, of the server that is replaced, and awsroll's own."""
    full = {}
    for instance in leaving:
        tags = replacement_tags(rollout, instance.tags, replaces=instance.instance_id, template=rollout.template)
        if excess := _excess(of_template, [key for key, _ in tags]):
            full[instance.instance_id] = excess
    if full:
        findings.refuse(
            f"the replacements of {shortened(list(full))} would have too many tags: a server has at most "
            f"{TAGS_PER_RESOURCE}, and a replacement gets the tags of its template, those of the server that it "
            f"replaces, and 5 of awsroll. Remove {max(full.values())} tags of the servers or of the template"
        )


def _check_group(rollout: Rollout, fleet: FleetFacts, findings: Findings) -> None:
    if fleet.group is None:
        return
    own = [HELD_BY_TAG, *(SAVED_SETTING_PREFIX + name for name in _saved_settings(rollout))]
    if excess := _excess(fleet.group.tags, own):
        findings.refuse(
            f"group {fleet.name} has no room for the {len(own)} tags in which awsroll saves its settings: a group has "
            f"at most {TAGS_PER_RESOURCE} tags. Remove {excess} of its tags"
        )


def _saved_settings(rollout: Rollout) -> list[str]:
    """Return the settings of a group that the rollout may change and saves in tags before."""
    surges = bool(rollout.max_surge.value)
    names = [f"{setting_names.PROCESS}{name}" for name in processes_to_suspend(surges=surges)]
    names += [setting_names.VERSION] if rollout.template is not None else []
    names += [setting_names.MAXIMUM, setting_names.DESIRED] if surges else []
    names += [setting_names.MINIMUM, setting_names.DESIRED] if rollout.reloads else []
    return names + ([setting_names.POOL] if rollout.purges_warm_pool else [])


def _check_target_groups(aws: Connection, rollout: Rollout, fleet: FleetFacts, findings: Findings) -> None:
    """Check target groups whose settings are saved in tags. Without room for the label alone, a rollout only warns."""
    try:
        tags = aws.elbv2.tags(rollout.target_groups)
    except AwsError:
        return  # the label reports it
    for group in fleet.target_groups:
        wanted = values_in_rollout(group, rollout)
        saves = [name for name, value in wanted.items() if value_in(group, name) != value]
        own = [HELD_BY_TAG, *(SAVED_SETTING_PREFIX + name for name in saves)]
        excess = _excess(tags.get(group.arn, {}), own)
        if not excess:
            continue
        problem = (
            f"target group {group.name} has no room for the {len(own)} tags of awsroll: it has at most "
            f"{TAGS_PER_RESOURCE} tags. Remove {excess} of its tags"
        )
        if saves:
            findings.refuse(problem)
        else:
            findings.warn(f"{problem}. Without the tag, awsroll with another store does not see this rollout")


def _excess(existing: Collection[str], added: Collection[str]) -> int:
    """Return how many tags too many a resource would have."""
    users = {key for key in existing if not key.startswith(AWS_PREFIX)}
    return max(0, len(users | set(added)) - TAGS_PER_RESOURCE)
