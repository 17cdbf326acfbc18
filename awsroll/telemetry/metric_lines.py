"""Metrics in CloudWatch's embedded metric format: one line of JSON on standard output for each rollout that ends.

CloudWatch Logs turns such a line of a function into metrics, without a call and without a permission. The line also has
`event` and `at`, as each JSON line of awsroll.
"""

import json
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any, TextIO

from awsroll.core.classify.counts import count_servers
from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_events import EventName
from awsroll.core.model.status import Outcome, Status
from awsroll.events import rfc3339

NAMESPACE = "awsroll"
_UNITS = {
    "Rollouts": "Count",
    "Failed": "Count",
    "Duration": "Seconds",
    "ServersReplaced": "Count",
    "ServersFailed": "Count",
    "LowestServing": "Count",
}


class MetricLines:
    """Writes one line for each rollout that ends.

    Args:
        stream: where to write; None: standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._seen: tuple[Rollout, Status] | None = None

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Write the line at the end of the rollout."""
        if name == EventName.ENDED and self._seen is not None:
            line = json.dumps(metrics(*self._seen, at, outcome=str(fields.get("outcome", ""))))
            with suppress(OSError, ValueError):  # a rollout never stops for its metrics
                print(line, file=self._stream or sys.stdout, flush=True)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:  # noqa: ARG002 - a sink
        """Keep what the line needs."""
        self._seen = rollout, status


def metrics(rollout: Rollout, status: Status, at: datetime, *, outcome: str) -> dict[str, Any]:
    """Return the metrics of a rollout that has ended, in CloudWatch's embedded metric format."""
    counts = count_servers(rollout, status)
    values = {
        "Rollouts": 1,
        "Failed": int(outcome != Outcome.SUCCEEDED),
        "Duration": (at - status.started_at).total_seconds(),
        "ServersReplaced": counts.replaced + counts.reloaded,
        "ServersFailed": counts.failed,
        "LowestServing": status.counters.lowest_serving or 0,
    }
    definition = {
        "Namespace": NAMESPACE,
        "Dimensions": [[], ["fleet"], ["fleet", "outcome"]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in _UNITS.items()],
    }
    return {
        "event": "metrics",
        "at": rfc3339(at),
        "_aws": {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [definition]},
        "rollout_id": rollout.rollout_id,
        "fleet": rollout.fleet,
        "outcome": outcome,
        **values,
    }
