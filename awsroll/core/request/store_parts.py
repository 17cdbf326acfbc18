"""The parts of a store: the first part of each key says who writes it, so that IAM can separate the writers."""

RECORDS, OPEN, FLEETS = "rollouts", "open", "fleets"
USER_REQUESTS = "requests"
NOTES = "notes"
TIMELINES = "timelines"
PROBES = "probes"

OF_DRIVERS = (RECORDS, OPEN, FLEETS, NOTES, TIMELINES)
"""What only drivers write: records and locks, the index, locks of fleets, notes between steps, and timelines."""

OF_USERS = (USER_REQUESTS,)
"""What users write: their requests to rollouts."""
