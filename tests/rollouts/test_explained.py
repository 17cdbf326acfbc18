"""A failure is explained from what AWS knows of the server, also of one that the rollback has ended."""

import base64
from pathlib import Path
from typing import Any

import pytest

from awsroll.aws.connection import Connection
from awsroll.aws.ec2 import Ec2
from awsroll.core.model.status import Outcome
from awsroll.driver.context import Context
from awsroll.driver.read_facts import explain_failures
from awsroll.driver.read_machine import failed_checks
from awsroll.errors import AccessRefusedError
from tests.rollouts.rolling import enter, make_sandbox
from tests.support.amazon import connection


@pytest.fixture
def failed(tmp_path: Path) -> Any:
    sandbox, clock = make_sandbox()
    with sandbox:
        tags = ({"sandbox:health": "unhealthy"},)
        rolling = enter(sandbox, clock, tmp_path, grouped=False, servers=2, further_versions=tags)
        report = rolling.roll(version=3, healthy_timeout=60)
        assert report.status is Outcome.ROLLED_BACK
        yield report, Context(session=sandbox.session(), store=rolling.store, clock=clock)


def test_the_console_of_an_ended_server_tells_why_it_failed(failed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report, context = failed
    console = base64.b64encode(b"boot\n\nOut of memory: Killed process 812\n").decode()
    monkeypatch.setattr(Ec2, "console", lambda *_: console)

    (found,) = explain_failures(report.rollout_id, context)

    assert found.subject.startswith(report.failures[0].instance_id)
    assert "too little memory" in found.causes[0][0]
    assert "console ends with: boot / Out of memory: Killed process 812" in found.paragraph


def test_what_the_caller_may_not_read_is_named(failed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report, context = failed

    def refused(*_: object) -> str:
        message = "not allowed"
        raise AccessRefusedError(message, code="UnauthorizedOperation", operation="ec2:GetConsoleOutput")

    monkeypatch.setattr(Ec2, "console", refused)

    (found,) = explain_failures(report.rollout_id, context)

    assert any(each.startswith("not read: console (ec2:GetConsoleOutput): ") for each in found.evidence)


def test_only_status_checks_that_are_not_passed_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    details = [{"Name": "reachability", "Status": "failed"}]
    checks = {"system": {"Status": "ok"}, "instance": {"Status": "impaired", "Details": details}}
    monkeypatch.setattr(Ec2, "status_checks", lambda *_: checks)

    found, unread = failed_checks(connection(), "i-1")

    assert (found, unread) == (("instance status: impaired (reachability failed)",), ())


def test_the_status_checks_of_a_server_are_read() -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        fleet = sandbox.standalone_fleet(servers=1)

        read = Connection(sandbox.session(), clock=clock).ec2.status_checks(fleet.instance_ids[0])

        assert {check["Status"] for check in read.values()} <= {"ok", "initializing"}
        assert read.keys() == {"system", "instance"}
