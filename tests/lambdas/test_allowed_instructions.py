"""A function runs and uses only what its event or its environment names, whatever is in the record."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import container
import named
import rollout_context
from awsroll.core.model.hooks import Hook, HookPoint
from awsroll.core.model.rollout_choices import ReloadCommand
from awsroll.core.request.instructions import instructions_of
from awsroll.stores import RolloutRequest
from tests.lambdas.driven import Machine, machine
from tests.rollouts.holding import changes
from tests.support.forging import forge

ROLE = "arn:aws:iam::123456789012:role/evil"
COMMAND = Hook(point=HookPoint.AFTER_HEALTHY, name="evil", command=("touch", "evil"))
ORDERS: dict[str, dict[str, Any]] = {
    "hook evil: commands and Python callables need a process": {"hooks": (COMMAND,)},
    "Lambda function at after_healthy (hook evil): evil": {"hooks": (replace(COMMAND, command=(), function="evil"),)},
    "script on the server at after_healthy (hook evil): evil": {
        "hooks": (replace(COMMAND, command=(), script=("evil",)),)
    },
    "shell command on the servers at reload: evil": {"reload": ReloadCommand(app_version="2.0", commands=("evil",))},
    "region: eu-west-1": {"region": "eu-west-1"},
}


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Machine]:
    """Handlers that open the store again for each call, as a container does."""
    with (
        machine(tmp_path, grouped=False) as made,
        patch.object(container, "store", made.rolling.store.for_another_thread),
    ):
        yield made


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("has_request", [True, False], ids=["request-in-event", "id-alone"])
def test_an_order_in_a_record_pauses_the_rollout(driven: Machine, order: str, *, has_request: bool) -> None:
    driven.prepare()
    driven.go_on(lambda answer: answer["phase"] == "drain")
    record = container.store().load(driven.name)
    forge(driven.rolling.store, driven.name, **ORDERS[order])
    before = changes(driven.rolling)
    driven.given = driven.given if has_request else {}

    paused = driven.reconcile()

    assert (paused["phase"], paused["outcome"], paused["done"]) == ("paused", "paused", False)
    assert order in paused["reason"]
    assert changes(driven.rolling) == before
    driven.apply_command("resume")
    assert driven.reconcile()["phase"] == "paused"
    assert changes(driven.rolling) == before

    forge(driven.rolling.store, driven.name, hooks=(), reload=None, region=record.rollout.region)
    driven.apply_command("resume")
    assert driven.go_on()["outcome"] == "succeeded"


def test_the_environment_allows_commands_by_their_digest(driven: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    driven.prepare(driven.request(strategy="reload"))
    driven.given = {}
    assert driven.reconcile()["phase"] == "paused"

    (shell,) = (each for each in instructions_of(container.store().load(driven.name).rollout) if each.point == "reload")
    monkeypatch.setenv("AWSROLL_ALLOWED_COMMANDS", f"sha256:other {shell.digest}")
    driven.apply_command("resume")
    assert driven.go_on()["outcome"] == "succeeded"


def test_a_role_in_a_record_is_assumed_only_if_it_is_allowed(driven: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[RolloutRequest | None] = []
    own = container.session()

    def session(request: RolloutRequest | None = None) -> Any:
        opened.append(request)
        return own

    monkeypatch.setattr(container, "session", session)
    driven.prepare()
    store = driven.rolling.store
    stored = store.note(driven.name, RolloutRequest)
    assert stored is not None
    store.put_note(driven.name, replace(stored, role=ROLE))
    opened.clear()

    for given in (driven.given, {}):
        driven.given = given
        assert f"IAM role: {ROLE}" in driven.reconcile()["reason"]
        driven.apply_command("resume")
    assert not any(request is not None and request.role for request in opened)

    monkeypatch.setenv("AWSROLL_ALLOWED_ROLES", ROLE)
    rollout_context.known_rollout_context(driven.name)
    assert opened[-1] is not None
    assert opened[-1].role == ROLE


def test_a_rollback_after_the_end_does_not_use_a_role_that_is_not_allowed(driven: Machine) -> None:
    driven.run()
    store = driven.rolling.store
    stored = store.note(driven.name, RolloutRequest)
    assert stored is not None
    store.put_note(driven.name, replace(stored, role=ROLE))
    with pytest.raises(named.PreflightRefused, match=ROLE):
        driven.apply_command("rollback")
    assert not store.user_requests(driven.name).rollback
