"""`repair`: finds what a dead rollout left changed on a fleet, shows it, and has the planner restore it.

With its record, the rollout itself is settled. Without a record (lost, damaged, or in another store), a record is
reconstructed from tags and saved as a new rollout, so that a repair that dies can be repaired, too.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from awsroll.core.classify.view import View
from awsroll.core.decide.routing import without_gone
from awsroll.core.model.rollout import Rollout
from awsroll.core.model.rollout_choices import Pace
from awsroll.core.model.status import Mode, Outcome, Status
from awsroll.core.repair.leftovers import KEPT_FAILED, Leftover, leftovers
from awsroll.core.repair.reconstruct import ObservedFleet, reconstruct, settling
from awsroll.core.request.instructions import ALL_KINDS, PLACE_KINDS, InstructionKind
from awsroll.driver.assumed_role import RoleRefusedError, able_to_end, assume_confirmed_role
from awsroll.driver.confirmation import Confirmed, confirm as confirm_instructions
from awsroll.driver.context import Context
from awsroll.driver.drive_record import drive
from awsroll.driver.session import Session
from awsroll.errors import AccessRefusedError, FleetError, RolloutNotFoundError, SpecError, StateError
from awsroll.ports import Record, Store
from awsroll.preflight.lookups import group_name
from awsroll.repairs.inspection import draft_rollout, observe_fleet, read_tags
from awsroll.repairs.kept_servers import kept_servers, terminate_expired
from awsroll.repairs.refused_repair import end_refused
from awsroll.repairs.repair_findings import confirmed_by_id, taken_over, unfinished
from awsroll.repairs.repaired import Repaired
from awsroll.repairs.unreadable_rollouts import forget_unreadable, unreadable_rollouts
from awsroll.report import Report

SAME_PACE = Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairTarget:
    """The rollout or the fleet to repair.

    Attributes:
        rollout_id: the rollout. With a fleet: tags alone are used if the record cannot be used.
        asg: a group, by name or ARN.
        target_group: target groups, by name or ARN.
        take_over: repair the fleet although the label of a rollout of another store has not expired. Only a person
            knows whether that store is lost and its process dead, so the label is a finding to confirm.
    """

    rollout_id: str = ""
    asg: str = ""
    target_group: tuple[str, ...] = ()
    take_over: bool = False

    @property
    def names_fleet(self) -> bool:
        """Whether a fleet is given."""
        return bool(self.asg or self.target_group)


@dataclass(frozen=True, slots=True)
class _Case:
    """A held fleet, with what was found on it and the record that restores it.

    Attributes:
        record: the record of the rollout, or one that was reconstructed from tags.
        found: what was found.
        tagged: the observation that a record was reconstructed from; None: the rollout has a record.
    """

    record: Record
    found: tuple[Leftover, ...]
    tagged: ObservedFleet | None = None

    def restoring(self, confirmed: Collection[str]) -> Record:
        """Return the record that restores the fleet; without a record, it has only the instances confirmed by id."""
        if self.tagged is None:
            return self.record
        rollout, status = reconstruct(self.tagged, confirmed=confirmed)
        return replace(self.record, rollout=rollout, status=status)


def _no(_: Leftover) -> bool:
    return False


def rollouts_to_repair(store: Store) -> tuple[Record, ...]:
    """Return the rollouts of a store that left changes, according to their records, newest first."""
    return tuple(record for record in store.list() if _needs_repair(record.status))


def repair(
    target: RepairTarget,
    context: Context,
    *,
    confirm: Callable[[tuple[Leftover, ...]], bool] = bool,
    confirm_instance: Callable[[Leftover], bool] = _no,
    pace: Pace = SAME_PACE,
) -> Repaired:
    """Find what a dead rollout left changed, show it, restore it, and observe the fleet again.

    Args:
        target: the rollout or the fleet.
        context: the environment.
        confirm: called with what was found; returns whether to restore it.
        confirm_instance: called, after `confirm`, with each finding that only tags on an instance show; returns whether
            to act on this instance. Default: leave it.
        pace: how to poll and wait.

    Raises:
        SpecError, FleetError: if there is no such fleet, or it changed after `confirm`; nothing was changed.
        StateError: if the record is missing or cannot be used, and no fleet is given.
        FleetLockedError: if a live process holds the fleet; nothing was changed.
        AwsError: if AWS refused or did not answer before anything was changed. If AWS refuses the access to the fleet
            of a rollout that has not ended, `confirm_unrestored` of the context may end the rollout nevertheless.
    """
    try:
        return _repair(target, context, confirm=confirm, confirm_instance=confirm_instance, pace=pace)
    except (RoleRefusedError, AccessRefusedError) as error:
        record = _record(Session(context), target)
        if record is None or record.status.mode is Mode.ENDED:
            raise
        ended = end_refused(record, context, pace, why=str(error.__cause__ or error))
        if ended is None:
            raise
        return ended


def _repair(
    target: RepairTarget,
    context: Context,
    *,
    confirm: Callable[[tuple[Leftover, ...]], bool],
    confirm_instance: Callable[[Leftover], bool],
    pace: Pace,
) -> Repaired:
    own = Session(context)
    record = _record(own, target)
    place = _confirmed(target, record, own, context, kinds=PLACE_KINDS)
    if target.rollout_id:
        if record is None:
            context = assume_confirmed_role(target.rollout_id, place.request, context)
        else:
            context = able_to_end(record.rollout, place.request, context)
    with _opened(Session(context), target, pace, place) as case:
        fleet, found = case.record.rollout.fleet, case.found
    untouched = Repaired(fleet=fleet, found=found, left=found)
    if not any(leftover.acts for leftover in found) or not confirm(found):
        return untouched
    confirmed = {leftover.about for leftover in found if leftover.confirm_by_id and confirm_instance(leftover)}
    if not any(leftover.acts and (not leftover.confirm_by_id or leftover.about in confirmed) for leftover in found):
        return untouched
    instructions = _confirmed(target, record, own, context, kinds=ALL_KINDS - PLACE_KINDS)
    session = Session(context)
    with _opened(session, target, pace, place) as case:
        if case.found != found:
            problem = f"{fleet} has changed since it was shown; nothing was changed. Run the repair again"
            raise FleetError(problem)
        instructions.check(case.record.rollout)
        problems = terminate_expired(session, case.record.rollout, found, confirmed)
        rollout_id, finished, reason = _restored(session, case, confirmed, pace)
        finished, reason = finished and not problems, "; ".join((*problems, *filter(None, (reason,))))
    repaired = replace(target, rollout_id=rollout_id or target.rollout_id)  # known even if the fleet is gone
    with _opened(Session(context), repaired, pace, place) as case:
        left = case.found
    return Repaired(
        fleet=fleet,
        acted=True,
        finished=finished,
        rollout_id=rollout_id,
        found=found,
        left=left,
        reason="" if finished else reason,
    )


def _restored(session: Session, case: _Case, confirmed: Collection[str], pace: Pace) -> tuple[str, bool, str]:
    """Have the planner restore the fleet, if there is anything to restore.

    Returns:
        The rollout that was settled, or the rollout of the repair; whether it has ended; why it has not.
    """
    if not any(leftover.acts and leftover.what != KEPT_FAILED for leftover in case.found):
        return "", True, ""
    report = _drive(session, case, confirmed, pace)
    finished = report.status not in (Outcome.PAUSED, Outcome.INTERRUPTED, Outcome.RUNNING)
    if finished:
        forget_unreadable(session, case.found)
    return report.rollout_id, finished, report.reason


def _confirmed(
    target: RepairTarget,
    record: Record | None,
    session: Session,
    context: Context,
    *,
    kinds: frozenset[InstructionKind],
) -> Confirmed:
    """Confirm what the record makes this process run or use. The role counts only if the rollout is named by its id."""
    rollout_id = target.rollout_id if record is None else record.rollout.rollout_id
    kinds = kinds if target.rollout_id else kinds - {InstructionKind.ROLE}
    rollout = None if record is None else record.rollout
    return confirm_instructions(rollout_id, rollout, session, context, kinds=kinds)


def _drive(session: Session, case: _Case, confirmed: Collection[str], pace: Pace) -> Report:
    record = case.restoring(confirmed)
    record = replace(record, rollout=replace(record.rollout, limits=record.rollout.limits.paced(pace)))
    record = session.store.save(record)
    session.emit_rollout("rollout.resumed" if case.tagged is None else "rollout.created", record.rollout)
    return drive(session, record, takes_over=True)


@contextmanager
def _opened(session: Session, target: RepairTarget, pace: Pace, place: Confirmed) -> Iterator[_Case]:
    """Hold the fleet and find what was left on it: from a record that needs a repair, or else from tags."""
    record = _record(session, target)
    if record is not None and _needs_repair(record.status):
        rollout = record.rollout
        place.check(rollout)
        session.check_account(rollout)
        with _held(session, rollout, target, pace):
            record = session.store.load(rollout.rollout_id)  # again: another process may have written it meanwhile
            yield _taking_over(session, _by_record(session, record), target)
        return
    asg, target_groups = target.asg, target.target_group
    if record is not None and not target.names_fleet:
        place.check(record.rollout)
        session.check_account(record.rollout)
        asg, target_groups = record.rollout.group, record.rollout.target_groups
    try:
        rollout = draft_rollout(session.aws, asg=asg, target_groups=target_groups)
    except FleetError:
        if record is None:
            raise
        yield _Case(record, ())  # the fleet is gone, or cannot be rolled any longer: its record says that it is settled
        return
    with _held(session, rollout, target, pace):
        yield _taking_over(session, _by_tags(session, rollout, target), target)


@contextmanager
def _held(session: Session, rollout: Rollout, target: RepairTarget, pace: Pace) -> Iterator[None]:
    # A driver of this store that died on another machine: wait until its lease expires.
    with session.hold(replace(rollout, limits=rollout.limits.paced(pace)), again=target.take_over):
        if not target.take_over:
            session.label(rollout).check()
        yield


def _taking_over(session: Session, case: _Case, target: RepairTarget) -> _Case:
    """Say in the finding of each label of another store until when it holds the fleet."""
    if not target.take_over:
        return case
    others = session.label(case.record.rollout).held_by_others()
    return replace(case, found=tuple(taken_over(leftover, others) for leftover in case.found))


def _record(session: Session, target: RepairTarget) -> Record | None:
    """Return the record to use: that of the given rollout, or the newest of the fleet that needs a repair."""
    if target.rollout_id:
        try:
            return _checked(session.store.load(target.rollout_id), target)
        except StateError as error:
            if target.names_fleet:
                return None
            kind = RolloutNotFoundError if isinstance(error, RolloutNotFoundError) else StateError
            problem = f"{error}. To repair its fleet from tags alone, pass --asg or --target-group"
            raise kind(problem) from error
    if not target.names_fleet:
        problem = "nothing to repair is given: pass a ROLLOUT, or its fleet with --asg or --target-group"
        raise SpecError(problem)
    return next((record for record in rollouts_to_repair(session.store) if _matches(record.rollout, target)), None)


def _checked(record: Record, target: RepairTarget) -> Record:
    if target.names_fleet and not _matches(record.rollout, target):
        problem = f"rollout {record.rollout.rollout_id} belongs to {record.rollout.fleet}, not to the given fleet"
        raise SpecError(problem)
    return record


def _matches(rollout: Rollout, target: RepairTarget) -> bool:
    if target.asg:
        return rollout.group == group_name(target.asg)
    names = {name for arn in rollout.target_groups for name in (arn, _name_in(arn))}
    return not rollout.group and bool(names & set(target.target_group))


def _name_in(arn: str) -> str:
    return arn.rsplit(":targetgroup/", maxsplit=1)[-1].split("/", maxsplit=1)[0]


def _needs_repair(status: Status) -> bool:
    return status.mode is not Mode.ENDED or bool(status.settings.found)


def _by_record(session: Session, record: Record) -> _Case:
    rollout, status = record.rollout, record.status
    observation = session.fleet(rollout).observe(rollout.target(rolling_back=status.rolling_back), status)
    rollout, status = without_gone(rollout, observation, status)
    settled = settling(View(rollout, observation, status))
    tags = read_tags(session.aws, rollout)
    found = leftovers(View(rollout, observation, settled), labels=tags.labels)
    if status.mode is not Mode.ENDED:
        found = (unfinished(record), *found)
    return _Case(replace(record, status=settled), (*found, *kept_servers(session, rollout)))


def _by_tags(session: Session, rollout: Rollout, target: RepairTarget) -> _Case:
    tags = read_tags(session.aws, rollout)
    seen = observe_fleet(session.aws, rollout, tags)
    rollout, status = reconstruct(seen)
    found = leftovers(View(rollout, seen.observation, status), labels=tags.labels)
    by_id = status.servers.keys()  # only tags on the instance say that it is one of these
    found = tuple(confirmed_by_id(leftover) if leftover.about in by_id else leftover for leftover in found)
    found = (*unreadable_rollouts(session, rollout, target.rollout_id), *found, *kept_servers(session, rollout))
    return _Case(Record(rollout=rollout, status=status), found, seen)
