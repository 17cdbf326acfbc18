"""Classic Load Balancers, which have an API of their own. Calls only; awsroll changes nothing there."""

from awsroll.aws.caller import Caller, Reply

_SERVICE = "elb"


class ClassicElb:
    """The calls to the API of Classic Load Balancers that awsroll makes."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def load_balancers(self) -> list[Reply]:
        """Describe all Classic Load Balancers in the region, with their instances."""
        return [
            balancer
            for page in self._caller.pages(_SERVICE, "DescribeLoadBalancers")
            for balancer in page.get("LoadBalancerDescriptions", [])
        ]
