"""The result of a probe, as a file: what each experiment measured, and the switches that the sandbox can load.

The file has neither the account number nor secrets, so that it can be attached to a bug report.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from awsroll.probe.experiments import EXPERIMENTS, Experiment
from awsroll.probe.lab import Measurement
from awsroll.probe.transcript import Redaction
from awsroll.version import __version__

FORMAT = "awsroll-probe-1"


class Status(StrEnum):
    """How far an experiment came."""

    MEASURED = "measured"
    PARTLY = "partly measured"
    FAILED = "failed"
    NOT_STARTED = "not started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one experiment."""

    status: Status
    measurement: Measurement = field(default_factory=Measurement)

    @classmethod
    def of(cls, measurement: Measurement) -> "Result":
        """Return the result of a measurement; a note says what is missing."""
        return cls(status=Status.PARTLY if measurement.note else Status.MEASURED, measurement=measurement)

    @classmethod
    def without(cls, status: Status, why: str) -> "Result":
        """Return the result of an experiment that measured nothing."""
        return cls(status=status, measurement=Measurement(note=why))


@dataclass(slots=True, kw_only=True)
class Results:
    """The results of one probe so far."""

    probe_id: str
    region: str
    started_at: datetime
    experiments: dict[Experiment, Result] = field(default_factory=dict)

    @property
    def switches(self) -> dict[str, Any]:
        """Return the switches that the experiments settled."""
        return {
            name: value for result in self.experiments.values() for name, value in result.measurement.switches.items()
        }

    def save(self, path: Path, *, ended_at: datetime, left: tuple[str, ...], redact: Redaction) -> None:
        """Write the file."""
        document: Mapping[str, Any] = {
            "format": FORMAT,
            "awsroll": __version__,
            "probe_id": self.probe_id,
            "region": self.region,
            "started_at": self.started_at,
            "ended_at": ended_at,
            "switches": self.switches,
            "experiments": {
                experiment.value: {
                    "title": EXPERIMENTS[experiment].title,
                    "settles": EXPERIMENTS[experiment].settles,
                    "expected": EXPERIMENTS[experiment].expected,
                    "status": result.status.value,
                    "measured": result.measurement.values,
                    "switches": result.measurement.switches,
                    "note": result.measurement.note,
                }
                for experiment, result in self.experiments.items()
            },
            "left_over": list(left),
        }
        path.write_text(json.dumps(redact(document), indent=2) + "\n")
