"""Put members of a group in standby, and back in service. In standby a member is drained by its group and still runs.

Standby lowers the group's desired capacity, and leaving it raises it again. So the minimum may have to be lowered, and
processes that terminate members are suspended. Both are restored when no member is in standby by this rollout.
"""

from collections.abc import Iterable

from awsroll.core.classify.serving import LEAVING
from awsroll.core.decide.suspended_processes import processes_to_suspend
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.observation import Instance, Lifecycle
from awsroll.core.model.reasons import Reason
from awsroll.core.model.rollout_choices import Strategy
from awsroll.core.model.setting_names import DESIRED, MINIMUM
from awsroll.stages.carry_out import carry_out
from awsroll.stages.routes import check_managed_delays
from awsroll.stages.saved_settings import (
    Phase,
    check_no_other_rollout,
    read_saved_settings,
    restore_settings,
    running_processes,
    save_settings,
    suspend_processes,
)
from awsroll.stages.scope import Scope, check_can_roll
from awsroll.stages.stage_tags import is_finished, is_taken_out


def check_may_leave(scope: Scope, leaving: Iterable[Instance]) -> None:
    """Refuse a group whose members cannot be put in standby now.

    Raises:
        FleetError: if its settings forbid it, or another rollout has left them changed; nothing was changed.
    """
    if any(instance.lifecycle is Lifecycle.IN_SERVICE for instance in leaving):
        check_can_roll(scope, Strategy.RELOAD)
        check_managed_delays(scope)
        check_no_other_rollout(scope, read_saved_settings(scope), Phase.RELOADING)


def enter_standby(scope: Scope, leaving: Iterable[Instance]) -> None:
    """Put those members in standby that are in service.

    Raises:
        AwsError: if AWS refused or did not answer.
    """
    names = tuple(instance.instance_id for instance in leaving if instance.lifecycle is Lifecycle.IN_SERVICE)
    if not names:
        return
    saved = read_saved_settings(scope)
    desired, minimum = int(scope.group["DesiredCapacity"]), int(scope.group["MinSize"])
    left = max(0, desired - len(names))
    values = {MINIMUM: str(minimum)} if minimum > left else {}
    if saved.phase_of(scope.rollout.rollout_id) is not Phase.RELOADING:
        values |= running_processes(scope, processes_to_suspend(surges=False)) | {DESIRED: str(desired)}
    saved = save_settings(scope, saved, Phase.RELOADING, values)
    suspend_processes(scope, saved)
    group = scope.rollout.group
    if minimum > left:
        carry_out(scope, [act.UpdateGroup(group=group, minimum=left, reason=Reason.PREPARING)])
    carry_out(scope, [act.EnterStandby(group=group, instance_ids=names, reason=Reason.PREPARING)])


def exit_standby(scope: Scope, ready: Iterable[Instance]) -> tuple[Result, ...]:
    """Put members back in service: the group registers them again. Return the calls that AWS accepted."""
    names = tuple(instance.instance_id for instance in ready if instance.lifecycle is Lifecycle.STANDBY)
    if not names:
        return ()
    move = act.ExitStandby(group=scope.rollout.group, instance_ids=names, reason=Reason.RELOADED)
    return tuple(result for result in carry_out(scope, [move]) if result.answer is Answer.DONE)


def restore_if_all_back(scope: Scope) -> None:
    """Restore the group's settings once each member that this rollout has taken out is in service again."""
    scope = scope.refreshed()
    saved = read_saved_settings(scope)
    if saved.phase_of(scope.rollout.rollout_id) is Phase.RELOADING and not _members_out(scope):
        restore_settings(scope, saved)


def _members_out(scope: Scope) -> list[str]:
    ours = [one for one in scope.observe(scope.members).values() if is_taken_out(scope.rollout, one)]
    back = (Lifecycle.IN_SERVICE, *LEAVING)
    return [one.instance_id for one in ours if one.lifecycle not in back or not is_finished(scope.rollout, one)]
