"""The checks before a rollout. They look up names, pin versions and check the fleet, and change nothing.

`prepare` turns a request into a `Rollout` and its first `Status`, or refuses it with all problems at once.
"""

from awsroll.core.model.finding import Finding
from awsroll.preflight.prepare import Prepared, prepare

__all__ = ["Finding", "Prepared", "prepare"]
