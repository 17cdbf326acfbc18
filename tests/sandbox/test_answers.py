"""botocore reads the responses that the sandbox writes, in both XML protocols."""

from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser

from awsroll.sandbox.answers import xml_answer, xml_error

MODELS = botocore.session.get_session()

RESULTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "structures-lists-numbers": (
        "ec2",
        "DescribeInstances",
        {
            "Reservations": [
                {
                    "ReservationId": "r-1",
                    "Instances": [{"InstanceId": "i-1", "AmiLaunchIndex": 2, "EbsOptimized": True}],
                }
            ]
        },
    ),
    "timestamp-and-escapes": (
        "ec2",
        "DescribeInstances",
        {
            "Reservations": [
                {
                    "Instances": [
                        {
                            "LaunchTime": datetime(2026, 1, 1, 12, 30, tzinfo=UTC),
                            "Tags": [{"Key": "<a&b>", "Value": "é "}],
                        }
                    ]
                }
            ]
        },
    ),
    "empty": ("ec2", "DescribeInstances", {"Reservations": []}),
    "without-output": ("ec2", "RebootInstances", {}),
    "map": ("iam", "GetAccountSummary", {"SummaryMap": {"Users": 3, "Roles": 0}}),
    "blob": ("iam", "GetCredentialReport", {"Content": b"a,b\n", "ReportFormat": "text/csv"}),
    "flattened-list": ("sdb", "ListDomains", {"DomainNames": ["a", "b"], "NextToken": "t"}),
    "query-list": (
        "autoscaling",
        "DescribeAutoScalingInstances",
        {"AutoScalingInstances": [{"InstanceId": "i-1", "ProtectedFromScaleIn": False}]},
    ),
}


@pytest.mark.parametrize("case", RESULTS.values(), ids=RESULTS.keys())
def test_a_result_is_read_back_unchanged(case: tuple[str, str, dict[str, Any]]) -> None:
    service, name, result = case
    model = MODELS.get_service_model(service)
    operation = model.operation_model(name)
    body = xml_answer(operation, model.protocol, result).encode()
    answer = {"body": body, "headers": {}, "status_code": 200}
    parsed = create_parser(model.protocol).parse(answer, operation.output_shape)
    parsed.pop("ResponseMetadata")
    assert parsed == result


@pytest.mark.parametrize("protocol", ["ec2", "query"])
def test_an_error_is_read_back_unchanged(protocol: str) -> None:
    body = xml_error(protocol, "InvalidTarget", "<i-1> & others").encode()
    parsed = create_parser(protocol).parse({"body": body, "headers": {}, "status_code": 400}, None)
    assert parsed["Error"]["Code"] == "InvalidTarget"
    assert parsed["Error"]["Message"] == "<i-1> & others"
