"""A record with something in every kind of field, so that a round trip proves something."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from awsroll.core.model.amount import Amount
from awsroll.core.model.calls import Call, CallKind, Launch
from awsroll.core.model.observation import FleetKind, TargetKey, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout import Rollout, VersionCount
from awsroll.core.model.server_record import Server, Slots
from awsroll.core.model.status import Status
from awsroll.core.model.status_parts import Counters, Desired, Failure, SavedSettings
from awsroll.ports import Record

T0 = datetime(2026, 1, 1, tzinfo=UTC)
WEB = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
ADMIN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/admin/0123456789abcdef"


def record(
    rollout_id: str = "web-1",
    *,
    group: str = "",
    target_groups: tuple[str, ...] = (WEB,),
    hours: int = 0,
    delay: int | None = None,
) -> Record:
    return Record(
        rollout=Rollout(
            rollout_id=rollout_id,
            kind=FleetKind.AUTO_SCALING if group else FleetKind.STANDALONE,
            fleet=group or "web",
            group=group,
            target_groups=target_groups,
            deregistration_delay_seconds=delay,
            max_unavailable=Amount(value=25, is_percentage=True),
            template=TemplateVersion(template_id="lt-1", number=2),
            baseline=(VersionCount(version="lt-1:1", count=3, template=TemplateVersion(template_id="lt-1", number=1)),),
            region="us-east-1",
            account="123456789012",
        ),
        status=Status(started_at=T0 + timedelta(hours=hours), progress_at=T0),
    )


def busy_record() -> Record:
    key = TargetKey(target_group=WEB, port=8080)
    plain = record()
    status = replace(
        plain.status,
        observed_at=T0 + timedelta(seconds=1.5),
        counters=Counters(launches=2, replaced=1, lowest_serving=2, highest_live=4, highest_running=6),
        servers={
            "i-1": Server(phase=ServerPhase.DRAINING, since=T0, targets=(key,)),
            "i-2": Server(phase=ServerPhase.VERIFYING, since=T0),
        },
        launches=(Launch(number=2, token="awsroll-web-1-2", at=T0, targets=(key,), tags=(("a", "b"),)),),
        calls=(Call(kind=CallKind.SET_DESIRED, at=T0, number=4),),
        slots=(Slots(zone="us-east-1a", subnet_id="subnet-1", targets=(key,), instance_ids=("i-1",)),),
        desired=Desired(goal=3, expected=4, previous=3, moved_at=T0),
        settings=SavedSettings(found={"max-size": "3"}),
        failures=(Failure(instance_id="i-9", cause="Target.Timeout", at=T0),),
        warnings=("look at this",),
    )
    return replace(plain, status=status)
