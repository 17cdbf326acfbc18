"""What docs/step-functions.md says of costs is counted as Step Functions counts."""

from pathlib import Path

from tests.machines import costs
from tests.machines.interpreter import interpreter


def test_as_many_transitions_are_counted_as_an_execution_enters_states(tmp_path: Path) -> None:
    with interpreter(tmp_path, servers=2) as made:
        execution = made.start({"request": made.driven.request(strategy="double-half")})
        assert made.end_of(execution)["status"] == "SUCCEEDED"
        steps = [name for name, _ in made.called].count("reconcile")
        assert costs.transitions(steps) == len(made.states(execution))


def test_a_rollout_is_counted() -> None:
    counted = costs.count("double-half", 2)
    assert counted.invocations == counted.steps + 1
    assert counted.transitions == costs.transitions(counted.steps)
    assert counted.calls > counted.steps
    assert counted.write_units >= counted.steps
    assert counted.dollars(costs.Prices()).keys() == {"Step Functions", "Lambda", "DynamoDB"}
