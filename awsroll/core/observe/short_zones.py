"""Avoids, for a while, the zones of a group in which a launch found no capacity.

A refused launch had no effect, so the next one is a new launch with a new number and a new token (tokens are zonal).
Launches that the group makes by itself are not affected: the group chooses their zones. Standalone fleets are not
affected either: a replacement gets the subnet of the server that it replaces.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.classify.view import View
from awsroll.core.model.actions import Answer, LaunchInGroup, Result
from awsroll.core.model.status import Launch, Status
from awsroll.core.observe.refusals import is_short_of_capacity

AVOID_SECONDS = 300  # capacity changes quickly, and a zone that is avoided for long unbalances the group


def note_zone(status: Status, launch: Launch, result: Result, at: datetime) -> Status:
    """Record whether a zone had capacity for all the instances that a launch asked for."""
    if not isinstance(result.action, LaunchInGroup) or not launch.zone:
        return status
    fell_short = result.answer is Answer.DONE and len(result.instance_ids) < launch.count
    refused = result.answer is Answer.REFUSED and is_short_of_capacity(result.code)
    if fell_short or refused:
        return _with_zones(status, status.shortage.zones | {launch.zone: at})
    if result.answer is Answer.DONE:
        return _with_zones(status, {zone: at for zone, at in status.shortage.zones.items() if zone != launch.zone})
    return status


def _with_zones(status: Status, zones: dict[str, datetime]) -> Status:
    return replace(status, shortage=replace(status.shortage, zones=zones))


def with_capacity(view: View, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Return the zones without a recent lack of capacity; all zones if each of them lacks it."""
    since = view.observation.at - timedelta(seconds=AVOID_SECONDS)
    open_zones = tuple(zone for zone in zones if view.status.shortage.zones.get(zone, since) <= since)
    return open_zones or zones
