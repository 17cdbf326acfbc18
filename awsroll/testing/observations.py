"""Observations of the fake AWS: a snapshot of the whole state, and the `Observation` of one rollout taken from it.

An observation covers the same instances as on AWS: registered targets, members, ids in the record, and (for a
standalone fleet) instances with the rollout's tag. A stale observation uses the previous snapshot.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from awsroll.core.model.calls import CallKind
from awsroll.core.model.observation import (
    Alarm,
    AlarmState,
    FleetKind,
    Group,
    Instance,
    InstanceState,
    Invocation,
    Observation,
    StatusCheck,
    TargetGroup,
)
from awsroll.core.model.period import CalendarState, Schedule
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.tags import APP_VERSION_TAG, ROLE_TAG, ROLLOUT_TAG, with_own_replaced
from awsroll.schedules import schedule_at
from awsroll.testing.commands import Commands
from awsroll.testing.group import FakeGroup, Member
from awsroll.testing.instances import FakeInstance, Instances
from awsroll.testing.targets import Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that AWS shows at one instant."""

    at: datetime
    instances: dict[str, Instance]
    registered: frozenset[str]
    target_groups: tuple[TargetGroup, ...]
    group: Group | None
    saved_settings: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looker:
    """Takes snapshots and makes observations from them."""

    instances: Instances
    targets: Targets
    commands: Commands
    group: FakeGroup | None
    memory: dict[tuple[str, str], str]
    alarms: dict[str, AlarmState]
    calendars: dict[str, CalendarState]
    shown: dict[str, tuple[tuple[object, ...], Instance]] = field(default_factory=dict)

    def snapshot(self, at: datetime) -> Snapshot:
        """Take a snapshot of the visible state now."""
        members = {} if self.group is None else self.group.members
        seen = {
            one.instance_id: self._instance(one, members.get(one.instance_id))
            for one in self.instances.all()
            if self.instances.visible(one.instance_id) or one.instance_id in members
        }
        return Snapshot(
            at=at,
            instances=seen,
            registered=frozenset(one for one in self.targets.registered_ids() if not self.instances[one].foreign),
            target_groups=tuple(sorted(self.targets.groups.values(), key=lambda one: one.arn)),
            group=None if self.group is None else show_group(self.group),
            saved_settings=frozenset(self.memory),
        )

    def observation(self, snapshot: Snapshot, rollout: Rollout, status: Status, at: datetime) -> Observation:
        """Return the part of a snapshot that this rollout observes."""
        shown = snapshot.instances
        ids = named_ids(status)
        if rollout.kind is FleetKind.STANDALONE:
            ids |= snapshot.registered
            ids |= {one.instance_id for one in shown.values() if one.rollout == rollout.rollout_id}
        else:
            ids |= {one.instance_id for one in shown.values() if one.lifecycle is not None}
        missing = Instance(instance_id="", state=InstanceState.MISSING)
        wanted = set(rollout.target_groups)
        return Observation(
            at=at,
            instances=tuple(
                shown.get(instance_id) or replace(missing, instance_id=instance_id) for instance_id in sorted(ids)
            ),
            target_groups=tuple(one for one in snapshot.target_groups if one.arn in wanted),
            group=_shown_to(rollout, snapshot.group),
            invocations=self._invocations(rollout, status),
            alarms=self._alarms(rollout),
            schedule=self._schedule(rollout, at),
            saved_settings=snapshot.saved_settings,
            status_checks=self._status_checks(status),
        )

    def _status_checks(self, status: Status) -> tuple[tuple[str, StatusCheck], ...] | None:
        if status.checking_since is None:
            return None
        return tuple((name, self.instances.status_check(name)) for name in status.to_check)

    def group_observation(self, snapshot: Snapshot) -> Observation:
        """Return the settings and the members of the group, without their targets."""
        members = (one for one in snapshot.instances.values() if one.lifecycle is not None)
        return Observation(
            at=snapshot.at,
            instances=tuple(
                replace(one, state=InstanceState.MISSING, targets=())
                for one in sorted(members, key=lambda one: one.instance_id)
            ),
            target_groups=(),
            group=None if snapshot.group is None else replace(snapshot.group, warm_pool=None, warm_versions=()),
            saved_settings=snapshot.saved_settings,
        )

    def _alarms(self, rollout: Rollout) -> tuple[Alarm, ...]:
        return tuple(Alarm(name=name, state=self.alarms.get(name, AlarmState.MISSING)) for name in rollout.gates.alarms)

    def _schedule(self, rollout: Rollout, at: datetime) -> Schedule | None:
        gates = rollout.gates
        return schedule_at(gates.windows, gates.freezes, self.calendars, at) if gates.is_scheduled else None

    def _instance(self, one: FakeInstance, member: Member | None) -> Instance:
        """Return an instance as AWS shows it: the same value until something changes, because a fleet has thousands."""
        facts = (
            self.instances.visible(one.instance_id),
            *(one.state, one.state_reason, one.template, one.protected, one.launched_at),
            *(() if member is None else (member.lifecycle, member.marked_unhealthy)),
            self.targets.shown(one),
            tuple(one.tags.items()),
        )
        known = self.shown.get(one.instance_id)
        if known is None or known[0] != facts:
            known = self.shown[one.instance_id] = facts, self._shown_instance(one, member)
        return known[1]

    def _shown_instance(self, one: FakeInstance, member: Member | None) -> Instance:
        visible = self.instances.visible(one.instance_id)
        tags = with_own_replaced(one.tags, one.launch_index) if visible else {}
        return Instance(
            instance_id=one.instance_id,
            zone=one.zone,
            subnet_id=one.subnet_id if visible else "",
            state=one.state if visible else InstanceState.MISSING,
            state_reason=one.state_reason,
            template=one.template,
            app_version=tags.get(APP_VERSION_TAG),
            lifecycle=None if member is None else member.lifecycle,
            lifecycle_detail="" if member is None else str(member.lifecycle),
            marked_unhealthy=member is not None and member.marked_unhealthy,
            protected=one.protected,
            rollout=tags.get(ROLLOUT_TAG, ""),
            role=tags.get(ROLE_TAG, ""),
            launched_at=one.launched_at,
            client_token=one.client_token,
            targets=self.targets.shown(one),
            tags=tuple(sorted(tags.items())),
        )

    def _invocations(self, rollout: Rollout, status: Status) -> tuple[Invocation, ...]:
        sendings = ((name, server.attempt or server.void_attempt) for name, server in status.servers.items())
        named = {(one, attempt) for one, attempt in sendings if attempt}
        named |= {(call.instance_id, call.number) for call in status.calls if call.kind is CallKind.SEND_COMMAND}
        return tuple(self.commands.invocation(rollout.rollout_id, one, attempt) for one, attempt in sorted(named))


def _shown_to(rollout: Rollout, group: Group | None) -> Group | None:
    """Leave out the warm pool unless the rollout purges it: other rollouts do not read it."""
    return group if group is None or rollout.purges_warm_pool else replace(group, warm_pool=None, warm_versions=())


def show_group(group: FakeGroup) -> Group:
    """Return the group's settings as an observation shows them."""
    settings = group.settings
    return Group(
        name=settings.name,
        minimum=settings.minimum,
        maximum=settings.maximum,
        desired=settings.desired,
        template=settings.template,
        version=settings.version,
        suspended=frozenset(settings.suspended),
        zones=settings.zones,
        launch_failures=tuple(group.failures),
        terminations=frozenset(group.terminations),
        grace_seconds=group.grace_seconds,
        can_launch_instances=settings.can_launch_instances,
        refresh_active=settings.refresh_active,
        warm_pool=settings.warm_pool,
        warm_versions=tuple(sorted(str(one) for one in settings.warm)),
    )


def named_ids(status: Status) -> set[str]:
    """Return the ids of all instances that the record names."""
    ids = set(status.servers)
    ids |= {one for launch in status.launches for one in launch.instance_ids}
    ids |= {one for place in status.slots for one in place.instance_ids}
    return ids | {call.instance_id for call in status.calls if call.instance_id}
