"""Stage: terminate servers that are out of traffic and launch others in their place. Called until it is done.

The stage launches and terminates servers that are registered by hand (`replace_standalone`). A group replaces its
members by itself: it deregisters, drains, terminates and launches, and its desired capacity stays (`replace_members`).
"""

from dataclasses import dataclass
from typing import Literal

from awsroll.aws.connection import Connection
from awsroll.stages.deregister_targets import Registration
from awsroll.stages.event_fields import CheckAnswer, Count, FleetEvent, SomeInstances, Template, limited
from awsroll.stages.replace_members import replace_members
from awsroll.stages.replace_standalone import ReplacementRequest, replace_servers
from awsroll.stages.scope import find_fleet_to_change

_POLL_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateAndLaunchEvent(FleetEvent):
    """Which servers to replace, and with what.

    Attributes:
        launch_template: what to launch. A group launches from its own setting, which must be this version.
        targets: the answer of `deregister_targets`: where the replacements are registered.
        protected: whether members protected from scale-in are refused, or replaced like the others.
        min_healthy: a member of a group is replaced only while at least this many others serve.
    """

    instance_ids: SomeInstances
    launch_template: Template = ""
    targets: tuple[Registration, ...] = ()
    protected: Literal["refuse", "replace"] = "refuse"
    min_healthy: Count = 1

    def __post_init__(self) -> None:
        FleetEvent.__post_init__(self)
        if not self.asg and not self.launch_template:
            message = "servers registered by hand need a launch_template"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateAndLaunchAnswer(CheckAnswer):
    """How far the replacement of the servers is.

    Attributes:
        new_instance_ids: the new servers so far, in the order of the old ones; for `check_healthy`.
    """

    instance_ids: tuple[str, ...]
    new_instance_ids: tuple[str, ...] = ()


def terminate_and_launch(event: TerminateAndLaunchEvent, aws: Connection) -> TerminateAndLaunchAnswer:
    """Replace servers. Done when as many new ones are registered, healthy or not.

    Raises:
        FleetError: if a server may still get requests, is protected, or is not part of the fleet (nothing was changed);
            or if a replacement has ended.
        FleetLockedError: if a rollout of awsroll's own engine holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer; call the stage again to continue.
    """
    scope = find_fleet_to_change(event, aws)
    names = tuple(dict.fromkeys(event.instance_ids))
    request = ReplacementRequest(
        template=event.launch_template,
        targets=event.targets,
        even_protected=event.protected == "replace",
        min_healthy=event.min_healthy,
    )
    replace = replace_members if scope.is_group else replace_servers
    progress = replace(scope, names, request)
    return TerminateAndLaunchAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=names,
        done=not progress.waiting,
        wait_seconds=_POLL_SECONDS,
        details=limited(list(progress.waiting)),
        new_instance_ids=progress.new,
    )
