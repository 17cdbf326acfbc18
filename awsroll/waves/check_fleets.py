"""The checks before the first rollout of a waves file: each fleet is read with the credentials that will roll it.

A fleet with an unfinished rollout is ready if that rollout has the same request: it is resumed. An alias of a version
is pinned here for every wave, so that the last wave gets the version that the first wave has tested.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from awsroll.aws.sessions import Role, SharedSession, assume_role
from awsroll.clock import default_clock
from awsroll.core.aws_names import session_name
from awsroll.core.model.status import Outcome
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec, WaveSpec
from awsroll.driver import operations
from awsroll.driver.conflicts import names_fleet_of, unfinished_message
from awsroll.driver.context import Context
from awsroll.driver.session import Session
from awsroll.driver.start_checks import check_callables
from awsroll.errors import AwsError, AwsrollError, FleetError, FleetLockedError, SpecError, StateError
from awsroll.ports import Record, Store
from awsroll.preflight.lookups import new_rollout_id
from awsroll.preflight.same_request import changes_since
from awsroll.report import FleetPlan, RolloutPlan
from awsroll.stores import RecordStore, WavesProgress
from awsroll.stores.locks import fleet_parts, servers_of
from awsroll.stores.process_identity import this_process


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyFleet:
    """A fleet whose rollout may start.

    Attributes:
        rollout_id: the id of the new rollout, or of the unfinished rollout to resume.
        context: has its own session and store; the rest is shared.
        plan: what would be done.
        request: the request with a pinned version; None for a rollout to resume.
        parts: the resources that it would change, as in `stores.locks.fleet_parts`.
        target_groups: the target groups that send requests to it.
        is_begun: its rollout is not started or resumed: it has succeeded, or the fleets roll back.
    """

    fleet: FleetSpec
    rollout_id: str
    context: Context
    plan: FleetPlan
    request: RolloutSpec | None = None
    parts: frozenset[str] = frozenset()
    target_groups: frozenset[str] = frozenset()
    is_begun: bool = False


class FleetChecks:
    """Checks fleets one by one; several threads may use one instance.

    Args:
        context: shared by all fleets.
        session: returns the session for a region, with the credentials of the context.
        unfinished: the records of unfinished rollouts.
        progress: what an earlier process has done with the same waves.
    """

    def __init__(
        self,
        context: Context,
        session: Callable[[str], SharedSession],
        unfinished: Sequence[Record],
        progress: WavesProgress,
    ) -> None:
        self._context = context
        self._session = session
        self._unfinished = unfinished
        self._progress = progress

    def check(self, fleet: FleetSpec) -> ReadyFleet:
        """Return the fleet if its rollout may start.

        Raises:
            AwsrollError: if it may not; nothing was changed.
        """
        shared = self._session(fleet.region)
        known = self._progress.rollouts.get(fleet.name, "")
        if self._progress.failure is not None:  # no fleet begins: a check would refuse what must roll back
            return self._ready(fleet, shared, known, is_begun=bool(known))
        if known and (done := self._succeeded(self._ready(fleet, shared, known, is_begun=True))) is not None:
            return done
        unfinished = self._unfinished_rollout(fleet, shared)
        now = (self._context.clock or default_clock()).now()
        rollout_id = unfinished.rollout.rollout_id if unfinished else new_rollout_id(fleet.name, now)
        ready = self._ready(fleet, shared, rollout_id)
        return self._check_new(ready) if unfinished is None else self._check_resumed(ready, unfinished)

    def _ready(self, fleet: FleetSpec, shared: SharedSession, rollout_id: str, *, is_begun: bool = False) -> ReadyFleet:
        plan = FleetPlan(fleet_name=fleet.name, region=shared.region_name or "", role=fleet.role)
        return ReadyFleet(
            fleet=fleet,
            rollout_id=rollout_id,
            context=replace(self._context, session=self._assumed(fleet, shared, rollout_id), store=self._own_store()),
            plan=replace(plan, resumes=rollout_id if is_begun else ""),
            is_begun=is_begun,
        )

    def _succeeded(self, ready: ReadyFleet) -> ReadyFleet | None:
        """Return a fleet whose rollout has succeeded in an earlier process with the same request; None if not so."""
        session = Session(ready.context)
        with suppress(StateError):
            rollout = (record := session.store.load(ready.rollout_id)).rollout
            session.check_account(rollout)
            has_succeeded = record.status.outcome is Outcome.SUCCEEDED
            if has_succeeded and not changes_since(ready.fleet.request, rollout, session.aws):
                parts, behind = frozenset(fleet_parts(rollout)), frozenset(rollout.target_groups)
                return replace(ready, parts=parts, target_groups=behind)
        return None

    def _check_new(self, ready: ReadyFleet) -> ReadyFleet:
        plan = operations.plan(ready.fleet.request, ready.context)
        parts = _parts(plan)
        for other in self._unfinished:
            if not parts.isdisjoint(fleet_parts(other.rollout)):
                raise FleetLockedError(unfinished_message(other, parts))
        behind = frozenset() if plan.fingerprint is None else frozenset(plan.fingerprint.target_groups)
        plans = replace(ready.plan, plan=plan)
        return replace(ready, request=plan.request, plan=plans, parts=parts, target_groups=behind)

    def _check_resumed(self, ready: ReadyFleet, record: Record) -> ReadyFleet:
        rollout, session, store = record.rollout, Session(ready.context), self._context.store
        holder = store.driver(rollout.rollout_id) if isinstance(store, RecordStore) else None
        if holder is not None and (holder.process.host, holder.process.boot) == _this_host():
            problem = f"{holder} is rolling it now. Wait for that rollout, or stop it"
            raise FleetLockedError(problem)
        session.check_account(rollout)
        check_callables(session, record)
        changes = changes_since(ready.fleet.request, rollout, session.aws)
        if changes:
            problem = f"{unfinished_message(record)}. This request differs ({', '.join(changes)})"
            raise FleetLockedError(problem)
        plan = replace(ready.plan, resumes=rollout.rollout_id)
        parts, behind = frozenset(fleet_parts(rollout)), frozenset(rollout.target_groups)
        return replace(ready, plan=plan, parts=parts, target_groups=behind)

    def _assumed(self, fleet: FleetSpec, session: SharedSession, rollout_id: str) -> Any:
        if not fleet.role or not rollout_id:
            return session
        role = Role(arn=fleet.role, session_name=session_name(rollout_id), external_id=fleet.external_id)
        return assume_role(session, role, endpoint_url=self._context.endpoint_url)

    def _own_store(self) -> Store | None:
        """Return a store at the same address for one thread: a store caches the versions that it has read."""
        store = self._context.store
        return store.for_another_thread() if isinstance(store, RecordStore) else store

    def _unfinished_rollout(self, fleet: FleetSpec, session: SharedSession) -> Record | None:
        region = session.region_name or ""
        named = [each for each in self._unfinished if names_fleet_of(fleet.request, each.rollout, region=region)]
        if not named:
            return None
        account = fleet.account or Session(replace(self._context, session=session)).aws.sts.account()
        return next((each for each in named if each.rollout.account in ("", account)), None)


def check_disjoint(fleets: Sequence[ReadyFleet]) -> None:
    """Check that no two fleets of a file have the same servers.

    Two groups may be behind one target group, also if both rollouts change its settings: `check_apart` keeps them
    from running at the same time.

    Raises:
        FleetError: if two share a group, or a target group of a standalone fleet; nothing was changed.
    """
    problems = []
    for number, ready in enumerate(fleets):
        for other in fleets[number + 1 :]:
            if shared := servers_of(ready.parts) & servers_of(other.parts):
                names = f"fleets {ready.fleet.name} and {other.fleet.name}"
                problems.append(f"{names} share {', '.join(sorted(shared))}. Give each fleet once")
    if problems:
        raise FleetError(*problems)


def check_apart(wave: WaveSpec, fleets: Sequence[ReadyFleet]) -> None:
    """Check that no two fleets behind one target group are rolled at the same time.

    Each rollout keeps the capacity of its own fleet. Two at a time would take twice as much from the target group.

    Raises:
        FleetError: if a wave does so; nothing was changed.
    """
    if wave.at_once == 1:
        return
    problems = [
        f"fleets {ready.fleet.name} and {other.fleet.name} are behind the same target group "
        f"({', '.join(sorted(shared))}), and wave {wave.name} rolls them at the same time. Put them in different "
        "waves, or set the concurrency of the wave to 1"
        for number, ready in enumerate(fleets)
        for other in fleets[number + 1 :]
        if (shared := ready.target_groups & other.target_groups)
    ]
    if problems:
        raise FleetError(*problems)


def combined_error(errors: Sequence[tuple[str, AwsrollError]]) -> AwsrollError:
    """Return one error for all refused fleets: every problem with its fleet, as the most severe class of error.

    The order is: a wrong request or fleet, a locked fleet, AWS.
    """
    lines = [f"{name}: {problem}" for name, error in errors for problem in _problems(error)]
    kinds = [error for _, error in errors]
    if any(isinstance(error, (SpecError, FleetError)) for error in kinds):
        return FleetError(*lines)
    message = "; ".join(lines)
    if any(isinstance(error, FleetLockedError) for error in kinds):
        return FleetLockedError(message)
    if any(isinstance(error, StateError) for error in kinds):
        return StateError(message)
    first = next((error for error in kinds if isinstance(error, AwsError)), None)
    return AwsrollError(message) if first is None else type(first)(message, code=first.code, operation=first.operation)


def _problems(error: AwsrollError) -> tuple[str, ...]:
    return error.problems if isinstance(error, (SpecError, FleetError)) else (str(error),)


def _parts(plan: RolloutPlan) -> frozenset[str]:
    fingerprint = plan.fingerprint
    if fingerprint is None:
        return frozenset()
    group = () if fingerprint.group is None else (f"{fingerprint.account}/{fingerprint.region}/{fingerprint.fleet}",)
    changes_them = plan.request is not None and plan.request.sets_target_groups
    target_groups = fingerprint.target_groups if changes_them or not group else ()
    return frozenset({*group, *target_groups})


def _this_host() -> tuple[str, str | None]:
    process = this_process()
    return process.host, process.boot
