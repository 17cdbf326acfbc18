"""One registered target: the state machine that its health checks drive.

    initial -> healthy <-> unhealthy        while the load balancer checks it
    any     -> unused                       no listener, zone not enabled, instance stopped or terminated
    any     -> draining -> gone             after it was deregistered

A target reads the result of a check from its instance, keeps its own timers, and notifies `ElbWorld` of each change.
Checks run on the target group's interval, in phase with the first check. While no check can change the state, checks
are skipped.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from awsroll.sandbox.elb.target_group import TargetGroupSettings
from awsroll.sandbox.instance import Health, SimInstance
from awsroll.sandbox.interfaces import InstanceContext
from awsroll.sandbox.target import SimTarget

if TYPE_CHECKING:
    from awsroll.sandbox.timeline import Timer

REGISTERING = ("Elb.RegistrationInProgress", "Target registration is in progress")
FIRST_CHECKS = ("Elb.InitialHealthChecking", "Initial health checks in progress")
DRAINING = ("Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = ("Target.NotRegistered", "Target is not registered to the target group")
NO_LISTENER = ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
ZONE_OFF = ("Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer")
FAILURES = {
    Health.UNHEALTHY: ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
    Health.NEVER_ANSWERS: ("Target.Timeout", "Request timed out"),
    Health.REFUSES: ("Target.FailedHealthChecks", "Health checks failed"),
}


class TargetLife:
    """A target: one instance on one port of one target group, from its registration until it is gone.

    Args:
        context: the time, the switches and the instances.
        settings: returns the current settings of the target group.
        changed: called after each change of state or reason.
        instance_id: the instance, or the address in a target group of addresses.
        port: the port.
    """

    def __init__(
        self,
        context: InstanceContext,
        settings: Callable[[], TargetGroupSettings],
        changed: Callable[["TargetLife"], None],
        *,
        instance_id: str,
        port: int,
    ) -> None:
        self._context = context
        self._settings = settings
        self._changed = changed
        self.instance_id = instance_id
        self.port = port
        self.state = ""
        self.reason: str | None = None
        self.description: str | None = None
        self.draining_since: datetime | None = None
        self._passes = 0
        self._failures = 0
        self._first_check_at: datetime | None = None
        self._timer: Timer | None = None

    @property
    def is_registered(self) -> bool:
        """Whether the target is registered, and neither draining nor gone."""
        return self.state not in {"draining", "gone", ""} and self.reason != NOT_REGISTERED[0]

    def follows(self, instance: SimInstance) -> bool:
        """Return whether the target is this instance, or an address of it."""
        if self._settings().by_address:
            return self.instance_id in instance.addresses
        return self.instance_id == instance.instance_id

    def instance(self) -> SimInstance | None:
        """Return the instance that the target stands for; None if there is none."""
        if self._settings().by_address:
            return self._context.ec2.at_address(self.instance_id)
        return self._context.ec2.find(self.instance_id)

    def snapshot(self) -> SimTarget:
        """Return the current state as a value."""
        return SimTarget(
            instance_id=self.instance_id,
            port=self.port,
            state=self.state,
            reason=self.reason,
            description=self.description,
        )

    # --- events ---

    def register(self) -> None:
        """Register the target, also while it is draining."""
        self.draining_since = None
        self._change("initial", REGISTERING)
        self._restart()

    def deregister(self) -> None:
        """Drain for the current deregistration delay, then leave."""
        was_unused = self.state == "unused"
        self.draining_since = self._context.now()
        self._change("draining", DRAINING)
        if was_unused and self._context.options.deregistered_while_unused == "leaves-at-once":
            self.leave()
        else:
            self._wait(self._drain_seconds(), self._drained)

    def _drain_seconds(self) -> float:
        return self._settings().deregistration_delay_seconds + self._context.options.drain_lag_seconds

    def _drained(self) -> None:
        """Leave at once, or stay listed for a while as not registered."""
        seconds = self._context.options.drained_listed_seconds
        if seconds > 0:
            self._change("unused", NOT_REGISTERED)
            self._wait(seconds, self.leave)
        else:
            self.leave()

    def leave(self) -> None:
        """Remove the target."""
        self.stop_waiting()
        self._change("gone", (None, None))

    def reconsider(self) -> None:
        """Check the instance and the target group again after a change."""
        if self.state == "draining":
            self._reconsider_delay()
        elif self.is_registered:
            self._reconsider_use()

    # --- in use or not ---

    def _reconsider_delay(self) -> None:
        if self.draining_since is None or self._context.options.changed_delay == "ignored":
            return
        ends = self.draining_since + self._context.scaled(self._drain_seconds())
        self._wait(max(0.0, self._simulated(ends - self._context.now())), self._drained)

    def _reconsider_use(self) -> None:
        instance = self.instance()
        if self._settings().by_address:
            self._reconsider_address(instance)
            return
        if instance is None or instance.state == "terminated":
            if self._set_aside("Target.InvalidState", "Target is in the terminated state"):
                self._wait(self._context.options.ended_target_seconds, self.leave)
            return
        if instance.state == "stopped":
            self._set_aside("Target.InvalidState", "Target is in the stopped state")
            return
        self._reconsider_zone(instance.zone)

    def _reconsider_address(self, instance: SimInstance | None) -> None:
        """Check an address again. Without a running instance, its health checks fail and it stays registered."""
        self._reconsider_zone(instance.zone if instance else None)

    def _reconsider_zone(self, zone: str | None) -> None:
        zones = self._settings().zones
        if not zones or (zone is not None and zone not in zones):
            self._set_aside(*(ZONE_OFF if zones else NO_LISTENER))
        elif self.state == "unused":
            self._change("initial", REGISTERING)
            self._restart()
        elif self._timer is None:
            self._wait_for_next_check()

    def _set_aside(self, reason: str, description: str) -> bool:
        """Stop the checks, and return whether the reason has changed."""
        if (self.state, self.reason, self.description) == ("unused", reason, description):
            return False
        self.stop_waiting()
        self._change("unused", (reason, description))
        return True

    # --- health checks ---

    def _restart(self) -> None:
        """Restart the registration and the counts of checks."""
        self._passes = self._failures = 0
        self._first_check_at = None
        options, is_network = self._context.options, self._settings().is_network
        seconds = options.network_registration_seconds if is_network else options.registration_seconds
        self._wait(seconds, self._registered)
        self._reconsider_use()

    def _registered(self) -> None:
        at_once = self._context.options.first_check == "at-once"
        self._change("initial", FIRST_CHECKS)
        self._wait(0.0 if at_once else self._settings().interval_seconds, self._check)

    def _check(self) -> None:
        if self._first_check_at is None:
            self._first_check_at = self._context.now()
        instance = self.instance()
        settings = self._settings()
        outcome = instance.answers(settings.health_check_port or self.port) if instance else Health.REFUSES
        if outcome is Health.NEVER_ANSWERS:
            rest = max(0.0, settings.interval_seconds - settings.timeout_seconds)
            self._wait(settings.timeout_seconds, lambda: self._count(outcome, rest))
        else:
            self._count(outcome, settings.interval_seconds)

    def _count(self, outcome: Health, next_check_in: float) -> None:
        if outcome is Health.HEALTHY:
            self._passed()
        else:
            self._failed(FAILURES[outcome])
        settled = {"healthy": self._failures == 0, "unhealthy": self._passes == 0}.get(self.state, False)
        if settled:
            self.stop_waiting()  # further checks have the same result until something changes
        else:
            self._wait(next_check_in, self._check)

    def _passed(self) -> None:
        self._failures = 0
        self._passes += 1
        needs_threshold = self.state == "unhealthy" or self._context.options.first_healthy_needs == "threshold"
        if self.state != "healthy" and self._passes >= (self._settings().healthy_threshold if needs_threshold else 1):
            self._change("healthy", (None, None))

    def _failed(self, why: tuple[str, str]) -> None:
        self._passes = 0
        self._failures += 1
        if self.state == "unhealthy" or self._failures >= self._settings().unhealthy_threshold:
            self._change("unhealthy", why)

    def _wait_for_next_check(self) -> None:
        """Schedule the next check, in phase with the first check."""
        interval = self._settings().interval_seconds
        if self._first_check_at is None:
            self._wait(interval, self._check)
            return
        since = self._simulated(self._context.now() - self._first_check_at)
        self._wait(interval - since % interval, self._check)

    # --- timers ---

    def _change(self, state: str, why: tuple[str | None, str | None]) -> None:
        before = (self.state, self.reason, self.description)
        self.state, (self.reason, self.description) = state, why
        if before != (self.state, self.reason, self.description):
            self._changed(self)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self.stop_waiting()
        self._timer = self._context.after(seconds, then)

    def stop_waiting(self) -> None:
        """Cancel what the target waits for. Nothing follows once its target group was deleted."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _simulated(self, span: timedelta) -> float:
        """Return a span of the clock in simulated seconds."""
        return span.total_seconds() * self._context.options.speed
