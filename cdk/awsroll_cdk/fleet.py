"""The fleet of a deployment, named as for `awsroll roll`, or given as constructs of the CDK."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

from awsroll.iam import Fleets

if TYPE_CHECKING:  # these modules of the CDK take a third of a second to load
    from aws_cdk import aws_autoscaling as autoscaling, aws_elasticloadbalancingv2 as elbv2

Group: TypeAlias = "str | autoscaling.IAutoScalingGroup"
"""An Auto Scaling group: its construct, name or ARN."""
TargetGroup: TypeAlias = "str | elbv2.ITargetGroup"
"""A target group: its construct or ARN."""
_NAME_IN_ARN = ":autoScalingGroupName/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """One or several Auto Scaling groups, or servers registered by hand. Use `group`, `groups` or `standalone`."""

    permitted: Fleets

    @classmethod
    def group(
        cls,
        name: Group,
        *,
        target_groups: Sequence[TargetGroup] = (),
        extra_target_groups: Sequence[TargetGroup] = (),
    ) -> Self:
        """Name an Auto Scaling group.

        Args:
            name: the group: its construct, name or ARN.
            target_groups: the target groups that are attached to it. Default: none.
            extra_target_groups: other target groups in which its members are registered by hand. Default: none.
        """
        return cls.groups(names=(name,), target_groups=target_groups, extra_target_groups=extra_target_groups)

    @classmethod
    def groups(
        cls,
        names: Sequence[Group],
        *,
        target_groups: Sequence[TargetGroup] = (),
        extra_target_groups: Sequence[TargetGroup] = (),
    ) -> Self:
        """Name several Auto Scaling groups: one construct serves them all, in waves too.

        Args:
            names: the groups: their constructs, names or ARNs.
            target_groups: all the target groups that are attached to them. Default: none.
            extra_target_groups: other target groups in which members are registered by hand. Default: none.
        """
        return cls(
            permitted=Fleets(
                groups=tuple(map(_group_name, names)),
                target_groups=tuple(map(_target_group_arn, target_groups)),
                extra_target_groups=tuple(map(_target_group_arn, extra_target_groups)),
            )
        )

    @classmethod
    def standalone(cls, target_groups: Sequence[TargetGroup], *, name: str = "") -> Self:
        """Name servers registered by hand: one fleet, or several.

        Args:
            target_groups: the target groups in which the servers are registered.
            name: the names of these target groups, sorted and joined by `+`: the value of the tag `awsroll:fleet`.
                Only servers with this tag may be terminated. Default: servers with the tags of any rollout.
        """
        arns = tuple(map(_target_group_arn, target_groups))
        return cls(permitted=Fleets(names=(name,) if name else (), target_groups=arns))


def _group_name(group: Group) -> str:
    if not isinstance(group, str):
        return str(group.auto_scaling_group_name)
    return group.rpartition(_NAME_IN_ARN)[2]


def _target_group_arn(group: TargetGroup) -> str:
    return group if isinstance(group, str) else str(group.target_group_arn)
