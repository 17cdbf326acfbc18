"""The tags that a launched server does not have yet.

The call that launches a batch sets only the tags that all of its servers need. The others are set once EC2 shows the
server. The record of the launch holds them until they are set.
"""

from awsroll.core.classify.view import View
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import InstanceState

Tag = tuple[str, str]


def missing_tags(view: View, launch: Launch) -> tuple[Tag, ...]:
    """Return the tags that the instance of a launch must still get; none if they can no longer be set.

    They are set within the time that a launch may take. Someone who removes them later has a reason.
    """
    if not launch.own_tags or not launch.instance_ids or view.status.tags_denied:
        return ()
    instance = view.by_id.get(launch.instance_ids[0])
    if instance is None or instance.state is InstanceState.MISSING or view.is_ending(instance):
        return ()
    keys = {key for key, _ in instance.tags}
    missing = tuple([tag for tag in launch.own_tags if tag[0] not in keys])
    if not missing:
        return ()
    age = (view.observation.at - launch.at).total_seconds()
    return missing if age < view.rollout.limits.launch_seconds else ()
