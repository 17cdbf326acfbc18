"""Every option of the sandbox, with its unit and default.

There are two kinds. Fields that end in `_seconds` set durations, in simulated seconds, divided by `speed`. The other
switches select a behaviour where AWS does not document it; test suites that depend on such a behaviour run both ways.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """The behaviour of the simulated AWS. `World.change_options` changes options at run time."""

    speed: float = 1.0
    """Simulated seconds per second of the clock. It scales timers, never timestamps."""

    # --- EC2 ---
    boot_seconds: float = 40.0
    """From RunInstances or StartInstances to `running`."""
    boot_jitter_seconds: float = 0.0
    """The most that a boot takes longer, at random. The same calls get the same amounts in every run."""
    application_seconds: float = 5.0
    """From `running` until the application answers health checks."""
    stop_seconds: float = 30.0
    """From StopInstances to `stopped`, or TerminateInstances to `terminated`. The application stops at once."""
    status_check_seconds: float = 120.0
    """How long the status checks of a running instance are `initializing`."""
    api_visibility_seconds: float = 1.0
    """How long EC2 does not show a new instance (eventual consistency)."""
    terminated_visible_seconds: float = 3600.0
    """How long EC2 describes a terminated instance."""
    tags_fade_seconds: float = 600.0
    """How long a terminated instance keeps its tags."""
    client_token_seconds: float = 86400.0
    """How long a client token is remembered after the last of its instances was terminated."""
    launch_token_seconds: float = 28800.0
    """How long LaunchInstances remembers a client token, from the first call. Afterwards it launches again."""
    instance_quota: int = 0
    """Quota: the most instances that are not `terminated`; more are `VcpuLimitExceeded`. 0: no quota."""
    vcpu_quota: int = 0
    """Quota: the most vCPUs of the instances of one bucket (such as Standard, or G and VT) that are not `terminated`;
    more are `VcpuLimitExceeded`. 0: no quota."""
    changed_token_parameters: Literal["refused", "ignored"] = "refused"  # noqa: S105  no password
    """Same token, other parameters: `IdempotentParameterMismatch`, or the instances of the first call."""
    template_subnet_token_scope: Literal["zonal", "regional"] = "zonal"  # noqa: S105  no password
    """Scope of a client token when the subnet comes from the launch template alone."""
    launch_tags: Literal["merged", "replaced"] = "merged"
    """Whether tags of RunInstances are added to the tags of the launch template, or replace them."""
    capacity_error_status: int = 500
    """HTTP status of `InsufficientInstanceCapacity`. botocore retries a 5xx status by itself."""
    filter_values_limit: int = 200
    """The most filter values in one call; more are `FilterLimitExceeded`."""

    # --- Elastic Load Balancing ---
    registration_seconds: float = 3.0
    """How long a new target is `Elb.RegistrationInProgress` before health checks begin."""
    network_registration_seconds: float = 120.0
    """The same for a target group of a Network Load Balancer, where it takes minutes."""
    network_new_flows_seconds: float = 120.0
    """How long a Network Load Balancer sends new flows to a deregistered target, whatever the delay says."""
    first_check: Literal["after-interval", "at-once"] = "after-interval"
    """When the first health check runs, counted from the end of the registration."""
    first_healthy_needs: Literal["one-pass", "threshold"] = "one-pass"
    """The passed checks that a new target needs to become `healthy`."""
    register_targets: Literal["all-or-nothing", "partial"] = "all-or-nothing"
    """RegisterTargets with one bad id registers no other target, or all of them. The call fails either way."""
    changed_delay: Literal["ignored", "applied"] = "ignored"
    """Whether a changed deregistration delay applies to targets that are draining already."""
    drain_lag_seconds: float = 0.0
    """How long a target stays `draining` beyond its deregistration delay."""
    drained_listed_seconds: float = 0.0
    """How long the list without `Targets` shows a drained target, as `unused` with `Target.NotRegistered`."""
    deregistered_while_unused: Literal["drains", "leaves-at-once"] = "drains"
    """What happens to a target that is deregistered from a target group without a listener."""
    unknown_target_health: Literal["refused", "unused"] = "refused"
    """DescribeTargetHealth naming an instance that EC2 does not know: `InvalidTarget`, or `Target.NotRegistered`."""
    ended_target_seconds: float = 120.0
    """How long the target of a terminated instance stays listed, as `Target.InvalidState`."""
    ended_target_by_id: Literal["draining", "not-registered"] = "draining"
    """What DescribeTargetHealth shows by id and port of a terminated instance that is no longer listed, for ten
    minutes."""
    targets_per_group: int = 1000
    """Quota: the most targets in one target group; more are `TooManyTargets`."""

    # --- Auto Scaling ---
    launch_instances_available: bool = True
    """Whether the endpoint knows LaunchInstances and several ids in TerminateInstanceInAutoScalingGroup."""
    launch_instances_raises_desired: bool = True
    """Whether LaunchInstances raises the desired capacity by the number of launched instances."""
    instance_template_version: Literal["number", "alias"] = "number"
    """How a member shows its template version if the group uses `$Latest` or `$Default`."""
    second_terminate: Literal["refused", "decrements"] = "refused"
    """The effect of terminating, with decrement, a member that is already terminating."""
    standby_terminate_decrement: Literal["lowers", "ignored"] = "lowers"
    """Whether terminating a standby member with decrement lowers the desired capacity again, if EnterStandby lowered
    it."""
    member_deregistered_by_hand: Literal["killed", "ignored", "reregistered"] = "killed"
    """How a group with ELB health checks treats a member that was deregistered by someone else."""
    exit_standby_raises_desired: Literal["always", "if-lowered"] = "always"
    """Whether ExitStandby always raises the desired capacity, or only for members whose EnterStandby lowered it (any
    surplus is scaled in). AWS documents both."""
    group_registration_seconds: float = 2.0
    """From a member's boot to its registration in the group's target groups."""
    group_check_seconds: float = 10.0
    """The interval at which a group checks the health, the number and the zones of its members."""
    impaired_seconds: float = 120.0
    """How long the status checks of a member are impaired before its group marks it unhealthy."""
    launch_retry_seconds: float = 15.0
    """The wait of a group after its first failed launch. Each further failure doubles it."""
    launch_retry_max_seconds: float = 300.0
    """The longest wait between two launch attempts."""

    # --- Systems Manager ---
    ssm_visibility_seconds: float = 0.5
    """How long the calls that read commands do not know a new command."""
    ssm_online_seconds: float = 5.0
    """From `running` until the instance's agent is online."""
    ssm_delivery_seconds: float = 1.0
    """From SendCommand until the command runs on the instance."""
    command_seconds: float = 5.0
    """How long a command runs, unless the instance's tag `sandbox:command-seconds` says otherwise."""

    def with_fields(self, fields: Mapping[str, Any]) -> Self:
        """Return these options with some changes, given in JSON's types or as strings.

        Raises:
            ValueError: an option is unknown, or its value is not valid.
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

    def with_file(self, path: Path) -> Self:
        """Return these options with the switches of a file, such as the result of `awsroll probe`.

        Raises:
            ValueError: the file cannot be read, has no `switches`, or sets an option that does not exist.
        """
        try:
            fields = json.loads(path.read_text())["switches"]
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}; nothing was changed"
            raise ValueError(message) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            message = f"{path} is not a JSON file with the key `switches`; nothing was changed"
            raise ValueError(message) from error
        if not isinstance(fields, dict):
            message = f"`switches` of {path} must be a JSON object; nothing was changed"
            raise ValueError(message)  # noqa: TRY004 - a malformed file, as above
        return self.with_fields(fields)

    def __post_init__(self) -> None:
        if self.speed <= 0:
            message = f"speed must be above 0, not {self.speed}"
            raise ValueError(message)
