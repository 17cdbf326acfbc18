"""The values that the input of a policy may have, where it is not free text. Pure."""

from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.rollout_choices import Strategy
from awsroll.iam.policy_request import Fleets, Rollouts


def unknown_values(fleets: Fleets, rollouts: Rollouts) -> list[str]:
    """Return what no rollout has, one line each, so that a deployment fails early instead of a rollout."""
    strategies, points = [each.value for each in Strategy], [each.value for each in HookPoint]
    problems = []
    if rollouts.strategy not in strategies:
        problems.append(f"strategy is {rollouts.strategy!r}: pass one of {', '.join(strategies)}")
    unknown = sorted(set(rollouts.script_points) - set(points))
    if unknown:
        problems.append(f"script_points has {', '.join(unknown)}: pass some of {', '.join(points)}")
    names = (*fleets.groups, *fleets.target_groups)
    if not names or not all(names):
        problems.append("the fleet has no name: name a group, or the target groups of servers registered by hand")
    return problems
