"""The settings and recent activities of an Auto Scaling group, as a `Group`.

Each observation reads the group, and its newest activities while the group owes something. Instance refreshes are read
every two minutes, the zone of a subnet once. An alias of the template version is resolved each time.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import active_refresh, is_mixed, read_member_template, read_warm_pool, template_setting
from awsroll.aws.retry import DOUBTS, ask_again
from awsroll.core.classify.instance_facts import LAG_SECONDS
from awsroll.core.model.calls import LEAVING_CALLS, Call
from awsroll.core.model.observation import CapacityMove, Group, ScalingFailure, TemplateVersion
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.status import Mode, Status
from awsroll.errors import AwsRefusedError, NotImplementedByEndpointError
from awsroll.fleets.fallbacks import INSTANCE_REFRESHES, LAUNCH_INSTANCES, Fallbacks

_REFRESHES_SECONDS = 120
_CLOCK_SKEW = timedelta(seconds=60)
_ENDED = ("Successful", "Failed", "Cancelled")
_FAILED = ("Failed", "Cancelled")
_PRESENT, _TERMINATING = ("InService", "Pending"), "Terminating"
_ARRIVING = (ServerPhase.LAUNCHING, ServerPhase.VERIFYING)
_LONG_SHORTAGE = timedelta(minutes=3)
TERMINATED = re.compile(r"Terminating EC2 instance: (i-[0-9a-f]+)")
_MEMBER = re.compile(r"\bi-[0-9a-f]+")
# Sources: AWS CLI reference, examples of detach-instances, enter-standby, exit-standby and
# terminate-instance-in-auto-scaling-group. A value that someone sets reads "in response to a difference" instead.
_MOVED = re.compile(r"in response to a user request, (?:shrinking|increasing) the capacity from (\d+) to (\d+)")
LAUNCHED = re.compile(r"^Launching a new EC2 instance[^:]*: (i-[0-9a-f]+)")  # also "... from warm pool: i-..."


class GroupReader:
    """Reads the group of one fleet."""

    def __init__(self, aws: Connection, fallbacks: Fallbacks) -> None:
        self._aws = aws
        self._fallbacks = fallbacks
        self._zones: dict[str, str] = {}
        self._activities: dict[str, Reply] = {}
        self._expects_activities = True
        self._ahead: dict[str, Reply | None] = {}
        self._refresh: tuple[bool, float] | None = None
        self._doubts = DOUBTS

    def find(self, name: str) -> Reply | None:
        """Return Auto Scaling's description of the group; None if it does not exist or is being deleted.

        The list of groups is eventually consistent, so one answer without the group is no proof.
        """
        described = self._ahead.pop(name) if name in self._ahead else self._aws.autoscaling.group(name)

        def ask() -> bool:
            nonlocal described
            described = self._aws.autoscaling.group(name)
            return described is not None

        if described is None:
            self._doubts = ask_again(self._aws.clock, ask, times=self._doubts)
        if described is not None:
            self._doubts = DOUBTS
        # A group has a status only while it is being deleted (API reference, AutoScalingGroup).
        return None if described is None or described.get("Status") else described

    def read_ahead(self, name: str) -> None:
        """Read the group for the next `find`."""
        self._ahead[name] = self._aws.autoscaling.group(name)

    def describe(self, name: str) -> Reply:
        """Return Auto Scaling's description of the group.

        Raises:
            AwsRefusedError: if the group does not exist or is being deleted.
        """
        described = self.find(name)
        if described is None:
            message = f"Auto Scaling group {name} no longer exists, or is being deleted"
            raise AwsRefusedError(message, code="GroupNotFound", operation="autoscaling:DescribeAutoScalingGroups")
        return described

    def settings_of(self, described: Reply) -> Group:
        """Return the group's settings alone. Only an alias of a template version takes a call."""
        setting = template_setting(described) or {}
        return Group(
            name=described["AutoScalingGroupName"],
            minimum=int(described["MinSize"]),
            maximum=int(described["MaxSize"]),
            desired=int(described["DesiredCapacity"]),
            template=self._template(setting),
            version=str(setting.get("Version") or "$Default") if setting else "",
            suspended=frozenset(process["ProcessName"] for process in described.get("SuspendedProcesses", [])),
        )

    def read(self, described: Reply, status: Status) -> Group:
        """Return the group with its activities since the start of the rollout."""
        since = status.started_at
        if self._expects_activities or owes(described, status):
            begins = status.observed_at is None and not (status.calls or status.launches)
            self._read_activities(described["AutoScalingGroupName"], since, most_pages=1 if begins else None)
        return replace(
            self.settings_of(described),
            zones=self._zones_of(described),
            launch_failures=self._launch_failures(since),
            terminations=self._terminations(since),
            capacity_moves=self._capacity_moves(described, status),
            grace_seconds=float(described.get("HealthCheckGracePeriod") or 0),
            can_launch_instances=self._can_launch_instances(described),
            refresh_active=self._is_refreshing(described["AutoScalingGroupName"]),
        )

    def with_warm_pool(self, group: Group, described: Reply) -> Group:
        """Add the group's warm pool and its instances' versions. Without a pool, make no call."""
        pool = read_warm_pool(described.get("WarmPoolConfiguration") or {})
        if pool is None:
            return group
        held = [read_member_template(instance) for instance in self._aws.autoscaling.warm_pool(group.name)["Instances"]]
        versions = tuple(sorted("" if version is None else str(version) for version in held))
        return replace(group, warm_pool=pool, warm_versions=versions)

    def expect_activities(self) -> None:
        """Read the activities at the next observation: a call of our own has begun some."""
        self._expects_activities = True

    def _template(self, setting: Reply) -> TemplateVersion | None:
        template_id, version = setting.get("LaunchTemplateId", ""), str(setting.get("Version") or "$Default")
        if not template_id:
            return None
        if not version.isdigit():
            described = self._aws.ec2.template_version(version, template_id=template_id)
            if described is None:
                return None
            version = str(described["VersionNumber"])
        return TemplateVersion(template_id=template_id, number=int(version))

    def _zones_of(self, described: Reply) -> tuple[tuple[str, str], ...]:
        """Return zones and subnets; the subnet is empty if a zone has several, so that the group chooses."""
        subnets = [subnet for subnet in described.get("VPCZoneIdentifier", "").replace(" ", "").split(",") if subnet]
        unknown = [subnet for subnet in subnets if subnet not in self._zones]
        for subnet in self._aws.ec2.subnets(unknown):
            self._zones[subnet["SubnetId"]] = subnet["AvailabilityZone"]
        by_zone: dict[str, list[str]] = {zone: [] for zone in described.get("AvailabilityZones", [])}
        for subnet_id in subnets:
            by_zone.setdefault(self._zones.get(subnet_id, ""), []).append(subnet_id)
        subnet_of = {zone: ids[0] if len(ids) == 1 else "" for zone, ids in by_zone.items() if zone}
        return tuple(sorted(subnet_of.items()))

    def _read_activities(self, name: str, since: datetime, *, most_pages: int | None) -> None:
        """Update the remembered activities; stop at the first page that holds nothing new.

        Args:
            name: the group.
            since: when the rollout began.
            most_pages: the most pages to read. A rollout that begins has caused no activity, so the first page, which
                shows that they can be read, is enough.
        """
        self._expects_activities = False
        for page in islice(self._aws.autoscaling.activities(name, since - _CLOCK_SKEW), most_pages):
            ended = {activity["ActivityId"] for activity in page if self._has_ended(activity["ActivityId"])}
            self._activities |= {activity["ActivityId"]: activity for activity in page}
            if len(ended) == len(page):
                return

    def _has_ended(self, activity_id: str) -> bool:
        return self._activities.get(activity_id, {}).get("StatusCode") in _ENDED

    def _launch_failures(self, since: datetime) -> tuple[ScalingFailure, ...]:
        failed = [
            ScalingFailure(
                activity_id=activity["ActivityId"],
                at=activity.get("EndTime") or activity["StartTime"],
                message=" ".join((activity.get("StatusMessage") or activity.get("Description") or "").split()),
                zone=_zone_in(activity.get("Details", "")),
                instance_id=launched[1] if (launched := LAUNCHED.search(activity.get("Description", ""))) else "",
            )
            for activity in self._activities.values()
            if activity.get("StatusCode") in _FAILED
            and activity["StartTime"] >= since
            and activity.get("Description", "").startswith("Launching")
        ]
        return tuple(sorted(failed, key=lambda failure: (failure.at, failure.activity_id)))

    def _terminations(self, since: datetime) -> frozenset[str]:
        return frozenset(
            match[1]
            for activity in self._activities.values()
            if activity["StartTime"] >= since - _CLOCK_SKEW
            and activity.get("StatusCode") not in _FAILED
            and (match := TERMINATED.search(activity.get("Description", "")))
        )

    def _capacity_moves(self, described: Reply, status: Status) -> tuple[CapacityMove, ...]:
        """Return what calls on members have done to the desired capacity, if it is not the expected one."""
        known = status.desired
        if known is None or not _is_unexpected(described, status):
            return ()
        since = known.moved_at - timedelta(seconds=LAG_SECONDS)
        found = (
            (activity.get("Description", ""), _MOVED.search(activity.get("Cause", "")))
            for activity in self._activities.values()
            if activity["StartTime"] >= since
        )
        moves = (
            CapacityMove(instance_id=member[0], before=int(moved[1]), after=int(moved[2]))
            for description, moved in found
            if moved is not None and (member := _MEMBER.search(description)) is not None
        )
        return tuple(sorted(moves, key=lambda move: move.instance_id))

    def _can_launch_instances(self, described: Reply) -> bool:
        if self._fallbacks.lacks(LAUNCH_INSTANCES) or is_mixed(described):
            return False
        if not self._aws.autoscaling.can_launch_instances():
            self._fallbacks.note(
                LAUNCH_INSTANCES,
                "the installed boto3 has no LaunchInstances; awsroll raises the desired capacity instead",
            )
            return False
        return True

    def _is_refreshing(self, name: str) -> bool:
        now = self._aws.clock.monotonic()
        if self._refresh is not None and now - self._refresh[1] < _REFRESHES_SECONDS:
            return self._refresh[0]
        active = False
        if not self._fallbacks.lacks(INSTANCE_REFRESHES):
            try:
                active = active_refresh(self._aws.autoscaling.instance_refreshes(name)) is not None
            except NotImplementedByEndpointError:
                warning = "the endpoint does not report instance refreshes; awsroll assumes that none is active"
                self._fallbacks.note(INSTANCE_REFRESHES, warning)
        self._refresh = (active, now)
        return active


def owes(described: Reply, status: Status) -> bool:
    """Return whether an activity of the group may tell what nothing else tells: why it has not launched, or ended.

    So it is if the group has fewer members than it should have, has lost a new one, has been short of some for long, if
    its desired capacity is not the expected one, or if the outcome of a call is not known.
    """
    states = {one["InstanceId"]: str(one.get("LifecycleState", "")) for one in described.get("Instances", [])}
    shown = {call for call in status.calls if _shows_its_effect(call, states)}
    unsettled = len(shown) < len(status.calls) or any(not launch.settled for launch in status.launches)
    arrived = [state for state in states.values() if state.startswith(_PRESENT)]
    short = len(arrived) < int(described["DesiredCapacity"]) or _has_been_short(status)
    arriving = {name for name, server in status.servers.items() if server.phase in _ARRIVING}
    lost = not arriving <= states.keys()
    unexpected = _is_unexpected(described, status)
    return unsettled or short or lost or unexpected or status.mode is not Mode.ROLLING


def _is_unexpected(described: Reply, status: Status) -> bool:
    """Return whether the desired capacity is not the one that awsroll's own calls have left."""
    return status.desired is not None and int(described["DesiredCapacity"]) != status.desired.expected


def _shows_its_effect(call: Call, states: Mapping[str, str]) -> bool:
    """Return whether the group's members show that an accepted call to terminate one of them has taken effect."""
    ends = states.get(call.instance_id, _TERMINATING).startswith(_TERMINATING)
    return call.kind in LEAVING_CALLS and call.answered and ends


def _has_been_short(status: Status) -> bool:
    """Return whether members that the group owes take longer than usual: it may launch and lose one after the other."""
    since, at = status.shortage.since, status.observed_at
    return since is not None and at is not None and at - since >= _LONG_SHORTAGE


def _zone_in(details: str) -> str:
    """Return the zone in an activity's details, which are JSON in a string."""
    try:
        parsed = json.loads(details or "{}")
    except ValueError:
        return ""
    return str(parsed.get("Availability Zone", "")) if isinstance(parsed, dict) else ""
