"""Bring the record up to date with an observation: settled calls, clocks, membership, failures."""
