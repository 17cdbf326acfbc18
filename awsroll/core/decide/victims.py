"""Who goes next: unhealthy first, zones kept balanced, oldest first.

Replacing what does not serve costs no capacity, so it goes first. After that the next one always comes from the zone
that has the most instances, then the most that are still to go; ties go by the zone's name, the launch time and the id,
so that the order is the same at every look.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from awsroll.core.classify.view import View
from awsroll.core.model.observation import Instance

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def order(view: View, candidates: Iterable[Instance]) -> tuple[Instance, ...]:
    """Return the candidates in the order in which they go."""
    waiting = sorted(candidates, key=_by_age)
    unhealthy = tuple(one for one in waiting if not view.is_in_service(one))
    healthy = [one for one in waiting if view.is_in_service(one)]
    live = Counter(one.zone for one in view.live)
    live.subtract(one.zone for one in unhealthy if view.is_live(one))
    return unhealthy + _balanced(healthy, live)


def _by_age(instance: Instance) -> tuple[datetime, str]:
    return (instance.launched_at or _LONG_AGO, instance.instance_id)


def _balanced(healthy: list[Instance], live: "Counter[str]") -> tuple[Instance, ...]:
    by_zone: dict[str, list[Instance]] = {}
    for one in healthy:
        by_zone.setdefault(one.zone, []).append(one)
    ordered: list[Instance] = []
    while by_zone:
        zone = min(by_zone, key=lambda name: (-live[name], -len(by_zone[name]), name))
        ordered.append(by_zone[zone].pop(0))
        live[zone] -= 1
        if not by_zone[zone]:
            del by_zone[zone]
    return tuple(ordered)
