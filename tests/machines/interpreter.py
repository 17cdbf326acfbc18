"""Runs state machines in moto's interpreter: real definitions, real handlers, the sandbox's fleets, virtual time.

Waits and the intervals of retries pass on the sandbox's clock. A state that waits for a task token waits a moment for
the answer in real time, then until its timeout in virtual time.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import moto.core.config
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

import container
import control
import judge_wave
import plan_waves
import prepare
import reconcile
import watch_waves
from awsroll.testing.clock import VirtualClock
from awsroll_cdk.definition import rollout_machine
from tests.lambdas.driven import Machine, machine
from tests.support.patience import PATIENCE_SECONDS

ROLE = "arn:aws:iam::123456789012:role/machine"
HANDLERS = {
    "prepare": prepare.handler,
    "reconcile": reconcile.handler,
    "control": control.handler,
    "plan_waves": plan_waves.handler,
    "judge_wave": judge_wave.handler,
    "watch_waves": watch_waves.handler,
}
NAMES = {name: f"awsroll-{name}" for name in HANDLERS}
ARNS = {name: f"arn:aws:lambda:us-east-1:123456789012:function:{function}" for name, function in NAMES.items()}
_ANSWERED_WITHIN = 0.3
_PARSE = AmazonStateLanguageParser.parse
_ONE_AT_A_TIME = RLock()  # virtual time is not for several threads


@dataclass
class Interpreter:
    """A machine in moto, and what its functions were called with."""

    driven: Machine
    steps: Any
    arn: str = ""
    called: list[tuple[str, Any]] = field(default_factory=list)
    broken: dict[str, list[Exception | None]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    at_step: dict[str, Callable[[], object]] = field(default_factory=dict)

    def create(self, definition: Mapping[str, Any], name: str = "awsroll") -> str:
        made = self.steps.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
        self.arn = made["stateMachineArn"]
        return self.arn

    def start(self, given: Mapping[str, Any], name: str = "deploy-1") -> str:
        answer = self.steps.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(given))
        return str(answer["executionArn"])

    def end_of(self, execution: str) -> dict[str, Any]:
        """Wait until an execution has ended; return its description."""
        before = time.monotonic()
        while (found := self.steps.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() - before < PATIENCE_SECONDS, self.states(execution)[-5:]
            time.sleep(0.1)
        return dict(found)

    def redrive(self, execution: str) -> dict[str, Any]:
        """Run an execution on as a redrive does, which moto lacks; return the description of its end.

        Step Functions runs the state again in which the execution ended, with the same input and all of its retries.
        """
        entered = [event for event in self.events(execution) if "stateEnteredEventDetails" in event][-1]
        state = entered["stateEnteredEventDetails"]
        made = self.steps.describe_state_machine(stateMachineArn=self.arn)
        self.create(json.loads(made["definition"]) | {"StartAt": state["name"]}, f"{made['name']}-redriven")
        return self.run(json.loads(state["input"]), execution.rpartition(":")[2])

    def run(self, given: Mapping[str, Any], name: str = "deploy-1") -> dict[str, Any]:
        return self.end_of(self.start(given, name))

    def states(self, execution: str) -> list[str]:
        """Name the states that an execution entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.events(execution)
            if "stateEnteredEventDetails" in event
        ]

    def events(self, execution: str) -> list[dict[str, Any]]:
        pages = self.steps.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]

    def function(self, name: str) -> Any:
        def invoke(event: Any) -> Any:
            self.called.append((name, event))
            if event.get("task_token"):
                self.tokens.append(event["task_token"])
            if name == "reconcile" and self.at_step:
                group = str(event.get("request", {}).get("asg", ""))
                self.at_step.pop(group, lambda: None)()
            errors = self.broken.get(name, [])
            if errors and (error := errors.pop(0)) is not None:
                raise error
            with _ONE_AT_A_TIME:
                return HANDLERS[name](event, None)

        return invoke


@contextmanager
def interpreter(folder: Path, *, grouped: bool = True, **more: Any) -> Iterator[Interpreter]:
    with machine(folder, grouped=grouped, **more) as driven, ExitStack() as stack:
        _settings(stack)
        for service in (StateTaskServiceSfn, StateTaskServiceAwsSdk):
            stack.enter_context(patch.object(service, "_normalise_parameters", _name_as_the_api_does))
            stack.enter_context(patch.object(service, "_normalise_response", _name_as_the_state_does))
        stack.enter_context(patch.object(AmazonStateLanguageParser, "parse", _parse))
        _time_passes_on(driven.rolling.clock, stack)
        sandbox = driven.rolling.sandbox
        made = Interpreter(driven, container.session().client("stepfunctions"))
        for name, function in NAMES.items():
            sandbox.functions[function] = made.function(name)
        made.create(rollout_machine(ARNS))
        yield made


def _parse(definition: str) -> tuple[Any, Any]:
    """Return a definition as a program of its own, and its tree. To make the tree takes longer than many executions."""
    tree = _tree(definition)
    return Preprocessor().visit(tree), tree


@cache
def _tree(definition: str) -> Any:
    return _PARSE(definition)[1]


def _name_as_the_api_does(_self: object, parameters: dict[str, Any], *_: object, **__: object) -> None:
    """Fix moto, which passes `StateMachineArn` to an API whose parameter is `stateMachineArn`."""
    for name in tuple(parameters):
        parameters[name[0].lower() + name[1:]] = parameters.pop(name)
    if "input" in parameters:
        parameters["input"] = json.dumps(parameters["input"])


def _name_as_the_state_does(_self: object, response: dict[str, Any], *_: object, **__: object) -> None:
    """Fix the answers of moto in the same way, and convert instants to JSON."""
    for name in tuple(response):
        response[name[0].upper() + name[1:]] = str(response.pop(name))


def _settings(stack: ExitStack) -> None:
    settings = moto.core.config.default_user_config
    stack.enter_context(patch.dict(settings, {"stepfunctions": {"execute_state_machine": True}}))


def _time_passes_on(clock: VirtualClock, stack: ExitStack) -> None:
    really = CallbackEndpoint.wait

    def sleep(seconds: float) -> None:
        with _ONE_AT_A_TIME:
            clock.sleep(seconds)

    def wait(_self: WaitFunction, env: Any, wait_seconds: int) -> None:
        if env.is_running():
            sleep(wait_seconds)

    def wait_for_token(self: CallbackEndpoint, timeout: float | None = None) -> Any:
        outcome = really(self, timeout=_ANSWERED_WITHIN)
        if outcome is None and timeout is not None:
            sleep(timeout)
        return outcome

    stack.enter_context(patch.object(WaitFunction, "_wait_interval", wait))
    stack.enter_context(patch.object(CallbackEndpoint, "wait", wait_for_token))
    # Its own name for the module alone: everybody else's `time.sleep` stays real.
    stack.enter_context(patch.object(retrier_decl, "time", SimpleNamespace(sleep=sleep)))
