"""Who makes a request: the caller of AWS for a store in AWS, the user and the host for a directory."""

from types import SimpleNamespace

import pytest

from awsroll.core.model.user_requests import UserRequests
from awsroll.core.observe.rejection import rejected_by
from awsroll.driver.caller_name import caller_name, checked_name, local_name
from awsroll.errors import AwsUnansweredError

ARN = "arn:aws:sts::111122223333:assumed-role/deploy/alice"


def _fails() -> str:
    message = "sts does not answer"
    raise AwsUnansweredError(message, code="ConnectionFailed", operation="sts:GetCallerIdentity")


@pytest.mark.parametrize("address", ["s3://records/awsroll", "dynamodb://records"])
def test_a_store_in_aws_gets_the_arn_of_the_caller(address: str) -> None:
    assert caller_name(SimpleNamespace(address=address), lambda: ARN) == ARN
    assert caller_name(SimpleNamespace(address=address), _fails) == local_name()
    assert caller_name(SimpleNamespace(address=address), lambda: "") == local_name()


def test_a_directory_gets_the_user_and_the_host_without_a_call() -> None:
    assert caller_name(SimpleNamespace(address="/var/awsroll"), _fails) == local_name()
    assert "@" in local_name()


def test_a_user_id_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        message = "uid not found: 1000"
        raise KeyError(message)

    monkeypatch.setattr("getpass.getuser", none)
    assert local_name().startswith("unknown@")


def test_a_name_is_one_short_line() -> None:
    assert checked_name("ops\n\x1b[2J" + "x" * 999).count("\n") == 0
    assert len(checked_name("x" * 999)) == 256


def test_each_request_has_the_name_of_its_person() -> None:
    requests = UserRequests(pause=True).named("pause", "ops@bastion").approving(1).named("approve 1", ARN)
    assert requests.why_pause == "paused by request of ops@bastion"
    assert requests.who("approve 1") == ARN
    assert requests.who("approve 2") == ""
    assert requests.named("pause", "other").who("pause") == "other"
    assert requests.named("pause", "") == requests
    assert (rejected_by("ops"), rejected_by("")) == ("rejected by ops", "rejected by a person")
