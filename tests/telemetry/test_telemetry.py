"""Metrics and traces of rollouts of a fake fleet, asked for by the environment."""

import json
import sys
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import awsroll
from awsroll.errors import SpecError
from awsroll.telemetry import METRICS, TRACES, sinks_of_environment
from awsroll.testing import FakeFleet

WEB = awsroll.RolloutSpec(target_group=("web",), launch_template="web")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setenv(TRACES, "otel")
    with patch.object(trace, "get_tracer", provider.get_tracer):
        yield exporter


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_rollout_that_ends_is_one_line_of_metrics(good: bool, monkeypatch, capsys) -> None:
    monkeypatch.setenv(METRICS, "emf")
    fleet = FakeFleet.standalone(servers=2)
    if not good:
        fleet.spoil(2)

    report = awsroll.roll(WEB, session=fleet)

    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    (definition,) = line["_aws"]["CloudWatchMetrics"]
    assert (line["event"], line["rollout_id"], line["fleet"]) == ("metrics", report.rollout_id, "web")
    assert (line["Failed"], line["outcome"]) == ((0, "succeeded") if good else (1, "rolled_back"))
    assert line["Duration"] == pytest.approx(report.elapsed_s)
    assert (line["ServersFailed"] > 0) is not good
    assert all(isinstance(line[metric["Name"]], int | float) for metric in definition["Metrics"])
    assert definition["Dimensions"][1:] == [["fleet"], ["fleet", "outcome"]]


def test_a_rollout_is_one_trace_across_the_calls_that_drive_it(spans: InMemorySpanExporter) -> None:
    fleet = FakeFleet.standalone(servers=2)
    other = awsroll.roll(WEB, session=FakeFleet.standalone(servers=1, latest=1))

    report = awsroll.roll(WEB, session=fleet)
    awsroll.rollback(report.rollout_id, session=fleet)

    by_rollout: dict[str, list[ReadableSpan]] = {}
    for span in spans.get_finished_spans():
        by_rollout.setdefault(str((span.attributes or {}).get("awsroll.rollout_id", "")), []).append(span)
    traces = {each.context.trace_id for each in by_rollout[report.rollout_id] if each.context}
    assert len(traces) == 1
    assert traces.isdisjoint(each.context.trace_id for each in by_rollout[other.rollout_id] if each.context)
    rollouts = [span for span in by_rollout[report.rollout_id] if span.name == "rollout"]
    assert [span.status.is_ok for span in rollouts] == [True, False]


def test_a_boot_and_a_drain_are_spans_with_their_durations(spans: InMemorySpanExporter) -> None:
    awsroll.roll(WEB, session=FakeFleet.standalone(servers=2))

    seconds: dict[str, list[float]] = {"boot": [], "drain": []}
    for span in spans.get_finished_spans():
        if span.name in seconds and span.end_time and span.start_time:
            seconds[span.name].append((span.end_time - span.start_time) / 1e9)
    assert (len(seconds["boot"]), len(seconds["drain"])) == (2, 2)
    assert all(30 <= each <= 40 for each in seconds["drain"])
    assert all(each > 0 for each in seconds["boot"])


def test_nothing_is_loaded_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(METRICS, raising=False)
    monkeypatch.delenv(TRACES, raising=False)

    assert sinks_of_environment() == []


def test_an_unknown_kind_and_a_missing_package_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(METRICS, "statsd")
    with pytest.raises(SpecError, match="AWSROLL_METRICS='statsd' is unknown: set it to emf"):
        sinks_of_environment()
    monkeypatch.setenv(METRICS, "")
    monkeypatch.setenv(TRACES, "otel")
    with patch.dict(sys.modules, {"opentelemetry": None}), pytest.raises(SpecError, match=r"awsroll\[otel\]"):
        sinks_of_environment()
