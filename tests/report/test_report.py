"""The closing report: the keys that scripts depend on, and the counts from the record."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from awsroll.core.model.status import Mode, Outcome
from awsroll.errors import UnsuccessfulError
from awsroll.ports import Record
from awsroll.report import ApiCalls, Traffic, build_report
from tests.stores.records import T0, busy_record
from tests.support.status import changed


def _ended() -> Record:
    record = busy_record()
    status = replace(record.status, mode=Mode.ENDED, outcome=Outcome.SUCCEEDED, ended_at=T0 + timedelta(seconds=90.25))
    return replace(record, status=changed(status, serving=("i-8", "i-9")))


def test_a_server_counts_as_replaced_only_if_its_replacement_serves() -> None:
    record = _ended()
    unserved = replace(record, status=replace(record.status, servers={}))

    assert build_report(record, at=T0).instances.replaced == 1
    assert build_report(unserved, at=T0).instances.replaced == 0


def test_the_report_has_every_key_of_the_contract() -> None:
    calls = ApiCalls(total=7, mutating=2, by_operation={"ec2:RunInstances": 2, "ec2:DescribeInstances": 5})

    report = json.loads(build_report(_ended(), at=T0, api_calls=calls).to_json())

    assert report == {
        "rollout_id": "web-1",
        "status": "succeeded",
        "reason": "",
        "fleet": "web",
        "strategy": "replace",
        "from_version": "lt-1:1",
        "to_version": "lt-1:2",
        "started_at": "2026-01-01T00:00:00Z",
        "ended_at": "2026-01-01T00:01:30.250000Z",
        "elapsed_s": 90.25,
        "instances": {"total": 3, "replaced": 1, "reloaded": 0, "failed": 1, "skipped": 0},
        "min_serving": 2,
        "max_live": 4,
        "max_running": 6,
        "drain_seconds_saved": 0,
        "checkpoints": [],
        "failures": [{"instance_id": "i-9", "cause": "Target.Timeout"}],
        "kept_failed": [],
        "warnings": ["look at this"],
        "api_calls": {
            "total": 7,
            "mutating": 2,
            "by_operation": {"ec2:RunInstances": 2, "ec2:DescribeInstances": 5},
        },
        "from_name": "lt-1:1",
        "to_name": "lt-1:2",
        "started_by": "",
        "message": "",
        "ref": "",
    }


def test_the_report_includes_traffic_of_a_sandbox() -> None:
    report = replace(build_report(_ended(), at=T0), traffic=Traffic(requests=5, dropped=1, by_version={"v1": 4}))

    assert report.as_dict()["traffic"]["dropped"] == 1


def test_a_rollout_that_has_not_ended_is_interrupted() -> None:
    report = build_report(busy_record(), at=T0 + timedelta(seconds=5))

    assert report.status is Outcome.INTERRUPTED
    assert report.ended_at == T0 + timedelta(seconds=5)
    assert not report.succeeded


def test_servers_on_the_new_version_from_the_start_are_skipped() -> None:
    record = _ended()
    (old,) = record.rollout.baseline
    current = replace(old, version="lt-1:2", count=2)
    record = replace(record, rollout=replace(record.rollout, baseline=(old, current)))

    instances = build_report(record, at=T0).instances

    assert (instances.total, instances.skipped) == (5, 2)


def test_a_report_prints_in_a_few_lines_that_a_terminal_does_not_obey() -> None:
    report = replace(build_report(_ended(), at=T0), warnings=("look \x1b[31m",))

    assert str(report) == (
        "rollout web-1 of web: succeeded\n"
        "  replace, lt-1:1 -> lt-1:2, 90 s\n"
        "  servers: 3 in total, 1 replaced, 0 reloaded, 1 failed, 0 skipped\n"
        "  API calls: 0, of which 0 change resources\n"
        "  failure: i-9: Target.Timeout\n"
        "  warning: look \\x1b[31m"
    )


def test_a_success_raises_nothing() -> None:
    build_report(_ended(), at=T0).raise_for_status()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (Outcome.ROLLED_BACK, "rollout web-1 rolled back: i-9 crashed. web runs lt-1:1 again"),
        (
            Outcome.STOPPED,
            "rollout web-1 stopped: i-9 crashed. web may be mixed; a person must look: `awsroll status web-1`",
        ),
        (Outcome.PAUSED, "rollout web-1 paused: i-9 crashed. web may be mixed; continue it: `awsroll resume web-1`"),
        (
            Outcome.INTERRUPTED,
            "rollout web-1 interrupted: i-9 crashed. web may be mixed; continue it: `awsroll resume web-1`",
        ),
    ],
)
def test_every_other_ending_raises_with_what_to_do(status: Outcome, message: str) -> None:
    report = replace(build_report(_ended(), at=T0), status=status, reason="i-9 crashed")

    with pytest.raises(UnsuccessfulError) as caught:
        report.raise_for_status()

    assert (str(caught.value), caught.value.rollout_id) == (message, "web-1")


def test_a_rollback_that_was_wanted_is_no_error() -> None:
    report = replace(build_report(_ended(), at=T0), status=Outcome.ROLLED_BACK)

    report.raise_for_status(Outcome.ROLLED_BACK)
    with pytest.raises(UnsuccessfulError):
        replace(report, status=Outcome.SUCCEEDED).raise_for_status(Outcome.ROLLED_BACK)
