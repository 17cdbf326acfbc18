"""Many fleets: all of them checked before the first is begun, then rolled wave after wave, side by side in each.

Each fleet is one rollout like any other, with its own record, lock, credentials and clients, in a thread of its own.
When to begin which, and when to stop, is decided in `core.waves`.
"""

from awsroll.waves.run_waves import FleetsRun

__all__ = ["FleetsRun"]
