"""Metrics and traces of rollouts, from every driver: the environment asks for them, and they are loaded on use.

`AWSROLL_METRICS=emf` writes one line of CloudWatch's embedded metric format for each rollout that ends.
`AWSROLL_TRACES=otel` makes spans of OpenTelemetry: a rollout is one trace, whichever processes drive it.
"""

import os

from awsroll.errors import SpecError
from awsroll.ports import Sink

METRICS, TRACES = "AWSROLL_METRICS", "AWSROLL_TRACES"


def sinks_of_environment() -> list[Sink]:
    """Return the sinks that the environment asks for.

    Raises:
        SpecError: if it asks for something unknown, or the package is missing; nothing was changed.
    """
    sinks: list[Sink] = []
    if _asked(METRICS, "emf"):
        from awsroll.telemetry.metric_lines import MetricLines  # noqa: PLC0415 - only for who has asked for it

        sinks.append(MetricLines())
    if _asked(TRACES, "otel"):
        from awsroll.telemetry.trace_spans import TraceSpans, default_tracer  # noqa: PLC0415 - the same

        sinks.append(TraceSpans(default_tracer()))
    return sinks


def sinks_with(given: Sink | None) -> list[Sink]:
    """Return the sinks that the environment asks for, and the given one."""
    return [*sinks_of_environment(), *([] if given is None else [given])]


def _asked(variable: str, kind: str) -> bool:
    given = os.environ.get(variable, "")
    if given not in ("", kind):
        problem = f"{variable}={given[:20]!r} is unknown: set it to {kind}, or unset it. Nothing was changed"
        raise SpecError(problem)
    return bool(given)
