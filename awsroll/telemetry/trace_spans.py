"""Traces of OpenTelemetry: one span for each event, for each boot and drain, and for the rollout when it ends.

The id of the trace follows from the id of the rollout. So all processes and functions that drive a rollout add to the
same trace, without passing anything on. Where spans go is the setting of the SDK, for example by
`opentelemetry-instrument` and the variables `OTEL_*`.
"""

from datetime import datetime
from hashlib import sha256
from typing import Any

from awsroll.core.model.observation import Observation
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_events import EventName
from awsroll.core.model.status import Outcome, Status
from awsroll.errors import SpecError
from awsroll.events import RolloutIds
from awsroll.version import __version__

_NANOSECONDS = 1_000_000_000
_BEGINS = {"instance.launched": "boot", "instance.deregistered": "drain"}
_ENDS = {"instance.serving": "boot", "instance.terminated": "drain"}
_ERRORS = (EventName.FAILURE, EventName.ROLLBACK_STARTED)


def default_tracer() -> Any:
    """Return the tracer of the SDK as the process has configured it.

    Raises:
        SpecError: if the package is missing.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an optional package
    except ImportError:
        problem = "AWSROLL_TRACES=otel needs a package: pip install 'awsroll[otel]'. Nothing was changed"
        raise SpecError(problem) from None
    return trace.get_tracer("awsroll", __version__)


class TraceSpans:
    """Makes the spans of one rollout.

    Args:
        tracer: a tracer of OpenTelemetry.
    """

    def __init__(self, tracer: Any) -> None:
        self._tracer = tracer
        self._ids = RolloutIds()
        self._begun: dict[tuple[str, str], datetime] = {}
        self._started_at: datetime | None = None

    def event(self, name: str, at: datetime, **fields: object) -> None:
        """Make the span of an event, and the span of what it ends."""
        known = self._ids.added_to(fields)
        rollout_id = str(known.get("rollout_id", ""))
        if not rollout_id:
            return
        self._span(rollout_id, name, (at, at), known, failed=name in _ERRORS)
        for server in _servers(known):
            if name in _BEGINS and known.get("answer", "done") == "done":
                self._begun[_BEGINS[name], server] = at
            elif (since := self._begun.pop((_ENDS.get(name, ""), server), None)) is not None:
                self._span(rollout_id, _ENDS[name], (since, at), {"instance_id": server})
        if name == EventName.ENDED:
            failed = known.get("outcome") != Outcome.SUCCEEDED
            self._span(rollout_id, "rollout", (self._started_at or at, at), known, failed=failed)

    def observed(self, rollout: Rollout, observation: Observation, status: Status) -> None:  # noqa: ARG002 - a sink
        """Keep when the rollout has begun."""
        self._started_at = status.started_at

    def _span(
        self,
        rollout_id: str,
        name: str,
        times: tuple[datetime, datetime],
        fields: dict[str, object],
        *,
        failed: bool = False,
    ) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an optional package

        since, until = (int(at.timestamp() * _NANOSECONDS) for at in times)
        attributes = {
            f"awsroll.{key}": _attribute(value) for key, value in fields.items() if value not in (None, "", ())
        }
        span = self._tracer.start_span(name, context=_trace_of(rollout_id), start_time=since, attributes=attributes)
        if failed:
            span.set_status(StatusCode.ERROR, str(fields.get("cause") or fields.get("reason") or ""))
        span.end(end_time=until)


def _trace_of(rollout_id: str) -> Any:
    """Return the context of the trace of a rollout: all its spans have the same parent."""
    from opentelemetry import trace  # noqa: PLC0415 - an optional package

    digest = sha256(rollout_id.encode()).digest()
    parent = trace.SpanContext(
        trace_id=int.from_bytes(digest[:16], "big"),
        span_id=int.from_bytes(digest[16:24], "big"),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))


def _servers(fields: dict[str, object]) -> tuple[str, ...]:
    given = fields.get("instance_ids") or ((fields["instance_id"],) if fields.get("instance_id") else ())
    return tuple(map(str, given)) if isinstance(given, tuple | list) else ()


def _attribute(value: object) -> Any:
    """Return a value as an attribute may have it."""
    if isinstance(value, tuple | list):
        return tuple(map(str, value))
    return value if isinstance(value, bool | int | float) else str(value)
