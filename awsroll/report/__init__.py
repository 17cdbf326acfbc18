"""Plans, summaries and reports of rollouts: values with the keys that scripts depend on.

They are derived from the record, an observation and the counts of this run. Nothing here reads AWS or prints.
"""

from awsroll.core.model.finding import Finding
from awsroll.report.build_report import build_report, instance_counts
from awsroll.report.forecast import PlannedInstance, RolloutPlan, forecast
from awsroll.report.report import ApiCalls, Failed, InstanceCounts, Report, Traffic
from awsroll.report.summary import RolloutSummary, summarize
from awsroll.report.waves_report import FleetPlan, FleetReport, FleetsPlan, FleetsReport, WavePlan, WaveReport

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
    "forecast",
    "instance_counts",
    "summarize",
]
