"""Before anything is begun: each fleet looked up and checked, read only, with the credentials that will roll it.

A fleet whose rollout was left in the middle is ready if that rollout is of the same request: it goes on. A version that
was given by an alias is pinned here, for every wave: what the last wave gets is what the first one has proven.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from awsroll.aws.sessions import Role, SharedSession, assume_role
from awsroll.clock import SystemClock
from awsroll.core.model.status import Mode
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec
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
from awsroll.stores import RecordStore
from awsroll.stores.locks import fleet_parts
from awsroll.stores.process_identity import this_process


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A fleet that may be begun.

    Attributes:
        rollout_id: of the rollout that will be made, or that goes on.
        context: its own session and store; the rest is shared.
        told: what would be done.
        request: with its version pinned; None for a rollout that goes on.
        parts: what it would change, so that two of the same servers share one.
    """

    fleet: FleetSpec
    rollout_id: str
    context: Context
    told: FleetPlan
    request: RolloutSpec | None = None
    parts: frozenset[str] = frozenset()


class Readying:
    """Checks fleets, each by itself; several threads may use one.

    Args:
        context: shared by all fleets.
        session: makes the session of a fleet in its region, with the session's own credentials.
        unfinished: the records of rollouts that have not come to an end.
    """

    def __init__(self, context: Context, session: Callable[[str], SharedSession], unfinished: Sequence[Record]) -> None:
        self._context = context
        self._session = session
        self._unfinished = unfinished

    def check(self, fleet: FleetSpec) -> Ready:
        """Return the fleet if it may be begun.

        Raises:
            AwsrollError: why not; nothing was changed.
        """
        shared = self._session(fleet.region)
        other = self._unfinished_rollout(fleet, shared)
        now = (self._context.clock or SystemClock()).now()
        rollout_id = other.rollout.rollout_id if other else new_rollout_id(fleet.name, now)
        own = replace(self._context, session=self._assumed(fleet, shared, rollout_id), store=self._own_store())
        told = FleetPlan(fleet_name=fleet.name, region=shared.region_name or "", role=fleet.role)
        ready = Ready(fleet=fleet, rollout_id=rollout_id, context=own, told=told)
        return self._looked_at(ready) if other is None else self._going_on(ready, other)

    def _looked_at(self, ready: Ready) -> Ready:
        plan = operations.plan(ready.fleet.request, ready.context)
        parts = _parts(plan)
        for other in self._unfinished:
            if not parts.isdisjoint(fleet_parts(other.rollout)):
                raise FleetLockedError(unfinished_message(ready.fleet.name, other))
        return replace(ready, request=plan.request, told=replace(ready.told, plan=plan), parts=parts)

    def _going_on(self, ready: Ready, other: Record) -> Ready:
        rollout, session, store = other.rollout, Session(ready.context), self._context.store
        holder = store.driver(rollout.rollout_id) if isinstance(store, RecordStore) else None
        if holder is not None and (holder.process.host, holder.process.boot) == _here():
            problem = f"it is being rolled by {holder} at this moment: wait for it, or stop it"
            raise FleetLockedError(problem)
        session.check_account(rollout)
        check_callables(session, other)
        changes = changes_since(ready.fleet.request, rollout, session.aws)
        if changes:
            problem = f"{unfinished_message(rollout.fleet, other)}; this request is another one ({', '.join(changes)})"
            raise FleetLockedError(problem)
        told = replace(ready.told, resumes=rollout.rollout_id)
        return replace(ready, told=told, parts=frozenset(fleet_parts(rollout)))

    def _assumed(self, fleet: FleetSpec, session: SharedSession, rollout_id: str) -> Any:
        if not fleet.role:
            return session
        role = Role(arn=fleet.role, session_name=rollout_id, external_id=fleet.external_id)
        return assume_role(session, role, endpoint_url=self._context.endpoint_url)

    def _own_store(self) -> Store | None:
        """Return a store of the same place for one thread: a store remembers the versions that it has seen."""
        store = self._context.store
        return RecordStore(store.backend) if isinstance(store, RecordStore) else store

    def _unfinished_rollout(self, fleet: FleetSpec, session: SharedSession) -> Record | None:
        region = session.region_name or ""
        named = [one for one in self._unfinished if names_fleet_of(fleet.request, one.rollout, region=region)]
        if not named:
            return None
        account = fleet.account or Session(replace(self._context, session=session)).aws.sts.account()
        return next((one for one in named if one.rollout.account in ("", account)), None)


def unfinished_in(store: Store) -> tuple[Record, ...]:
    """Return the records of rollouts that have not come to an end."""
    return tuple(one for one in store.list() if one.status.mode is not Mode.ENDED)


def check_apart(ready: Sequence[Ready]) -> None:
    """Refuse fleets of the same file that are the same servers.

    Raises:
        FleetError: if two share a group or target group; nothing was changed.
    """
    problems = []
    for number, one in enumerate(ready):
        for other in ready[number + 1 :]:
            if shared := one.parts & other.parts:
                names = f"fleets {one.fleet.name} and {other.fleet.name}"
                problems.append(f"{names} share {', '.join(sorted(shared))}: a fleet is rolled once")
    if problems:
        raise FleetError(*problems)


def refusal(errors: Sequence[tuple[str, AwsrollError]]) -> AwsrollError:
    """Return one error for all that were refused: each problem with its fleet, of the kind that weighs most.

    A request that is wrong comes first, then a fleet that is held, then AWS.
    """
    lines = [f"{name}: {problem}" for name, error in errors for problem in _problems(error)]
    kinds = [error for _, error in errors]
    if any(isinstance(error, (SpecError, FleetError)) for error in kinds):
        return FleetError(*lines)
    said = "; ".join(lines)
    if any(isinstance(error, FleetLockedError) for error in kinds):
        return FleetLockedError(said)
    if any(isinstance(error, StateError) for error in kinds):
        return StateError(said)
    first = next((error for error in kinds if isinstance(error, AwsError)), None)
    return AwsrollError(said) if first is None else type(first)(said, code=first.code, operation=first.operation)


def _problems(error: AwsrollError) -> tuple[str, ...]:
    return error.problems if isinstance(error, (SpecError, FleetError)) else (str(error),)


def _parts(plan: RolloutPlan) -> frozenset[str]:
    found = plan.fingerprint
    if found is None:
        return frozenset()
    group = () if found.group is None else (f"{found.account}/{found.region}/{found.fleet}",)
    extra = (key.target_group for key in found.extra_targets)
    return frozenset({*group, *found.target_groups, *extra})


def _here() -> tuple[str, str]:
    me = this_process()
    return me.host, me.boot
