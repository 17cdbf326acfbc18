"""A fleet small enough to enumerate, made of plain tuples without a clock.

`World` is the true state, and an observation shows all of it. Events by AWS itself are in `physics`, the effects of
calls in `calls`, and the equality of states in `canonical`.
"""

from functools import cache
from typing import NamedTuple

from awsroll.core.aws_names import client_token
from awsroll.core.model.calls import CallKind
from awsroll.core.model.observation import (
    CommandState,
    FleetKind,
    Group,
    Instance,
    InstanceState,
    Invocation,
    Lifecycle,
    Observation,
    Target,
    TargetGroup,
    TargetKey,
    TargetState,
    TemplateVersion,
)
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.status import Status
from awsroll.core.tags import KEEP_UNTIL_TAG
from awsroll.testing.observations import named_ids
from tests.model.times import DELAY, NOW

ROLLOUT_ID = "model"
WEB, API = (TargetKey(target_group=arn, port=80) for arn in ("arn:web", "arn:api"))
OLD, NEW = (TemplateVersion(template_id="lt", number=number) for number in (1, 2))
TEMPLATES = {"old": OLD, "new": NEW}
ZONE, SUBNET = "zone-a", "subnet-a"


class Server(NamedTuple):
    """One instance.

    Attributes:
        version: the template that it came from, `old` or `new`.
        state, life, target: in EC2, in its group (None: in none) and in the target group (None: not registered).
        second: in the second target group, which no group manages.
        needs_second: it belongs in the second target group. A group's new member does once awsroll has registered it.
        fit: it has served everywhere, and since then it has been unhealthy nowhere.
        sick: its application never becomes healthy.
        role: awsroll's role tag; empty: no tag of the rollout.
        token: the number of the token of its launch, as long as a lost answer may refer to it.
        place: its place among the instances with that token.
        code: the version tag of the last reload.
        commands: its reload commands: attempt -> state.
        held: why awsroll may not touch it: `protected`, `standby`, `foreign`; empty: awsroll may.
        taken: awsroll has taken it out of service.
        marked: its group has marked it unhealthy. Only a call clears the mark.
        kept: it has the tag that says until when it is kept for inspection.
        out: it is in no group, and awsroll has deregistered it: it drains or has drained.
    """

    version: str = "old"
    state: InstanceState = InstanceState.RUNNING
    life: Lifecycle | None = None
    target: TargetState | None = TargetState.HEALTHY
    second: TargetState | None = None
    needs_second: bool = False
    fit: bool = False
    sick: bool = False
    role: str = ""
    token: int = 0
    place: int = 0
    code: str = ""
    commands: tuple[tuple[int, CommandState], ...] = ()
    held: str = ""
    taken: bool = False
    marked: bool = False
    out: bool = False
    kept: bool = False

    @property
    def lives(self) -> bool:
        """Whether the server counts as live."""
        leaves = self.life in (Lifecycle.TERMINATING, Lifecycle.DETACHING)
        return self.state in (InstanceState.PENDING, InstanceState.RUNNING) and not leaves

    @property
    def is_set_aside(self) -> bool:
        """Whether the server is kept for inspection, out of the fleet."""
        out = (None, TargetState.DRAINING)
        return self.kept and self.life is None and self.target in out and self.second in out

    @property
    def serves(self) -> bool:
        """Whether the server takes requests wherever it should."""
        healthy = self.target is TargetState.HEALTHY and (self.second is TargetState.HEALTHY or not self.needs_second)
        return healthy and self._is_in_service

    @property
    def _is_in_service(self) -> bool:
        in_service = self.life in (None, Lifecycle.IN_SERVICE) and self.held != "foreign"
        return in_service and self.state is InstanceState.RUNNING

    def serves_on(self, key: TargetKey) -> bool:
        """Return whether the server takes requests of a target group."""
        state = self.target if key == WEB else self.second
        return state is TargetState.HEALTHY and self._is_in_service

    @property
    def counted(self) -> bool:
        """Whether the group counts the server towards desired, even if the server has ended unnoticed."""
        return self.life in (Lifecycle.PENDING, Lifecycle.IN_SERVICE)


def _with_fitness(server: Server) -> Server:
    if server.serves:
        return server._replace(fit=True)
    is_ill = TargetState.UNHEALTHY in (server.target, server.second) or server.marked or not server.lives
    return server._replace(fit=False) if is_ill else server


class Settings(NamedTuple):
    """An Auto Scaling group's settings, and its tags of saved settings."""

    desired: int
    minimum: int
    maximum: int
    version: str = "old"
    suspended: frozenset[str] = frozenset()
    saved_settings: frozenset[tuple[str, str]] = frozenset()


class World(NamedTuple):
    """The true state of the fleet.

    Attributes:
        servers: id -> server, sorted by id.
        goal: how many servers the fleet should have: the initial number, or the last one set by someone.
        touched: how many old servers awsroll has taken out of service, except in a rollback.
        approved: how many gates a person has approved.
        has_second: the fleet has a second target group.
    """

    servers: tuple[tuple[str, Server], ...]
    settings: Settings | None
    goal: int
    touched: int = 0
    approved: int = 0
    has_second: bool = False

    def changed(self, name: str, server: Server | None) -> "World":
        """Return the world with this server replaced; None: removed."""
        if self.has_second and server is not None:
            server = _with_fitness(server)
        kept = ((one, server if one == name else each) for one, each in self.servers)
        return self._replace(servers=tuple((one, each) for one, each in kept if each is not None))

    def with_server(self, server: Server) -> tuple["World", str]:
        """Return the world with a further server, and its id."""
        names = {name for name, _ in self.servers}
        name = next(name for name in IDS if name not in names)
        return self._replace(servers=tuple(sorted((*self.servers, (name, server))))), name

    def with_settings(self, **changes: object) -> "World":
        """Return the world with other settings of the group."""
        return self._replace(settings=self.group._replace(**changes))  # type: ignore[arg-type]

    @property
    def group(self) -> Settings:
        """The group's settings."""
        if self.settings is None:
            message = "a standalone fleet was given an action for a group"
            raise TypeError(message)
        return self.settings

    @property
    def owed(self) -> int:
        """How many servers the group is about to launch."""
        if self.settings is None:
            return 0
        return max(0, self.settings.desired - sum(server.counted for _, server in self.servers))


@cache
def token_number(token: str) -> int:
    """Return the number of the launch that a client token was made from."""
    return next(number for number in range(1, 1000) if client_token(ROLLOUT_ID, number, ZONE) == token)


IDS = tuple(f"i-{number:02}" for number in range(1, 40))


# --- observations -------------------------------------------------------------------------------------------------


@cache
def _instance(name: str, server: Server) -> Instance:
    states = ((WEB, server.target), (API, server.second))
    targets = tuple(Target(key=key, state=state) for key, state in states if state is not None)
    return Instance(
        instance_id=name,
        zone=ZONE,
        subnet_id=SUBNET,
        state=server.state,
        template=TEMPLATES[server.version],
        app_version=server.code or None,
        lifecycle=server.life,
        marked_unhealthy=server.life is not None and (server.marked or not server.lives),
        protected=server.held == "protected",
        rollout=ROLLOUT_ID if server.role else "",
        role=server.role,
        client_token=client_token(ROLLOUT_ID, server.token, ZONE) if server.token else "",
        targets=targets,
        tags=((KEEP_UNTIL_TAG, "later"),) if server.kept else (),
    )


@cache
def _group(settings: Settings, ended: frozenset[str]) -> Group:
    template = TEMPLATES[settings.version]
    return Group(
        name="web",
        minimum=settings.minimum,
        maximum=settings.maximum,
        desired=settings.desired,
        template=template,
        version=str(template.number),
        suspended=settings.suspended,
        zones=((ZONE, SUBNET),),
        terminations=ended,
    )


def _target_group(name: str, *, managed: bool) -> TargetGroup:
    return TargetGroup(arn=f"arn:{name}", name=name, port=80, deregistration_delay_seconds=DELAY, managed=managed)


_SECOND = _target_group("api", managed=False)
_TARGET_GROUPS = {
    (managed, has_second): (_target_group("web", managed=managed), *((_SECOND,) if has_second else ()))
    for managed in (False, True)
    for has_second in (False, True)
}


def look(world: World, rollout: Rollout, status: Status) -> Observation:
    """Return the observation: targets, members, instances in the record, and instances with the rollout's tag."""
    named, is_group = named_ids(status), rollout.kind is FleetKind.AUTO_SCALING
    shown = [
        _instance(name, server)
        for name, server in world.servers
        if server.target is not None or server.second is not None or server.life or server.role or name in named
    ]
    there = {one.instance_id for one in shown}
    shown += [Instance(instance_id=name, state=InstanceState.MISSING) for name in sorted(named - there)]
    ended = frozenset(name for name, server in world.servers if server.life is Lifecycle.TERMINATING)
    settings = world.settings
    return Observation(
        at=NOW,
        instances=tuple(shown),
        target_groups=_TARGET_GROUPS[is_group, world.has_second],
        group=None if settings is None else _group(settings, ended),
        invocations=_invocations(world, status) if rollout.reloads else (),
        saved_settings=frozenset() if settings is None else settings.saved_settings,
        status_checks=None if status.checking_since is None else (),
    )


def _invocations(world: World, status: Status) -> tuple[Invocation, ...]:
    named = {(name, server.attempt or server.void_attempt) for name, server in status.servers.items()}
    named |= {(call.instance_id, call.number) for call in status.calls if call.kind is CallKind.SEND_COMMAND}
    servers = dict(world.servers)
    return tuple(
        Invocation(attempt=attempt, instance_id=name, state=_command_state(servers.get(name), attempt))
        for name, attempt in sorted(named)
        if attempt
    )


def _command_state(server: Server | None, attempt: int) -> CommandState:
    return CommandState.UNSENT if server is None else dict(server.commands).get(attempt, CommandState.UNSENT)
