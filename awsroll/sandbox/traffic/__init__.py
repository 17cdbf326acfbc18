"""Live traffic for the sandbox: real servers, a load balancer that follows target states, clients that count drops."""

from awsroll.sandbox.traffic.traffic import Traffic
from awsroll.sandbox.traffic.traffic_report import Drop, Outcome, Sample, TrafficReport
from awsroll.sandbox.traffic.virtual_traffic import VirtualTraffic

__all__ = ["Drop", "Outcome", "Sample", "Traffic", "TrafficReport", "VirtualTraffic"]
