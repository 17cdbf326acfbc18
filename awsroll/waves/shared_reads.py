"""The reads of one pass of `awsroll keep` that fleets of one place share: groups, their members, image parameters.

Auto Scaling describes a hundred groups in one call. What one fleet has read, the others do not read again.
"""

from collections.abc import Sequence

from awsroll.aws.caller import Reply
from awsroll.aws.connection import Connection
from awsroll.aws.parse_answers import read_instance
from awsroll.core.model.observation import Instance
from awsroll.preflight.lookups import group_name


class SharedReads:
    """Reads for the fleets of one region and role.

    Args:
        aws: the connection.
        groups: the names or ARNs of the groups of all these fleets.
    """

    def __init__(self, aws: Connection, groups: Sequence[str]) -> None:
        self.aws = aws
        self._names = tuple(dict.fromkeys(map(group_name, groups)))
        self._groups: dict[str, Reply] | None = None
        self._instances: dict[str, Instance] | None = None
        self._parameters: dict[str, str] = {}

    def group(self, named: str) -> Reply | None:
        """Return a described group with its members; None if no group has this name."""
        return self._described().get(group_name(named))

    def instances(self, ids: Sequence[str]) -> tuple[Instance, ...]:
        """Return described instances; leave out those that EC2 does not know."""
        if self._instances is None:
            members = [one["InstanceId"] for group in self._described().values() for one in group["Instances"]]
            self._instances = self._read(members)
        missing = set(ids) - set(self._instances)
        if missing:
            self._instances |= self._read(sorted(missing))
        return tuple(self._instances[one] for one in ids if one in self._instances)

    def parameter(self, name: str) -> str:
        """Return the value of a parameter."""
        if name not in self._parameters:
            self._parameters[name] = self.aws.ssm.parameter(name)
        return self._parameters[name]

    def _described(self) -> dict[str, Reply]:
        if self._groups is None:
            described = self.aws.autoscaling.groups(self._names)
            self._groups = {group["AutoScalingGroupName"]: group for group in described}
        return self._groups

    def _read(self, ids: Sequence[str]) -> dict[str, Instance]:
        described = self.aws.ec2.instances(ids) if ids else []
        return {one.instance_id: one for one in map(read_instance, described)}
