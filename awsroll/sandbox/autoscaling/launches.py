"""The launch of a member: EC2 launch, boot, lifecycle hooks, registration, InService, and each failure on the way.

Each failure is an activity as AWS would show it. The controller decides when to launch and how many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from awsroll.sandbox.api_errors import ApiError, insufficient_capacity
from awsroll.sandbox.autoscaling.group_state import LAUNCHING, Lifecycle, Member, Process, TemplateSpec
from awsroll.sandbox.autoscaling.launch_sources import overriding_image
from awsroll.sandbox.handler_parts import refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsroll.sandbox.autoscaling.catalog import ResolvedTemplate
    from awsroll.sandbox.autoscaling.group_state import Group
    from awsroll.sandbox.autoscaling.lifecycle_hooks import HookWaits
    from awsroll.sandbox.autoscaling.registry import Registry
    from awsroll.sandbox.autoscaling.target_attachments import GroupTargets

NO_CAPACITY_TAG = "sandbox:insufficient-capacity"
"""A group tag: the zones, separated by commas, in which launches find no capacity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """One instance to launch, and its cause."""

    subnet_id: str
    cause: str
    balancing: bool = False
    warm: bool = False
    """Whether the instance goes into the warm pool."""


class Launches:
    """Brings members into service.

    Args:
        registry: the groups.
        targets: the groups' target groups.
        hooks: the lifecycle hooks.
    """

    def __init__(self, registry: Registry, targets: GroupTargets, hooks: HookWaits) -> None:
        self._registry = registry
        self._targets = targets
        self._hooks = hooks
        self.failed: Callable[[Group, Member], None] = lambda _group, _member: None
        self.arrived: Callable[[Group, Member], None] = lambda _group, _member: None

    def launch(self, group: Group, request: LaunchRequest) -> Member:
        """Launch one instance from the group's template as it resolves now.

        Raises:
            ApiError: EC2 refuses the launch; a Failed activity is recorded.
        """
        zone = group.subnets[request.subnet_id]
        details = {"Subnet ID": request.subnet_id, "Availability Zone": zone}
        try:
            template = self._template(group)
            self._check_capacity(group, zone, template)
            self._targets.validate(group.attachments)
            instance = self._registry.context.ec2.launch(
                template_id=template.spec.template_id,
                template_version=str(template.version),
                subnet_id=request.subnet_id,
                tags=propagated_tags(group),
                client_token=None,
                image_id=overriding_image(group),
            )
        except ApiError as error:
            self._registry.log.fail_launch(group, request.cause, error.message, details)
            raise
        member = self._member(group, request, template, instance.instance_id)
        description = f"Launching a new EC2 instance: {instance.instance_id}"
        member.activity = self._registry.log.open(group, description, request.cause, details=details)
        member.activity.status, member.activity.progress = "PreInService", 30
        if request.warm:
            member.state = Lifecycle.WARMED_PENDING
            group.pool[member.instance_id] = member
        else:
            group.members[member.instance_id] = member
        return member

    def _member(self, group: Group, request: LaunchRequest, template: ResolvedTemplate, instance_id: str) -> Member:
        spec = template.spec
        if self._registry.options.instance_template_version == "number":
            spec = TemplateSpec(template_id=spec.template_id, name=spec.name, version=str(template.version))
        return Member(
            instance_id=instance_id,
            zone=group.subnets[request.subnet_id],
            subnet_id=request.subnet_id,
            launched_at=self._registry.context.now(),
            template=spec,
            template_version=template.version,
            instance_type=template.instance_type,
            protected=bool(group.setting("NewInstancesProtectedFromScaleIn", default=False)),
            image_id=overriding_image(group),
            balancing=request.balancing,
        )

    def bring_back(self, group: Group, member: Member, description: str, cause: str) -> None:
        """Bring an existing instance into service: attached, from standby, or from the warm pool."""
        details = {"Subnet ID": member.subnet_id, "Availability Zone": member.zone}
        was_warm = member.state in {Lifecycle.WARMED_STOPPED, Lifecycle.WARMED_RUNNING, Lifecycle.WARMED_HIBERNATED}
        member.state, member.launch_hooks_apply, member.settling = Lifecycle.PENDING, was_warm, False
        member.activity = self._registry.log.open(group, description, cause, details=details)
        member.activity.status, member.activity.progress = "PreInService", 30
        self.progress(group, member)

    def progress(self, group: Group, member: Member) -> None:
        """Take the next step of a launch, as far as EC2 allows."""
        if member.state not in LAUNCHING:
            return
        if self._registry.has_ended(member):
            self._died(group, member)
        elif member.state is Lifecycle.PENDING and not member.settling and self._registry.is_running(member):
            member.settling = True
            seconds = self._registry.options.group_registration_seconds
            self._registry.context.after(seconds, lambda: self._settled(group, member))

    def proceed(self, group: Group, member: Member) -> None:
        """Continue a launch after its lifecycle hooks: register, then InService."""
        if member.state is Lifecycle.PENDING_WAIT:
            member.state = Lifecycle.PENDING_PROCEED
        try:
            self._targets.register(group, member)
        except ApiError as error:
            self._registry.log.close(member.activity, "Failed", message=error.message)
            self.failed(group, member)
            return
        member.state = Lifecycle.IN_SERVICE
        member.in_service_since = self._registry.context.now()
        member.balancing = False
        self._registry.log.close(member.activity, "Successful")
        self.arrived(group, member)

    def _settled(self, group: Group, member: Member) -> None:
        if member.state is not Lifecycle.PENDING:
            return
        if not self._registry.is_running(member):
            member.settling = False  # the instance stopped: its next boot starts over
            return
        if self._hooks.begin(group, member, launching=True):
            member.state = Lifecycle.PENDING_WAIT
            if member.activity is not None:
                member.activity.status = "MidLifecycleAction"
        else:
            self.proceed(group, member)

    def _died(self, group: Group, member: Member) -> None:
        instance = self._registry.instance(member)
        reason = instance.state_reason.message if instance is not None else "the instance is gone"
        message = (
            "Instance became unhealthy while waiting for instance to be in InService state. "
            f"Termination Reason: {reason}"
        )
        self._registry.log.close(member.activity, "Failed", message=message)
        self._hooks.cancel(member)
        del group.members[member.instance_id]
        self.failed(group, member)

    def _template(self, group: Group) -> ResolvedTemplate:
        spec = group.effective_template
        if spec is None:
            message = "The sandbox launches from launch templates only, not from launch configurations."
            refuse(message)
        return self._registry.catalog.resolve(spec)

    @staticmethod
    def _check_capacity(group: Group, zone: str, template: ResolvedTemplate) -> None:
        tag = group.tags.get(NO_CAPACITY_TAG)
        if tag is not None and zone in [name.strip() for name in tag.value.split(",")]:
            refuse(insufficient_capacity(template.instance_type, zone), code="InsufficientInstanceCapacity")


def refuse_if_suspended(group: Group) -> None:
    """Refuse a call that launches while the Launch process of the group is suspended.

    Raises:
        ApiError: the process is suspended.
    """
    if not group.runs(Process.LAUNCH):
        refuse(f"The Launch process of AutoScalingGroup {group.name} is suspended.")


def propagated_tags(group: Group) -> dict[str, str]:
    """Return the tags that the group puts on launched instances."""
    tags = {key: tag.value for key, tag in group.tags.items() if tag.propagate}
    return tags | {"aws:autoscaling:groupName": group.name}


def difference(now: str, before: int, after: int) -> str:
    """Return the cause of a launch that closes the gap to the desired capacity."""
    return (
        f"At {now} an instance was started in response to a difference between desired and actual capacity, "
        f"increasing the capacity from {before} to {after}."
    )
