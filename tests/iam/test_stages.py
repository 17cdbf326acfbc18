"""Single stages under exactly their policy: each permission is needed, and none is missing."""

from dataclasses import replace

import pytest

from awsroll.iam import Fleets, Place, Rollouts, policy
from tests.iam.cases import add_lattice_target_group
from tests.iam.gate import Gate
from tests.stages.machine import SCENARIOS, KeptClients, Watched

REPLACE, DOUBLE, RELOAD = Rollouts(), Rollouts(strategy="double-half"), Rollouts(strategy="reload")
CASES = {
    "standalone-replace": (REPLACE, ("replace-standalone", "replace-standalone-two-ports-two-groups")),
    "standalone-reload": (RELOAD, ("reload-standalone",)),
    "group-replace": (REPLACE, ("replace-in-group",)),
    "group-double-half": (DOUBLE, ("double-half", "double-half-at-max")),
    "group-reload": (RELOAD, ("reload-in-group",)),
}


def gate(world: Watched, rollouts: Rollouts) -> Gate:
    fleet, sandbox = world.fleet, world.sandbox.world
    name = "+".join(sorted(arn.split("/")[1] for arn in fleet.target_group_arns))
    named = {"groups": (fleet.group_name,)} if fleet.group_name else {"names": (name,)}
    place = Place(region=sandbox.region, account=sandbox.account_id)
    made = policy(place, Fleets(**named, target_groups=fleet.target_group_arns), replace(rollouts, stages=True))
    return Gate(world.sandbox, made)


@pytest.mark.parametrize(("rollouts", "stories"), CASES.values(), ids=CASES)
def test_the_policy_is_enough_and_every_action_of_it_is_needed(rollouts: Rollouts, stories: tuple[str, ...]) -> None:
    allowed, used = set[tuple[str, str]](), set[tuple[str, str]]()
    for name in stories:
        with SCENARIOS[name].started() as world:
            add_lattice_target_group(world.sandbox, world.fleet.vpc_id)
            judge = gate(world, rollouts)
            world.machine._session = KeptClients(judge.session())
            assert (SCENARIOS[name].run(world, servers=1), judge.refused) == ([], [])
        allowed |= {(one["Sid"], each) for one in judge.policy["Statement"] for each in one["Action"]}
        used |= judge.used
    assert allowed == used
