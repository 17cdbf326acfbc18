"""An existing fleet in short, for a new rollout file. Read only."""

from collections import Counter
from dataclasses import dataclass

from awsroll.aws.connection import Connection
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import FleetError
from awsroll.preflight.findings import Findings
from awsroll.preflight.inspect_group import inspect_group
from awsroll.preflight.inspect_standalone import inspect_standalone
from awsroll.preflight.versions import template_names


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDescription:
    """An existing fleet in short.

    Attributes:
        asg: the name of its Auto Scaling group; empty if it has none.
        target_groups: the names of its target groups.
        servers: the number of its live servers.
        zones: their Availability Zones.
        template: the name or id of the launch template that most servers run; empty if it is not known.
        version: the number of the version that most servers run; 0 if it is not known.
    """

    asg: str
    target_groups: tuple[str, ...]
    region: str
    servers: int
    zones: tuple[str, ...]
    template: str = ""
    version: int = 0


def describe_fleet(aws: Connection, spec: RolloutSpec) -> FleetDescription:
    """Return the fleet that a request names, in short.

    Raises:
        FleetError: if the fleet does not exist, or cannot be rolled as it is.
        AwsError: if AWS refuses a call or does not answer.
    """
    findings = Findings()
    fleet = (inspect_group if spec.asg else inspect_standalone)(aws, spec, findings)
    findings.raise_refusals()
    if fleet is None:
        problem = "the fleet does not exist: check --asg, --target-group and --region"
        raise FleetError(problem)
    versions = Counter(server.template for server in fleet.live if server.template is not None)
    usual = versions.most_common(1)[0][0] if versions else None
    names = dict(template_names(aws, usual))
    return FleetDescription(
        asg="" if fleet.group is None else fleet.group.name,
        target_groups=tuple(sorted(group.name for group in fleet.target_groups)),
        region=aws.region,
        servers=len(fleet.live),
        zones=tuple(sorted({server.zone for server in fleet.live})),
        template="" if usual is None else names.get(usual.template_id, usual.template_id),
        version=0 if usual is None else usual.number,
    )
