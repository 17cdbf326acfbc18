"""The pinning of a request's version before the first fleet, so that all fleets get the same version."""

from dataclasses import replace

from awsroll.aws.connection import Connection
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import TemplateSetting
from awsroll.preflight.inspect_group import setting_of
from awsroll.preflight.lookups import find_group
from awsroll.preflight.versions import pin


def leaves_version_open(spec: RolloutSpec) -> bool:
    """Return whether a request's version can change with time: an alias, or the group's own template."""
    return spec.strategy is not Strategy.RELOAD and not spec.launch_template.partition(":")[2].isdigit()


def pin_version(spec: RolloutSpec, aws: Connection) -> RolloutSpec:
    """Return a request whose launch template version is a number.

    Raises:
        FleetError: if the template, version or group does not exist. Nothing was changed.
        AwsError: if AWS refuses a call or does not answer.
    """
    findings = Findings()
    setting = None if spec.launch_template else _setting(aws, spec.asg, findings)
    template = pin(aws, spec.launch_template, setting, findings)
    findings.raise_refusals()
    return spec if template is None else replace(spec, launch_template=str(template))


def _setting(aws: Connection, group: str, findings: Findings) -> TemplateSetting | None:
    """Return a group's launch template; None without a group or without a launch template."""
    described = find_group(aws, group, findings) if group else None
    return None if described is None else setting_of(described)
