"""The fleet of a deployment, named as for `awsroll roll`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from awsroll.iam import Fleets


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """One or several Auto Scaling groups, or servers registered by hand. Use `group`, `groups` or `standalone`."""

    permitted: Fleets

    @classmethod
    def group(cls, *, name: str, target_groups: Sequence[str] = (), extra_target_groups: Sequence[str] = ()) -> Self:
        """Name an Auto Scaling group.

        Args:
            name: the group's name.
            target_groups: ARNs of the target groups that are attached to it.
            extra_target_groups: ARNs of other target groups in which its members are registered by hand.
        """
        fleets = Fleets(
            groups=(name,), target_groups=tuple(target_groups), extra_target_groups=tuple(extra_target_groups)
        )
        return cls(permitted=fleets)

    @classmethod
    def groups(cls, *, names: Sequence[str], target_groups: Sequence[str] = ()) -> Self:
        """Name several Auto Scaling groups, for rollouts in waves.

        Args:
            names: the groups' names.
            target_groups: ARNs of all the target groups that are attached to them.
        """
        return cls(permitted=Fleets(groups=tuple(names), target_groups=tuple(target_groups)))

    @classmethod
    def standalone(cls, *, target_groups: Sequence[str], name: str = "") -> Self:
        """Name servers registered by hand.

        Args:
            target_groups: ARNs of the target groups in which every server is registered.
            name: the names of these target groups, sorted and joined by `+`: the value of the tag `awsroll:fleet`.
                Only servers with this tag may be terminated. Empty: servers with the tags of any rollout.
        """
        return cls(permitted=Fleets(names=(name,) if name else (), target_groups=tuple(target_groups)))
