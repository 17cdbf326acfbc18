"""A record steers its fleet, and nothing else: what it makes a process run or use must come from the caller."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import awsroll
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout_choices import ReloadCommand
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.context import Context, NotConfirmedError
from awsroll.errors import StateError
from awsroll.ports import Record
from tests.rollouts.holding import changes
from tests.rollouts.rolling import Rolling, enter, make_sandbox
from tests.support.forging import forge

if TYPE_CHECKING:
    from awsroll.core.model.rollout import Rollout


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2)


def interrupted(rolling: Rolling, **wanted: Any) -> str:
    """Roll until the first server drains, and stop there."""

    def stop_requested() -> bool:
        arns = rolling.fleet.target_group_arns
        return any(one.state == "draining" for arn in arns for one in rolling.sandbox.elb.targets(arn))

    context = Context(**own(rolling), stop_requested=stop_requested)
    report = operations.roll(rolling.request(**wanted), context)
    assert report.status is Outcome.INTERRUPTED
    return report.rollout_id


def own(rolling: Rolling) -> dict[str, Any]:
    """Return the arguments of a process that has read no record yet."""
    store = rolling.store.for_another_thread()
    return {"session": rolling.sandbox.session(), "store": store, "clock": rolling.clock}


def read(rolling: Rolling, rollout_id: str) -> Record:
    return rolling.store.for_another_thread().load(rollout_id)


def hook(folder: Path, **more: Any) -> Hook:
    what = more or {"command": ("touch", str(folder / "evil"))}
    return Hook(point=HookPoint.AFTER_HEALTHY, name="evil", **what)


def orders(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        "command on this machine at after_healthy": {"hooks": (hook(folder),)},
        "Lambda function at after_healthy": {"hooks": (hook(folder, function="evil"),)},
        "script on the server at after_healthy": {"hooks": (hook(folder, script=("evil",)),)},
        "shell command on the servers at reload": {"reload": ReloadCommand(app_version="2", commands=("evil",))},
        "SSM document on the servers at reload": {"reload": ReloadCommand(app_version="2", document="Evil")},
        "shell command on the servers at rollback": {
            "rollback_reload": ReloadCommand(app_version="1", commands=("evil",))
        },
        "region: eu-west-1": {"region": "eu-west-1"},
    }


@pytest.mark.parametrize("order", orders(Path()))
@pytest.mark.parametrize("gives_request", [False, True], ids=["nothing-given", "request-given"])
def test_an_order_in_a_record_is_refused_by_name_and_nothing_is_changed(
    rolling: Rolling, tmp_path: Path, order: str, *, gives_request: bool
) -> None:
    rollout_id = interrupted(rolling)
    forge(rolling.store, rollout_id, **orders(tmp_path)[order])
    before, record = changes(rolling), read(rolling, rollout_id)
    given = {"request": rolling.request()} if gives_request else {}

    for operation in (awsroll.resume, awsroll.rollback, awsroll.abort, awsroll.repair):
        with pytest.raises(awsroll.UnconfirmedError) as refusal:
            operation(rollout_id, **own(rolling), **given)
        assert order in str(refusal.value)
        assert "nothing was changed" in str(refusal.value)

    assert (changes(rolling), read(rolling, rollout_id)) == (before, record)
    assert rolling.store.user_requests(rollout_id) == record.status.user_requests
    assert not (tmp_path / "evil").exists()


def test_a_rollout_without_orders_resumes_without_a_question(rolling: Rolling) -> None:
    rollout_id = interrupted(rolling)

    def refuse(_: Sequence[awsroll.Instruction]) -> bool:
        message = "asked"
        raise AssertionError(message)

    assert awsroll.resume(rollout_id, **own(rolling), confirm_instructions=refuse).succeeded


def test_the_request_given_again_runs_its_hooks(rolling: Rolling, tmp_path: Path) -> None:
    touch = awsroll.HookSpec(point=HookPoint.AFTER_HEALTHY, command=("touch", str(tmp_path / "ran")))
    rollout_id = interrupted(rolling, hooks=(touch,))

    report = awsroll.resume(rollout_id, **own(rolling), request=rolling.request(hooks=(touch,)))

    assert report.succeeded, report.reason
    assert (tmp_path / "ran").exists()


def test_a_hook_that_is_missing_from_the_record_is_refused_too(rolling: Rolling) -> None:
    check = awsroll.HookSpec(point=HookPoint.AFTER_HEALTHY, command=("false",), name="smoke")
    rollout_id = interrupted(rolling, hooks=(check,))
    forge(rolling.store, rollout_id, hooks=())

    with pytest.raises(awsroll.UnconfirmedError, match=r"does not name what the given request has: .*hook smoke"):
        awsroll.resume(rollout_id, **own(rolling), request=rolling.request(hooks=(check,)))


def test_the_request_of_another_fleet_is_refused(rolling: Rolling) -> None:
    rollout_id = interrupted(rolling)
    with pytest.raises(awsroll.UnconfirmedError, match="is not of the fleet that the request names"):
        awsroll.resume(rollout_id, **own(rolling), request=awsroll.RolloutSpec(asg="other"))


def test_the_caller_sees_each_order_and_may_decline(rolling: Rolling, tmp_path: Path) -> None:
    rollout_id = interrupted(rolling)
    forge(rolling.store, rollout_id, hooks=(hook(tmp_path),))
    shown: list[awsroll.Instruction] = []

    def decline(instructions: Sequence[awsroll.Instruction]) -> bool:
        shown.extend(instructions)
        return False

    with pytest.raises(NotConfirmedError):
        awsroll.resume(rollout_id, **own(rolling), confirm_instructions=decline)
    assert [(each.kind, each.point, each.content) for each in shown] == [
        (awsroll.InstructionKind.COMMAND, "after_healthy", ("touch", str(tmp_path / "evil")))
    ]


def test_a_record_that_changes_after_it_was_shown_is_refused(rolling: Rolling, tmp_path: Path) -> None:
    rollout_id = interrupted(rolling, strategy="reload", on_failure="stop")

    def accept_and_forge(_: Sequence[awsroll.Instruction]) -> bool:
        forge(rolling.store, rollout_id, hooks=(hook(tmp_path),))
        return True

    with pytest.raises(StateError, match="is not the request that rollout"):
        awsroll.resume(rollout_id, **own(rolling), confirm_instructions=accept_and_forge)
    assert not (tmp_path / "evil").exists()


def test_a_change_of_the_record_adds_no_order_to_a_process_that_drives(rolling: Rolling, tmp_path: Path) -> None:
    """The driver runs what it holds in memory; when it sees another writer, it stops."""
    changed: list[Rollout] = []

    def change_once() -> bool:
        records = rolling.store.for_another_thread().list()
        if records and records[0].status.servers and not changed:
            forge(rolling.store, records[0].rollout.rollout_id, hooks=(hook(tmp_path),))
            changed.append(records[0].rollout)
        return False

    report = operations.roll(rolling.request(), Context(**own(rolling), stop_requested=change_once))

    assert changed
    assert report.status is Outcome.PAUSED
    assert not (tmp_path / "evil").exists()


def test_a_rollback_after_success_runs_no_order_that_the_caller_did_not_give(rolling: Rolling, tmp_path: Path) -> None:
    report = rolling.roll()
    forge(rolling.store, report.rollout_id, hooks=(hook(tmp_path),))

    with pytest.raises(awsroll.UnconfirmedError, match="hook evil"):
        awsroll.rollback(report.rollout_id, **own(rolling))
    assert awsroll.rollback(report.rollout_id, **own(rolling), confirm_instructions=lambda _: True).status is (
        Outcome.ROLLED_BACK
    )
    assert (tmp_path / "evil").exists()
