"""What each instance of an observation means to this rollout.

`View` is derived again from rollout, observation and record at every step. It answers the questions that every part of
the planner asks: which instances live, which are outdated or current, which serve, which must be left alone.

*In service* is stricter here than in Auto Scaling: the instance runs, its group (if any) shows InService, and it is
healthy on every port of every target group where it should be registered.
"""

from functools import cached_property
from typing import Any

from awsroll.core.classify.instance_facts import InstanceFacts
from awsroll.core.classify.serving import obstacle
from awsroll.core.model.observation import (
    FleetKind,
    Instance,
    InstanceState,
    Lifecycle,
    TargetKey,
    TargetState,
)
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.rollout_choices import SkipPolicy
from awsroll.core.model.status import Status

_OWN = frozenset({"original", "observation", "status", "passed_hooks", "since_last"})  # each view has its own
_OBSERVED = frozenset(
    {"by_id", "invocations", "longest_gap", "shifted_zones", "network_groups"}
)  # the same for every record


_OF_ONE_SERVER = ("_is_current", "_is_healthy", "_is_serving", "_is_live")  # by id: only the own record counts


def _differs_in_servers_at_most(one: Status, other: Status) -> bool:
    """Return whether two records agree in everything that a view derives its values from, besides servers and calls."""
    return (
        one.rolling_back is other.rolling_back
        and one.rehearsal is other.rehearsal
        and one.mode is other.mode
        and one.launches == other.launches
        and one.slots == other.slots
        and one.current_at_start == other.current_at_start
        and one.left_alone == other.left_alone
        and one.set_aside == other.set_aside
    )


def _changed_servers(one: Status, other: Status) -> list[str]:
    """Return the servers whose records differ."""
    before, after = one.servers, other.servers
    if before is after:
        return []
    changed = [name for name, server in after.items() if (known := before.get(name)) is not server and known != server]
    return changed + [name for name in before if name not in after]


class View(InstanceFacts):
    """One observation and its meaning. A view with another record keeps what does not depend on the difference."""

    def with_status(self, status: Status) -> "View":
        """Return the view with another record; the same view, with all that it has derived, for the same record."""
        if status is self.status:
            return self
        view = View(self.original, self.observation, status)
        view.__dict__.update(self._still_known(status))
        return view

    def _still_known(self, status: Status) -> dict[str, Any]:
        """Return what this view has derived that holds for another record too."""
        derived = self.__dict__
        if not _differs_in_servers_at_most(self.status, status):
            return {name: derived[name] for name in _OBSERVED & derived.keys()}
        changed = _changed_servers(self.status, status)
        if not changed and self.status.calls == status.calls:
            return {name: value for name, value in derived.items() if name not in _OWN}
        of_servers = {name: dict(derived[name]) for name in _OF_ONE_SERVER if name in derived}
        for answers in of_servers.values():
            for name in changed:
                answers.pop(name, None)
        return {name: derived[name] for name in _OBSERVED & derived.keys()} | of_servers

    @cached_property
    def _managed_in_order(self) -> tuple[TargetKey, ...]:
        return tuple(sorted(self.managed_keys))

    @cached_property
    def _targets_of_launched(self) -> dict[str, tuple[TargetKey, ...]]:
        launches = reversed(self.status.launches)  # the first launch that names an instance counts
        return {name: launch.targets for launch in launches for name in launch.instance_ids}

    @cached_property
    def _is_current(self) -> dict[str, bool]:
        """The answers of `is_current` so far. Many parts of the planner ask for each instance."""
        return {}

    @cached_property
    def _is_healthy(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _is_serving(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _is_live(self) -> dict[str, bool]:
        return {}

    # --- what it means ----------------------------------------------------------------------------------------------

    def is_current(self, instance: Instance) -> bool:
        """Return whether the instance may stay: it runs the target version and has not failed.

        In a rollback every instance may stay that does not run the failed version, or ran it before the rollout.
        """
        name, known = instance.instance_id, self._is_current
        if name not in known:
            known[name] = self._decide_current(instance)
        return known[name]

    def _decide_current(self, instance: Instance) -> bool:
        name = instance.instance_id
        if name in self.status.servers and self.status.servers[name].failed:
            return False
        if instance.template is None and name in self.launched and not self.rollout.reloads:
            return True  # EC2 shows the tags of a launch a little later
        if self.status.rolling_back:
            return name in self._current_at_start or not self.original.is_current(instance)
        return self.rollout.is_current(instance)

    def is_skipped(self, instance: Instance) -> bool:
        """Return whether the request's policies keep the instance out of the rollout for now."""
        if instance.instance_id in self.leaving or self.is_kept(instance) or self.is_current(instance):
            return False
        protected = instance.protected and self.rollout.protected is not SkipPolicy.REPLACE
        return protected or (self.is_in_standby(instance) and self.rollout.standby is not SkipPolicy.REPLACE)

    def required(self, instance: Instance) -> tuple[TargetKey, ...]:
        """Return where the instance should be registered."""
        return self._required(instance, as_chosen=True)

    def _required(self, instance: Instance, *, as_chosen: bool) -> tuple[TargetKey, ...]:
        name = instance.instance_id
        if self.rollout.kind is FleetKind.AUTO_SCALING:
            if not (extra := self.rollout.extra_targets):
                return self._managed_in_order
            in_flight = as_chosen and self.status.in_flight(name) is not None
            in_rollout = in_flight or self.is_current(instance) or self.original.is_current(instance)
            return (*self._managed_in_order, *extra) if in_rollout else self._managed_in_order
        if name in self.slots:
            return self.slots[name]
        return self._targets_of_launched.get(name, ())

    def is_in_service(self, instance: Instance) -> bool:
        """Return whether the instance can take requests wherever it should be, and its group does not replace it."""
        return self.is_healthy(instance) and not instance.marked_unhealthy

    def is_healthy(self, instance: Instance) -> bool:
        """Return whether the instance can take requests on every port of every target group where it should be.

        A mark of its group counts for nothing here: the load balancer sends requests to marked members too.
        """
        name, known = instance.instance_id, self._is_healthy
        if name not in known:
            keys = self._required(instance, as_chosen=True)
            known[name] = name not in self._unconfirmed and self._is_healthy_on(instance, keys)
        return known[name]

    def would_be_in_service(self, instance: Instance) -> bool:
        """Return whether the instance would be in service if this rollout had not chosen it."""
        return self._is_healthy_on(instance, self._required(instance, as_chosen=False))

    def _is_healthy_on(self, instance: Instance, keys: tuple[TargetKey, ...]) -> bool:
        in_group = self.rollout.kind is FleetKind.AUTO_SCALING
        return obstacle(instance, keys, in_group=in_group, ignore_mark=True) is None

    def is_serving(self, instance: Instance) -> bool:
        """Return whether the instance counts as capacity.

        It is in service, not on its way out, and verified if it runs the target version.
        """
        name, known = instance.instance_id, self._is_serving
        if name not in known:
            known[name] = self._decide_serving(instance)
        return known[name]

    def _decide_serving(self, instance: Instance) -> bool:
        name = instance.instance_id
        if name in self.leaving or name in self._kept or self.is_ending(instance) or not self.is_in_service(instance):
            return False
        return not self.is_current(instance) or self.phase(instance) is ServerPhase.SERVING

    def is_partly_out(self, instance: Instance) -> bool:
        """Return whether a server on its way out still takes requests, and would serve if it returned.

        awsroll has deregistered it in some of its target groups and not in the others. A server that did not serve when
        it was chosen, or that is unhealthy in a target group, is no capacity.
        """
        server = self.status.servers.get(instance.instance_id)
        if server is None or not server.served or instance.instance_id not in self.leaving:
            return False
        return self._is_capable(instance, TargetState.DRAINING)

    def is_coming_back(self, instance: Instance) -> bool:
        """Return whether a server takes requests in some target groups, and its health checks run in the others.

        It is unhealthy nowhere, and registered everywhere (or awsroll is about to do that), so it will soon serve.
        """
        name = instance.instance_id
        if name in self.leaving or self.is_serving(instance):
            return False
        if name in self.returning:
            return self._is_capable(instance, TargetState.INITIAL, TargetState.DRAINING)
        registered = {target.key for target in instance.targets}
        return registered.issuperset(self.required(instance)) and self._is_capable(instance, TargetState.INITIAL)

    @cached_property
    def awaits_return(self) -> bool:
        """Whether a server is coming back."""
        return any(self.is_coming_back(instance) for instance in self.live)

    def _is_capable(self, instance: Instance, *others: TargetState) -> bool:
        """Return whether an instance takes requests in a target group, and is in one of these states elsewhere."""
        if self.is_ending(instance) or instance.marked_unhealthy or instance.state is not InstanceState.RUNNING:
            return False
        in_service = self.rollout.kind is not FleetKind.AUTO_SCALING or instance.lifecycle is Lifecycle.IN_SERVICE
        takes = [target.takes_requests for target in instance.targets]
        return (
            in_service
            and any(takes)
            and all(target.takes_requests or target.state in others for target in instance.targets)
        )

    # --- sets of instances ------------------------------------------------------------------------------------------

    def is_live(self, instance: Instance) -> bool:
        """Return whether the instance counts as running: pending or running, standby included."""
        name, known = instance.instance_id, self._is_live
        if name not in known:
            known[name] = super().is_live(instance)
        return known[name]

    def _where(self, *, current: bool) -> list[Instance]:
        known = self._is_current
        for instance in self.live:
            if instance.instance_id not in known:
                self.is_current(instance)
        return [instance for instance in self.live if known[instance.instance_id] is current]

    @cached_property
    def live(self) -> tuple[Instance, ...]:
        """Instances of the fleet that count as running."""
        return tuple([instance for instance in self.observation.instances if self.is_live(instance)])

    @cached_property
    def current(self) -> tuple[Instance, ...]:
        """Live instances on the target version."""
        return tuple(self._where(current=True))

    @cached_property
    def outdated(self) -> tuple[Instance, ...]:
        """Live instances that must not stay as they are, without those kept for a rollback."""
        return tuple([instance for instance in self._where(current=False) if instance.instance_id not in self._kept])

    @cached_property
    def skipped(self) -> tuple[Instance, ...]:
        """Outdated instances that the policies keep out of the rollout."""
        return tuple(instance for instance in self.outdated if self.is_skipped(instance))

    @cached_property
    def serving(self) -> tuple[Instance, ...]:
        """Instances that count as capacity."""
        return tuple([instance for instance in self.live if self.is_serving(instance)])

    @cached_property
    def candidates(self) -> tuple[Instance, ...]:
        """Instances that must leave (or be reloaded) and have not been chosen yet. Some may have to wait."""
        return tuple([instance for instance in self.observation.instances if self._is_candidate(instance)])

    def _is_candidate(self, instance: Instance) -> bool:
        name = instance.instance_id
        if name in self.leaving or name in self._kept or name in self.returning:
            return False
        if not self.is_member(instance) or self.is_unknown(instance):
            return False
        if self.is_still_listed(instance):
            return True
        if self.is_ending(instance) or self.is_current(instance) or self.is_skipped(instance):
            return False
        # The group handles a pending member by itself until the member is in service or has failed.
        settled = instance.lifecycle is not Lifecycle.PENDING and name not in self.launched
        return settled or self.has_failed(instance)
