"""How long a Network Load Balancer can still send new flows to a server that awsroll has deregistered."""

from awsroll.core.classify.draining import NEW_FLOWS_SECONDS
from awsroll.core.classify.view import View
from awsroll.core.model.server_record import Server


def seconds_of_new_flows(view: View, server: Server) -> float:
    """Return for how many seconds a Network Load Balancer can still send new flows to a deregistered server.

    For targets that a group deregisters, the group's own drain lasts long enough (`delay_in_rollout`).
    """
    since = server.last_deregistration or server.gone_since
    network = view.network_groups
    by_hand = (key for key in server.targets if key not in view.managed_keys)
    if since is None or not network or not any(key.target_group in network for key in by_hand):
        return 0
    return max(0.0, NEW_FLOWS_SECONDS - (view.observation.at - since).total_seconds())
