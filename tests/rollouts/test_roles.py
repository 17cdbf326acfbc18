"""A rollout with a role, continued from a terminal: with the credentials of the role, not those of the terminal."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.aws.sessions import Role, SharedSession, assume_role
from awsroll.core.model.status import Outcome
from awsroll.core.request.instructions import AllowList
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.context import Context
from awsroll.driver.first_step import start_rollout
from awsroll.driver.step_status import WaitingFor
from awsroll.driver.steps import step
from awsroll.driver.user_commands import Command, apply_command
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
    admin: Any
    fleet: Fleet
    store: LocalStore

    @property
    def request(self) -> RolloutSpec:
        return RolloutSpec(target_group=self.fleet.target_group_arns, launch_template=f"{self.fleet.template_id}:2")

    def start(self) -> str:
        """Start a rollout as a state machine does, and leave it."""
        order = RolloutRequest(request=self.request, region="us-east-1", role=ARN)
        return start_rollout(order, Context(session=self.session, store=self.store, clock=self.clock)).rollout_id

    def again(self) -> dict[str, Any]:
        """Return the arguments of a terminal in the own account, after the lease of the state machine has expired."""
        self.clock.sleep(120)
        return {"session": self.sandbox.session(), "store": self.store, "clock": self.clock}

    def given_again(self, **changes: str) -> dict[str, Any]:
        """Return the same arguments with the fleet of the rollout, which names its role."""
        fleet = {"region": "us-east-1", "role": ARN} | changes
        return {**self.again(), "request": awsroll.FleetSpec(name="web", request=self.request, **fleet)}

    def step_context(self) -> Context:
        """Return the context of a step, which assumes the role."""
        shared = SharedSession(self.sandbox.session(), region="us-east-1", lock=threading.RLock())
        assumed = assume_role(shared, Role(arn=ARN, session_name="step"))
        allowed = AllowList(roles=(ARN,), regions=("us-east-1",))
        return Context(session=assumed, store=self.store, clock=self.clock, allowed=allowed)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    clock = VirtualClock()
    with Sandbox(clock=clock) as sandbox:
        shared = SharedSession(sandbox.session(), region="us-east-1", lock=threading.RLock())
        session = assume_role(shared, Role(arn=ARN, session_name="test"))
        admin = assume_role(shared, Role(arn="arn:aws:iam::111122223333:role/admin", session_name="test"))
        admin.client("sts").get_caller_identity()  # it keeps these credentials, whatever happens to the role
        fleet = standalone_fleet(Clients(session), FleetShape(servers=2), Pace(pause=lambda: clock.sleep(1)))
        yield Elsewhere(
            sandbox=sandbox, clock=clock, session=session, admin=admin, fleet=fleet, store=LocalStore(tmp_path)
        )


def test_resume_assumes_the_role_that_the_rollout_names(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    report = awsroll.resume(rollout, **elsewhere.given_again())
    assert (report.status, report.reason) == (Outcome.SUCCEEDED, "")


def test_rollback_and_abort_assume_the_role(elsewhere: Elsewhere) -> None:
    assert awsroll.abort(elsewhere.start(), **elsewhere.given_again()).status is Outcome.STOPPED
    rollout = elsewhere.start()
    assert awsroll.resume(rollout, **elsewhere.given_again()).status is Outcome.SUCCEEDED
    assert awsroll.rollback(rollout, **elsewhere.given_again()).status is Outcome.ROLLED_BACK


def test_a_fleet_of_a_wave_is_resumed_alone_with_its_role(elsewhere: Elsewhere) -> None:
    fleet = {"role": ARN, "target_group": list(elsewhere.fleet.target_group_arns), "launch_template": "web:2"}
    spec = to_fleets({"waves": [{"fleets": [fleet]}]})
    own = elsewhere.again()
    (rolled,) = awsroll.roll_fleets(spec, **own).fleets
    assert rolled.report is not None
    assert rolled.report.status is Outcome.SUCCEEDED
    assert awsroll.rollback(rolled.report.rollout_id, **own, request=spec.fleets[0]).status is Outcome.ROLLED_BACK


def test_repair_of_a_rollout_assumes_its_role(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    repaired = awsroll.repair(rollout, **elsewhere.given_again())
    assert repaired.clean


def test_credentials_of_the_role_itself_assume_nothing(elsewhere: Elsewhere) -> None:
    rollout, before = elsewhere.start(), elsewhere.sandbox.calls["sts:AssumeRole"]
    report = awsroll.resume(rollout, **{**elsewhere.again(), "session": elsewhere.session})
    assert report.status is Outcome.SUCCEEDED
    assert elsewhere.sandbox.calls["sts:AssumeRole"] == before


def test_the_report_of_an_ended_rollout_needs_neither_role_nor_aws(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    assert awsroll.resume(rollout, **elsewhere.given_again()).status is Outcome.SUCCEEDED
    before = elsewhere.sandbox.calls["sts:AssumeRole"]
    assert awsroll.resume(rollout, **elsewhere.again()).status is Outcome.SUCCEEDED
    assert elsewhere.sandbox.calls["sts:AssumeRole"] == before


def test_a_rollout_without_a_role_is_refused_with_the_credentials_of_another_account(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    elsewhere.store.put_note(rollout, RolloutRequest(request=elsewhere.store.note(rollout, RolloutRequest).request))
    with pytest.raises(FleetError, match="Pass the --profile that it was started with"):
        awsroll.resume(rollout, **elsewhere.again())


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        pytest.param({}, f"names what its caller has not given: IAM role: {ARN}", id="nothing-given"),
        pytest.param(
            {"role": "arn:aws:iam::111122223333:role/other"}, f"does not have: IAM role: {ARN}", id="other-role"
        ),
        pytest.param({"external_id": "shop"}, "with an external id", id="other-external-id"),
        pytest.param({"region": "eu-west-1"}, "does not have: region: us-east-1", id="other-region"),
    ],
)
def test_a_role_that_the_caller_did_not_give_is_not_assumed(
    elsewhere: Elsewhere, more: dict[str, str], problem: str
) -> None:
    rollout = elsewhere.start()
    arguments = elsewhere.given_again(**more) if more else elsewhere.again()
    before, calls = elsewhere.store.load(rollout), dict(elsewhere.sandbox.calls)
    for operation in (awsroll.resume, awsroll.rollback, awsroll.abort, awsroll.repair):
        with pytest.raises(awsroll.UnconfirmedError, match=problem):
            operation(rollout, **arguments)
    assert elsewhere.store.load(rollout) == before
    assert elsewhere.store.user_requests(rollout) == before.status.user_requests
    assert elsewhere.sandbox.calls["sts:AssumeRole"] == calls["sts:AssumeRole"]


def test_a_role_is_assumed_once_its_use_is_confirmed(elsewhere: Elsewhere) -> None:
    rollout, shown = elsewhere.start(), list[str]()

    def accept(instructions: Sequence[awsroll.Instruction]) -> bool:
        shown.extend(map(str, instructions))
        return True

    report = awsroll.resume(rollout, **elsewhere.again(), confirm_instructions=accept)
    assert report.status is Outcome.SUCCEEDED
    assert shown == [f"IAM role: {ARN}"]


def test_a_role_that_is_gone_ends_an_abort_and_a_repair_with_credentials_of_its_account(elsewhere: Elsewhere) -> None:
    first, again = elsewhere.start(), elsewhere.given_again()
    elsewhere.sandbox.faults.add("denied sts:AssumeRole")
    with pytest.raises(FleetError, match=f"role {ARN} .* cannot be assumed.*`awsroll abort {first} --yes`"):
        awsroll.abort(first, **again)
    assert elsewhere.store.load(first).status.outcome is Outcome.RUNNING

    own = {**again, "session": elsewhere.admin}
    assert awsroll.abort(first, **own).status is Outcome.STOPPED
    second = elsewhere.start()
    elsewhere.clock.sleep(120)
    assert awsroll.repair(second, **own).clean
    assert elsewhere.store.unfinished() == ()


def test_a_confirmed_abort_ends_a_rollout_whose_role_is_gone_and_says_what_is_left(elsewhere: Elsewhere) -> None:
    first = elsewhere.start()
    context = elsewhere.step_context()
    step(first, context)
    again = elsewhere.given_again()
    elsewhere.sandbox.faults.add("denied sts:AssumeRole")
    shown: list[str] = []

    report = awsroll.abort(first, **again, confirm_unrestored=lambda lines: bool(shown.extend(lines)) or True)

    assert report.status is Outcome.STOPPED
    assert "sts:AssumeRole" in shown[0]
    assert [line for line in shown if line.startswith("server i-")], "the server that drains is named"
    assert all(line in report.reason for line in shown[1:])
    assert f"`awsroll repair {first}` restores it once AWS allows the access" in report.reason
    assert elsewhere.store.unfinished() == ()
    elsewhere.store.check_free(elsewhere.store.load(first).rollout, clock=elsewhere.clock)


def test_a_confirmed_repair_ends_a_rollout_whose_role_is_gone(elsewhere: Elsewhere) -> None:
    rollout, again = elsewhere.start(), elsewhere.given_again()
    elsewhere.sandbox.faults.add("denied sts:AssumeRole")
    with pytest.raises(FleetError, match="cannot be assumed"):
        awsroll.repair(rollout, **again)
    assert elsewhere.store.load(rollout).status.outcome is Outcome.RUNNING
    elsewhere.clock.sleep(120)

    repaired = awsroll.repair(rollout, **again, confirm_unrestored=lambda lines: "sts:AssumeRole" in lines[0])

    assert (repaired.acted, repaired.finished, repaired.left) == (True, True, ()), "it had changed nothing"
    assert elsewhere.store.load(rollout).status.outcome is Outcome.STOPPED
    elsewhere.store.check_free(elsewhere.store.load(rollout).rollout, clock=elsewhere.clock)


def test_steps_end_an_abort_after_ten_minutes_without_the_role(elsewhere: Elsewhere) -> None:
    rollout, context = elsewhere.start(), elsewhere.step_context()
    elsewhere.sandbox.faults.add("denied sts:AssumeRole")
    apply_command(rollout, Command.ABORT, context)
    began = elsewhere.clock.monotonic()
    status = step(rollout, context)
    assert (status.done, status.phase) == (False, WaitingFor.PAUSED)
    assert "the rollout ends without restoring anything" in status.reason

    while not status.done:
        elsewhere.clock.sleep(status.wait_seconds)
        status = step(rollout, context)

    assert elsewhere.clock.monotonic() - began == 600
    assert (status.outcome, status.phase) == (Outcome.STOPPED, WaitingFor.FINISHED)
    assert elsewhere.store.unfinished() == ()
    elsewhere.store.check_free(elsewhere.store.load(rollout).rollout, clock=elsewhere.clock)


def test_steps_abort_as_usual_if_the_role_returns_in_time(elsewhere: Elsewhere) -> None:
    rollout, context = elsewhere.start(), elsewhere.step_context()
    fault = elsewhere.sandbox.faults.add("denied sts:AssumeRole")
    apply_command(rollout, Command.ABORT, context)
    status = step(rollout, context)
    elsewhere.sandbox.faults.remove(fault)
    for _ in range(9):
        elsewhere.clock.sleep(status.wait_seconds)
        status = step(rollout, elsewhere.step_context())
    assert (status.outcome, status.reason) == (Outcome.STOPPED, "aborted by request")


def test_a_step_pauses_if_the_role_is_gone(elsewhere: Elsewhere) -> None:
    rollout = elsewhere.start()
    elsewhere.sandbox.faults.add("denied sts:AssumeRole")
    status = step(rollout, elsewhere.step_context())

    assert (status.phase, status.outcome) == (WaitingFor.PAUSED, Outcome.PAUSED)
    assert f"end the rollout with credentials of account 111122223333: `awsroll abort {rollout}`" in status.reason
    assert elsewhere.store.driver(rollout) is None, "a paused rollout holds no lease"
