"""Stage: ends servers that are out of traffic and has others launched in their place. Called again until it is done.

Servers registered by hand are ended and launched by the stage itself (`replacing`). A group is told to replace members:
it deregisters, drains, ends and launches by itself, and its desired capacity stays (`replacing_members`).
"""

from dataclasses import dataclass
from typing import Literal

from awsroll.aws.connection import Connection
from awsroll.stages.deregister_targets import Registration
from awsroll.stages.event_fields import CheckAnswer, Count, FleetEvent, SomeInstances, Template, first_of
from awsroll.stages.replace_members import replace_members
from awsroll.stages.replace_standalone import Wish, replace_servers
from awsroll.stages.scope import fleet_to_change

_POLL_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminateAndLaunchEvent(FleetEvent):
    """Which servers to replace, and by what.

    Attributes:
        launch_template: what to launch; a group launches from its own setting, which must say the same.
        targets: what `deregister_targets` has answered: where the replacements are registered.
        protected: a group's members that are protected from scale-in are refused, or replaced all the same.
        min_healthy: a group's member is only replaced while so many others serve.
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
    """What has become of the servers.

    Attributes:
        new_instance_ids: what came in their place, in their order as far as it is there; for `check_healthy`.
    """

    instance_ids: tuple[str, ...]
    new_instance_ids: tuple[str, ...] = ()


def terminate_and_launch(event: TerminateAndLaunchEvent, aws: Connection) -> TerminateAndLaunchAnswer:
    """Replace servers; done when as many new ones are registered, whether healthy or not.

    Raises:
        FleetError: if one of them may still get requests, is protected or not of the fleet (nothing was changed), or if
            a replacement has ended by itself.
        FleetLockedError: if a rollout of awsroll's own engine holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer; calling it again goes on.
    """
    scope = fleet_to_change(event, aws)
    names = tuple(dict.fromkeys(event.instance_ids))
    if scope.is_group:
        wish = Wish(
            template=event.launch_template,
            targets=event.targets,
            even_protected=event.protected == "replace",
            min_healthy=event.min_healthy,
        )
        come = replace_members(scope, names, wish)
    else:
        come = replace_servers(scope, names, Wish(template=event.launch_template, targets=event.targets))
    return TerminateAndLaunchAnswer(
        rollout_id=event.rollout_id,
        asg=scope.rollout.group,
        target_group=scope.arns,
        instance_ids=names,
        done=not come.waiting,
        wait_seconds=_POLL_SECONDS,
        details=first_of(list(come.waiting)),
        new_instance_ids=come.new,
    )
