"""The parts of a store: the first part of each key says who writes it, so that IAM can separate the writers."""

RECORDS, OPEN, FLEETS = "rollouts", "open", "fleets"
USER_REQUESTS = "requests"
NOTES = "notes"
TIMELINES = "timelines"
DECISIONS = "decisions"
HISTORY = "history"
PROBES = "probes"

OF_DRIVERS = (RECORDS, OPEN, FLEETS, NOTES, TIMELINES, DECISIONS, HISTORY)
"""What only drivers write: records and locks, the index, locks of fleets, notes, timelines, decisions, the history."""

EXPIRING = (RECORDS, USER_REQUESTS, NOTES, TIMELINES, DECISIONS)
"""What a table with retention deletes some time after the last write. Locks and open entries stay."""

RETENTION_DAYS = 400
"""The time after the last write of an item, if its table has retention. A running rollout writes its items again."""

EXPIRES = "expires"
"""The attribute of an item with the time of its deletion, in seconds since 1970."""

OF_USERS = (USER_REQUESTS,)
"""What users write: their requests to rollouts."""
