"""Reads what a plan needs of the past of a fleet: how long its servers took, and its requests. It changes nothing.

Past rollouts come from the store, launches from the activity history of the group, requests from CloudWatch. None of
them is needed: without them, a plan estimates from timers alone and assumes a rate of requests.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Outcome
from awsroll.core.timeline.arrivals import arrivals, reloads
from awsroll.driver.read_rate import request_rate
from awsroll.driver.read_story import stored_course
from awsroll.driver.session import Session
from awsroll.errors import AwsrollError
from awsroll.ports import Record, Store
from awsroll.preflight.lookups import id_prefix
from awsroll.report.estimate import NO_HISTORY, History
from awsroll.stores import RecordStore

_MOST_ROLLOUTS, _ROLLOUTS_READ = 3, 8
_ACTIVITY_AGE = timedelta(days=42)  # AWS keeps activities for six weeks
_MOST_PAGES = 2
_LAUNCHING = "Launching a new EC2 instance"
_SUCCESSFUL = "Successful"


def read_history(session: Session, rollout: Rollout, drain: float) -> History:
    """Return the times of the fleet of a rollout: past rollouts if there are any, else launches of its group.

    Args:
        session: the call.
        rollout: the rollout to plan.
        drain: how long its servers drain, in seconds.
    """
    history = _read_times(session, rollout, drain)
    if not rollout.metrics:
        return history
    return replace(history, server_rate=request_rate(session.aws, rollout.target_groups))


def _read_times(session: Session, rollout: Rollout, drain: float) -> History:
    try:
        past = _past_rollouts(session.store, rollout, drain)
        if past.arrivals or rollout.reloads or not rollout.group:
            return past
        return History(boots=_boots(session, rollout.group))
    except AwsrollError:
        return NO_HISTORY


def _past_rollouts(store: Store, rollout: Rollout, drain: float) -> History:
    if not isinstance(store, RecordStore):
        return NO_HISTORY
    times, count = list[float](), 0
    for record in store.newest_of(id_prefix(rollout.fleet), most=_ROLLOUTS_READ):
        if not _is_alike(record, rollout):
            continue
        course = stored_course(record, store)
        found = reloads(course, drain) if rollout.reloads else arrivals(course)
        times += found
        count += bool(found)
        if count == _MOST_ROLLOUTS:
            break
    return History(arrivals=tuple(times), rollouts=count)


def _is_alike(record: Record, rollout: Rollout) -> bool:
    past = record.rollout
    same = (past.fleet, past.kind, past.reloads, past.region) == (
        rollout.fleet,
        rollout.kind,
        rollout.reloads,
        rollout.region,
    )
    return same and past.max_running is None and record.status.outcome is Outcome.SUCCEEDED


def _boots(session: Session, group: str) -> tuple[float, ...]:
    since: datetime = session.aws.now() - _ACTIVITY_AGE
    pages = islice(session.aws.autoscaling.activities(group, since), _MOST_PAGES)
    return tuple(
        (activity["EndTime"] - activity["StartTime"]).total_seconds()
        for page in pages
        for activity in page
        if activity.get("StatusCode") == _SUCCESSFUL
        and activity.get("EndTime") is not None
        and activity.get("Description", "").startswith(_LAUNCHING)
    )
