"""The fleet's own rate of requests, for a plan: from CloudWatch in one call, or unknown."""

from typing import Any

import pytest

from awsroll.driver.read_rate import request_rate
from tests.support.amazon import connection, stubbed

ARNS = [f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/0123456789abcdef" for name in "ab"]


def asked_with(answer: dict[str, Any] | None, arns: list[str] = ARNS) -> float | None:
    aws = connection()
    with stubbed(aws, "cloudwatch") as stub:
        if answer is None:
            stub.add_client_error("get_metric_data", "AccessDenied", "not authorized", 403)
        else:
            stub.add_response("get_metric_data", answer)
        return request_rate(aws, arns)


def test_a_server_gets_the_requests_of_all_its_target_groups() -> None:
    results = [{"Id": "q0", "Values": [1500.0] * 12}, {"Id": "q1", "Values": [300.0] * 12}]

    assert asked_with({"MetricDataResults": results}) == pytest.approx((1500 + 300) / 300)


def test_periods_without_a_request_count() -> None:
    assert asked_with({"MetricDataResults": [{"Id": "q0", "Values": [3600.0]}]}, ARNS[:1]) == pytest.approx(1)


@pytest.mark.parametrize("answer", [None, {"MetricDataResults": [{"Id": "q0", "Values": []}]}], ids=["denied", "empty"])
def test_without_metrics_the_rate_is_unknown(answer: dict[str, Any] | None) -> None:
    assert asked_with(answer) is None


def test_six_hundred_metrics_are_read_by_two_calls_of_at_most_five_hundred() -> None:
    aws, many = connection(), [f"{ARNS[0]}-{number}" for number in range(600)]
    with stubbed(aws, "cloudwatch") as stub:
        for _ in range(2):
            stub.add_response("get_metric_data", {"MetricDataResults": []})

        assert request_rate(aws, many) is None
        stub.assert_no_pending_responses()
