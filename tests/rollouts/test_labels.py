"""The label on the fleet: it protects the fleet from rollouts of other stores."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.status import Outcome
from awsroll.errors import FleetError, FleetLockedError
from awsroll.events import Tee
from awsroll.fleets.label import Held
from awsroll.stores import LocalStore
from tests.rollouts.holding import LABEL, Watching, labels, plan, refused_meanwhile, resume, roll
from tests.rollouts.rolling import Rolling, enter, make_sandbox


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    sandbox, clock = make_sandbox()
    with sandbox:
        yield enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2, target_groups=2)


def put_label(rolling: Rolling, **more: Any) -> None:
    until = rolling.clock.now() + timedelta(seconds=300)
    held = replace(Held(rollout_id="other-1", place="s3://elsewhere", until=until), **more)
    rolling.sandbox.session().client("elbv2").add_tags(
        ResourceArns=[rolling.fleet.target_group_arns[1]], Tags=[{"Key": LABEL, "Value": str(held)}]
    )


def test_another_store_sees_the_label_and_is_refused(rolling: Rolling, tmp_path: Path) -> None:
    second = refused_meanwhile(rolling, LocalStore(tmp_path / "another"), launch_first=True)
    watching = Watching(do=second)

    report = roll(rolling, rolling.store, watching)

    assert f"held by rollout {report.rollout_id} of the store" in str(watching.done)
    assert report.status is Outcome.SUCCEEDED
    assert not (tmp_path / "another" / "rollouts" / report.rollout_id).exists()
    assert labels(rolling) == []


def test_a_label_of_another_store_refuses_a_rollout_until_it_expires(rolling: Rolling) -> None:
    put_label(rolling)
    assert "s3://elsewhere" in refused_meanwhile(rolling, rolling.store)()
    assert rolling.store.list() == ()

    rolling.sandbox.jump(300)

    assert roll(rolling, rolling.store).succeeded
    assert labels(rolling) == []


def test_a_label_that_cannot_be_parsed_is_ignored(rolling: Rolling) -> None:
    elbv2 = rolling.sandbox.session().client("elbv2")
    for value in ("", "me", "a b 2026-99-99T00:00:00Z"):
        elbv2.add_tags(ResourceArns=list(rolling.fleet.target_group_arns), Tags=[{"Key": LABEL, "Value": value}])
        assert roll(rolling, rolling.store).succeeded


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59Z", "2026-01-02T00:00:00Z", "never", "2026-99-99T00:00:00Z"])
def test_a_label_that_no_rollout_writes_holds_no_fleet_and_is_named(rolling: Rolling, until: str) -> None:
    """A rollout renews its label every few minutes, so an expiry far ahead proves nothing."""
    value = f"other-1 s3://elsewhere {until}"
    rolling.sandbox.session().client("elbv2").add_tags(
        ResourceArns=[rolling.fleet.target_group_arns[1]], Tags=[{"Key": LABEL, "Value": value}]
    )
    watching = Watching()

    assert roll(rolling, rolling.store, watching).succeeded

    (warning,) = [str(fields["message"]) for name, fields in watching.seen if name == "rollout.warning"]
    assert f"'{value}'. Delete the tag" in warning
    assert labels(rolling) == []


def test_a_label_of_the_past_holds_no_fleet(rolling: Rolling) -> None:
    put_label(rolling, until=rolling.clock.now() - timedelta(days=9_000))
    watching = Watching()

    assert roll(rolling, rolling.store, watching).succeeded
    assert "rollout.warning" not in watching.names


def test_the_label_of_a_dead_rollout_of_this_store_is_overwritten(rolling: Rolling) -> None:
    put_label(rolling, place=rolling.store.label)

    assert roll(rolling, rolling.store).succeeded


@pytest.mark.parametrize(("action", "calls"), [("AddTags", 1), ("DescribeTags", 3)])  # the checks read tags twice
def test_without_permission_for_the_label_a_rollout_warns_and_continues(
    rolling: Rolling, action: str, calls: int
) -> None:
    rolling.sandbox.faults.add(f"denied elbv2:{action} times={calls}")
    watching = Watching()

    report = roll(rolling, rolling.store, watching)

    assert report.status is Outcome.SUCCEEDED
    assert any("AccessDenied" in str(fields) for name, fields in watching.seen if name == "rollout.warning")
    known_before = any("AccessDenied" in str(fields) for name, fields in watching.seen if name == "preflight.warning")
    assert known_before is (action == "DescribeTags")


def test_the_label_is_renewed_through_a_long_rollout(rolling: Rolling) -> None:
    seen: list[datetime] = []

    def look(*_: Any) -> None:
        held = labels_at_look(rolling)
        seen.extend(held)

    class Looking(Tee):
        def observed(self, *_: Any) -> None:
            look()

    report = roll(rolling, rolling.store, Looking(), strategy=Strategy.DOUBLE_HALF, min_healthy_time=900)

    assert report.status is Outcome.SUCCEEDED
    assert len(set(seen)) >= 3


def labels_at_look(rolling: Rolling) -> list[datetime]:
    """Read the labels, and check that none of them has expired."""
    found = [datetime.fromisoformat(value.split(" ")[2]) for value in labels(rolling)]
    assert all(until > rolling.clock.now() for until in found)
    return found


def test_resuming_a_rollout_that_died_after_its_end_removes_its_label_and_no_other(rolling: Rolling) -> None:
    report = roll(rolling, rolling.store)
    put_label(rolling, rollout_id=report.rollout_id)

    again = resume(rolling, report.rollout_id, rolling.store)
    mine = labels(rolling)
    put_label(rolling)
    resume(rolling, report.rollout_id, rolling.store)

    assert again.status is Outcome.SUCCEEDED
    assert mine == []
    assert [value.split(" ")[0] for value in labels(rolling)] == ["other-1"]


def test_a_second_rollback_of_a_rollout_that_died_after_the_first_removes_its_label(rolling: Rolling) -> None:
    report = roll(rolling, rolling.store)
    calls = {"session": rolling.sandbox.session(), "store": rolling.store, "clock": rolling.clock}
    awsroll.rollback(report.rollout_id, **calls)
    put_label(rolling, rollout_id=report.rollout_id)

    again = awsroll.rollback(report.rollout_id, **calls)

    assert again.status is Outcome.ROLLED_BACK
    assert labels(rolling) == []


def test_a_plan_reports_a_label_of_another_store_and_ignores_its_own(rolling: Rolling) -> None:
    put_label(rolling)
    with pytest.raises(FleetLockedError, match="s3://elsewhere"):
        plan(rolling, rolling.store)
    put_label(rolling, place=rolling.store.label)
    assert plan(rolling, rolling.store).order


def test_a_plan_without_a_store_reports_every_label(rolling: Rolling) -> None:
    put_label(rolling, place=rolling.store.label)
    with pytest.raises(FleetLockedError, match="other-1"):
        plan(rolling, None)


def test_a_plan_reports_settings_that_an_earlier_rollout_left(rolling: Rolling) -> None:
    tag = {"Key": "awsroll:was:deregistration-delay", "Value": "300"}
    arn = rolling.fleet.target_group_arns[0]
    rolling.sandbox.session().client("elbv2").add_tags(ResourceArns=[arn], Tags=[tag])
    for call in (plan, roll):
        with pytest.raises(FleetError, match="an earlier rollout left changed settings"):
            call(rolling, rolling.store, deregistration_delay=5)
