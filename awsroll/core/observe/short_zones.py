"""Zones of a group in which its surge found no capacity: the next launch goes to another one, for a while.

A refused launch had no effect, so the next one is a new launch with a number and token of its own (tokens are zonal).
What the group launches by itself is not concerned: it tries its zones as it sees fit. Nor are standalone fleets, whose
replacements belong in the subnet of the one that goes.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from awsroll.core.classify.view import View
from awsroll.core.model.actions import Answer, LaunchInGroup, Result
from awsroll.core.model.status import Launch, Status
from awsroll.core.observe.refusals import is_short_of_capacity

AVOID_SECONDS = 300  # capacity comes and goes; and leaving a zone out for long unbalances the group


def note_zone(status: Status, launch: Launch, result: Result, at: datetime) -> Status:
    """Keep whether a zone had room for all that was asked of it."""
    if not isinstance(result.action, LaunchInGroup) or not launch.zone:
        return status
    gave_fewer = result.answer is Answer.DONE and len(result.instance_ids) < launch.count
    refused = result.answer is Answer.REFUSED and is_short_of_capacity(result.code)
    if gave_fewer or refused:
        return _with_zones(status, status.shortage.zones | {launch.zone: at})
    if result.answer is Answer.DONE:
        return _with_zones(status, {zone: at for zone, at in status.shortage.zones.items() if zone != launch.zone})
    return status


def _with_zones(status: Status, zones: dict[str, datetime]) -> Status:
    return replace(status, shortage=replace(status.shortage, zones=zones))


def with_capacity(view: View, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Return the zones that have not refused us lately; all of them if there is no such zone."""
    since = view.observation.at - timedelta(seconds=AVOID_SECONDS)
    found = tuple(zone for zone in zones if view.status.shortage.zones.get(zone, since) <= since)
    return found or zones
