"""How the parts work together: light imports, confirmation, and rollouts that cannot continue."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import awsroll
from awsroll.core.model.status import Outcome
from awsroll.driver import operations
from awsroll.driver.context import Context, NotConfirmedError
from awsroll.errors import FleetError
from awsroll.sandbox import ApiError
from tests.rollouts.rolling import Rolling, enter, make_sandbox
from tests.support.forging import forge

HEAVY = ("boto3", "botocore", "moto", "msgspec", "rich", "structlog", "tenacity", "yaml")


@pytest.mark.parametrize("module", ["awsroll", "awsroll.cli.main"])
def test_the_import_loads_no_heavy_module(module: str) -> None:
    program = f"import {module}, sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []


def test_every_public_name_exists() -> None:
    for name in awsroll.__all__:
        assert getattr(awsroll, name) is not None
    assert set(awsroll.__all__) <= set(dir(awsroll))
    with pytest.raises(AttributeError, match="no attribute 'rol'"):
        awsroll.rol  # noqa: B018


def context(rolling: Rolling, **more: Any) -> Context:
    return Context(session=rolling.sandbox.session(), store=rolling.store, clock=rolling.clock, **more)


def test_a_rollout_without_confirmation_does_not_start(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path / "state", grouped=False, servers=2)

        with pytest.raises(NotConfirmedError):
            operations.roll(rolling.request(), context(rolling, confirm=lambda _: False))

        assert rolling.store.list() == ()
        assert rolling.serving_versions() == {"v1": 2}


def test_an_error_of_aws_during_a_rollout_pauses_it(tmp_path: Path) -> None:
    observations = 0

    def refuse_later_calls(_service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        nonlocal observations
        is_observation = operation == "DescribeTargetHealth" and not parameters.get("Targets")
        observations += is_observation
        if is_observation and observations > 8:
            code = "InvalidConfigurationRequest"
            raise ApiError(code, "The configuration is not valid")

    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=False, servers=2)
        end = sandbox.on_call(refuse_later_calls)
        paused = operations.roll(rolling.request(), context(rolling))
        end()
        shown = awsroll.status(paused.rollout_id, store=rolling.store)
        finished = awsroll.resume(paused.rollout_id, session=sandbox.session(), store=rolling.store, clock=clock)

        assert paused.status is Outcome.PAUSED
        assert "InvalidConfigurationRequest" in paused.reason
        assert shown.status is Outcome.PAUSED
        assert finished.status is Outcome.SUCCEEDED
        assert rolling.serving_versions() == {"v2": 2}


def test_a_rollout_of_another_account_is_not_resumed(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=False, servers=2)
        stopped = operations.roll(rolling.request(), context(rolling, stop_requested=lambda: True))
        forge(rolling.store, stopped.rollout_id, account="999999999999")

        with pytest.raises(FleetError, match="999999999999"):
            operations.resume(stopped.rollout_id, replace(context(rolling), store=rolling.store.for_another_thread()))

        assert stopped.status is Outcome.INTERRUPTED
        assert rolling.serving_versions() == {"v1": 2}


def test_the_rollout_does_what_the_plan_says(tmp_path: Path) -> None:
    sandbox, clock = make_sandbox()
    with sandbox:
        rolling = enter(sandbox, clock, tmp_path, grouped=False, servers=3)
        plan = awsroll.plan(rolling.request(), session=sandbox.session(), clock=clock)
        report = rolling.roll()

        assert {server.instance_id for server in plan.order} == set(rolling.fleet.instance_ids)
        assert plan.lowest_serving == report.min_serving == 2
        assert plan.max_live == report.max_live == 3
        assert plan.max_running >= report.max_running > 3
        assert awsroll.rollouts(store=rolling.store)[0].rollout_id == report.rollout_id
