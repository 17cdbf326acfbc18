"""Calls the real handlers as a state machine would, over the sandbox in virtual time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import container
import control
import prepare
import reconcile
from tests.rollouts.rolling import Rolling, enter, make_sandbox

LIMIT = 2000


@dataclass
class Machine:
    """A rollout by handlers: what was answered, in order, and when."""

    rolling: Rolling
    name: str = "deploy-1"
    answers: list[dict[str, Any]] = field(default_factory=list)
    given: dict[str, Any] = field(default_factory=dict)

    def prepare(self, request: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        self.given = {"request": self.request() if request is None else request}
        return self._answered(prepare.handler({"rollout_id": self.name, **self.given, **more}, None))

    def request(self, *, version: int = 2, **more: Any) -> dict[str, Any]:
        fleet = self.rolling.fleet
        named = {"asg": fleet.group_name} if fleet.group_name else {"target_group": list(fleet.target_group_arns)}
        if more.get("strategy") == "reload":
            named |= {"command": "sandbox-version v2", "app_version": "2.0"}
        else:
            named |= {"launch_template": f"{fleet.template_id}:{version}"}
        return {**named, **more}

    def reconcile(self, **more: Any) -> dict[str, Any]:
        revision = max([0, *(each["revision"] for each in self.answers if each["rollout_id"] == self.name)])
        event = {"rollout_id": self.name, "revision": revision, **self.given, **more}
        return self._answered(reconcile.handler(event, None))

    def wait_for_command(self, task_token: str) -> dict[str, Any]:
        answer: dict[str, Any] = reconcile.handler({"rollout_id": self.name, "task_token": task_token}, None)
        return answer

    def apply_command(self, action: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = control.handler({"rollout_id": self.name, "action": action, **more}, None)
        return answer

    def go_on(self, until: Callable[[dict[str, Any]], bool] = lambda _: False) -> dict[str, Any]:
        """Call and wait, until it is done or `until` says so of an answer."""
        for _ in range(LIMIT):
            answer = self.reconcile()
            if answer["done"] or until(answer):
                return answer
            self.rolling.clock.sleep(answer["wait_seconds"])
        message = f"not done after {LIMIT} steps: {self.answers[-1]}"
        raise AssertionError(message)

    def run(self, **wanted: Any) -> dict[str, Any]:
        self.prepare(self.request(**wanted))
        return self.go_on()

    @property
    def phases(self) -> list[str]:
        """What was waited for, each once in a row."""
        found: list[str] = []
        for answer in self.answers:
            if not found or found[-1] != answer["phase"]:
                found.append(answer["phase"])
        return found

    def _answered(self, answer: dict[str, Any]) -> dict[str, Any]:
        self.answers.append(answer)
        return answer


@contextmanager
def machine(folder: Path, *, grouped: bool, options: dict[str, Any] | None = None, **shape: Any) -> Iterator[Machine]:
    """A sandbox with a fleet, and handlers whose containers know nothing yet."""
    sandbox, clock = make_sandbox(**(options or {}))
    shape = {"servers": 2} | shape
    with sandbox:
        rolling = enter(sandbox, clock, folder, grouped=grouped, **shape)
        session = container.KeptClients(sandbox.session())
        with (
            patch.object(container, "clock", clock),
            patch.object(container, "session", lambda _order=None: session),
            patch.object(container, "store", lambda: rolling.store),
        ):
            yield Machine(rolling)
