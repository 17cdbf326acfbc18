"""Whether `--max-running` leaves the rollout room to end with a whole fleet, and the target groups have room for it."""

from awsroll.core.aws_limits import TARGETS_PER_GROUP
from awsroll.core.classify.capacity import Bounds, bounds
from awsroll.core.classify.estimates import most_running
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Strategy
from awsroll.preflight.findings import Findings
from awsroll.preflight.fleet_facts import FleetFacts, Goal


def check_cap(rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Refuse a cap on running servers with which the rollout could never end.

    A cap below the desired capacity would end with too few servers. The other rules follow from who must run at the
    same time:

        10 servers, terminate first, no group     cap 10: each old server is gone before its replacement is launched
        10 servers, terminate first, in a group   cap 11: the group launches the replacement when the drain begins
        10 servers, launch first                  cap 11: one new server beside the whole old fleet
        10 servers, double-half or --keep-old     cap 20: the whole new fleet beside the old fleet
        --keep-failed N                           N more than the highest number of live servers
        0 servers                                 any cap: there is nothing to replace
    """
    limits = bounds(rollout, fleet.desired)
    if limits.max_running is None or fleet.desired == 0:
        return
    if limits.max_running < limits.desired:
        problem = f"the fleet should have {limits.desired} servers, and would not have them at the end"
    elif limits.max_running < (needed := _needed(rollout, limits, sum(1 for one in fleet.live if not goal.is_on(one)))):
        problem = f"{needed} servers must run at the same time: {_why(rollout)}"
    elif rollout.keep_failed > limits.max_running - limits.ceiling:
        problem = (
            f"up to {limits.ceiling} are live, and --keep-failed keeps {rollout.keep_failed} more. Raise it to "
            f"{limits.ceiling + rollout.keep_failed}, or keep fewer"
        )
    else:
        return
    findings.refuse(f"--max-running {rollout.max_running} allows {limits.max_running} servers, but {problem}")


def _needed(rollout: Rollout, limits: Bounds, outdated: int) -> int:
    """Return how many servers must be able to run at the same time; `outdated` servers are replaced."""
    if rollout.strategy is Strategy.DOUBLE_HALF or rollout.keep_old:
        return min(limits.ceiling, limits.desired + outdated)
    return limits.desired + bool(rollout.group or limits.max_unavailable == 0)


def _why(rollout: Rollout) -> str:
    if rollout.strategy is Strategy.DOUBLE_HALF or rollout.keep_old:
        return "the whole new fleet runs beside the old one. Raise it, or use --strategy replace without --keep-old"
    if rollout.group:
        return "a group launches the replacement of a server when the drain begins. Raise it"
    return "a new server is launched first. Raise it, or pass --max-unavailable 1"


def check_targets(rollout: Rollout, fleet: FleetFacts, goal: Goal, findings: Findings) -> None:
    """Warn if the draining servers may leave a target group no room for new ones.

    AWS does not say whether a draining target counts towards the quota. If it does, registrations wait for the drains.
    """
    limits = bounds(rollout, fleet.desired)
    outdated = sum(1 for instance in fleet.live if not goal.is_on(instance))
    most = most_running(rollout, limits, fleet.target_groups, outdated)
    if limits.ceiling <= TARGETS_PER_GROUP < most:
        findings.warn(
            f"about {most} servers run at the same time, draining ones included, and a target group has at most "
            f"{TARGETS_PER_GROUP} targets by default: registrations may have to wait for drains. Raise the quota, or "
            f"pass --max-running {TARGETS_PER_GROUP}"
        )
