"""Executions of the machine of many fleets that only note what was started."""

from dataclasses import dataclass, field
from typing import Any

from awsroll.core.request.waves import FleetsSpec
from awsroll.files.rollout_file import content_of_fleets


@dataclass
class Started:
    """What was started, and what still runs.

    Attributes:
        runs: the input of each execution, by its name.
        running: the names of those that have not ended.
    """

    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)

    def start(self, name: str, spec: FleetsSpec) -> None:
        self.runs[name] = content_of_fleets(spec)
        self.running.add(name)

    def is_running(self, name: str) -> bool:
        return name in self.running
