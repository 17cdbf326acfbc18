"""Rolls many fleets: checks all of them before the first rollout starts, then rolls them wave by wave.

Each fleet is a rollout like any other, with its own record, lock, credentials, clients and thread. The fleets of a wave
run in parallel. `core.request.waves` decides which fleet starts when, and when to stop.
"""

from awsroll.waves.run_waves import FleetsRun

__all__ = ["FleetsRun"]
