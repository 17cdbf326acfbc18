"""Reads what a rotation needs to know of a fleet: its servers, the newest version and image, windows and memory.

The groups at rest of one region and role share DescribeAutoScalingGroups, DescribeInstances and, with an image
parameter, GetParameter. Each has DescribeLaunchTemplateVersions of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from awsroll.aws.calendar_states import observe_calendars
from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.core.model.observation import InstanceState, TemplateVersion
from awsroll.core.model.period import calendars_of
from awsroll.core.model.status import Mode, Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec
from awsroll.core.rotation import Content, RotationFacts, ServerFacts
from awsroll.driver.conflicts import names_fleet_of
from awsroll.errors import FleetError
from awsroll.ports import Record
from awsroll.preflight.findings import Findings
from awsroll.preflight.image_checks import IMAGE_BY_PARAMETER
from awsroll.preflight.inspect_group import setting_of
from awsroll.preflight.lookups import find_group, find_target_groups
from awsroll.preflight.target_group_checks import targets_in
from awsroll.preflight.versions import pin, template_data
from awsroll.stores import KeptFleet
from awsroll.waves.shared_reads import SharedReads

_LIVE = (InstanceState.PENDING, InstanceState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBefore:
    """What is known of a fleet before it is read: its memory, the unfinished rollouts of the store, and the time.

    A rollout that has begun in an execution counts as unfinished before its record is written.
    """

    kept: KeptFleet
    unfinished: Sequence[Record]
    at: datetime


def read_rotation(fleet: FleetSpec, wave: int, reads: SharedReads, known: KnownBefore) -> RotationFacts:
    """Return the facts of one fleet.

    Raises:
        FleetError: if the fleet, its launch template or its image does not exist.
        AwsError: if AWS refused or did not answer.
    """
    findings, request, kept, aws = Findings(), fleet.request, known.kept, reads.aws
    group = None
    if request.asg:
        group = reads.group(request.asg) or find_group(aws, request.asg, findings)
    template = pin(aws, request.launch_template, setting_of(group) if group else None, findings)
    servers = _servers(reads, group, request, findings)
    findings.raise_refusals()
    if template is None:
        problem = f"fleet {fleet.name} has no launch template: pass launch-template"
        raise FleetError(problem)
    made = {version.number: version.content.template for version in kept.made}
    source = made.get(template.number, template)
    record = next((one for one in known.unfinished if names_fleet_of(request, one.rollout, region=aws.region)), None)
    is_own = record is not None and kept.begun is not None and kept.begun.rollout_id == record.rollout.rollout_id
    begun = kept.begun
    rests = record is not None and record.status.outcome is Outcome.PAUSED
    pending = begun.rollout_id if begun is not None and begun.execution else ""
    return RotationFacts(
        name=fleet.name,
        wave=wave,
        wanted=Content(template=source, image=_image(fleet, reads, source)),
        servers=servers,
        made=kept.made,
        failed=kept.failed,
        max_age=None if fleet.max_age_days is None else timedelta(days=fleet.max_age_days),
        closed=_closed(request, aws, known.at),
        unfinished=pending if record is None else record.rollout.rollout_id,
        continues=begun.to if begun is not None and is_own and not rests and not begun.execution else None,
    )


def failure_of(record: Record) -> str:
    """Return why an ended rollout has failed; empty if it has not, or has not ended."""
    status = record.status
    failed = status.mode is Mode.ENDED and status.outcome in (Outcome.ROLLED_BACK, Outcome.STOPPED)
    return status.outcome.because(status.reason) if failed else ""


def _servers(
    reads: SharedReads, group: Reply | None, request: RolloutSpec, findings: Findings
) -> tuple[ServerFacts, ...]:
    if request.asg:
        ids = [member["InstanceId"] for member in (group or {}).get("Instances", [])]
    else:
        found = targets_in(reads.aws, find_target_groups(reads.aws, request.target_group, findings))
        ids = sorted({name for targets in found.values() for name in targets if name.startswith("i-")})
    return tuple(
        ServerFacts(template=one.template, image=one.image, launched_at=one.launched_at)
        for one in reads.instances(ids)
        if one.state in _LIVE
    )


def _image(fleet: FleetSpec, reads: SharedReads, source: TemplateVersion) -> str:
    named = fleet.image_parameter
    if not named:
        image = str(template_data(reads.aws, source).get("ImageId", ""))
        named = image.removeprefix(IMAGE_BY_PARAMETER) if image.startswith(IMAGE_BY_PARAMETER) else ""
    if not named:
        return ""
    image = reads.parameter(named)
    if not image.startswith("ami-"):
        problem = f"fleet {fleet.name}: the Systems Manager parameter {named} has no image id: {image[:40]!r}"
        raise FleetError(problem)
    return image


def _closed(request: RolloutSpec, aws: Connection, at: datetime) -> str:
    if request.override_freeze or not (request.windows or request.freezes):
        return ""
    from awsroll.schedules import schedule_at  # noqa: PLC0415 - few fleets have windows

    calendars = observe_calendars(aws.ssm, calendars_of((*request.windows, *request.freezes)))
    schedule = schedule_at(request.windows, request.freezes, calendars, at)
    return "" if schedule.is_open else schedule.reason
