"""What an observation right after some calls would show of the members that leave a group."""

from collections.abc import Sequence

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.observation import Lifecycle, Observation
from awsroll.core.model.replacing import replace


def shown_after(observation: Observation, results: Sequence[Result]) -> Observation:
    """Return an observation with the members that calls have ended since: they are leaving, and no longer desired.

    Only the time of the next observation is decided from it.
    """
    leaving, lowered = set[str](), 0
    for result in results:
        if isinstance(result.action, act.TerminateInGroup) and result.answer is Answer.DONE:
            leaving |= set(result.instance_ids)
            lowered += len(result.instance_ids) if result.action.decrement else 0
    if not leaving or observation.group is None:
        return observation
    shown = tuple(
        replace(one, lifecycle=Lifecycle.TERMINATING) if one.instance_id in leaving else one
        for one in observation.instances
    )
    group = replace(observation.group, desired=max(0, observation.group.desired - lowered))
    return replace(observation, instances=shown, group=group)
