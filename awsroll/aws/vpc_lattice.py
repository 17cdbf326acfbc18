"""VPC Lattice: its target groups and their targets. Calls only; awsroll changes nothing there."""

from awsroll.aws.caller import Caller, Reply

_SERVICE = "vpc-lattice"


class VpcLattice:
    """The calls to VPC Lattice that awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def target_groups(self, vpc_id: str) -> list[Reply]:
        """List the target groups of a VPC. Those of Lambda functions have no VPC."""
        request = {"vpcIdentifier": vpc_id}
        pages = self._caller.pages(_SERVICE, "ListTargetGroups", request)
        return [group for page in pages for group in page.get("items", [])]

    def targets(self, target_group: str) -> list[Reply]:
        """List the targets of a target group."""
        request = {"targetGroupIdentifier": target_group}
        pages = self._caller.pages(_SERVICE, "ListTargets", request)
        return [target for page in pages for target in page.get("items", [])]
