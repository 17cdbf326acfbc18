"""Every switch of the sandbox, with its unit and its default.

Two kinds live here: how long things take in the simulated AWS (all `_seconds` are simulated seconds, divided by
`speed`), and which way the sandbox goes where AWS's behaviour is not documented. A test suite that depends on such a
behaviour runs each way. Nothing here reads the environment or the command line.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the simulated AWS behaves. Change single ones at run time with `World.change_options`."""

    speed: float = 1.0
    """How many simulated seconds pass in one second of the clock. Only timers are scaled, never timestamps."""

    # --- EC2 ---
    boot_seconds: float = 40.0
    """From RunInstances or StartInstances to `running`."""
    boot_jitter_seconds: float = 0.0
    """Each boot takes up to this much longer; the same amounts in every run of the same calls."""
    application_seconds: float = 5.0
    """From `running` until the application answers health checks."""
    stop_seconds: float = 30.0
    """From StopInstances or TerminateInstances to `stopped` or `terminated`; the application stops at once."""
    status_check_seconds: float = 120.0
    """How long the status checks of a running instance say `initializing`."""
    api_visibility_seconds: float = 1.0
    """How long EC2 denies knowing an instance that it has just launched (eventual consistency)."""
    terminated_visible_seconds: float = 3600.0
    """How long a terminated instance is still described."""
    tags_fade_seconds: float = 600.0
    """How long a terminated instance keeps its tags."""
    client_token_seconds: float = 86400.0
    """How long a client token is remembered after the last of its instances was terminated."""
    changed_token_parameters: Literal["refused", "ignored"] = "refused"  # noqa: S105  no password
    """Same token, other parameters: `IdempotentParameterMismatch`, or the first call's instances."""
    template_subnet_token_scope: Literal["zonal", "regional"] = "zonal"  # noqa: S105  no password
    """Scope of a client token when the subnet comes from the launch template alone."""
    launch_tags: Literal["merged", "replaced"] = "merged"
    """Tags in RunInstances beside tags in the launch template: added to them, or instead of them."""
    capacity_error_status: int = 500
    """HTTP status of `InsufficientInstanceCapacity`; botocore retries by itself if it is 5xx."""
    filter_values_limit: int = 200
    """More values than this in one call's filters: `FilterLimitExceeded`."""

    # --- Elastic Load Balancing ---
    registration_seconds: float = 3.0
    """How long a registered target stays `Elb.RegistrationInProgress` before health checks begin."""
    first_check: Literal["after-interval", "at-once"] = "after-interval"
    """When the first health check of a target is made, counted from the end of its registration."""
    first_healthy_needs: Literal["one-pass", "threshold"] = "one-pass"
    """What a target that was never healthy or unhealthy needs to become `healthy`."""
    register_targets: Literal["all-or-nothing", "partial"] = "all-or-nothing"
    """RegisterTargets with one bad id: registers none of the others, or all of them. The call fails either way."""
    changed_delay: Literal["ignored", "applied"] = "ignored"
    """Effect of a changed deregistration delay on targets that are draining already."""
    drain_lag_seconds: float = 0.0
    """How much longer than its deregistration delay a target stays `draining`."""
    drained_listed_seconds: float = 0.0
    """How long a drained target stays in the list without `Targets`, as `unused` with `Target.NotRegistered`."""
    deregistered_while_unused: Literal["drains", "leaves-at-once"] = "drains"
    """What deregistering does to a target of a target group that no listener uses."""
    unknown_target_health: Literal["refused", "unused"] = "refused"
    """DescribeTargetHealth naming an instance that EC2 does not know: `InvalidTarget`, or `Target.NotRegistered`."""
    ended_target_seconds: float = 120.0
    """How long a target whose instance was terminated stays listed as `Target.InvalidState`."""
    targets_per_group: int = 1000
    """Quota: more targets than this in one target group are `TooManyTargets`."""

    # --- Auto Scaling ---
    launch_instances_available: bool = True
    """Whether the endpoint knows LaunchInstances and several ids in TerminateInstanceInAutoScalingGroup."""
    launch_instances_raises_desired: bool = True
    """Whether LaunchInstances adds what it launches to the desired capacity."""
    instance_template_version: Literal["number", "alias"] = "number"
    """What a member's template version says if the group's is `$Latest` or `$Default`."""
    second_terminate: Literal["refused", "decrements"] = "refused"
    """Terminating a member that is terminating already, with decrement."""
    standby_terminate_decrement: Literal["lowers", "ignored"] = "lowers"
    """Terminating a standby member, whose way in had lowered the desired capacity, with decrement: lowers it again."""
    member_deregistered_by_hand: Literal["killed", "ignored", "reregistered"] = "killed"
    """What a group with ELB health checks does with a member that somebody took out of a target group."""
    exit_standby_raises_desired: Literal["always", "if-lowered"] = "always"
    """ExitStandby: raises the desired capacity always, or only for members whose way in had lowered it (else the
    surplus is scaled in). AWS documents both."""
    group_registration_seconds: float = 2.0
    """From a member's boot to its registration in the group's target groups."""
    group_check_seconds: float = 10.0
    """How often a group looks at the health and number of its members and at the balance of its zones."""
    launch_retry_seconds: float = 15.0
    """How long a group waits after its first failed launch; doubled after each further one."""
    launch_retry_max_seconds: float = 300.0
    """The longest wait between two attempts to launch."""

    # --- Systems Manager ---
    ssm_visibility_seconds: float = 0.5
    """How long a command that was just sent is unknown to the calls that read its result."""
    ssm_online_seconds: float = 5.0
    """From `running` until the instance's agent is online."""
    ssm_delivery_seconds: float = 1.0
    """From SendCommand until the command runs on the instance."""
    command_seconds: float = 5.0
    """How long a command runs, unless the instance's tag `sandbox:command-seconds` says otherwise."""

    def with_fields(self, fields: Mapping[str, Any]) -> Self:
        """Return these options with some of them changed, given in JSON's types or as texts.

        Raises:
            ValueError: there is no such option, or it cannot have this value; the message says why.
        """
        import msgspec  # noqa: PLC0415  kept out of the import of the pytest plugin

        if unknown := sorted(set(fields) - set(type(self).__slots__)):
            message = f"no such option: {', '.join(unknown)}; nothing was changed"
            raise ValueError(message)
        try:
            return msgspec.convert(asdict(self) | dict(fields), type(self), strict=False)
        except msgspec.ValidationError as error:
            message = f"option {', '.join(fields)}: {error}; nothing was changed"
            raise ValueError(message) from error

    def __post_init__(self) -> None:
        if self.speed <= 0:
            message = f"speed must be above zero, not {self.speed}"
            raise ValueError(message)
