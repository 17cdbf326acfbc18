"""Invariants 6 and 7: at each end of a rollout, all settings are restored and no instance is left behind.

A change made by someone else during the rollout is kept. A setting that could not be restored must still be in the
saved settings of the record and in its warnings.
"""

from dataclasses import dataclass
from datetime import datetime

from awsroll.core.classify.target_group_settings import value_in
from awsroll.core.model.observation import InstanceState, Lifecycle, TargetState
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.setting_names import OF_TARGET_GROUPS
from awsroll.core.model.status import Outcome, Status
from awsroll.core.model.warm_pool import WarmPool
from awsroll.testing.facts import LEFT, Truth
from awsroll.testing.group import FakeGroup
from awsroll.testing.instances import FakeInstance
from awsroll.testing.targets import Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The fleet before the rollout, and its servers on the goal version. A standalone fleet has no bounds (None)."""

    desired: int
    on_goal: frozenset[str]
    target_groups: dict[str, dict[str, str]]
    minimum: int | None = None
    maximum: int | None = None
    version: str = ""
    suspended: frozenset[str] = frozenset()
    warm_pool: WarmPool | None = None

    @classmethod
    def of(cls, desired: int, on_goal: frozenset[str], targets: Targets, group: FakeGroup | None) -> "Found":
        """Return the fleet as it is now."""
        target_groups = _settings_of(targets)
        if group is None:
            return cls(desired=desired, on_goal=on_goal, target_groups=target_groups)
        settings = group.settings
        return cls(
            desired=settings.desired,
            on_goal=on_goal,
            target_groups=target_groups,
            minimum=settings.minimum,
            maximum=settings.maximum,
            version=settings.version,
            suspended=frozenset(settings.suspended),
            warm_pool=settings.warm_pool,
        )


def _settings_of(targets: Targets) -> dict[str, dict[str, str]]:
    return {arn: {name: value_in(one, name) for name in OF_TARGET_GROUPS} for arn, one in targets.groups.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of one rollout, and its checks.

    Attributes:
        desired: how many instances the fleet should have now.
        resumed_at: when the group's processes resumed; later launches belong to the group, not to the rollout.
    """

    truth: Truth
    memory: dict[tuple[str, str], str]
    rollout: Rollout
    status: Status
    found: Found
    desired: int
    resumed_at: datetime | None

    def problems(self) -> list[str]:
        """Return what is wrong, one line each."""
        found = [*self._left_behind(), *self._kept_failed(), *self._failed_version(), *self._target_groups()]
        if self.truth.group is not None:
            found += self._group(self.truth.group)
        if self.memory and not self.status.settings.found:
            found.append(f"invariant 6: tags are left: {sorted(self.memory)}")
        if self.status.settings.found and not self.status.warnings:
            found.append(f"invariant 6: not restored, and no warning: {self.status.settings.found}")
        return found

    def _is_open(self, setting: str) -> bool:
        return any(name.startswith(setting) for name in self.status.settings.found)

    def _target_groups(self) -> list[str]:
        return [
            f"invariant 6: {setting} of {arn} is {value}, was {self.found.target_groups[arn][setting]}"
            for arn, settings in _settings_of(self.truth.targets).items()
            for setting, value in settings.items()
            if value != self.found.target_groups[arn][setting] and not self._is_open(setting)
        ]

    def _group(self, group: FakeGroup) -> list[str]:
        settings, found = group.settings, self.found
        wrong = []
        if settings.minimum != found.minimum and not self._is_open("min-size"):
            wrong.append(f"invariant 6: min is {settings.minimum}, was {found.minimum}")
        if settings.maximum != max(found.maximum or 0, self.desired) and not self._is_open("max-size"):
            wrong.append(f"invariant 6: max is {settings.maximum}, was {found.maximum}")
        if settings.desired != self.desired and not self.status.warnings:
            wrong.append(
                f"invariant 6: desired is {settings.desired}, should be {self.desired}, kept: {self.status.desired}"
            )
        if settings.warm_pool != (self.truth.somebody.warm_pool or found.warm_pool) and not self._is_open("warm-pool"):
            wrong.append(f"invariant 6: the warm pool is {settings.warm_pool}, was {found.warm_pool}")
        still = settings.suspended - found.suspended
        if still and not self._is_open("process"):
            wrong.append(f"invariant 6: processes still suspended: {sorted(still)}")
        if found.suspended - settings.suspended:
            wrong.append(f"invariant 6: processes resumed: {sorted(found.suspended - settings.suspended)}")
        if settings.version not in self._right_versions() and not self._is_open("version"):
            wrong.append(f"invariant 6: version is {settings.version}, should be {self._right_versions()}")
        return wrong

    def _right_versions(self) -> tuple[str, ...]:
        had_nothing_to_do = self.status.reason.startswith("already on version")
        if self.rollout.reload is not None or had_nothing_to_do:
            return (self.found.version,)
        if self.status.outcome is Outcome.SUCCEEDED and self.rollout.template is not None:
            return (str(self.rollout.template.number),)
        baseline = self.rollout.baseline_template
        if baseline is not None and self.status.outcome is Outcome.ROLLED_BACK:
            return (str(baseline.number),)
        # Unchanged, if the rollout stopped before it set anything.
        return (self.found.version,) if baseline is None else (self.found.version, str(baseline.number))

    def _failed_version(self) -> list[str]:
        """Report instances on the rolled-back version, except those that ran it before the rollout."""
        if self.status.outcome is not Outcome.ROLLED_BACK or self._is_scaled_in():
            return []
        facts = self.truth.gather(self.rollout, rolling_back=self.status.rolling_back)
        live = {one for one in facts.running if facts.by_id[one].lifecycle not in LEFT}
        return [
            f"invariant 7: {one.instance_id} still runs {one.application_version}, which was rolled back"
            for one in self.truth.instances.all()
            if one.application_version == self.rollout.to_version
            and one.instance_id in live - self.found.on_goal
            and not self.truth.is_kept_failed(one)
        ]

    def _kept_failed(self) -> list[str]:
        """Report failed servers that are kept beyond the number of the request, or that the record does not name."""
        alive = (one for one in self.truth.instances.all() if one.live and self.truth.is_kept_failed(one))
        kept = {one.instance_id for one in alive}
        problems = []
        if len(kept) > self.rollout.keep_failed:
            problems.append(f"keeps {sorted(kept)} for inspection, more than {self.rollout.keep_failed}")
        if unnamed := kept - {one.instance_id for one in self.status.kept_failed}:
            problems.append(f"keeps {sorted(unnamed)} for inspection, and the record does not say so")
        return problems

    def _is_scaled_in(self) -> bool:
        """Return whether someone has just lowered desired. The group then chooses which members leave."""
        group = self.truth.group
        return group is not None and len(group.counted()) > group.settings.desired

    def _left_behind(self) -> list[str]:
        """Report instances that the rollout launched, deregistered or put in standby and then left there."""
        return [
            f"invariant 7: {one.instance_id} is left outside the fleet"
            for one in self.truth.instances.all()
            if one.state in (InstanceState.PENDING, InstanceState.RUNNING) and self._is_lost(one)
        ]

    def _is_lost(self, one: FakeInstance) -> bool:
        instance_id = one.instance_id
        if one.foreign or not one.keys or instance_id in self.truth.somebody.deregistered:
            return False
        if self.truth.is_left_alone(one) or self.truth.is_kept_failed(one):
            return False
        if any(at is not None and one.launched_at >= at for at in (self.status.ended_at, self.resumed_at)):
            return False
        in_group = self._is_lost_to_its_group(instance_id)
        if in_group is not None:
            return in_group
        # A rollback that is stopped early leaves a new member on the baseline as its group made it.
        required = self.truth.required(one, self.rollout, rolling_back=False)
        entries = [self.truth.targets.find(instance_id, key) for key in required]
        return any(entry is None or entry.state is TargetState.DRAINING for entry in entries)

    def _is_lost_to_its_group(self, instance_id: str) -> bool | None:
        """Decide by the group alone; None: decide by the registrations, or there is no group."""
        group = self.truth.group
        if group is None:
            return None
        member = group.members.get(instance_id)
        if member is None:
            return True
        if member.lifecycle in (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY):
            return instance_id not in self.truth.somebody.stood_by
        is_groups_business = self._is_scaled_in() or member.lifecycle is not Lifecycle.IN_SERVICE
        return False if is_groups_business or instance_id in self.truth.somebody.unregistered else None
