"""Live traffic for the sandbox: real servers, a load balancer that obeys target states, clients that count drops."""

from awsroll.sandbox.traffic.report import Drop, Outcome, Sample, TrafficReport
from awsroll.sandbox.traffic.traffic import Traffic

__all__ = ["Drop", "Outcome", "Sample", "Traffic", "TrafficReport"]
