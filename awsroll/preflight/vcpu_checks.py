"""Whether the account's quota has room for the vCPUs of the servers that run beside the fleet. Read only.

AWS counts an instance towards a quota until it is terminated, so draining servers count. Service Quotas shows no usage,
so the running instances of the region are counted.

Source: EC2 user guide, "Amazon EC2 service quotas".
"""

from collections import Counter
from dataclasses import dataclass

from awsroll.aws.connection import Connection
from awsroll.core.classify.capacity import bounds
from awsroll.core.classify.estimates import most_running
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.errors import AwsRefusedError, AwsUnansweredError, NotImplementedByEndpointError
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal, ServerSize, size_of
from awsroll.preflight.versions import template_data

_UNREAD = "The endpoint does not tell the quota"
_STANDARD = "standard"
_STANDARD_LETTERS = "acdhimrtz"
_MAC = "mac"  # runs on dedicated hosts alone
_SHARED = {"vt": "g"}
_ON_DEMAND = {
    _STANDARD: "L-1216C47A",
    "dl": "L-6E869C2A",
    "f": "L-74FC7D96",
    "g": "L-DB2E81BA",
    "hpc": "L-F7808C92",
    "inf": "L-1945791B",
    "p": "L-417A185B",
    "trn": "L-2C3B7624",
    "u": "L-43DA4232",
    "x": "L-7295265B",
}
_SPOT = {
    _STANDARD: "L-34B43A08",
    "dl": "L-85EED4F7",
    "f": "L-88CF9481",
    "g": "L-3819A6DF",
    "inf": "L-B5D1601B",
    "p": "L-7212CCBC",
    "trn": "L-6B0D517C",
    "x": "L-E3A00192",
}


def check_vcpus(aws: Connection, rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Warn if the quota lacks vCPUs for the servers beside the fleet; refuse a rollout that could not go on without.

    Worked example: 4 servers of 2 vCPUs, double-half: 8 vCPUs more. With 6 free ones, the launches of the new half
    would be refused. One at a time with a drain, 2 vCPUs more: without a free one, each launch waits for a drain.
    """
    leaving = [instance for instance in fleet.live if not goal.is_on(instance)]
    limits = bounds(rollout, fleet.desired)
    most = most_running(rollout, limits, fleet.target_groups, len(leaving))
    further = min(most - fleet.desired, len(leaving))
    if rollout.reloads or further <= 0:
        return
    sizes = Counter(size for one in leaving if (size := fleet.sizes.get(one.instance_id)) and size.vcpus)
    running = f"up to {fleet.desired + further} servers run at the same time, draining ones included"
    if not sizes:
        findings.note(f"{running}, so the account needs room for {further} more in its quotas of EC2. {_UNREAD}")
        return
    need = _Need(servers=further, running=running, old=sizes.most_common(1)[0][0])
    whole = rollout.strategy is Strategy.DOUBLE_HALF or rollout.keep_old
    least = min(limits.ceiling - limits.desired, len(leaving)) if whole else int(limits.max_unavailable == 0)
    room = _room(aws, need, _type_of_goal(aws, rollout, need.old), findings)
    if room is not None:
        _judge(need, room, least, findings, desired=fleet.desired)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """What the rollout needs beside the fleet.

    Attributes:
        servers: how many further servers run at the same time.
        running: the same in words.
        old: the size of most of the old servers.
    """

    servers: int
    running: str
    old: ServerSize


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """The quota for the new servers.

    Attributes:
        code: the code of the quota.
        value: its value.
        used: the vCPUs of the instances that run.
        each: the vCPUs of each new server.
        instance_type: the type of the new servers.
        assumed_from: the type of the old servers if their vCPUs stand for unknown ones; empty if they are known.
    """

    code: str
    value: float
    used: int
    each: int
    instance_type: str
    assumed_from: str = ""

    @property
    def servers(self) -> int:
        """Return for how many further servers there is room."""
        return max(0, int(self.value - self.used) // self.each)


def _type_of_goal(aws: Connection, rollout: Rollout, old: ServerSize) -> ServerSize:
    """Return the size of the new servers; 0 vCPUs if the type is new. A mixed instances policy keeps the old types."""
    before, after = (template_data(aws, version) for version in (rollout.baseline_template, rollout.template))
    new = str(after.get("InstanceType") or "")
    if not new or new == old.instance_type or before.get("InstanceType") != old.instance_type:
        return old
    return ServerSize(instance_type=new, vcpus=0, spot=old.spot)


def _room(aws: Connection, need: _Need, new: ServerSize, findings: Findings) -> _Room | None:
    """Return the room in the quota of the new servers; None, with what is known, if AWS does not tell."""
    code = (_SPOT if new.spot else _ON_DEMAND).get(bucket_of(new.instance_type), "")
    wanted = (
        f"{need.running}, so the account needs room for {need.servers} more{_vcpus(need, new)} in its quotas of EC2"
    )
    try:
        value = aws.service_quotas.quota("ec2", code) if code else None
    except NotImplementedByEndpointError:
        value = None
    except (AwsRefusedError, AwsUnansweredError) as error:
        findings.warn_unchecked(f"{wanted}. awsroll could not read the quota: {error}")
        return None
    if value is None:
        findings.note(f"{wanted}. {_UNREAD}")
        return None
    sizes = [size_of(described) for described in aws.ec2.instances_in(("pending", "running"))]
    own = [
        size
        for size in sizes
        if size.spot == new.spot and bucket_of(size.instance_type) == bucket_of(new.instance_type)
    ]
    known = new.vcpus or next((size.vcpus for size in own if size.instance_type == new.instance_type), 0)
    return _Room(
        code=code,
        value=value,
        used=sum(size.vcpus for size in own),
        each=known or need.old.vcpus,
        instance_type=new.instance_type,
        assumed_from="" if known else need.old.instance_type,
    )


def _judge(need: _Need, room: _Room, least: int, findings: Findings, *, desired: int) -> None:
    vcpus = room.each * need.servers
    left = max(0, room.value - room.used)
    free = f"{left:,.0f} of {room.value:,.0f} vCPUs are free in the account's quota {room.code}"
    wanted = f"{need.running}: {need.servers} more {room.instance_type} with {vcpus} vCPUs"
    if room.assumed_from:
        findings.warn(
            f"{wanted}, if a {room.instance_type} has as many as a {room.assumed_from}: no server of the new type "
            f"runs, so its vCPUs are not known. {free}: compare them with the new type"
        )
        return
    if room.servers >= need.servers:
        findings.note(f"{wanted}. {free}")
    elif room.servers < least:
        findings.refuse(f"{wanted}, but {free}: ask AWS for a higher quota, or pass --max-unavailable without a surge")
    else:
        cap = f" --max-running {desired + room.servers} keeps to the quota" if room.servers else ""
        findings.warn(f"{wanted}, but {free}: launches may have to wait until old servers are terminated.{cap}")


def _vcpus(need: _Need, new: ServerSize) -> str:
    return f" ({need.servers * new.vcpus} vCPUs)" if new.vcpus else ""


def bucket_of(instance_type: str) -> str:
    """Return the bucket of an instance type: `standard`, or the letters of its family, such as `trn`."""
    family = instance_type.partition(".")[0].partition("-")[0]
    letters = family[: next((place for place, letter in enumerate(family) if not letter.isalpha()), len(family))]
    if letters in _ON_DEMAND or letters in _SHARED:
        return _SHARED.get(letters, letters)
    return _STANDARD if letters[:1] in _STANDARD_LETTERS and letters != _MAC else letters
