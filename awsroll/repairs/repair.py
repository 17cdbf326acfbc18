"""`repair`: finds what a dead rollout has left on a fleet, shows it, and has the planner put it back.

With its record the rollout itself is settled. Without one (lost, damaged, or of another store) a record is made again
from tags and kept as a rollout of its own, so that a repair that dies is seen, too. Either way it only settles.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from awsroll.core.classify.view import View
from awsroll.core.model.rollout import Pace, Rollout
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.repair.leftovers import Leftover, leftovers
from awsroll.core.repair.reconstruct import reconstruct, settling
from awsroll.driver.assumed_role import assume_stored_role
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.errors import FleetError, RolloutNotFoundError, SpecError, StateError
from awsroll.ports import Record, Store
from awsroll.preflight.lookups import group_name
from awsroll.repairs.inspection import draft_rollout, observe_fleet, read_tags

SAME_PACE = Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairTarget:
    """What is to be repaired: a rollout, or a fleet, whatever rollout it was.

    Attributes:
        rollout_id: with a fleet beside it: where the record cannot be used, tags alone count.
        asg: a group, by name or ARN.
        target_group: target groups, by name or ARN.
    """

    rollout_id: str = ""
    asg: str = ""
    target_group: tuple[str, ...] = ()

    @property
    def names_fleet(self) -> bool:
        """Whether a fleet is named."""
        return bool(self.asg or self.target_group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What a repair has come to.

    Attributes:
        fleet: as people name it.
        rollout_id: the rollout that was settled, or the repair's own; empty if nothing was done.
        found: what was found before.
        left: what is left now; what was found, if nothing was done.
        reason: why it came to no end; empty if it did.
    """

    fleet: str
    rollout_id: str = ""
    found: tuple[Leftover, ...] = ()
    left: tuple[Leftover, ...] = ()
    reason: str = ""

    @property
    def acted(self) -> bool:
        """Whether anything was done."""
        return bool(self.rollout_id)

    @property
    def clean(self) -> bool:
        """Whether nothing is left."""
        return not self.left and not self.reason


@dataclass(frozen=True, slots=True)
class _Case:
    """One fleet, held, with what was found on it and the record that puts it back."""

    record: Record
    found: tuple[Leftover, ...]
    resumed: bool


def rollouts_to_repair(store: Store) -> tuple[Record, ...]:
    """Return the rollouts of a store that have left something, as their records say, newest first."""
    return tuple(one for one in store.list() if _is_open(one.status))


def repair(
    target: RepairTarget,
    context: Context,
    *,
    confirm: Callable[[tuple[Leftover, ...]], bool] = bool,
    pace: Pace = SAME_PACE,
) -> Repaired:
    """Find what a dead rollout has left, show it, put it back, and look again.

    Args:
        target: the rollout or the fleet.
        context: what it runs in.
        confirm: given what was found; whether to act on it.
        pace: how to look and wait.

    Raises:
        SpecError, FleetError: if there is no such fleet, or it is not as it was shown any more; nothing was changed.
        StateError: if the record is missing or cannot be used, and no fleet is named.
        FleetLockedError: if a process that lives holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed.
    """
    if target.rollout_id:
        context = assume_stored_role(target.rollout_id, context)
    with _opened(Session(context), target, pace) as case:
        fleet, found = case.record.rollout.fleet, case.found
    if not any(one.acts for one in found) or not confirm(found):
        return Repaired(fleet=fleet, found=found, left=found)
    session = Session(context)
    with _opened(session, target, pace) as case:
        if case.found != found:
            problem = f"{fleet} is not as it was shown any more; nothing was changed: look at it again"
            raise FleetError(problem)
        rollout = case.record.rollout
        limits = rollout.limits.paced(pace)
        record = session.store.save(replace(case.record, rollout=replace(rollout, limits=limits)))
        session.emit_rollout("rollout.resumed" if case.resumed else "rollout.created", record.rollout)
        report = session.drive(record)
    ended = report.status not in (Outcome.PAUSED, Outcome.INTERRUPTED, Outcome.RUNNING)
    with _opened(Session(context), target, pace) as case:
        left = case.found
    return Repaired(
        fleet=fleet, rollout_id=rollout.rollout_id, found=found, left=left, reason="" if ended else report.reason
    )


@contextmanager
def _opened(session: Session, target: RepairTarget, pace: Pace) -> Iterator[_Case]:
    """Hold the fleet, and find out what was left on it, by a record if there is one that has not come to its end."""
    record = _record(session, target)
    if record is not None and _is_open(record.status):
        rollout = record.rollout
        session.check_account(rollout)
        with _held(session, rollout, pace):
            record = session.store.load(rollout.rollout_id)  # again: it may have been driven until a moment ago
            yield _by_record(session, record)
        return
    asg, target_groups = target.asg, target.target_group
    if record is not None and not target.names_fleet:
        session.check_account(record.rollout)
        asg, target_groups = record.rollout.group, record.rollout.target_groups
    rollout = draft_rollout(session.aws, asg=asg, target_groups=target_groups)
    with _held(session, rollout, pace):
        yield _by_tags(session, rollout)


@contextmanager
def _held(session: Session, rollout: Rollout, pace: Pace) -> Iterator[None]:
    with session.hold(replace(rollout, limits=rollout.limits.paced(pace))):
        session.label(rollout).check()
        yield


def _record(session: Session, target: RepairTarget) -> Record | None:
    """Return the record to go by: that of the rollout named, or the newest open one of the fleet."""
    if target.rollout_id:
        try:
            return _checked(session.store.load(target.rollout_id), target)
        except StateError as error:
            if target.names_fleet:
                return None
            kind = RolloutNotFoundError if isinstance(error, RolloutNotFoundError) else StateError
            problem = f"{error}; to repair its fleet by what stands on it alone, name it with --asg or --target-group"
            raise kind(problem) from error
    if not target.names_fleet:
        problem = "name what to repair: a ROLLOUT, or its fleet with --asg or --target-group"
        raise SpecError(problem)
    return next((one for one in rollouts_to_repair(session.store) if _is_of(one.rollout, target)), None)


def _checked(record: Record, target: RepairTarget) -> Record:
    if target.names_fleet and not _is_of(record.rollout, target):
        problem = f"rollout {record.rollout.rollout_id} is of {record.rollout.fleet}, not of the fleet that is named"
        raise SpecError(problem)
    return record


def _is_of(rollout: Rollout, target: RepairTarget) -> bool:
    if target.asg:
        return rollout.group == group_name(target.asg)
    known = {name for arn in rollout.target_groups for name in (arn, _name_in(arn))}
    return not rollout.group and bool(known & set(target.target_group))


def _name_in(arn: str) -> str:
    return arn.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]


def _is_open(status: Status) -> bool:
    return status.mode is not Mode.ENDED or bool(status.saved_settings)


def _by_record(session: Session, record: Record) -> _Case:
    rollout, status = record.rollout, record.status
    observation = session.fleet(rollout).observe(rollout.facing(backwards=status.backwards), status)
    settled = settling(View(rollout, observation, status))
    tags = read_tags(session.aws, rollout)
    found = leftovers(View(rollout, observation, settled), labels=tags.labels)
    if status.mode is not Mode.ENDED:
        found = (_unfinished(record), *found)
    return _Case(replace(record, status=settled), found, resumed=True)


def _unfinished(record: Record) -> Leftover:
    name, status = record.rollout.rollout_id, record.status
    stands = f"{status.outcome}: {status.reason}" if status.reason else str(status.outcome)
    return Leftover(
        what="rollout",
        about=name,
        found=f"rollout {name} has not ended ({stands})",
        remedy=f"settled and stopped with the fleet as it is then (`awsroll resume {name}` would go on instead, "
        f"`awsroll rollback {name}` go back)",
    )


def _by_tags(session: Session, rollout: Rollout) -> _Case:
    tags = read_tags(session.aws, rollout)
    seen = observe_fleet(session.aws, rollout, tags)
    made, status = reconstruct(seen)
    found = leftovers(View(made, seen.observation, status), labels=tags.labels)
    return _Case(Record(rollout=made, status=status), found, resumed=False)
