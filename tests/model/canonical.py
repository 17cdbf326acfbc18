"""Equality of states: rename ids, renumber launches, round instants, and drop fields that the planner never reads.

Two states with the same key differ only in the ids of equal servers, in the numbers of launches and commands, and in
messages. Ids follow the properties of the servers and of their records. Where the planner breaks a tie by id, the model
therefore covers one order (`everything --reversed`: the other order).
"""

from collections.abc import Hashable
from dataclasses import replace
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from awsroll.core.aws_names import client_token
from awsroll.core.model.calls import Call, CallKind, Launch
from awsroll.core.model.observation import InstanceState
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.server_record import Server as ServerRecord, Slots
from awsroll.core.model.status import Mode, Status
from awsroll.core.model.status_parts import Counters, Desired, Failure, Gate, Owner, SavedSettings, SetAside, Shortage
from tests.model.times import A_WHILE, AGED, LONG, NOW, OVERDUE, aged, aged_or_none, still_to_come
from tests.model.world import IDS, ROLLOUT_ID, Server, World, token_number


class State(NamedTuple):
    """One state of planner x fleet: the true state of the fleet, and the stored record."""

    world: World
    status: Status


class Passing(NamedTuple):
    """Time that passes before a state is made canonical; `watched`: the fleet was observed all the time."""

    seconds: float = 0.0
    watched: bool = True


NO_TIME = Passing()
AFTER_A_WHILE = Passing(seconds=A_WHILE)
AFTER_LONG = Passing(seconds=LONG)
UNWATCHED = Passing(seconds=LONG, watched=False)


class Names(NamedTuple):
    """The new names of servers, launches, tokens of launches, and reload commands."""

    servers: dict[str, str]
    launches: dict[int, int]
    tokens: dict[int, int]
    attempts: dict[int, int]


def canonical(
    world: World, status: Status, passing: Passing = NO_TIME, *, backwards: bool = False, blames: bool = False
) -> State:
    """Return the state's representative.

    Args:
        world: the fleet.
        status: the record.
        passing: how much time passes.
        backwards: name servers in the opposite order.
        blames: keep the failures of failed servers, which `--keep-failed` asks for.
    """
    world = _without_the_forgotten(world, status)
    servers = _named(world, status, backwards=backwards, blames=blames)
    numbers = sorted(one.number for one in status.launches)
    sent = {server.attempt or server.void_attempt for server in status.servers.values()}
    sent |= {call.number for call in status.calls if call.kind is CallKind.SEND_COMMAND}
    launches = {old: new for new, old in enumerate(numbers, start=1)}
    tokens: dict[int, int] = {}
    for one in sorted(status.launches, key=lambda one: one.number):
        tokens.setdefault(token_number(one.token), launches[one.number])
    names = Names(
        servers=servers,
        launches=launches,
        tokens=tokens,
        attempts={old: new for new, old in enumerate(sorted(sent - {0}), start=1)},
    )
    return State(_renamed_world(world, status, names), _renamed_status(status, names, passing, blames=blames))


def key(state: State) -> Hashable:
    """Return a hashable value that is equal for equal states."""
    return (state.world, *map(_plain, _FIELDS(state.status)))


_FIELDS = attrgetter(*Status.__slots__)


def _plain(value: object) -> Hashable:
    if type(value) is dict:
        return tuple(value.items())
    if type(value) in (SavedSettings, Shortage):
        return tuple(_plain(getattr(value, name)) for name in type(value).__slots__)
    return value


# --- names --------------------------------------------------------------------------------------------------------


def _without_the_forgotten(world: World, status: Status) -> World:
    """Remove ended servers that neither the record nor a lost answer refers to."""
    named = {name for name, server in status.servers.items() if server.phase is not ServerPhase.SERVING}
    named |= {one for launch in status.launches for one in launch.instance_ids}
    named |= {one for place in status.slots for one in place.instance_ids}
    named |= {launch.replaces for launch in status.launches} | {call.instance_id for call in status.calls}
    unsettled = _unsettled_tokens(status)
    kept = tuple(
        (name, server)
        for name, server in world.servers
        if server.state is not InstanceState.TERMINATED
        or server.life is not None
        or name in named
        or server.token in unsettled
    )
    return world if len(kept) == len(world.servers) else world._replace(servers=kept)


def _unsettled_tokens(status: Status) -> set[int]:
    return {token_number(one.token) for one in status.launches if not one.settled}


def _named(world: World, status: Status, *, backwards: bool, blames: bool) -> dict[str, str]:
    servers = dict(world.servers)
    recorded = {one for place in status.slots for one in place.instance_ids} | set(status.servers)
    recorded |= {one for launch in status.launches for one in (launch.replaces, *launch.instance_ids) if one}
    recorded |= {call.instance_id for call in status.calls if call.instance_id}
    recorded |= {kept.instance_id for kept in status.set_aside}
    everyone = [*servers, *sorted(recorded - servers.keys())]
    partners = _partners(status)
    own = {name: _signature(servers.get(name), name, status, blames=blames) for name in everyone}
    looks = {name: (own[name], own.get(partners.get(name, ""), "")) for name in everyone}
    order = sorted(everyone, key=looks.__getitem__, reverse=backwards)
    rank = {name: number for number, name in enumerate(order)}

    def among_alike(name: str) -> int:
        return min(rank[name], rank.get(partners.get(name, ""), len(rank)))

    order.sort(key=among_alike)
    order.sort(key=looks.__getitem__, reverse=backwards)
    return dict(zip(order, IDS, strict=False))


def _partners(status: Status) -> dict[str, str]:
    """Return pairs of a server and its replacement."""
    pairs = dict[str, str]()
    for launch in status.launches:
        for one in launch.instance_ids:
            if launch.replaces:
                pairs[one], pairs[launch.replaces] = launch.replaces, one
    return pairs


def _signature(server: Server | None, name: str, status: Status, *, blames: bool) -> str:
    """Describe a server by its properties and its record, without ids."""
    record, first = _written(status.servers.get(name)), name in status.current_at_start
    calls = [f"{call.kind}{call.answered}" for call in status.calls if call.instance_id == name]
    launches = [
        f"{name == one.replaces}{one.settled}{one.template}"
        for one in status.launches
        if name == one.replaces or name in one.instance_ids
    ]
    slots = [place.template for place in status.slots if name in place.instance_ids]
    slots += [(kept.is_out, kept.is_refused) for kept in status.set_aside if kept.instance_id == name]
    slots += ["blamed" for _ in (_blamed(status, name) if blames else ())]
    # `server` before the rest: old servers come before new servers, as by launch time.
    return f"{_describe(server)}|{first}|{calls}|{launches}|{slots}|{record}"


@cache
def _written(record: ServerRecord | None) -> str:
    return str(record)


@cache
def _describe(server: Server | None) -> str:
    if server is None:
        return "~"
    attempts = [state for _, state in server.commands]
    version = {"old": "1", "new": "2"}[server.version]
    return f"{version}{server._replace(version='', token=0, place=0, commands=())}{attempts}"


# --- renamed fields -----------------------------------------------------------------------------------------------


def _renamed_world(world: World, status: Status, names: Names) -> World:
    unsettled = _unsettled_tokens(status)
    renamed = []
    for name, server in world.servers:
        made = server
        if server.token:
            known = server.token in unsettled
            made = made._replace(token=names.tokens[server.token] if known else 0, place=server.place if known else 0)
        if server.commands:
            sent = ((names.attempts[one], state) for one, state in server.commands if one in names.attempts)
            made = made._replace(commands=tuple(sorted(sent)))
        renamed.append((names.servers[name], made))
    return world._replace(servers=tuple(sorted(renamed)))


def _renamed_status(status: Status, names: Names, passing: Passing, *, blames: bool) -> Status:  # in order
    seconds, ids = passing.seconds, names.servers
    attempts = names.attempts.get
    servers = (
        (ids[name], _server(one, attempts(one.attempt, 0), attempts(one.void_attempt, 0), seconds))
        for name, one in status.servers.items()
    )
    waiting = status.failures[status.judged :] if status.mode is Mode.ROLLING else ()
    failed = sorted(status.servers, key=ids.__getitem__) if blames else []
    blamed = tuple(one for name in failed for one in _blamed(status, name))
    gate, settings, shortage = status.gate, status.settings, status.shortage
    return Status(
        mode=status.mode,
        outcome=status.outcome,
        reason="a reason" if status.reason else "",
        started_at=NOW,
        ended_at=None if status.ended_at is None else NOW,
        observed_at=_looked_at(status, passing),
        progress_at=aged(status.progress_at, seconds, LONG),
        counters=Counters(
            launches=len(names.launches), commands=len(names.attempts), replaced=min(1, status.counters.replaced)
        ),
        servers=dict(sorted(servers)),
        launches=tuple(_launch(one, names) for one in sorted(status.launches, key=lambda one: one.number)),
        checking_since=None if status.checking_since is None else NOW,
        calls=tuple(sorted((_call(one, names, seconds) for one in status.calls), key=_call_order)),
        rolling_back=status.rolling_back,
        user_requests=status.user_requests,
        failures=tuple(_failure(one, ids) for one in (*blamed, *waiting)),
        judged=len(blamed),
        set_aside=tuple(sorted((_set_aside(one, ids) for one in status.set_aside), key=lambda one: one.instance_id)),
        current_at_start=tuple(sorted({ids[name] for name in status.current_at_start if name in ids})),
        gate=Gate(
            passed=gate.passed,
            closed_since=aged_or_none(gate.closed_since, seconds, LONG),
            baking_since=aged_or_none(gate.baking_since, seconds, LONG),
            baked=gate.baked,
        ),
        pausing="asked" if status.pausing else "",
        slots=tuple(_place(one, ids) for one in status.slots),
        desired=_desired(status.desired, seconds),
        settings=SavedSettings(
            found=dict(sorted(settings.found.items())),
            set=dict(sorted(settings.set.items())),
            changed_at=aged_or_none(settings.changed_at, seconds, A_WHILE),
            abandoned=settings.abandoned,
        ),
        skipped_since=aged_or_none(status.skipped_since, seconds, LONG),
        shortage=Shortage(
            since=aged_or_none(shortage.since, seconds, LONG),
            launch_after=still_to_come(shortage.launch_after, seconds),
        ),
        warnings=("a warning",) if status.warnings else (),
    )


def _looked_at(status: Status, passing: Passing):
    if status.observed_at is None or passing.watched:
        return status.observed_at and (OVERDUE if status.observed_at == OVERDUE and not passing.seconds else NOW)
    return OVERDUE


@cache  # the same few records come in most states
def _server(one: ServerRecord, attempt: int, void_attempt: int, seconds: float) -> ServerRecord:
    unseen = one.deregistered_at is not None and not one.draining_seen
    absent = aged(one.gone_since, seconds, A_WHILE) if one.gone_since is not None and unseen else one.gone_since
    timed = one.phase.is_timed and one.phase is not ServerPhase.KEPT
    return replace(
        one,
        since=aged(one.since, seconds, LONG) if timed else NOW,
        healthy_since=None if one.healthy_since is None else NOW,
        deregistering_at=aged_or_none(one.deregistering_at, seconds, A_WHILE),
        deregistered_at=aged_or_none(one.deregistered_at, seconds, A_WHILE),
        gone_since=None if absent is None else (absent if unseen else NOW),
        attempt=attempt,
        void_attempt=0 if one.attempt else void_attempt,
        fruitless_at=aged_or_none(one.fruitless_at, seconds, A_WHILE),
    )


def _launch(one: Launch, names: Names) -> Launch:
    replaces = names.servers.get(one.replaces, one.replaces)
    token = names.tokens[token_number(one.token)]
    instance_ids = tuple(sorted(names.servers[name] for name in one.instance_ids))
    return _renamed_launch(one, names.launches[one.number], token, replaces, instance_ids)


@cache
def _renamed_launch(one: Launch, number: int, token: int, replaces: str, instance_ids: tuple[str, ...]) -> Launch:
    return replace(
        one,
        number=number,
        token=client_token(ROLLOUT_ID, token, one.zone),
        batch=1 if one.settled else one.batch,
        index=0 if one.settled else one.index,
        at=NOW,
        replaces=replaces,
        instance_ids=instance_ids,
        tags=(),
        own_tags=(),
    )


def _call(one: Call, names: Names, seconds: float) -> Call:
    sent = one.kind is CallKind.SEND_COMMAND
    number = names.attempts[one.number] if sent else one.number
    return _renamed_call(one, names.servers.get(one.instance_id, one.instance_id), number, seconds)


@cache
def _renamed_call(one: Call, instance_id: str, number: int, seconds: float) -> Call:
    return replace(one, at=aged(one.at, seconds, A_WHILE), instance_id=instance_id, number=number)


def _call_order(one: Call) -> tuple[str, str, int]:
    return (one.instance_id, one.kind, one.number)


def _place(one: Slots, ids: dict[str, str]) -> Slots:
    return replace(one, instance_ids=tuple(sorted(ids[name] for name in one.instance_ids)))


def _failure(one: Failure, ids: dict[str, str]) -> Failure:
    return replace(one, instance_id=ids.get(one.instance_id, ""), cause="a cause", at=NOW)


def _blamed(status: Status, name: str) -> tuple[Failure, ...]:
    """Return the first failure of a failed server that was handled already: only `--keep-failed` asks for it."""
    server = status.servers.get(name)
    if server is None or not server.failed or status.mode is not Mode.ROLLING:
        return ()
    found = (one for one in status.failures[: status.judged] if one.instance_id == name)
    return tuple(islice((one for one in found if one.owner is Owner.VERSION), 1))


def _set_aside(one: SetAside, ids: dict[str, str]) -> SetAside:
    return replace(one, instance_id=ids[one.instance_id], until=NOW)


def _desired(known: Desired | None, seconds: float) -> Desired | None:
    if known is None:
        return None
    at = aged(known.moved_at, seconds, A_WHILE)
    settled = at == AGED or known.previous == known.expected
    return replace(known, moved_at=AGED, previous=known.expected) if settled else replace(known, moved_at=at)
