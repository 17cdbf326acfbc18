"""The answer of the fake AWS to one action: the executor carries it out, unless a fault comes before or after."""

from dataclasses import dataclass, replace

from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action, DeregisterTargets, RegisterTargets
from awsroll.core.model.rollout import Rollout
from awsroll.testing.execute import Executor, StaleError
from awsroll.testing.faults import Fault, Faults, When
from awsroll.testing.instances import CallError
from awsroll.testing.world import Actor, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Carries out actions and turns what happens into results."""

    world: World
    executor: Executor
    faults: Faults

    def answer(self, rollout: Rollout, action: Action) -> Result:
        """Carry out an action; return its result."""
        name = type(action).__name__
        fault = self.faults.strike(action)
        asked = action
        if fault is not None and fault.when is When.PARTLY:
            action = _of_first_target_group(action)
        if fault is not None and (fault.when is When.BEFORE or (fault.when is When.PARTLY and action is asked)):
            self.world.record("call.failed-before", detail=f"{name} {fault.code}")
            return _failed(action, fault)
        try:
            with self.world.acting(Actor.AWSROLL):
                self.world.record("call", detail=f"{name} {getattr(action, 'reason', '')}")
                ids = self.executor.carry_out(rollout, action)
        except StaleError as error:
            self.world.record("call.stale", detail=f"{name}: {error}")
            return Result(action=action, answer=Answer.STALE, message=str(error))
        except CallError as error:
            self.world.record("call.refused", detail=f"{name}: {error.code} {error}")
            return Result(
                action=action,
                answer=Answer.REFUSED,
                code=error.code,
                message=str(error),
                transient=error.transient,
                denied=error.denied,
            )
        if fault is not None:
            self.world.record("call.failed-after", detail=f"{name} {fault.code}")
            return _failed(asked, fault)
        return Result(action=action, answer=Answer.DONE, instance_ids=ids)


def _of_first_target_group(action: Action) -> Action:
    """Return the part of an action that concerns the first of several target groups; the action, if it has no parts."""
    if not isinstance(action, RegisterTargets | DeregisterTargets):
        return action
    first = tuple(key for key in action.targets if key.target_group == action.targets[0].target_group)
    return action if first == action.targets else replace(action, targets=first)


def _failed(action: Action, fault: Fault) -> Result:
    return Result(
        action=action,
        answer=fault.answer,
        code=fault.code,
        message=fault.message,
        transient=fault.transient,
        denied=fault.denied,
    )
