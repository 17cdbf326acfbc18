"""Every reachable state of planner x small fleet, breadth first, by the number of faults that it takes.

These moves lead from a state: the next pass; each event that happens by itself; the next timer, if the planner only
waits and no event is due; and each fault, while the path has fewer faults than allowed. A state is first reached with
the fewest faults, so it is visited once.

Finally, the explorer checks that an end can be reached from each state without faults.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from awsroll.core.classify.desired import is_moving
from awsroll.core.model.observation import FleetKind
from awsroll.core.model.phases import ServerPhase
from awsroll.core.model.status import Mode, Outcome, Status
from tests.model import passes, physics
from tests.model.canonical import AFTER_A_WHILE, AFTER_LONG, NO_TIME, UNWATCHED, Passing, State, canonical, key
from tests.model.describe import describe
from tests.model.passes import Pass, WrongError
from tests.model.safety import Found, end_wrongs
from tests.model.times import NOW
from tests.model.world import World


class Move(NamedTuple):
    """One move from a state."""

    label: str
    world: World
    status: Status
    passing: Passing = NO_TIME


@dataclass(frozen=True)
class Case:
    """One small fleet, one request, and the allowed number of faults.

    Attributes:
        found: the initial fleet, and the request.
        faults: the maximum number of faults of a path.
        user_requests: whether a person may request a rollback or an abort (each counts as a fault).
        backwards: name servers in the opposite order.
    """

    name: str
    found: Found
    faults: int
    user_requests: bool = True
    backwards: bool = False


@dataclass
class Explored:
    """The result of an exploration. `moves`: the changes of phase that were made, as (from, to)."""

    case: Case
    states: int = 0
    ends: int = 0
    edges: int = 0
    problem: str = ""
    story: list[str] = field(default_factory=list)
    moves: frozenset[tuple[ServerPhase, ServerPhase]] = frozenset()


class Explorer:
    """Enumerates one case. Of visited states, only the hashes of their keys are stored."""

    def __init__(self, case: Case, *, limit: int | None = None) -> None:
        self.case = case
        self.limit = limit
        self.numbers = dict[int, int]()
        self.parents = array("l")
        self.labels = list[str]()
        self.sources, self.targets, self.ends = array("l"), array("l"), array("l")

    def run(self) -> Explored:
        """Visit every state, or stop at the first problem."""
        case, explored = self.case, Explored(self.case)
        start = self._start()
        self._number(start, -1, "start")
        layer = [(0, start)]
        for faults in range(case.faults + 1):
            layer = self._visit(layer, faults, explored)
            if explored.problem:
                break
        explored.states, explored.ends, explored.edges = len(self.labels), len(self.ends), len(self.sources)
        if not explored.problem and self.limit is None and (lost := self._without_an_end()) is not None:
            explored.problem, explored.story = "no end can be reached", self._story(lost)
        return explored

    def _start(self) -> State:
        status = Status(started_at=NOW, progress_at=NOW)
        return self._canonical(self.case.found.world, status)

    def _canonical(self, world: World, status: Status, passing: Passing = NO_TIME) -> State:
        case = self.case
        return canonical(world, status, passing, backwards=case.backwards, blames=case.found.rollout.keep_failed > 0)

    def _visit(self, layer: list[tuple[int, State]], faults: int, explored: Explored) -> list[tuple[int, State]]:
        """Visit all states with this many faults; return the states with one more fault."""
        stack, beyond = layer, []
        while stack:
            number, state = stack.pop()
            if state.status.mode is Mode.ENDED:
                self.ends.append(number)
                continue
            if self.limit is not None and len(self.labels) > self.limit:
                break
            try:
                made = passes.make(self.case.found, state, peaceful=faults == 0)
                self._check_end(made)
            except WrongError as error:
                explored.problem, explored.story = str(error), self._story(number)
                return []
            for move in self._kind_moves(state, made):
                if (entry := self._follow(number, move, is_kind=True)) is not None:
                    stack.append(entry)
            if faults < self.case.faults:
                reached = (self._follow(number, move, is_kind=False) for move in self._faults(state, made))
                beyond += [entry for entry in reached if entry is not None]
        return beyond

    def _check_end(self, made: Pass) -> None:
        if made.ended.mode is Mode.ENDED:
            problem = next(end_wrongs(self.case.found, made.worlds[-1], made.ended), None)
            if problem:
                raise WrongError(problem)

    def _follow(self, number: int, move: Move, *, is_kind: bool) -> tuple[int, State] | None:
        state = self._canonical(move.world, move.status, move.passing)
        before = len(self.labels)
        there = self._number(state, number, move.label)
        if is_kind:
            self.sources.append(number)
            self.targets.append(there)
        return (there, state) if there == before else None

    def _number(self, state: State, parent: int, label: str) -> int:
        digest = hash(key(state))
        number = self.numbers.setdefault(digest, len(self.labels))
        if number == len(self.labels):
            self.parents.append(parent)
            self.labels.append(label)
        return number

    # --- the moves ------------------------------------------------------------------------------------------------

    def _kind_moves(self, state: State, made: Pass) -> Iterator[Move]:
        world, status = state
        yield Move("pass", made.worlds[-1], made.ended)
        about_to_happen = list(physics.kind(world))
        for label, after in about_to_happen:
            yield Move(label, after, status)
        if status.outcome is Outcome.PAUSED:
            yield Move("a person resumes", world, replace(status, outcome=Outcome.RUNNING))
        if not self._waits(state, made):
            return
        if status.gate.closed_since is not None and world.approved <= status.gate.passed:
            user_requests = replace(status.user_requests, approved=world.approved + 1)
            yield Move(
                "a person approves",
                world._replace(approved=world.approved + 1),
                replace(status, user_requests=user_requests),
            )
        if self._something_settles(state):
            yield Move("a while passes", world, status, AFTER_A_WHILE)
        elif not about_to_happen:
            yield Move("a long time passes", world, status, AFTER_LONG)

    def _waits(self, state: State, made: Pass) -> bool:
        """Return whether the planner only waits."""
        return not made.plan.actions and self._canonical(state.world, made.ended) == state

    def _something_settles(self, state: State) -> bool:
        """Return whether a short timer is running: it fires before any long timer."""
        return self._canonical(*state, AFTER_A_WHILE) != state

    def _faults(self, state: State, made: Pass) -> Iterator[Move]:
        world, status = state
        rollout = self.case.found.rollout
        irreplaceable = rollout.reloads and rollout.kind is FleetKind.STANDALONE
        for label, after, record in passes.cut_short(self.case.found, made):
            yield Move(label, after, record)
        if status.observed_at is None:
            return  # an event before the first observation makes another initial fleet
        for label, after in physics.faults(world, irreplaceable=irreplaceable):
            yield Move(label, after, status)
        yield Move("FAULT no observation for long", world, status, UNWATCHED)
        if self._waits(state, made) and not self._something_settles(state):
            yield Move("FAULT a long time passes", world, status, AFTER_LONG)
        if world.settings is not None and _may_scale(status, world):
            for desired in (world.settings.desired - 1, world.settings.desired + 1):
                if max(1, world.settings.minimum) <= desired <= world.settings.maximum:
                    yield Move(f"FAULT somebody sets {desired}", _scaled(world, desired), status)
        if self.case.user_requests and status.mode is Mode.ROLLING:
            if not status.rolling_back:
                yield Move("FAULT a rollback is requested", world, _with_requests(status, rollback=True))
            yield Move("FAULT an abort is requested", world, _with_requests(status, abort=True))

    # --- afterwards -----------------------------------------------------------------------------------------------

    def _without_an_end(self) -> int | None:
        """Return the first state from which no end can be reached, by a search backwards from the ends."""
        into = [array("l") for _ in self.labels]
        for source, target in zip(self.sources, self.targets, strict=True):
            into[target].append(source)
        reached, waiting = bytearray(len(self.labels)), list(self.ends)
        while waiting:
            number = waiting.pop()
            if not reached[number]:
                reached[number] = 1
                waiting += into[number]
        return next((number for number, there in enumerate(reached) if not there), None)

    def _story(self, number: int) -> list[str]:
        """Return the path to a state: each event, and the state after it."""
        numbers = []
        while number >= 0:
            numbers.append(number)
            number = self.parents[number]
        digests = {there: digest for digest, there in self.numbers.items() if there in set(numbers)}
        state, steps = self._start(), []
        for number in numbers[::-1]:
            if number:
                state = self._next(state, digests[number])
            steps.append(f"{self.labels[number]}\n{describe(state)}")
        return steps

    def _next(self, state: State, digest: int) -> State:
        made = passes.make(self.case.found, state, peaceful=False)
        moves = (*self._kind_moves(state, made), *self._faults(state, made))
        states = (self._canonical(one.world, one.status, one.passing) for one in moves)
        return next(one for one in states if hash(key(one)) == digest)


def _may_scale(status: Status, world: World) -> bool:
    """Return whether another desired capacity can be distinguished from our own: see the limits."""
    known = status.desired
    if known is None or is_moving(status):
        return False
    return known.expected == world.group.desired and known.previous == known.expected


def _scaled(world: World, desired: int) -> World:
    """Return the world with another desired capacity as its goal. A lower goal lowers `touched` too."""
    touched = world.touched - max(0, world.goal - desired)
    return world.with_settings(desired=desired)._replace(goal=desired, touched=touched)


def _with_requests(status: Status, **user_requests: bool) -> Status:
    return replace(status, user_requests=replace(status.user_requests, **user_requests))
