"""Alarms: metric and composite alarms, the defaults of DescribeAlarms, and changes of state."""

from collections.abc import Iterator
from typing import Any

import pytest

from awsroll.sandbox import Sandbox
from awsroll.sandbox.cloudwatch.alarm_rule import parse
from awsroll.testing.clock import VirtualClock
from tests.sandbox.bench import refused

BOTH = ["MetricAlarm", "CompositeAlarm"]


class Alarms:
    """A sandbox with helpers for its alarms."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.client = sandbox.session().client("cloudwatch")

    def metric(self, name: str, **more: Any) -> None:
        self.client.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/ApplicationELB",
            MetricName="HTTPCode_Target_5XX_Count",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            **more,
        )

    def composite(self, name: str, rule: str, **more: Any) -> None:
        self.client.put_composite_alarm(AlarmName=name, AlarmRule=rule, **more)

    def set(self, name: str, state: str) -> None:
        self.client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")

    def describe(self, *names: str, **more: Any) -> dict[str, dict[str, Any]]:
        """Return alarms of all types by name."""
        answer = self.client.describe_alarms(**({"AlarmNames": list(names)} if names else {}), **more)
        return {each["AlarmName"]: each for each in (*answer["MetricAlarms"], *answer["CompositeAlarms"])}

    def states(self) -> dict[str, str]:
        return {name: each["StateValue"] for name, each in self.describe(AlarmTypes=BOTH).items()}


@pytest.fixture
def alarms() -> Iterator[Alarms]:
    with Sandbox(clock=VirtualClock()) as sandbox:
        yield Alarms(sandbox)


def test_a_new_metric_alarm_has_no_data_yet(alarms: Alarms) -> None:
    alarms.metric("errors", AlarmDescription="too many errors")
    alarm = alarms.describe("errors")["errors"]
    now = alarms.sandbox.world.now()
    assert (alarm["StateValue"], alarm["StateUpdatedTimestamp"]) == ("INSUFFICIENT_DATA", now)
    assert (alarm["MetricName"], alarm["Period"], alarm["Threshold"]) == ("HTTPCode_Target_5XX_Count", 60, 1.0)
    assert (alarm["AlarmDescription"], alarm["ActionsEnabled"]) == ("too many errors", True)
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"


def test_a_state_is_set_and_only_another_value_is_a_transition(alarms: Alarms) -> None:
    alarms.metric("errors")
    alarms.sandbox.jump(60)
    alarms.set("errors", "ALARM")
    alarms.sandbox.jump(60)
    alarms.set("errors", "ALARM")
    alarm = alarms.describe("errors")["errors"]
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "a test")
    assert (alarm["StateUpdatedTimestamp"] - alarm["StateTransitionedTimestamp"]).total_seconds() == 60


def test_settings_are_replaced_and_the_state_stays(alarms: Alarms) -> None:
    alarms.metric("errors", AlarmDescription="old")
    alarms.set("errors", "OK")
    alarms.metric("errors")
    alarm = alarms.describe("errors")["errors"]
    assert (alarm["StateValue"], "AlarmDescription" in alarm) == ("OK", False)


def test_without_types_only_metric_alarms_are_described(alarms: Alarms) -> None:
    alarms.metric("errors")
    alarms.composite("all", 'ALARM("errors")')
    assert set(alarms.describe()) == {"errors"}
    assert alarms.describe("all") == {}
    assert set(alarms.describe("all", AlarmTypes=BOTH)) == {"all"}
    assert set(alarms.describe(AlarmTypes=["CompositeAlarm"])) == {"all"}


def test_unknown_names_are_absent(alarms: Alarms) -> None:
    alarms.metric("errors")
    assert set(alarms.describe("errors", "erors", AlarmTypes=BOTH)) == {"errors"}


def test_more_than_100_names_are_refused(alarms: Alarms) -> None:
    with refused("ValidationError"):
        alarms.describe(*(f"a-{number}" for number in range(101)))


def test_alarms_are_filtered_and_come_in_pages(alarms: Alarms) -> None:
    for name in ("web-2", "web-1", "db"):
        alarms.metric(name, AlarmActions=[f"arn:aws:sns:us-east-1:123456789012:{name}"])
    alarms.composite("any", "ALARM(db)")
    alarms.set("db", "ALARM")
    assert set(alarms.describe(AlarmNamePrefix="web")) == {"web-1", "web-2"}
    assert set(alarms.describe(StateValue="ALARM", AlarmTypes=BOTH)) == {"db", "any"}
    assert set(alarms.describe(ActionPrefix="arn:aws:sns:us-east-1:123456789012:w")) == {"web-1", "web-2"}
    pages = alarms.client.get_paginator("describe_alarms").paginate(AlarmTypes=BOTH, PaginationConfig={"PageSize": 3})
    names = [[a["AlarmName"] for a in (*each["MetricAlarms"], *each["CompositeAlarms"])] for each in pages]
    assert names == [["db", "web-1", "web-2"], ["any"]]


def test_a_composite_alarm_follows_its_children_through_other_composites(alarms: Alarms) -> None:
    alarms.metric("errors")
    alarms.metric("deploying")
    alarms.composite("bad", "ALARM(errors) AND NOT ALARM(deploying)")
    alarms.composite("page", 'ALARM("bad")')
    assert alarms.states() == {
        "errors": "INSUFFICIENT_DATA", "deploying": "INSUFFICIENT_DATA", "bad": "OK", "page": "OK",
    }  # fmt: skip
    alarms.set("errors", "ALARM")
    assert (alarms.states()["bad"], alarms.states()["page"]) == ("ALARM", "ALARM")
    alarms.set("deploying", "ALARM")
    assert (alarms.states()["bad"], alarms.states()["page"]) == ("OK", "OK")


def test_a_composite_alarm_can_be_set_until_its_children_change(alarms: Alarms) -> None:
    alarms.metric("errors")
    alarms.composite("bad", "ALARM(errors)")
    alarms.set("bad", "ALARM")
    assert alarms.states()["bad"] == "ALARM"
    alarms.set("errors", "OK")
    assert alarms.states()["bad"] == "OK"


def test_an_alarm_that_does_not_exist_cannot_be_set(alarms: Alarms) -> None:
    with refused("ResourceNotFound"):
        alarms.set("errors", "ALARM")


@pytest.mark.parametrize("rule", ["ALARM(absent)", "ALARM(errors) AND", "ALARM(errors", "BROKEN(errors)", " ", "(TRUE"])
def test_a_bad_rule_is_refused_and_no_alarm_made(alarms: Alarms, rule: str) -> None:
    alarms.metric("errors")
    with refused("ValidationError"):
        alarms.composite("bad", rule)
    assert set(alarms.states()) == {"errors"}


def test_an_alarm_that_a_composite_needs_cannot_be_deleted_alone(alarms: Alarms) -> None:
    alarms.metric("errors")
    alarms.composite("bad", "ALARM(errors)")
    with refused("ValidationError"):
        alarms.client.delete_alarms(AlarmNames=["errors"])
    alarms.client.delete_alarms(AlarmNames=["errors", "bad"])
    assert alarms.states() == {}


def test_an_alarm_keeps_its_type(alarms: Alarms) -> None:
    alarms.metric("errors")
    alarms.metric("more")
    with refused("ValidationError"):
        alarms.composite("errors", "ALARM(more)")


def test_actions_are_switched_off_and_on(alarms: Alarms) -> None:
    alarms.metric("errors")
    alarms.client.disable_alarm_actions(AlarmNames=["errors", "missing"])
    assert alarms.describe("errors")["errors"]["ActionsEnabled"] is False
    alarms.client.enable_alarm_actions(AlarmNames=["errors"])
    assert alarms.describe("errors")["errors"]["ActionsEnabled"] is True


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("TRUE", True),
        ("FALSE OR NOT FALSE", True),
        ("ALARM(a) AND OK(b)", True),
        ("OK(a) OR OK(b) AND ALARM(b)", False),
        ("(OK(a) OR OK(b)) AND NOT ALARM(b)", True),
        ('INSUFFICIENT_DATA("c d")', True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:123456789012:alarm:a)", True),
    ],
)
def test_rules_are_read_with_their_operators(rule: str, expected: bool) -> None:
    assert parse(rule).holds({"a": "ALARM", "b": "OK", "c d": "INSUFFICIENT_DATA"}) is expected


def test_a_log_alarm_is_listed_under_its_own_type(alarms: Alarms) -> None:
    alarms.client.put_log_alarm(
        AlarmName="errors",
        ScheduledQueryConfiguration={
            "QueryString": "filter level = 'error'",
            "ScheduledQueryRoleARN": "arn:aws:iam::123456789012:role/logs",
            "ScheduleConfiguration": {"ScheduleExpression": "rate(5 minutes)", "StartTimeOffset": 300},
            "AggregationExpression": "count(*)",
        },
        QueryResultsToEvaluate=1,
        QueryResultsToAlarm=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    assert alarms.describe("errors") == {}
    answer = alarms.client.describe_alarms(AlarmNames=["errors"], AlarmTypes=[*BOTH, "LogAlarm"])
    assert [each["StateValue"] for each in answer["LogAlarms"]] == ["INSUFFICIENT_DATA"]
    alarms.set("errors", "ALARM")
    answer = alarms.client.describe_alarms(AlarmNames=["errors"], AlarmTypes=["LogAlarm"])
    assert [each["StateValue"] for each in answer["LogAlarms"]] == ["ALARM"]
