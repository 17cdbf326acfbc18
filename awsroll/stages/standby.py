"""Members of a group in standby: out of traffic, drained by their group, still running. The way there and back.

Standby lowers the group's desired capacity and leaving it raises it again. So the minimum may have to give way
meanwhile, and what ends members of its own choice rests; both are put back when none of ours is out any more.
"""

from collections.abc import Iterable

from awsroll.core.classify.serving import LEAVING
from awsroll.core.decide.processes import processes_to_suspend
from awsroll.core.decide.settings import DESIRED, MINIMUM
from awsroll.core.model import actions as act
from awsroll.core.model.actions import Answer, Reason, Result
from awsroll.core.model.observation import Instance, Lifecycle
from awsroll.core.model.rollout import Strategy
from awsroll.stages.carry_out import carry_out
from awsroll.stages.group_memory import Phase, check_is_free, put_back, read_memory, remember, running, suspend
from awsroll.stages.scope import Scope, check_can_roll
from awsroll.stages.stage_tags import is_finished, is_taken_out


def check_may_leave(scope: Scope, going: Iterable[Instance]) -> None:
    """Refuse a group whose members cannot be put in standby now.

    Raises:
        FleetError: if its settings forbid it, or somebody else has left them changed; nothing was changed.
    """
    if any(one.lifecycle is Lifecycle.IN_SERVICE for one in going):
        check_can_roll(scope, Strategy.RELOAD)
        check_is_free(scope, read_memory(scope), Phase.RELOADING)


def put_in_standby(scope: Scope, going: Iterable[Instance]) -> None:
    """Put those members in standby that are in service.

    Raises:
        AwsError: if AWS refused or did not answer.
    """
    names = tuple(one.instance_id for one in going if one.lifecycle is Lifecycle.IN_SERVICE)
    if not names:
        return
    memory = read_memory(scope)
    desired, minimum = int(scope.group["DesiredCapacity"]), int(scope.group["MinSize"])
    left = max(0, desired - len(names))
    was = running(scope, processes_to_suspend(surges=False)) | {DESIRED: str(desired)}
    if minimum > left:
        was[MINIMUM] = str(minimum)
    if memory.of(scope.rollout.rollout_id) is Phase.RELOADING:
        was = {key: value for key, value in was.items() if key == MINIMUM}  # the rest was read before the first change
    memory = remember(scope, memory, Phase.RELOADING, was)
    suspend(scope, memory)
    group = scope.rollout.group
    if minimum > left:
        carry_out(scope, [act.UpdateGroup(group=group, minimum=left, reason=Reason.PREPARING)])
    carry_out(scope, [act.EnterStandby(group=group, instance_ids=names, reason=Reason.PREPARING)])


def bring_back(scope: Scope, ready: Iterable[Instance]) -> tuple[Result, ...]:
    """Let members leave standby: the group registers them again."""
    names = tuple(one.instance_id for one in ready if one.lifecycle is Lifecycle.STANDBY)
    if not names:
        return ()
    move = act.ExitStandby(group=scope.rollout.group, instance_ids=names, reason=Reason.RELOADED)
    return tuple(one for one in carry_out(scope, [move]) if one.answer is Answer.DONE)


def settle(scope: Scope) -> None:
    """Put the group's settings back once every member that this rollout has taken out is in service again."""
    scope = scope.again()
    memory = read_memory(scope)
    if memory.of(scope.rollout.rollout_id) is Phase.RELOADING and not _out(scope):
        put_back(scope, memory)


def _out(scope: Scope) -> list[str]:
    ours = [one for one in scope.look(scope.members).values() if is_taken_out(scope.rollout, one)]
    back = (Lifecycle.IN_SERVICE, *LEAVING)
    return [one.instance_id for one in ours if one.lifecycle not in back or not is_finished(scope.rollout, one)]
