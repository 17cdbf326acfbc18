"""Which servers go first: one rule for engine and stages, on values only.

Retiring a server that does not serve costs no capacity, so it leaves first. After that the next server comes from the
zone with the most instances, then the zone with the most candidates. Ties are resolved by the name of the zone,
the launch time and the id, so that the order is the same at every observation.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from awsroll.core.model.observation import Instance

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def leaving_order(
    candidates: Iterable[Instance], *, in_service: Collection[str], live: Iterable[Instance]
) -> tuple[Instance, ...]:
    """Return the candidates in the order in which they leave.

    Args:
        candidates: the servers to replace, reload or retire.
        in_service: the ids of the servers that serve.
        live: all servers of the fleet that count as running: their zones are kept balanced.
    """
    waiting = sorted(candidates, key=_age)
    unhealthy = tuple(instance for instance in waiting if instance.instance_id not in in_service)
    healthy = [instance for instance in waiting if instance.instance_id in in_service]
    gone = {instance.instance_id for instance in unhealthy}
    return unhealthy + _balanced(
        healthy, Counter(instance.zone for instance in live if instance.instance_id not in gone)
    )


def surplus_order(instances: Iterable[Instance], cost: Callable[[Instance], tuple[bool, ...]]) -> tuple[Instance, ...]:
    """Return the instances in the order in which a surplus is retired: the least cost first, then the newest.

    Args:
        instances: the instances that may leave.
        cost: what is lost if the instance leaves, the most important first: it serves, it takes requests, it is old.
    """

    def newest_first(instance: Instance) -> tuple[float, str]:
        since = math.inf if instance.launched_at is None else instance.launched_at.timestamp()
        return (-since, instance.instance_id)

    return tuple(sorted(instances, key=lambda instance: (cost(instance), newest_first(instance))))


def _age(instance: Instance) -> tuple[datetime, str]:
    return (instance.launched_at or _LONG_AGO, instance.instance_id)


def _balanced(healthy: list[Instance], live: "Counter[str]") -> tuple[Instance, ...]:
    by_zone: dict[str, deque[Instance]] = {}
    for instance in healthy:
        by_zone.setdefault(instance.zone, deque()).append(instance)
    ordered: list[Instance] = []
    while by_zone:
        zone = min(by_zone, key=lambda name: (-live[name], -len(by_zone[name]), name))
        ordered.append(by_zone[zone].popleft())
        live[zone] -= 1
        if not by_zone[zone]:
            del by_zone[zone]
    return tuple(ordered)
