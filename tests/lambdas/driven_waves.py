"""Calls the handlers of many fleets as their state machine does, in one thread, and may cut a call at a store write."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import plan_waves
import prepare
import reconcile
import watch_waves
from named import HandlerError, WaveStopped
from tests.lambdas.driven import LIMIT, Machine

STARTED_AT = "2026-01-01T00:00:00.000Z"
_GIVEN = ("request", "region", "role", "external_id")


class Cut(BaseException):
    """The function was killed. `except Exception` does not catch it."""


@dataclass
class WavesMachine:
    """The machine of many fleets.

    Attributes:
        at_step: called before a step of a rollout, with the name of its fleet.
        cut: the instant at which a call of `watch_waves` is killed, such as `after write 3: requests`; empty: none.
        instants: before and after each write of the store by `watch_waves`.
        judged: the verdicts.
    """

    driven: Machine
    waves: list[dict[str, Any]]
    at_step: Callable[[str], None] = lambda _: None
    cut: str = ""
    instants: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)

    @classmethod
    def planned(cls, driven: Machine, *waves: dict[str, Any], **more: Any) -> "WavesMachine":
        answer = plan_waves.handler({"name": "deploy-1", "fleets": {"waves": [*waves]}}, None)
        return cls(driven, answer["waves"], **more)

    def run(self) -> dict[str, Any]:
        """Drive all waves; return the last answer of `watch_waves`."""
        index = turn = 0
        self._look("check")
        while True:
            turn += 1
            results = self._drive(index, turn)
            self._look("ended", index, turn)
            judged = self._look("judge", index, turn, results=results)
            while judged["verdict"] == "bake":
                self.driven.rolling.clock.sleep(judged["wait_seconds"])
                judged = self._look("judge", index, turn, results=results)
            self.judged.append(judged["verdict"])
            index = {"go-on": index + 1, "again": index, "turn-back": judged["index"]}.get(judged["verdict"], LIMIT)
            if index >= len(self.waves):
                return judged

    def _drive(self, index: int, turn: int) -> list[dict[str, Any]]:
        clock, wave = self.driven.rolling.clock, self.waves[index]
        due: dict[str, float] = {"": clock.monotonic()}
        results = {}
        for fleet in wave["fleets"]:
            given = {key: fleet[key] for key in _GIVEN}
            beside = {"wave": wave["rollout_ids"], "tolerated_failures": wave["tolerated_failures"]}
            started = {"execution_started_at": STARTED_AT, "progress_of": "deploy-1"}
            try:
                prepare.handler({"rollout_id": fleet["rollout_id"], **given, **beside, **started}, None)
                due[fleet["name"]] = clock.monotonic()
            except HandlerError as error:
                outcome = "not_begun" if isinstance(error, WaveStopped) else "refused"
                results[fleet["name"]] = _result(fleet, outcome, str(error), type(error).__name__)
        named = {fleet["name"]: fleet for fleet in wave["fleets"]}
        while len(results) < len(named):
            name = min(due, key=lambda one: due[one])
            clock.jump(max(0.0, due[name] - clock.monotonic()))
            if not name:
                look = self._look("watch", index, turn)
                due[name] = clock.monotonic() + look["wait_seconds"] if look["verdict"] == "watch" else float("inf")
                continue
            self.at_step(name)
            given = {key: named[name][key] for key in _GIVEN}
            answer = reconcile.handler({"rollout_id": named[name]["rollout_id"], **given}, None)
            due[name] = clock.monotonic() + answer["wait_seconds"]
            if answer["done"]:
                results[name] = _result(named[name], answer["outcome"], answer["reason"])
                del due[name]
            assert clock.monotonic() < 3600 * 6, (name, answer)
        return [results[fleet["name"]] for fleet in wave["fleets"]]

    def _look(self, action: str, index: int = 0, turn: int = 0, **more: Any) -> dict[str, Any]:
        event = {"action": action, "name": "deploy-1", "started_at": STARTED_AT, "waves": self.waves}
        event |= {"index": index, "turn": turn, **more}
        backend = self.driven.rolling.store.backend
        really = backend.write

        def write(key: str, *more: Any) -> str:
            what = f"write {len(self.instants) // 2 + 1}: {key.partition('/')[0]}"
            self._instant(f"before {what}")
            version = really(key, *more)
            self._instant(f"after {what}")
            return version

        backend.write = write  # type: ignore[method-assign]
        try:
            answer: dict[str, Any] = watch_waves.handler(event, None)
        except Cut:  # Step Functions calls again
            backend.write = really  # type: ignore[method-assign]
            answer = watch_waves.handler(event, None)
        finally:
            backend.write = really  # type: ignore[method-assign]
        return answer

    def _instant(self, what: str) -> None:
        self.instants.append(what)
        if what == self.cut:
            self.cut = ""
            raise Cut


def _result(fleet: dict[str, Any], outcome: str, reason: str, error: str = "") -> dict[str, Any]:
    return {"rollout_id": fleet["rollout_id"], "outcome": outcome, "reason": reason, "error": error}
