"""Plans, summaries and reports of rollouts: values with the keys that scripts depend on.

They are derived from the record, an observation and the counts of this run. Nothing here reads AWS or prints. Plans are
loaded on use: the summary of a record needs none of what a plan is made from.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from awsroll.core.model.finding import Finding
from awsroll.report.build_report import build_report, instance_counts
from awsroll.report.report import ApiCalls, Failed, InstanceCounts, Report, Traffic
from awsroll.report.summary import RolloutSummary, summarize

if TYPE_CHECKING:
    from awsroll.report.forecast import PlannedInstance, RolloutPlan
    from awsroll.report.waves_report import FleetPlan, FleetReport, FleetsPlan, FleetsReport, WavePlan, WaveReport

_LOADED_ON_USE = {
    "PlannedInstance": "forecast",
    "RolloutPlan": "forecast",
    "FleetPlan": "waves_report",
    "FleetReport": "waves_report",
    "FleetsPlan": "waves_report",
    "FleetsReport": "waves_report",
    "WavePlan": "waves_report",
    "WaveReport": "waves_report",
}

__all__ = [
    "ApiCalls",
    "Failed",
    "Finding",
    "FleetPlan",
    "FleetReport",
    "FleetsPlan",
    "FleetsReport",
    "InstanceCounts",
    "PlannedInstance",
    "Report",
    "RolloutPlan",
    "RolloutSummary",
    "Traffic",
    "WavePlan",
    "WaveReport",
    "build_report",
    "instance_counts",
    "summarize",
]


def __getattr__(name: str) -> Any:
    """Load a plan's class on its first use (PEP 562)."""
    if name not in _LOADED_ON_USE:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_LOADED_ON_USE[name]}"), name)
