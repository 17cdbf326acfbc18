"""Events that happen by themselves, one at a time and in every order, and faults, one at a time.

A kind event is the normal behaviour of AWS; without further faults, only kind events happen.
"""

from collections.abc import Iterator

from awsroll.core.model.observation import CommandState, InstanceState, Lifecycle, TargetState
from tests.model.calls import launched
from tests.model.world import Server, World

Event = tuple[str, World]
_AWAY = (Lifecycle.STANDBY, Lifecycle.ENTERING_STANDBY)


def kind(world: World) -> Iterator[Event]:
    """Return the kind events that may happen next."""
    for name, server in world.servers:
        for what, made in _next(server):
            yield f"{name} {what}", world.changed(name, made)
    if world.settings is not None:
        yield from _by_the_group(world)


def _next(server: Server) -> Iterator[tuple[str, Server | None]]:
    if server.life in (Lifecycle.TERMINATING, Lifecycle.DETACHING):
        yield _left(server)
    elif server.state is InstanceState.PENDING:
        yield "boots", booted(server)
    elif server.life is Lifecycle.PENDING:
        running = server.state is InstanceState.RUNNING
        yield (
            "is in service",
            server._replace(life=Lifecycle.IN_SERVICE, target=TargetState.INITIAL if running else None),
        )
    elif server.life is Lifecycle.ENTERING_STANDBY:
        yield "is in standby", server._replace(life=Lifecycle.STANDBY, target=None)
    elif server.target is TargetState.DRAINING:
        yield "has drained", server._replace(target=None)
    elif server.target is TargetState.INITIAL:
        yield "is checked", server._replace(target=TargetState.UNHEALTHY if server.sick else TargetState.HEALTHY)
    elif server.target is TargetState.UNHEALTHY and not server.sick:
        yield "recovers", server._replace(target=TargetState.HEALTHY)
    yield from _next_in_second(server)
    for number, (attempt, state) in enumerate(server.commands):
        if state is CommandState.RUNNING:
            yield "runs its command", server._replace(commands=_ended(server, number, attempt, CommandState.SUCCEEDED))


def _next_in_second(server: Server) -> Iterator[tuple[str, Server]]:
    if server.second is TargetState.DRAINING:
        yield "has drained in the second", server._replace(second=None)
    elif server.second is TargetState.INITIAL:
        second = TargetState.UNHEALTHY if server.sick else TargetState.HEALTHY
        yield "is checked in the second", server._replace(second=second)
    elif server.second is TargetState.UNHEALTHY and not server.sick:
        yield "recovers in the second", server._replace(second=TargetState.HEALTHY)


def _left(server: Server) -> tuple[str, Server]:
    left = server._replace(life=None, target=None)
    if server.life is not Lifecycle.DETACHING:
        left = left._replace(second=None)
    if server.life is Lifecycle.DETACHING:
        return "is detached", left
    return "has drained and ends", left._replace(state=InstanceState.TERMINATED)


def _ended(server: Server, number: int, attempt: int, state: CommandState) -> tuple[tuple[int, CommandState], ...]:
    return (*server.commands[:number], (attempt, state), *server.commands[number + 1 :])


def booted(server: Server) -> Server:
    """Return the server running; its group, if any, registers it."""
    if server.life is None:
        return server._replace(state=InstanceState.RUNNING)
    return server._replace(state=InstanceState.RUNNING, life=Lifecycle.IN_SERVICE, target=TargetState.INITIAL)


def _by_the_group(world: World) -> Iterator[Event]:
    settings = world.group
    counted = [(name, server) for name, server in world.servers if server.counted]
    if len(counted) < settings.desired:
        made, name = world.with_server(launched(world))
        yield f"the group launches {name}", made
    if len(counted) > settings.desired:
        for name, server in counted:
            if server.held != "protected":
                yield f"the group scales in {name}", world.changed(name, _retired(server))
    if "ReplaceUnhealthy" not in settings.suspended:
        for name, server in counted:
            if server.marked or not server.lives:
                yield f"the group replaces {name}", world.changed(name, _retired(server))


def _retired(server: Server) -> Server:
    target = None if server.target is None else TargetState.DRAINING
    return server._replace(life=Lifecycle.TERMINATING, target=target)


# --- faults -------------------------------------------------------------------------------------------------------


def faults(world: World, *, irreplaceable: bool) -> Iterator[Event]:
    """Return the faults that may happen next.

    Args:
        world: the fleet.
        irreplaceable: a server that ends is not replaced; the goal is then one lower.
    """
    for name, server in world.servers:
        if server.held != "foreign":
            for what, made in _wrong(server):
                lost = irreplaceable and not made.lives
                yield f"FAULT {name} {what}", world.changed(name, made)._replace(goal=world.goal - lost)


def _wrong(server: Server) -> Iterator[tuple[str, Server]]:
    leaving = server.life is Lifecycle.TERMINATING
    if server.lives:
        life = server.life if server.life in (Lifecycle.IN_SERVICE, *_AWAY) else None
        yield (
            "dies",
            server._replace(
                state=InstanceState.TERMINATED,
                life=life,
                target=None,
                second=None,
                commands=_undelivered(server),
                out=False,
            ),
        )
    if server.state is InstanceState.PENDING and not leaving:
        yield "boots sick", booted(server)._replace(sick=True)
    if server.life is Lifecycle.IN_SERVICE and server.lives and server.target is not None and not server.marked:
        yield "is marked by its group", server._replace(marked=True)
    if server.target is TargetState.HEALTHY and not leaving:
        yield "is unhealthy for a moment", server._replace(target=TargetState.UNHEALTHY)
        yield "is unhealthy permanently", server._replace(target=TargetState.UNHEALTHY, sick=True)
    if server.second is TargetState.HEALTHY and not leaving:
        yield "is unhealthy in the second for a moment", server._replace(second=TargetState.UNHEALTHY)
        yield "is unhealthy in the second permanently", server._replace(second=TargetState.UNHEALTHY, sick=True)
    for number, (attempt, state) in enumerate(server.commands):
        if state is CommandState.RUNNING:
            yield "fails its command", server._replace(commands=_ended(server, number, attempt, CommandState.FAILED))


def _undelivered(server: Server) -> tuple[tuple[int, CommandState], ...]:
    return tuple(
        (attempt, CommandState.FAILED if state is CommandState.RUNNING else state) for attempt, state in server.commands
    )
