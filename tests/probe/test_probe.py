"""A whole probe against the sandbox, in virtual time: what it measures, what it writes, and that nothing is left."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from awsroll.errors import SpecError
from awsroll.probe import EXPERIMENTS, Experiment, Limits, tear_down_only
from awsroll.probe.guard import Budget, LimitedClock, LimitReachedError
from awsroll.probe.result_file import Status
from awsroll.sandbox import SandboxOptions
from awsroll.testing.clock import VirtualClock
from tests.probe.probing import ACCOUNT, KilledError, open_probing

# What the sandbox cannot answer is said in the note of the experiment.
PARTLY = {
    Experiment.LAUNCH_TOKENS: "8 hours",
    Experiment.PERMISSIONS: "checks no permissions",
    Experiment.AGENT: "not seen to stop",
    Experiment.ROUTING_THRESHOLD: "no answers",
    Experiment.NETWORK_LOAD_BALANCER: "no flow",
    Experiment.EVERY_STRATEGY: "CloudWatch",
}
# Each switch that a probe can settle, with another value than the sandbox's default.
OTHER_WORLD = {
    "drain_lag_seconds": 8.0,
    "drained_listed_seconds": 10.0,
    "ended_target_by_id": "not-registered",
    "network_registration_seconds": 200.0,
    "member_deregistered_by_hand": "reregistered",
    "changed_delay": "applied",
    "template_subnet_token_scope": "regional",
    "changed_token_parameters": "ignored",
    "second_terminate": "decrements",
    "standby_terminate_decrement": "ignored",
}
SWITCHING = (
    Experiment.DRAIN_LAG,
    Experiment.DEREGISTERED_MEMBER,
    Experiment.CHANGED_DELAY,
    Experiment.RUN_TOKENS,
    Experiment.SECOND_TERMINATE,
    Experiment.NETWORK_LOAD_BALANCER,
)


def minutes_of(calls: list[dict[str, Any]]) -> dict[Experiment, float]:
    """Return how long each experiment took, from its first call to its last."""
    instants: dict[Experiment, list[datetime]] = {}
    for call in calls:
        if call["experiment"] in set(Experiment):
            instants.setdefault(Experiment(call["experiment"]), []).append(datetime.fromisoformat(call["at"]))
    return {name: (max(seen) - min(seen)).total_seconds() / 60 for name, seen in instants.items()}


def test_every_experiment_is_measured_as_far_as_the_sandbox_answers_and_nothing_is_left(tmp_path: Path) -> None:
    with open_probing(tmp_path) as probing:
        live = []
        probing.sandbox.on_call(lambda *_: live.append(sum(each.is_live for each in probing.sandbox.ec2.instances())))
        outcome = probing.run()

        found = {experiment: result.status for experiment, result in outcome.results.experiments.items()}
        notes = {experiment: result.measurement.note for experiment, result in outcome.results.experiments.items()}
        expected = dict.fromkeys(Experiment, Status.MEASURED) | dict.fromkeys(PARTLY, Status.PARTLY)
        assert found == expected, notes
        assert all(words in notes[experiment] for experiment, words in PARTLY.items()), notes
        assert (outcome.left, outcome.interrupted, probing.left_on_aws()) == ((), False, {})
        defaults = SandboxOptions()
        assert outcome.results.switches == {name: getattr(defaults, name) for name in OTHER_WORLD}
        measured = {experiment: each.measurement.values for experiment, each in outcome.results.experiments.items()}
        assert measured[Experiment.STICKY_MARK]["marked_a_minute_later"] == 2
        assert measured[Experiment.STICKY_MARK]["marked_member_was_replaced"] is True
        assert measured[Experiment.STICKY_MARK]["cleared_member_was_replaced"] is False
        assert measured[Experiment.RETAINED]["retained"] is True
        shift = measured[Experiment.ZONAL_SHIFT]
        assert (sorted(set(shift["overrides"])), shift["launched"]) == (["no_override", "zonal_shift_active"], 1)
        assert set(measured[Experiment.POLICIES].values()) == {"succeeded"}
        assert max(live) <= Limits().instances
        assert all(each["killed"] for each in measured[Experiment.EVERY_STRATEGY].values())
        assert {each["exit code"] for each in measured[Experiment.EVERY_STRATEGY].values()} == {0}
        for experiment, minutes in minutes_of(probing.lines("calls.jsonl")).items():
            assert minutes <= EXPERIMENTS[experiment].minutes, f"{experiment} takes longer than --list says"


def test_switches_that_a_probe_measured_make_the_sandbox_behave_the_same(tmp_path: Path) -> None:
    with open_probing(tmp_path, **OTHER_WORLD) as probing:
        outcome = probing.run(*SWITCHING)
    measured = outcome.results.switches
    approximate = {"drain_lag_seconds", "drained_listed_seconds", "network_registration_seconds"}
    assert {name: measured[name] for name in OTHER_WORLD if name not in approximate} == {
        name: value for name, value in OTHER_WORLD.items() if name not in approximate
    }
    assert all(abs(measured[name] - OTHER_WORLD[name]) <= 2 for name in approximate)  # type: ignore[operator]
    loaded = SandboxOptions().with_file(outcome.result_file)
    assert {name: getattr(loaded, name) for name in measured} == measured


def test_files_have_every_call_and_neither_account_number_nor_secrets(tmp_path: Path) -> None:
    with open_probing(tmp_path) as probing:
        outcome = probing.run(Experiment.PERMISSIONS)
    text = outcome.transcript.read_text() + outcome.result_file.read_text()
    assert ACCOUNT not in text
    assert not re.search(r"A[SK]IA[A-Z0-9]{12}", text)
    calls = [line for line in probing.lines("calls.jsonl") if line["event"] == "call"]
    assert {"service", "operation", "parameters", "sent", "code", "request_id"} - set(calls[0]) == {"sent"}
    assert {call["experiment"] for call in calls} == {"base", "P4", "teardown"}
    refused = [call for call in calls if call["code"]]
    assert all(call["message"] for call in refused)


def test_everything_that_is_created_carries_the_tag_and_stands_in_the_ledger_before(tmp_path: Path) -> None:
    with open_probing(tmp_path) as probing:
        untagged: list[str] = []
        unannounced: list[str] = []

        def check(_service: str, operation: str, parameters: Any) -> None:
            if not operation.startswith(("Create", "RunInstances", "Register")) or operation in EXEMPT:
                return
            if operation != "RunInstances" and "awsroll:probe" not in json.dumps(parameters, default=str):
                untagged.append(operation)
            opened = {line["kind"] for line in probing.lines("ledger.jsonl") if line["event"] == "announced"}
            if KIND_OF.get(operation, "instances") not in opened:
                unannounced.append(operation)

        probing.sandbox.on_call(check)
        probing.run(Experiment.RUN_TOKENS, Experiment.NETWORK_LOAD_BALANCER, Experiment.RETAINED)
        assert (untagged, unannounced) == ([], [])


EXEMPT = {"CreateRoute", "CreateLaunchTemplateVersion", "CreateTags", "RegisterTargets", "CreateOrUpdateTags"}
KIND_OF = {
    "CreateVpc": "vpc",
    "CreateInternetGateway": "internet-gateway",
    "CreateSubnet": "subnet",
    "CreateSecurityGroup": "security-group",
    "CreateLoadBalancer": "load-balancer",
    "CreateTargetGroup": "target-group",
    "CreateListener": "listener",
    "CreateRole": "role",
    "CreateInstanceProfile": "instance-profile",
    "CreateLaunchTemplate": "launch-template",
    "CreateAutoScalingGroup": "auto-scaling-group",
}


@pytest.mark.parametrize("operation", ["ec2:CreateSubnet", "autoscaling:CreateAutoScalingGroup", "ec2:RunInstances"])
@pytest.mark.parametrize("fault", ["denied", "reset"])
def test_a_refused_or_lost_call_leaves_nothing(tmp_path: Path, operation: str, fault: str) -> None:
    with open_probing(tmp_path) as probing:
        when = "after" if fault == "reset" else "before"
        probing.sandbox.faults.add(f"{fault} {operation} when={when}")
        outcome = probing.run(Experiment.CHANGED_DELAY)
        assert outcome.results.experiments[Experiment.CHANGED_DELAY].status in {Status.FAILED, Status.NOT_STARTED}
        assert (outcome.left, probing.left_on_aws()) == ((), {})


@pytest.mark.parametrize("calls", [5, 12, 25, 40, 80])
def test_ctrl_c_at_any_call_deletes_everything(tmp_path: Path, calls: int) -> None:
    with open_probing(tmp_path) as probing:
        _raise_at(probing, calls, KeyboardInterrupt)
        outcome = probing.run(Experiment.CHANGED_DELAY)
        assert outcome.interrupted
        assert (outcome.left, probing.left_on_aws()) == ((), {})


@pytest.mark.parametrize("calls", [5, 12, 25, 40, 80])
def test_the_ledger_alone_is_enough_after_the_process_died(tmp_path: Path, calls: int) -> None:
    with open_probing(tmp_path) as probing:
        _raise_at(probing, calls, KilledError, kills_teardown=True)
        with pytest.raises(KilledError):
            probing.run(Experiment.CHANGED_DELAY)
        left = tear_down_only(probing.folder / "ledger.jsonl", session=probing.sandbox.session(), clock=probing.clock)
        assert (left, probing.left_on_aws()) == ((), {})
        again = tear_down_only(probing.folder / "ledger.jsonl", session=probing.sandbox.session(), clock=probing.clock)
        assert again == ()


def test_an_instance_that_ec2_shows_late_is_found_by_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_probing(tmp_path) as probing:

        def kill(call: Any) -> None:
            if call.name == "ec2:RunInstances":
                raise KilledError

        def dead(*_: object) -> None:
            raise KilledError

        probing.sandbox.faults.add("unseen seconds=10")
        probing.sandbox.faults.call(kill, when="after")
        monkeypatch.setattr("awsroll.probe.run.tear_down", dead)  # a dead process makes no teardown
        with pytest.raises(KilledError):
            probing.run(Experiment.CHANGED_DELAY)
        monkeypatch.undo()
        left = tear_down_only(probing.folder / "ledger.jsonl", session=probing.sandbox.session(), clock=probing.clock)
        probing.sandbox.jump(120)
        assert (left, probing.left_on_aws()) == ((), {})


def _raise_at(probing: Any, calls: int, error: type[BaseException], *, kills_teardown: bool = False) -> None:
    """Raise after the effect of a call, once; a dead process makes no further call in its teardown."""
    count = 0

    def note(_call: Any) -> None:
        nonlocal count
        count += 1
        if count == calls or (kills_teardown and calls < count < calls + 2):
            raise error

    probing.sandbox.faults.call(note, when="after")


def test_time_is_limited_and_what_was_not_started_says_how(tmp_path: Path) -> None:
    with open_probing(tmp_path) as probing:
        outcome = probing.run(Experiment.TAGS, Experiment.AGENT, limits=Limits(minutes=15))
        results = outcome.results.experiments
        assert results[Experiment.TAGS].status is Status.MEASURED
        assert results[Experiment.AGENT].status is Status.NOT_STARTED
        assert "awsroll probe --only P10" in results[Experiment.AGENT].measurement.note


def test_a_rollout_of_the_probe_ends_with_the_time_of_the_probe() -> None:
    clock = VirtualClock()
    begun, limited = clock.monotonic(), LimitedClock(clock, Budget(Limits(minutes=1), clock))
    limited.sleep(50)
    with pytest.raises(LimitReachedError, match="1 minutes"):
        limited.sleep(3600)
    assert clock.monotonic() - begun == 60


def test_a_limit_of_instances_below_the_need_starts_no_experiment(tmp_path: Path) -> None:
    with open_probing(tmp_path) as probing:
        outcome = probing.run(Experiment.RUN_TOKENS, limits=Limits(minutes=600, instances=3))
        assert outcome.results.experiments[Experiment.RUN_TOKENS].status is Status.NOT_STARTED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accepts_cost": False}, "--accept-cost"),
        ({"account": ""}, "12 digits"),
        ({"account": "1234"}, "12 digits"),
        ({"account": "210987654321"}, "another account"),
        ({"limits": Limits(dollars=0.01)}, "the limit is $0.01"),
    ],
    ids=str,
)
def test_a_probe_without_consent_is_refused_before_it_creates_anything(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with open_probing(tmp_path) as probing:
        with pytest.raises(SpecError) as caught:
            probing.run(**changes)
        assert words in str(caught.value)
        assert probing.left_on_aws() == {}


def test_a_ledger_of_another_account_or_region_deletes_nothing(tmp_path: Path) -> None:
    with open_probing(tmp_path) as probing:
        outcome = probing.run(Experiment.TAGS)
        for wrong, words in ((ACCOUNT, "another account"), ("us-east-1", "pass --region eu-west-1")):
            other = "210987654321" if wrong == ACCOUNT else "eu-west-1"
            path = tmp_path / "other.jsonl"
            path.write_text(outcome.ledger.read_text().replace(wrong, other))
            with pytest.raises(SpecError) as caught:
                tear_down_only(path, session=probing.sandbox.session(), clock=probing.clock)
            assert words in str(caught.value)


def test_every_experiment_is_described() -> None:
    assert tuple(EXPERIMENTS) == tuple(Experiment)
    assert [each.value for each in Experiment] == [f"P{number}" for number in range(1, 17)]
    assert all(each.instances <= Limits().instances for each in EXPERIMENTS.values())
    assert all(each.minutes <= Limits().minutes for each in EXPERIMENTS.values())


def test_the_page_has_every_experiment_and_every_switch_that_a_probe_settles() -> None:
    page = (Path(__file__).parents[2] / "docs" / "probe.md").read_text()
    assert [each.value for each in Experiment if f"| {each.value} | " not in page] == []
    assert [name for name in OTHER_WORLD if f"`{name}`" not in page] == []
    settled = " ".join(each.settles for each in EXPERIMENTS.values())
    assert [name for name in OTHER_WORLD if name not in settled] == []
