"""Each Lambda function under exactly its policy: nothing is missing, and of the store nothing is left over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

import awsroll
import container
import control
import keep
import named
import plan_waves
import prepare
import reconcile
import watch_waves
from awsroll.errors import AccessRefusedError
from awsroll.iam import Fleets, FunctionKind, Place, Rollouts, function_policy
from tests.iam.gate import Gate
from tests.lambdas.driven import Machine, machine
from tests.lambdas.started import Started

STATE = "dynamodb://records"
_STORE = container.store
_KINDS = {
    prepare: FunctionKind.CHECK,
    reconcile: FunctionKind.DRIVE,
    control: FunctionKind.ASK,
    plan_waves: FunctionKind.PIN,
    keep: FunctionKind.KEEP,
    watch_waves: FunctionKind.WATCH,
}
# What the construct grants beside the policies: a state that waits is answered on its machine.
_ANSWERS = {"Sid": "Answers", "Effect": "Allow", "Action": ["states:SendTaskSuccess"], "Resource": ["*"]}
_OF_THE_STORE = ("KeepRecords", "ReadRequests", "ReadRecords", "KeepRequests", "KeepNotes", "SignRecords")


@dataclass
class Functions:
    """The functions of one deployment, each behind the gate of its kind."""

    driven: Machine
    gates: dict[FunctionKind, Gate]
    environment: dict[str, str]
    running: FunctionKind = FunctionKind.ASK
    clients: dict[FunctionKind, Any] = field(default_factory=dict)

    def session(self, _request: object = None) -> Any:
        if self.running not in self.clients:
            self.clients[self.running] = container.KeptClients(self.gates[self.running].session())
        return self.clients[self.running]

    def store(self) -> Any:
        return _STORE(self.environment)

    def of(self, kind: FunctionKind, handler: Callable[..., Any]) -> Callable[..., Any]:
        def call(event: Any, context: Any = None) -> Any:
            self.running = kind
            return handler(event, context)

        return call


@contextmanager
def functions(
    folder: Path, *, grouped: bool = True, signed: bool = True, policy_of: Callable[..., Any] = function_policy
) -> Iterator[Functions]:
    with machine(folder, grouped=grouped) as driven, ExitStack() as stack:
        rolling = driven.rolling
        session, fleet, world = rolling.sandbox.session(), rolling.fleet, rolling.sandbox.world
        awsroll.open_store(STATE, session=session).create()
        environment, key = {"AWSROLL_STATE": STATE}, ""
        if signed:
            made = session.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
            key = made["KeyMetadata"]["Arn"]
            environment["AWSROLL_SIGN_KEY"] = key
        name = "+".join(sorted(arn.split("/")[1] for arn in fleet.target_group_arns))
        kind = {"groups": (fleet.group_name,)} if fleet.group_name else {"names": (name,)}
        fleets = Fleets(**kind, target_groups=fleet.target_group_arns)
        place, rollouts = Place(region=world.region, account=world.account_id), Rollouts(store=STATE, sign_key=key)
        gates = {}
        for each in FunctionKind:
            policy = policy_of(each, place, fleets, rollouts)
            answers = [_ANSWERS] if each in (FunctionKind.DRIVE, FunctionKind.ASK, FunctionKind.WATCH) else []
            gates[each] = Gate(rolling.sandbox, {**policy, "Statement": [*policy["Statement"], *answers]})
        found = Functions(driven, gates, environment)
        for module, each in _KINDS.items():
            stack.enter_context(patch.object(module, "handler", found.of(each, module.handler)))
        stack.enter_context(patch.object(container, "session", found.session))
        stack.enter_context(patch.object(container, "store", found.store))
        yield found


def everything_once(found: Functions) -> None:
    """Roll with an approval by a task token, pause and resume, roll back after the end, and refuse a second rollout."""
    driven = found.driven
    driven.prepare(driven.request(checkpoint=1, approve_checkpoints=True))
    driven.go_on(lambda answer: answer["phase"] == "approval")
    driven.wait_for_command("token")
    _pause_by_an_alarm_of_the_waves(driven)
    driven.go_on(lambda answer: answer["phase"] == "paused")
    driven.apply_command("resume")
    driven.go_on(lambda answer: answer["phase"] == "approval")
    driven.apply_command("approve")
    driven.rolling.clock.sleep(600)
    driven.name = "deploy-2"
    with pytest.raises(named.FleetLocked):
        driven.prepare()
    driven.name = "deploy-1"
    assert driven.go_on()["outcome"] == "succeeded"
    driven.apply_command("rollback")
    assert driven.go_on()["outcome"] == "rolled_back"
    _keep(driven)


def _keep(driven: Machine) -> None:
    """Start an execution, and find it in a later pass."""
    file = {"waves": [{"name": "one", "fleets": [driven.request()]}]}
    with patch.dict("os.environ", {keep.MACHINE: "machine"}), patch.object(keep, "MachineExecutions") as executions:
        executions.return_value = Started()
        actions = [[one["action"] for one in keep.handler({"fleets": file}, None)["fleets"].values()] for _ in range(2)]
    assert actions == [["roll"], ["wait"]]


def _pause_by_an_alarm_of_the_waves(driven: Machine) -> None:
    client = driven.rolling.sandbox.session().client("cloudwatch")
    client.put_metric_alarm(
        AlarmName="errors", MetricName="errors", Namespace="web", Period=60, EvaluationPeriods=1, Threshold=1,
        Statistic="Sum", ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    client.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="5 errors")
    fleet = {"name": "web", "rollout_id": driven.name, "request": driven.given["request"]}
    wave = {"name": "one", "concurrency": 1, "alarms": ["errors"], "fleets": [fleet]}
    event = {"action": "watch", "name": "waves-1", "started_at": "2026-01-01T00:00:00Z", "waves": [wave], "turn": 1}
    assert watch_waves.handler(event, None)["verdict"] == "watch"


@pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
def test_each_function_calls_what_its_policy_allows_and_needs_all_of_the_store(
    tmp_path: Path, *, grouped: bool
) -> None:
    with functions(tmp_path, grouped=grouped) as found:
        everything_once(found)

        for kind, gate in found.gates.items():
            assert gate.refused == [], kind
            allowed = {(one["Sid"], each) for one in gate.policy["Statement"] for each in one["Action"]}
            needed = {(sid, action) for sid, action in allowed if sid in _OF_THE_STORE}
            assert needed <= gate.used, kind
        assert found.gates[FunctionKind.ASK].used == {
            *(("ReadRecords", "dynamodb:GetItem"), ("KeepRequests", "dynamodb:GetItem")),
            *(
                ("KeepRequests", "dynamodb:PutItem"),
                ("SignRecords", "kms:GenerateMac"),
                ("SignRecords", "kms:VerifyMac"),
            ),
            ("Answers", "states:SendTaskSuccess"),
        }


@pytest.mark.parametrize("action", ["pause", "abort", "rollback"])
def test_control_runs_under_its_own_role(tmp_path: Path, action: str) -> None:
    with functions(tmp_path, signed=False) as found:
        found.driven.prepare()
        found.driven.reconcile()
        found.driven.apply_command(action)

        assert found.gates[FunctionKind.ASK].refused == []
        assert {ask.action for ask in found.gates[FunctionKind.ASK].asked} == {"dynamodb:GetItem", "dynamodb:PutItem"}


def test_the_role_of_control_can_write_no_record_no_lock_and_no_note(tmp_path: Path) -> None:
    with functions(tmp_path, signed=False) as found:
        found.driven.prepare()
        found.running = FunctionKind.ASK
        store = container.store()
        record = store.load("deploy-1")

        for write in (
            lambda: store.save(record),
            lambda: store.put_note("deploy-1", awsroll.stores.Waiting(task_token="mine")),
            lambda: store.drive(record.rollout, takes_steps=True).__enter__(),
            lambda: store.backend.delete("rollouts/deploy-1/record.json", "x"),
        ):
            with pytest.raises(AccessRefusedError, match="not authorized"):
                write()


def test_the_role_of_a_driver_can_write_no_request_of_a_user(tmp_path: Path) -> None:
    with functions(tmp_path, signed=False) as found:
        found.driven.prepare()
        found.running = FunctionKind.DRIVE

        with pytest.raises(AccessRefusedError, match="not authorized"):
            container.store().change_user_requests("deploy-1", lambda said: said.approving(9))


def test_the_role_that_plans_waves_reads_versions_alone(tmp_path: Path) -> None:
    with functions(tmp_path) as found:
        fleets = {"waves": [{"fleets": [{"name": "web", "asg": "web"}]}]}
        answer = plan_waves.handler({"name": "wave-1", "fleets": fleets}, None)

        gate = found.gates[FunctionKind.PIN]
        assert answer["count"] == 1
        assert (gate.refused, {sid for sid, _ in gate.used}) == ([], {"ReadVersions"})
