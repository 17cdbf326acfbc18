"""The effect of each call of awsroll on the small fleet, and its answer. Each call changes one instance or group.

A call whose precondition fails is `STALE`, as on AWS. `safety` reports a planner that asks for such a call.
"""

from typing import assert_never

from awsroll.core.model import actions as act
from awsroll.core.model.action_results import Answer, Result
from awsroll.core.model.actions import Action
from awsroll.core.model.calls import Launch
from awsroll.core.model.observation import CommandState, InstanceState, Lifecycle, TargetKey, TargetState
from awsroll.core.tags import KEEP_UNTIL_TAG
from tests.model.world import API, NEW, WEB, Server, World, token_number

Done = tuple[World, Result]
_ON_ITS_WAY_OUT = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)
_BACK = (Lifecycle.PENDING, Lifecycle.IN_SERVICE)


def carry_out(world: World, action: Action) -> Done:  # noqa: C901, PLR0911, PLR0912 -- one case an action
    """Execute one action as AWS would."""
    match action:
        case act.TagInstances(instance_ids=names, tags=tags):
            return _on_each(world, action, names, lambda server: _tagged(server, dict(tags)))
        case act.LaunchInstance(launch=launch) | act.LaunchInGroup(launch=launch):
            return _launch(world, action, launch)
        case act.RegisterTargets(instance_id=name, targets=keys):
            return _on_each(world, action, (name,), lambda server: _registered(server, keys))
        case act.DeregisterTargets(instance_id=name, targets=keys):
            return _on_each(world, action, (name,), lambda server: _deregistered(server, keys))
        case act.TerminateInstance(instance_id=name):
            return _on_each(world, action, (name,), lambda server: server._replace(**_ENDED) if server.lives else None)
        case act.TerminateInGroup(instance_ids=names, decrement=decrement):
            return _terminate_members(world, action, names, decrement=decrement)
        case act.DetachFromGroup(instance_ids=names):
            return _on_each(world, action, names, _detached)
        case act.EnterStandby(instance_ids=names):
            return _move(world, action, names, back=False)
        case act.ExitStandby(instance_ids=names):
            return _move(world, action, names, back=True)
        case act.ClearUnhealthyMarks(instance_ids=names):
            return _on_each(
                world, action, names, lambda server: server._replace(marked=False) if server.marked else None
            )
        case act.SendCommand(instance_ids=names, attempt=attempt):
            return _on_each(world, action, names, lambda server: _commanded(server, attempt))
        case act.SetDesiredCapacity(value=value, expected=expected):
            if world.group.desired != expected:
                return world, _result(action, Answer.STALE)
            return world.with_settings(desired=value), _result(action)
        case act.UpdateGroup():
            return _update(world, action), _result(action)
        case act.SuspendProcesses(processes=names):
            return world.with_settings(suspended=world.group.suspended | set(names)), _result(action)
        case act.ResumeProcesses(processes=names):
            return world.with_settings(suspended=world.group.suspended - set(names)), _result(action)
        case act.SaveSettings(resource=resource, settings=settings):
            saved = {(resource, name) for name, _ in settings}
            return world.with_settings(saved_settings=world.group.saved_settings | saved), _result(action)
        case act.ForgetSavedSettings(resource=resource, settings=settings):
            forgotten = {(resource, name) for name in settings}
            return world.with_settings(saved_settings=world.group.saved_settings - forgotten), _result(action)
        case act.SetDeregistrationDelay() | act.SetHealthChecks() | act.DeleteWarmPool() | act.PutWarmPool():
            message = f"not part of the model: {action}"
            raise TypeError(message)
        case _ as never:
            assert_never(never)


_ENDED = {"state": InstanceState.TERMINATED, "target": None, "second": None, "out": False}


def _result(action: Action, answer: Answer = Answer.DONE, *names: str) -> Result:
    return Result(action=action, answer=answer, instance_ids=names)


def _on_each(world: World, action: Action, names: tuple[str, ...], change) -> Done:
    """Change each server that can change; `change` returns None for a server that cannot."""
    accepted = []
    for name in names:
        server = dict(world.servers).get(name)
        made = None if server is None else change(server)
        if made is not None:
            world = world.changed(name, made)
            accepted.append(name)
    return world, _result(action, Answer.DONE if accepted else Answer.STALE, *accepted)


def _tagged(server: Server, tags: dict[str, str]) -> Server:
    return server._replace(
        role=tags.get("awsroll:role", server.role),
        code=tags.get("awsroll:app-version", server.code),
        kept=server.kept or KEEP_UNTIL_TAG in tags,
    )


def _registered(server: Server, keys: tuple[TargetKey, ...]) -> Server | None:
    if server.state is not InstanceState.RUNNING:
        return None
    if WEB in keys and server.target in (None, TargetState.DRAINING):
        server = server._replace(target=TargetState.INITIAL)
    if API in keys:
        second = TargetState.INITIAL if server.second in (None, TargetState.DRAINING) else server.second
        server = server._replace(second=second, needs_second=True)
    return server._replace(out=False)


def _deregistered(server: Server, keys: tuple[TargetKey, ...]) -> Server:
    if WEB in keys and server.target is not None:
        server = server._replace(target=TargetState.DRAINING)
    if API in keys and server.second is not None:
        server = server._replace(second=TargetState.DRAINING)
    draining = TargetState.DRAINING in (server.target, server.second)
    return server._replace(out=server.life is None) if draining and not _is_registered(server) else server


def _is_registered(server: Server) -> bool:
    return any(state not in (None, TargetState.DRAINING) for state in (server.target, server.second))


def _detached(server: Server) -> Server | None:
    if server.life is not Lifecycle.IN_SERVICE:
        return None
    target = None if server.target is None else TargetState.DRAINING
    return server._replace(life=Lifecycle.DETACHING, target=target)


def _commanded(server: Server, attempt: int) -> Server | None:
    if server.state is not InstanceState.RUNNING:
        return None
    if attempt in dict(server.commands):
        return server
    return server._replace(commands=(*server.commands, (attempt, CommandState.RUNNING)))


def _launch(world: World, action: Action, launch: Launch) -> Done:
    """Launch once per token and place; a repetition returns the instances of the first call."""
    token = token_number(launch.token)
    known = [name for name, server in world.servers if (server.token, server.place) == (token, launch.index)]
    if known:
        if world.settings is None and not any(dict(world.servers)[name].lives for name in known):
            return world, _refused(action, "IdempotentInstanceTerminated")
        return world, _result(action, Answer.DONE, *known)
    if world.settings is not None:
        desired = world.settings.desired + launch.count
        if desired > world.settings.maximum:
            return world, _refused(action, "ValidationError")
        world = world.with_settings(desired=desired)
    names = []
    for _ in range(launch.count):
        world, name = world.with_server(launched(world, launch))
        names.append(name)
    return world, _result(action, Answer.DONE, *names)


def launched(world: World, launch: Launch | None = None) -> Server:
    """Return a server that was just launched by our call, or by its group (`launch` is None)."""
    in_group = world.settings is not None
    version = world.group.version if in_group else ("new" if launch is not None and launch.template == NEW else "old")
    return Server(
        version=version,
        state=InstanceState.PENDING,
        life=Lifecycle.PENDING if in_group else None,
        target=None,
        needs_second=world.has_second and (not in_group or version == "new"),
        role="" if in_group else "replacement",
        token=token_number(launch.token) if launch is not None else 0,
        place=launch.index if launch is not None else 0,
    )


def _refused(action: Action, code: str, *, transient: bool = False) -> Result:
    return Result(action=action, answer=Answer.REFUSED, code=code, message=code, transient=transient)


def refuse_launch(action: Action, *, transient: bool) -> Result:
    """Return AWS's refusal of a launch: no capacity for now (transient), or a permanent refusal."""
    return _refused(action, "InsufficientInstanceCapacity" if transient else "InvalidParameter", transient=transient)


def _terminate_members(world: World, action: Action, names: tuple[str, ...], *, decrement: bool) -> Done:
    accepted = []
    for name in names:
        server = dict(world.servers).get(name)
        if server is None or server.life is None or server.life is Lifecycle.TERMINATING:
            continue
        if decrement and server.counted:
            if world.group.desired <= world.group.minimum:
                return world, _refused(action, "ValidationError")
            world = world.with_settings(desired=world.group.desired - 1)
        accepted.append(name)
        world = world.changed(name, server._replace(life=Lifecycle.TERMINATING, target=_out(server)))
    return world, _result(action, Answer.DONE if accepted else Answer.STALE, *accepted)


def _out(server: Server) -> TargetState | None:
    return None if server.target is None else TargetState.DRAINING


def _move(world: World, action: Action, names: tuple[str, ...], *, back: bool) -> Done:
    """Move members to standby or back; members already there or moving count as moved."""
    source, there = (Lifecycle.STANDBY, _BACK) if back else (Lifecycle.IN_SERVICE, _ON_ITS_WAY_OUT)
    accepted = []
    for name in names:
        server = dict(world.servers).get(name)
        if server is None or server.life not in (source, *there):
            continue
        accepted.append(name)
        if server.life is not source:
            continue
        desired = world.group.desired + (1 if back else -1)
        if not world.group.minimum <= desired <= world.group.maximum:
            return world, _refused(action, "ValidationError")
        moved = (
            server._replace(life=Lifecycle.PENDING)
            if back
            else server._replace(life=Lifecycle.ENTERING_STANDBY, target=_out(server))
        )
        world = world.with_settings(desired=desired).changed(name, moved)
    return world, _result(action, Answer.DONE if accepted else Answer.STALE, *accepted)


def _update(world: World, action: act.UpdateGroup) -> World:
    changes = {}
    if action.minimum is not None:
        changes["minimum"] = action.minimum
    if action.maximum is not None:
        changes["maximum"] = action.maximum
    if action.template is not None:
        changes["version"] = "new" if action.template == NEW else "old"
    world = world.with_settings(**changes)
    group = world.group
    return world.with_settings(desired=min(max(group.desired, group.minimum), group.maximum))
