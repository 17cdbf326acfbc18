"""The sources of the judge besides programs and functions: endpoints, CloudWatch metrics, scripts on servers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from awsroll.core.model.hook_calls import HookCall, HookEvent, HookRun, HookSeen, HookState, Reading
from awsroll.core.model.hooks import Hook, HookPoint, HookSpec, problems_of
from awsroll.hooks.endpoints import Endpoint
from awsroll.hooks.judge_answers import readings_of
from awsroll.hooks.judging_scripts import JudgingScripts
from awsroll.hooks.local_commands import HookFailedError
from awsroll.hooks.metric_counts import MetricCounts
from awsroll.hooks.runner import HookRunner
from tests.support.amazon import connection, stubbed

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
COUNTS = {"i-1": {"bad": 2, "total": 90}, "i-2": {"bad": 0, "total": 80}}
READ = (Reading(instance_id="i-1", bad=2, total=90), Reading(instance_id="i-2", bad=0, total=80))


def run(*, since: float = NOON, until: float = NOON + 5, **hook: Any) -> HookRun:
    made = Hook(point=HookPoint.WHILE_JUDGING, name="errors", timeout_seconds=5, **hook)
    event = HookEvent(
        point=made.point,
        hook=made.name,
        run=1,
        phase="rolling",
        rollout_id="web",
        fleet="web",
        from_version="1",
        to_version="2",
        instance_ids=("i-1", "i-2"),
        since=since,
        until=until,
    )
    return HookRun(hook=made, call=HookCall(name="errors", number=1), event=event)


@contextmanager
def serving(answers: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Serve JSON by path; yield the address and what was asked."""
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self._answer()

        def do_GET(self) -> None:
            asked.append((urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)))
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            found = answers.get(urlsplit(self.path).path)
            self.send_response(200 if found is not None else 500)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


class TestEndpoint:
    def test_one_endpoint_gets_the_event_and_answers_for_all_servers(self) -> None:
        with serving({"/counts": COUNTS}) as (address, asked):
            asking = run(url=f"http://{address}/counts")
            assert readings_of(asking, Endpoint(asking, {})()) == READ

        ((path, event),) = asked
        assert (path, event["instance_ids"], event["since"]) == ("/counts", ["i-1", "i-2"], NOON)

    def test_each_server_is_asked_for_its_own_counts_in_the_interval(self) -> None:
        with serving({"/i-1/counts": COUNTS["i-1"], "/i-2/counts": COUNTS["i-2"]}) as (address, asked):
            asking = run(url=f"http://{address}/{{address}}/counts?kind=all")
            found = readings_of(asking, Endpoint(asking, {"i-1": "i-1", "i-2": "i-2"})())

        assert found == READ
        assert [query for _, query in asked] == [{"kind": ["all"], "since": [str(NOON)], "until": [str(NOON + 5)]}] * 2

    def test_a_server_that_does_not_answer_is_not_compared(self) -> None:
        with serving({"/i-1": COUNTS["i-1"]}) as (address, _):
            asking = run(url=f"http://{address}/{{address}}")
            assert readings_of(asking, Endpoint(asking, {"i-1": "i-1", "i-2": "i-2"})()) == READ[:1]

    @pytest.mark.parametrize("path", ["/counts", "/{address}"])
    def test_no_answer_at_all_fails_the_run(self, path: str) -> None:
        with serving({}) as (address, _), pytest.raises(HookFailedError):
            Endpoint(run(url=f"http://{address}{path}"), {"i-1": "i-1"})()

    def test_the_addresses_of_servers_come_from_ec2_once(self) -> None:
        aws = connection()
        described = [{"InstanceId": name, "PrivateIpAddress": "127.0.0.1"} for name in ("i-1", "i-2")]
        with serving({"/": COUNTS["i-1"]}) as (address, asked), stubbed(aws, "ec2") as ec2:
            ec2.add_response("describe_instances", {"Reservations": [{"Instances": described}]})
            runner = HookRunner(aws, in_background=False)
            for number in (1, 2):
                asking = run(url=f"http://{{address}}:{address.rpartition(':')[2]}/")
                runner.start(replace(asking, call=replace(asking.call, number=number)))

        assert len(asked) == 4


class TestMetric:
    @staticmethod
    def read(asking: HookRun, values: dict[str, list[float]]) -> tuple[object, Any]:
        aws, asked = connection(), []
        with stubbed(aws, "cloudwatch") as stub:
            aws._clients.client("cloudwatch").meta.events.register(
                "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: asked.append(params)
            )
            results = [{"Id": name, "Values": each} for name, each in values.items()]
            stub.add_response("get_metric_data", {"MetricDataResults": results})
            return MetricCounts(asking, aws.cloudwatch)(), asked[0]

    def test_the_minutes_that_have_become_complete_are_read(self) -> None:
        asking = run(metric="Web/App:Errors/Requests", since=NOON + 178, until=NOON + 183)
        answer, asked = self.read(asking, {"b0": [1, 1], "t0": [90.0], "b1": [], "t1": [80.0]})

        assert readings_of(asking, answer) == READ
        assert (asked["StartTime"].timestamp(), asked["EndTime"].timestamp()) == (NOON, NOON + 60)
        first = asked["MetricDataQueries"][0]["MetricStat"]
        assert first["Metric"] == {
            "Namespace": "Web/App",
            "MetricName": "Errors",
            "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        }
        assert (first["Stat"], first["Period"]) == ("Sum", 60)

    def test_slow_requests_are_counted_from_a_metric_of_durations(self) -> None:
        asking = run(metric="Web:Latency", slow_seconds=0.3, since=NOON + 178, until=NOON + 183)
        answer, asked = self.read(asking, {"b0": [2], "t0": [90.0], "b1": [0], "t1": [80.0]})

        assert readings_of(asking, answer) == READ
        assert [each["MetricStat"]["Stat"] for each in asked["MetricDataQueries"][:2]] == ["TC(0.3:)", "SampleCount"]

    def test_within_a_minute_nothing_is_read(self) -> None:
        asking = run(metric="Web:Errors/Requests", since=NOON + 130, until=NOON + 135)

        assert MetricCounts(asking, connection().cloudwatch)() == {}

    def test_a_server_without_values_is_not_compared(self) -> None:
        asking = run(metric="Web:Errors/Requests", since=NOON + 178, until=NOON + 183)
        answer, _ = self.read(asking, {"b0": [2], "t0": [90]})

        assert readings_of(asking, answer) == READ[:1]


class TestScript:
    @staticmethod
    def seen(*answers: dict[str, Any], online: tuple[str, ...] = ("i-1", "i-2")) -> HookSeen:
        aws = connection()
        with stubbed(aws, "ssm") as ssm:
            agents = [{"InstanceId": name, "PingStatus": "Online", "PlatformType": "Linux"} for name in online]
            ssm.add_response("describe_instance_information", {"InstanceInformationList": agents})
            if online:
                ssm.add_response("send_command", {"Command": {"CommandId": "c" * 36}})
            for answer in answers:
                ssm.add_response("get_command_invocation", answer)
            scripts = JudgingScripts(aws)
            scripts.start(run(script=("count",)))
            (seen,) = scripts.observe()
        return seen

    def test_each_server_prints_its_counts(self) -> None:
        printed = [
            {"Status": "Success", "StandardOutputContent": f"x\n{json.dumps(each)}\n"} for each in COUNTS.values()
        ]

        assert self.seen(*printed) == HookSeen(number=1, state=HookState.SUCCEEDED, readings=READ)

    def test_servers_that_fail_or_are_offline_are_not_compared(self) -> None:
        good = {"Status": "Success", "StandardOutputContent": json.dumps(COUNTS["i-1"])}

        assert self.seen(good, {"Status": "Failed"}).readings == READ[:1]
        assert self.seen(good, online=("i-1",)).readings == READ[:1]
        assert self.seen(good, {"Status": "Success", "StandardOutputContent": "nothing"}).readings == READ[:1]

    def test_no_counts_fail_the_run(self) -> None:
        assert self.seen({"Status": "Failed"}, {"Status": "TimedOut"}).state is HookState.FAILED
        assert self.seen(online=()).state is HookState.FAILED

    def test_a_script_runs_until_all_servers_have_answered(self) -> None:
        good = {"Status": "Success", "StandardOutputContent": json.dumps(COUNTS["i-1"])}

        assert self.seen(good, {"Status": "InProgress"}).state is HookState.RUNNING


def test_durations_are_counted_by_the_limit_of_the_hook() -> None:
    asking = run(command=("count",), slow_seconds=0.5)
    counts = {"i-1": {"durations": [0.1, 0.5, 0.51, 2]}, "i-2": {"bad": 0, "total": 80}}

    assert readings_of(asking, counts) == (Reading(instance_id="i-1", bad=2, total=4), READ[1])
    for wrong in ("slow", [True], ["1"], 3):
        with pytest.raises(HookFailedError):
            readings_of(asking, {"i-1": {"durations": wrong}})


@pytest.mark.parametrize(
    ("hook", "problem"),
    [
        ({"url": "http://x/", "point": HookPoint.AFTER_DRAIN}, "url is for while_judging alone"),
        ({"metric": "Web:Errors/All", "point": HookPoint.AFTER_DRAIN}, "metric is for while_judging alone"),
        ({"anomalies": True, "point": HookPoint.AT_CHECKPOINT}, "anomalies is for while_judging alone"),
        ({"metric": "Web:Latency"}, "the metric Web:Latency has durations: pass slow"),
        ({"url": "http://x/", "command": ("x",)}, "it has command and url; pass exactly one of "),
    ],
)
def test_what_a_source_cannot_do_is_refused(hook: dict[str, Any], problem: str) -> None:
    (found,) = problems_of([HookSpec(**{"point": HookPoint.WHILE_JUDGING, **hook})])

    assert problem in found
