"""The control server: the last old server, which stays in traffic during the bake time for the judge to compare with.

Once every server is new, a bad version and an outage of a shared dependency look alike: no statistic can tell them
apart. So the bake time of a judged rollout begins when all servers but one are new. The last old server is replaced
when the bake time is over.

    10 servers, bake time 10 minutes: replace 9; bake for 10 minutes, compare 9 new servers with 1 old; replace 1; end.

There is no control server without a bake time or a judge, in a fleet of one server, with `--keep-old` (its old servers
are out of traffic), with zones one by one, or if old servers stay anyway because they are protected.
"""

from awsroll.core.classify.capacity import Capacity
from awsroll.core.classify.view import View

_LEAST_SERVERS = 2


def most_before_bake(view: View, capacity: Capacity) -> int | None:
    """Return how many servers may be touched before the bake time is over; None if there is no control server."""
    if view.status.rolling_back or view.status.gate.baked or not view.rollout.keeps_control_server:
        return None
    if view.skipped or not any(view.is_serving(candidate) for candidate in view.candidates):
        return None
    started_current = sum(1 for instance in view.current if view.was_current_at_start(instance.instance_id))
    to_touch = capacity.limits.desired - started_current
    return to_touch - 1 if to_touch >= _LEAST_SERVERS else None


def is_bake_due(view: View, capacity: Capacity) -> bool:
    """Return whether every server but the control server is new and serves."""
    most = most_before_bake(view, capacity)
    return most is not None and capacity.current_serving >= capacity.limits.desired - 1
