"""One pass of the controller on the small fleet: complete, interrupted, or with a lost answer.

The order is that of the real controller: observe, plan, save, one call after the other, settle, save. `plan` and
`settle` are the real functions.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from awsroll.core import planner
from awsroll.core.lifecycle import IllegalMoveError
from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.plan import Plan
from awsroll.core.model.status import Mode, Status
from awsroll.core.observe.settle import settle
from tests.model.calls import carry_out, refuse_launch
from tests.model.canonical import State
from tests.model.safety import Deed, Found, newly_taken, wrongs
from tests.model.times import NOW
from tests.model.world import World, look

_LAUNCHES = (act.LaunchInstance, act.LaunchInGroup)
_TAKE_OUT = (act.DeregisterTargets, act.TerminateInGroup, act.DetachFromGroup, act.EnterStandby)


class WrongError(AssertionError):
    """The planner broke, or would break, an invariant."""

    def __init__(self, problem: str, *actions: Action) -> None:
        super().__init__("\n  by ".join((problem, *map(str, actions))))


class Pass(NamedTuple):
    """One pass without faults.

    Attributes:
        plan: the decisions.
        worlds: the true state before the first call, and after each call.
        results: the result of each call.
        ended: the record after the pass.
    """

    plan: Plan
    worlds: tuple[World, ...]
    results: tuple[Result, ...]
    ended: Status


def make(found: Found, state: State, *, peaceful: bool) -> Pass:
    """Make one pass, and check each of its calls.

    Raises:
        WrongError: if a call broke an invariant, or would have a second effect if repeated.
    """
    world, status = state
    rollout = found.rollout.target(rolling_back=status.rolling_back)
    try:
        plan = planner.decide(found.rollout, look(world, rollout, status), status)
    except IllegalMoveError as error:
        problem = f"invariant 11: {error}"
        raise WrongError(problem) from error
    _check_phases(plan.status)
    _check_announced(status, plan)
    worlds, results = [world], []
    for action in plan.actions:
        after, result = carry_out(world, action)
        deed = Deed(action, world, after, plan.status, peaceful)
        if problem := next(wrongs(found, deed), None):
            raise WrongError(problem, action)
        world = _counted(found, deed)
        worlds.append(world)
        results.append(result)
    _check_repetition(plan.actions, world, results)
    return Pass(plan, tuple(worlds), tuple(results), settle(plan.status, tuple(results), NOW))


def _check_phases(status: Status) -> None:
    """Check invariant 11: each server has one phase, and the rest of its record is consistent with the phase."""
    for name, server in status.servers.items():
        leaves = server.phase in (ServerPhase.DRAINING, ServerPhase.TERMINATING, ServerPhase.KEPT)
        launched = any(name in launch.instance_ids for launch in status.launches)
        if server.phase is ServerPhase.NONE or (server.phase is ServerPhase.SERVING and server.failed):
            problem = f"invariant 11: {name} is {server.phase}, failed: {server.failed}"
            raise WrongError(problem)
        if launched and leaves and status.mode is Mode.ROLLING and not server.failed:
            problem = f"invariant 11: {name} is {server.phase}, and is waited for as a new server"
            raise WrongError(problem)


def _counted(found: Found, deed: Deed) -> World:
    """Record the servers that the call has taken out of service."""
    if not isinstance(deed.action, _TAKE_OUT):
        return deed.after
    names = getattr(deed.action, "instance_ids", ()) or (deed.action.instance_id,)
    fresh = newly_taken(found, deed)
    world, servers = deed.after._replace(touched=deed.after.touched + len(fresh)), dict(deed.after.servers)
    for name in names:
        if name in servers and not servers[name].taken:
            world = world.changed(name, servers[name]._replace(taken=True))
    return world


def _check_announced(before: Status, plan: Plan) -> None:
    """Check that each announced call is made in the same pass; otherwise the rollout would wait for ever."""
    about = {name for action in plan.actions for name in _about(action)}
    fresh = {call.instance_id for call in plan.status.calls if not call.answered} - {
        one.instance_id for one in before.calls
    }
    if fresh - about - {""}:
        raise WrongError("announced and not done: " + ", ".join(sorted(fresh - about)), *plan.actions)


def _about(action: Action) -> tuple[str, ...]:
    return getattr(action, "instance_ids", ()) or (getattr(action, "instance_id", ""),)


def _check_repetition(actions: tuple[Action, ...], world: World, results: list[Result]) -> None:
    """Check invariant 8: the same calls made again have no second effect."""
    again = world
    for action, result in zip(actions, results, strict=True):
        if result.answer is Answer.DONE:
            again, _ = carry_out(again, action)
    if again != world:
        problem = "invariant 8: the same calls, made once more, have a second effect"
        raise WrongError(problem, *actions)


def cut_short(found: Found, made: Pass) -> Iterator[tuple[str, World, Status]]:
    """Return the ends of the pass if the process dies, an answer is lost, or a launch fails.

    A death before the record is saved changes nothing; only time passes until the next process.
    """
    actions, worlds, results, status = made.plan.actions, made.worlds, made.results, made.plan.status
    if not actions:
        return
    for count in range(len(actions) + 1):
        yield f"FAULT crash after {count} of {len(actions)} calls", worlds[count], status
    for number, action in enumerate(actions):
        lost = replace(results[number], answer=Answer.UNANSWERED, instance_ids=())
        if len(actions) > 1:
            yield f"FAULT answer {number} lost", worlds[-1], settle(status, _with(results, number, lost), NOW)
        if isinstance(action, act.DeregisterTargets) and len(action.targets) > 1:
            after, _ = carry_out(worlds[number], replace(action, targets=action.targets[:1]))
            yield f"FAULT crash after a part of call {number}", after, status
        world, answers = _without(found, made, number)
        yield f"FAULT answer {number} lost, no effect", world, settle(status, _with(answers, number, lost), NOW)
        if isinstance(action, _LAUNCHES):
            for transient in (True, False):
                refused = refuse_launch(action, transient=transient)
                what = "transiently" if transient else "permanently"
                record = settle(status, _with(answers, number, refused), NOW)
                yield f"FAULT launch {number} refused {what}", world, record


def _with(results: tuple[Result, ...], number: int, other: Result) -> tuple[Result, ...]:
    return (*results[:number], other, *results[number + 1 :])


def _without(found: Found, made: Pass, left_out: int) -> tuple[World, tuple[Result, ...]]:
    """Make the calls of a pass except one."""
    world, results = made.worlds[0], []
    for number, action in enumerate(made.plan.actions):
        result = made.results[number]
        if number != left_out:
            after, result = carry_out(world, action)
            world = _counted(found, Deed(action, world, after, made.plan.status, peaceful=False))
        results.append(result)
    return world, tuple(results)
