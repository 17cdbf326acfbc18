"""A rollout with a role, continued from a terminal: with the credentials of the role, not those of the terminal."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.aws.sessions import Role, SharedSession, assume_role
from awsroll.core.model.status import Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.context import Context
from awsroll.driver.steps import start_rollout
from awsroll.errors import FleetError
from awsroll.files.rollout_file import to_fleets
from awsroll.sandbox import Fleet, FleetShape, Sandbox
from awsroll.sandbox.ready_fleets import Clients, Pace, standalone_fleet
from awsroll.stores import LocalStore, RolloutRequest
from awsroll.testing.clock import VirtualClock

ARN = "arn:aws:iam::111122223333:role/teams/deploy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A fleet of another account, where the sandbox is plain moto."""

    sandbox: Sandbox
    clock: VirtualClock
    session: Any
    fleet: Fleet
    store: LocalStore

    def start(self, **more: Any) -> str:
        """Start a rollout as a state machine does, and leave it."""
        request = RolloutSpec(
            target_group=self.fleet.target_group_arns, launch_template=f"{self.fleet.template_id}:2", **more
        )
        order = RolloutRequest(request=request, region="us-east-1", role=ARN)
        return start_rollout(order, Context(session=self.session, store=self.store, clock=self.clock)).rollout_id

    def again(self) -> dict[str, Any]:
        """Return the arguments of a terminal in the own account, after the lease of the state machine has expired."""
        self.clock.sleep(120)
        return {"session": self.sandbox.session(), "store": self.store, "clock": self.clock}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    clock = VirtualClock()
    with Sandbox(clock=clock) as sandbox:
        shared = SharedSession(sandbox.session(), region="us-east-1", lock=threading.RLock())
        session = assume_role(shared, Role(arn=ARN, session_name="test"))
        fleet = standalone_fleet(Clients(session), FleetShape(servers=2), Pace(pause=lambda: clock.sleep(1)))
        yield Elsewhere(sandbox=sandbox, clock=clock, session=session, fleet=fleet, store=LocalStore(tmp_path))


def test_resume_assumes_the_role_that_the_rollout_names(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    report = awsroll.resume(rollout, **elsewhere.again())
    assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")


def test_rollback_and_abort_assume_the_role(elsewhere: Elsewhere) -> None:
    assert awsroll.abort(elsewhere.start(), **elsewhere.again()).status is Outcome.STOPPED
    rollout = elsewhere.start()
    assert awsroll.resume(rollout, **elsewhere.again()).status is Outcome.SUCCEEDED
    assert awsroll.rollback(rollout, **elsewhere.again()).status is Outcome.ROLLED_BACK


def test_a_fleet_of_a_wave_is_resumed_alone_with_its_role(elsewhere: Elsewhere) -> None:
    fleet = {"role": ARN, "target_group": list(elsewhere.fleet.target_group_arns), "launch_template": "web:2"}
    spec = to_fleets({"waves": [{"fleets": [fleet]}]})
    own = elsewhere.again()
    (rolled,) = awsroll.roll_fleets(spec, **own).fleets
    assert rolled.report is not None
    assert rolled.report.status is Outcome.SUCCEEDED
    assert awsroll.rollback(rolled.report.rollout_id, **own).status is Outcome.ROLLED_BACK


def test_repair_of_a_rollout_assumes_its_role(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    repaired = awsroll.repair(rollout, **elsewhere.again())
    assert repaired.clean


def test_credentials_of_the_role_itself_assume_nothing(elsewhere: Elsewhere) -> None:
    rollout, before = elsewhere.start(), elsewhere.sandbox.calls["sts:AssumeRole"]
    report = awsroll.resume(rollout, **{**elsewhere.again(), "session": elsewhere.session})
    assert report.status is Outcome.SUCCEEDED
    assert elsewhere.sandbox.calls["sts:AssumeRole"] == before


def test_the_report_of_an_ended_rollout_needs_neither_role_nor_aws(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    assert awsroll.resume(rollout, **elsewhere.again()).status is Outcome.SUCCEEDED
    before = elsewhere.sandbox.calls["sts:AssumeRole"]
    assert awsroll.resume(rollout, **elsewhere.again()).status is Outcome.SUCCEEDED
    assert elsewhere.sandbox.calls["sts:AssumeRole"] == before


def test_a_rollout_without_a_role_is_refused_with_the_credentials_of_another_account(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    elsewhere.store.put_note(rollout, RolloutRequest(request=elsewhere.store.note(rollout, RolloutRequest).request))
    with pytest.raises(FleetError, match="Pass the --profile that it was started with"):
        awsroll.resume(rollout, **elsewhere.again())
