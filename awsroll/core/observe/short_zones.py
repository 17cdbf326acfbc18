"""Avoids the zones of a group in which a launch found no capacity, and zones that do not offer the instance type.

A refused launch had no effect, so the next one is a new launch with a new number and a new token (tokens are zonal).
Launches that the group makes by itself are not affected: the group chooses their zones. Standalone fleets are not
affected either: a replacement gets the subnet of the server that it replaces.
"""

from datetime import datetime, timedelta

from awsroll.core.classify.refusals import Refusal, is_not_offered, refusal_of
from awsroll.core.classify.view import View
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import LaunchInGroup
from awsroll.core.model.calls import Launch
from awsroll.core.model.replacing import replace
from awsroll.core.model.status import Status

AVOID_SECONDS = 300  # capacity changes quickly, and a zone that is avoided for long unbalances the group


def note_zone(status: Status, launch: Launch, result: Result, at: datetime) -> Status:
    """Record whether a zone had capacity for all the instances that a launch asked for."""
    if not isinstance(result.action, LaunchInGroup) or not launch.zone:
        return status
    fell_short = result.answer is Answer.DONE and len(result.instance_ids) < launch.count
    refused = result.answer is Answer.REFUSED and refusal_of(result.code, result.message) is Refusal.NOT_HERE
    if refused and is_not_offered(result.code, result.message):
        zones = tuple(sorted({*status.shortage.not_offered, launch.zone}))
        return replace(status, shortage=replace(status.shortage, not_offered=zones))
    if fell_short or refused:
        return _with_zones(status, status.shortage.zones | {launch.zone: at})
    if result.answer is Answer.DONE:
        return _with_zones(status, {zone: at for zone, at in status.shortage.zones.items() if zone != launch.zone})
    return status


def _with_zones(status: Status, zones: dict[str, datetime]) -> Status:
    return replace(status, shortage=replace(status.shortage, zones=zones))


def note_shifted_zones(view: View, status: Status) -> Status:
    """Record the zones under a zonal shift: an observation shows a shift only while a server is in its zone."""
    with_requests = {
        instance.zone
        for instance in view.observation.instances
        if any(target.takes_requests for target in instance.targets)
    }
    shifted = tuple(sorted({*status.shortage.shifted} - with_requests | view.shifted_zones))
    if shifted == status.shortage.shifted:
        return status
    return replace(status, shortage=replace(status.shortage, shifted=shifted))


def with_capacity(view: View, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Return the zones that take requests and had capacity recently; without such a zone, fall back to the others.

    A server in a zone under a zonal shift would not serve, so such a zone comes last. Zones that do not offer the
    instance type are left out, unless no zone offers it.
    """
    shortage, since = view.status.shortage, view.observation.at - timedelta(seconds=AVOID_SECONDS)
    offered = tuple(zone for zone in zones if zone not in shortage.not_offered) or zones
    shifted = view.shifted_zones.union(shortage.shifted)
    with_traffic = tuple(zone for zone in offered if zone not in shifted)
    open_zones = tuple(zone for zone in with_traffic if shortage.zones.get(zone, since) <= since)
    return open_zones or with_traffic or offered
