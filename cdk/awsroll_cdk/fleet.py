"""Which fleet a deployment rolls, as `awsroll roll` would name it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from awsroll.iam import Fleets


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """An Auto Scaling group, or servers registered by hand. Made by `group` or `standalone`."""

    permitted: Fleets

    @classmethod
    def group(cls, *, name: str, target_groups: Sequence[str] = (), extra_target_groups: Sequence[str] = ()) -> Self:
        """Name an Auto Scaling group.

        Args:
            name: the group's name.
            target_groups: ARNs of the target groups that are attached to it.
            extra_target_groups: ARNs of further ones, which its members are registered in by hand.
        """
        fleets = Fleets(
            groups=(name,), target_groups=tuple(target_groups), extra_target_groups=tuple(extra_target_groups)
        )
        return cls(permitted=fleets)

    @classmethod
    def standalone(cls, *, target_groups: Sequence[str], name: str = "") -> Self:
        """Name servers registered by hand.

        Args:
            target_groups: ARNs of the target groups that every server is registered in.
            name: the names of these groups, sorted and joined by `+`, as awsroll marks their servers: none but servers
                of that mark may be terminated. Empty: any server that a rollout has marked.
        """
        return cls(permitted=Fleets(names=(name,) if name else (), target_groups=tuple(target_groups)))
