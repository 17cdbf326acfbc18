"""The ledger, the redaction and the list of experiments."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.request.spec import RolloutSpec
from awsroll.errors import SpecError
from awsroll.probe.experiments import Experiment, parse_experiments
from awsroll.probe.ledger import Header, Kind, Ledger
from awsroll.probe.process_rolls import environment_of, request_of
from awsroll.probe.transcript import Redaction

HEADER = Header(probe_id="awsroll-probe-1", region="us-east-1", account="123456789012")


def test_ledger_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    ledger = Ledger.start(tmp_path / "ledger", HEADER)
    vpc = ledger.created(ledger.announce(Kind.VPC, "vpc"), "vpc-1")
    gateway = ledger.announce(Kind.INTERNET_GATEWAY, "gateway", vpc="vpc-1")
    ledger.deleted(ledger.created(ledger.announce(Kind.ROLE, "role"), "role"))
    read = Ledger.read(tmp_path / "ledger")
    assert read.header == HEADER
    assert read.open_entries() == (gateway, vpc)  # in the order of their deletion


def test_ledger_with_a_torn_last_line_is_read(tmp_path: Path) -> None:
    ledger = Ledger.start(tmp_path / "ledger", HEADER)
    vpc = ledger.announce(Kind.VPC, "vpc")
    with ledger.path.open("a") as file:
        file.write('{"event": "annou')
    assert Ledger.read(ledger.path).open_entries() == (vpc,)


def test_ledger_is_never_overwritten(tmp_path: Path) -> None:
    Ledger.start(tmp_path / "ledger", HEADER)
    with pytest.raises(SpecError, match="cannot be created"):
        Ledger.start(tmp_path / "ledger", HEADER)


@pytest.mark.parametrize("text", ["", "[]\n", "{}\n", "no ledger\n", '{"event": "probe", "version": 2}\n'], ids=repr)
def test_other_files_are_no_ledger(tmp_path: Path, text: str) -> None:
    (tmp_path / "ledger").write_text(text)
    with pytest.raises(SpecError, match="Nothing was deleted"):
        Ledger.read(tmp_path / "ledger")
    with pytest.raises(SpecError, match="cannot be read"):
        Ledger.read(tmp_path / "missing")


def test_account_number_and_secrets_are_replaced() -> None:
    redact = Redaction("123456789012")
    cleaned = redact(
        {
            "Arn": "arn:aws:iam::123456789012:role/x",
            "Credentials": {"SecretAccessKey": "s", "Expiration": 1},
            "AccessKeyId": "ASIAABCDEFGHIJKLMNOP",
            "Message": "ASIAABCDEFGHIJKLMNOP at 203.0.113.9: Encoded authorization failure message: abc-def",
            "RoleId": "AROAABCDEFGHIJKLMNOP",
            "At": datetime(2026, 1, 1, tzinfo=UTC),
            "Items": [1, 2.5, True, None, "123456789012"],
        }
    )
    assert cleaned == {
        "Arn": "arn:aws:iam::000000000000:role/x",
        "Credentials": "REPLACED",
        "AccessKeyId": "REPLACED",
        "Message": "REPLACED at REPLACED: Encoded authorization failure message: REPLACED",
        "RoleId": "REPLACED",
        "At": "2026-01-01T00:00:00+00:00",
        "Items": [1, 2.5, True, None, "000000000000"],
    }


def test_experiments_are_chosen_by_a_list_in_their_own_order() -> None:
    assert parse_experiments("p7, P1,P7") == (Experiment.DRAIN_LAG, Experiment.RUN_TOKENS)
    for wrong in ("", "P17", "P1,,x"):
        with pytest.raises(SpecError, match="P1 to P16"):
            parse_experiments(wrong)


def test_a_killed_rollout_inherits_no_option() -> None:
    inherited = {"PATH": "/bin", "AWS_PROFILE": "probe", "AWSROLL_MAX_SURGE": "9", "AWSROLL_STATE": "s3://other"}
    assert environment_of(inherited) == {"PATH": "/bin", "AWS_PROFILE": "probe"}


def test_request_file_of_a_killed_rollout_has_the_keys_of_a_rollout_file() -> None:
    spec = RolloutSpec(asg="web", strategy=Strategy.RELOAD, command=("true",), app_version="2")
    assert request_of(spec) == {"asg": "web", "strategy": "reload", "command": ["true"], "app-version": "2"}
