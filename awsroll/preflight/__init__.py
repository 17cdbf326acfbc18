"""The checks before a rollout: everything is looked up, pinned and judged, and nothing is changed.

`prepare` turns a request into a `Rollout` and its first `Status`, or refuses with all that is wrong at once.
"""

from awsroll.core.model.finding import Finding
from awsroll.preflight.prepare import Prepared, prepare

__all__ = ["Finding", "Prepared", "prepare"]
