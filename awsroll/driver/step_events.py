"""The events of one step: what the planner noted, which hooks began, and what each action led to."""

from collections.abc import Sequence

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import PUT_OFF, Result
from awsroll.core.model.action_words import change_of
from awsroll.core.model.actions import Action, instance_ids_of
from awsroll.core.model.hook_calls import HookRun
from awsroll.core.model.hooks import HookPoint
from awsroll.core.model.rollout_events import Event
from awsroll.ports import Clock, Sink


class StepEvents:
    """Send the events of a step to a sink.

    Args:
        sink: receives them.
        clock: the time of each event.
    """

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock

    def emit(self, events: Sequence[Event]) -> None:
        """Send what the planner noted."""
        at = self._clock.now()
        for event in events:
            self._sink.event(event.name, at, **event.fields)

    def hook_started(self, run: HookRun) -> None:
        """Send that a hook has begun. The hooks of the judge begin every few seconds: they send nothing."""
        if run.hook.point is HookPoint.WHILE_JUDGING:
            return
        at, point = self._clock.now(), str(run.hook.point)
        self._sink.event("hook.started", at, hook=run.hook.name, run=run.call.number, point=point, of=run.call.subject)

    def results(self, results: Sequence[Result]) -> None:
        """Send what each action led to, without those that were put off."""
        for result in results:
            if result.code == PUT_OFF:
                continue
            self._sink.event(
                EVENTS[type(result.action)],
                self._clock.now(),
                answer=str(result.answer),
                instance_ids=result.instance_ids or instance_ids_of(result.action),
                **({"change": change} if (change := change_of(result.action)) else {}),
                reason=str(result.action.reason),
                **({"message": result.message} if result.message else {}),
            )


EVENTS: dict[type[Action], str] = {
    act.TagInstances: "instances.tagged",
    act.LaunchInstance: "instance.launched",
    act.LaunchInGroup: "group.instances-launched",
    act.SetDesiredCapacity: "group.desired-set",
    act.RegisterTargets: "instance.registered",
    act.DeregisterTargets: "instance.deregistered",
    act.TerminateInstance: "instance.terminated",
    act.TerminateInGroup: "group.instances-terminated",
    act.DetachFromGroup: "group.instances-detached",
    act.EnterStandby: "group.standby-entered",
    act.ExitStandby: "group.standby-left",
    act.ClearUnhealthyMarks: "group.marks-cleared",
    act.SendCommand: "command.sent",
    act.UpdateGroup: "group.updated",
    act.SuspendProcesses: "group.processes-suspended",
    act.ResumeProcesses: "group.processes-resumed",
    act.DeleteWarmPool: "group.warm-pool-deleted",
    act.PutWarmPool: "group.warm-pool-put",
    act.SetDeregistrationDelay: "target-group.delay-set",
    act.SetHealthChecks: "target-group.health-checks-set",
    act.SaveSettings: "settings.saved",
    act.ForgetSavedSettings: "settings.tags-removed",
}
