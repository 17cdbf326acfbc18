"""The functions of the released templates, each under the role that the template gives it, for both kinds of fleet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from awsroll.iam import Fleets, FunctionKind, Place, Rollouts, function_policy
from tests.cdk.synthesized import Synthesized
from tests.iam.gate import Gate
from tests.iam.test_functions import everything_once, functions
from tests.iam.test_stages import CASES
from tests.stages.machine import SCENARIOS, KeptClients

ROLES = {
    FunctionKind.DRIVE: "FleetRole",
    FunctionKind.CHECK: "PrepareRole",
    FunctionKind.PIN: "PlanRole",
    FunctionKind.ASK: "ControlRole",
    FunctionKind.WATCH: "WatchRole",
}
STORIES = [name for _, names in CASES.values() for name in names]
_OF_PARAMETERS = ("InstanceRoleArn", "TopicArn")


class Filled:
    """The statements of a released template, with the values of its parameters in a world of the sandbox."""

    def __init__(self, synthesized: Synthesized, fleets: Fleets, place: Place) -> None:
        self._template = "released_group" if fleets.groups else "released_standalone"
        self._synthesized = synthesized
        (table,) = synthesized.resources(self._template, "AWS::DynamoDB::Table")
        self._values: dict[str, Any] = {
            "AWS::Partition": place.partition,
            "AWS::Region": place.region,
            "AWS::AccountId": place.account,
            "AutoScalingGroup": next(iter(fleets.groups), ""),
            "TargetGroupArns": list(fleets.target_groups),
            table: "records",
        }

    def policy(self, role: str) -> dict[str, Any]:
        """Return what a role may do on the fleet and the store."""
        found = self._synthesized.statements(self._template, role)
        named = [one for one in found if "Sid" in one and not any(part in str(one) for part in _OF_PARAMETERS)]
        return {"Version": "2012-10-17", "Statement": [self._statement(one) for one in named]}

    def _statement(self, statement: Mapping[str, Any]) -> dict[str, Any]:
        filled = {key: self._filled(value) for key, value in statement.items()}
        return {**filled, **{key: _listed(filled[key]) for key in ("Action", "Resource")}}

    def _filled(self, value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return self._values[name]
            case {"Fn::Join": [between, parts]}:
                return between.join(self._filled(part) for part in parts)
            case dict():
                return {key: self._filled(each) for key, each in value.items()}
            case list():
                return [self._filled(each) for each in value]
        return value


def _listed(value: Any) -> list[Any]:
    flat = value if isinstance(value, list) else [value]
    return [each for one in flat for each in (one if isinstance(one, list) else [one])]


@pytest.mark.parametrize("grouped", [False, True], ids=["standalone", "auto-scaling"])
def test_each_function_of_a_released_template_has_every_right_that_it_needs(
    synthesized: Synthesized, tmp_path: Path, grouped: bool
) -> None:
    def policy_of(kind: FunctionKind, place: Place, fleets: Fleets, rollouts: Rollouts) -> dict[str, Any]:
        if kind is FunctionKind.KEEP:  # a released template keeps no fleets
            return function_policy(kind, place, fleets, rollouts)
        return Filled(synthesized, fleets, place).policy(ROLES[kind])

    with functions(tmp_path, grouped=grouped, signed=False, policy_of=policy_of) as found:
        everything_once(found)
        assert {kind: gate.refused for kind, gate in found.gates.items() if gate.refused} == {}


@pytest.mark.parametrize("story", STORIES)
def test_each_stage_of_a_released_template_has_every_right_that_it_needs(synthesized: Synthesized, story: str) -> None:
    with SCENARIOS[story].started() as world:
        fleet, sandbox = world.fleet, world.sandbox.world
        groups = (fleet.group_name,) if fleet.group_name else ()
        fleets = Fleets(groups=groups, target_groups=fleet.target_group_arns)
        filled = Filled(synthesized, fleets, Place(region=sandbox.region, account=sandbox.account_id))
        gate = Gate(world.sandbox, filled.policy("StagesRole"))
        world.machine._session = KeptClients(gate.session())
        assert (SCENARIOS[story].run(world, servers=1), gate.refused) == ([], [])
