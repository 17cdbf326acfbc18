"""The parts of a store: the first part of each key says who writes it, so that IAM can separate the writers."""

RECORDS, OPEN, FLEETS = "rollouts", "open", "fleets"
USER_REQUESTS = "requests"
NOTES = "notes"
PROBES = "probes"

OF_DRIVERS = (RECORDS, OPEN, FLEETS, NOTES)
"""What only drivers of rollouts write: records and locks, the index, the locks of fleets, and notes between steps."""

OF_USERS = (USER_REQUESTS,)
"""What users write: their requests to rollouts."""
