"""The check before a process continues a rollout: its caller has given or confirmed each instruction in the record.

The caller gives instructions with the request (the rollout file again), by its own region and credentials, or by a list
of allowed instructions. `Context.confirm_instructions` confirms the others. The process that starts a rollout needs no
check: it drives what its own caller requested, from memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from awsroll.core.model.rollout import Rollout
from awsroll.core.request.instructions import (
    ALL_KINDS,
    Comparison,
    Instruction,
    InstructionKind,
    compare,
    instructions_of,
    missing_from,
    place,
)
from awsroll.core.request.waves import FleetSpec
from awsroll.driver.assumed_role import has_credentials_of
from awsroll.driver.conflicts import names_fleet_of
from awsroll.driver.context import Context, NotConfirmedError
from awsroll.driver.session import Session
from awsroll.errors import StateError, UnconfirmedError
from awsroll.ports import Store
from awsroll.stores import RecordStore, RolloutRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """The instructions of one rollout that the caller has given or confirmed, as far as the call uses them.

    Attributes:
        request: the stored request, which names the role to assume.
    """

    rollout_id: str
    instructions: tuple[Instruction, ...] = ()
    request: RolloutRequest | None = None

    def check(self, rollout: Rollout) -> None:
        """Check that the record, read again, has no other instruction.

        Raises:
            StateError: if someone has added one since; nothing of it was run.
        """
        added = missing_from(instructions_of(rollout), self.instructions)
        if added:
            problem = (
                f"the record of rollout {self.rollout_id} has changed since this call read it. It names now: "
                f"{'; '.join(map(str, added))}. Nothing of this was run. Check who has written the record"
            )
            raise StateError(problem)


def confirm(
    rollout_id: str,
    rollout: Rollout | None,
    session: Session,
    context: Context,
    *,
    kinds: frozenset[InstructionKind] = ALL_KINDS,
) -> Confirmed:
    """Return the instructions of a rollout, once the caller has given or confirmed each of them.

    Args:
        rollout_id: the rollout.
        rollout: its record; None if the record cannot be read, so that only its role is confirmed.
        session: the call.
        context: what the caller gave.
        kinds: the kinds that this call uses: `PLACE_KINDS` for a call that only reads.

    Raises:
        UnconfirmedError: if the caller has neither given nor confirmed an instruction; nothing was changed.
        NotConfirmedError: if the caller declines an instruction; nothing was changed.
        StateError: if the stored request cannot be read.
    """
    request = stored_request(rollout_id, session.store)
    found = (*(() if rollout is None else instructions_of(rollout)), *_place_of(request))
    compared = _compared(found, rollout, request, session, context).of_kinds(kinds)
    if problems := _contradictions(rollout_id, compared):
        advice = (
            "nothing was changed. The record or the file was changed after the start: check who did it. Give the file "
            "that the rollout was started with, or no file"
        )
        raise UnconfirmedError(*problems, advice)
    left = compared.left
    if left and context.confirm_instructions is None:
        raise UnconfirmedError(*_unconfirmed(rollout_id, left), _advice(rollout_id, left))
    if left and context.confirm_instructions is not None and not context.confirm_instructions(left):
        problem = "not confirmed: nothing was changed"
        raise NotConfirmedError(problem)
    own = place(region=session.own_region)
    return Confirmed(rollout_id=rollout_id, instructions=(*found, *own), request=request)


def refused_instructions(
    rollout: Rollout, request: RolloutRequest | None, session: Session, context: Context
) -> tuple[str, ...]:
    """Return the instructions in a record that a step may not run, one line each, before anything of them is used.

    Args:
        rollout: the record of the rollout.
        request: the stored request, which names the role.
        session: the step.
        context: the request of its event, and what the environment allows.
    """
    found = (*instructions_of(rollout), *_place_of(request))
    compared = _compared(found, rollout, request, session, context)
    return (*_contradictions(rollout.rollout_id, compared), *_unconfirmed(rollout.rollout_id, compared.left))


def stored_request(rollout_id: str, store: Store) -> RolloutRequest | None:
    """Return the stored request of a rollout; None if there is none.

    Raises:
        StateError: if it cannot be read.
    """
    return store.note(rollout_id, RolloutRequest) if isinstance(store, RecordStore) and rollout_id else None


def _compared(
    found: Sequence[Instruction],
    rollout: Rollout | None,
    request: RolloutRequest | None,
    session: Session,
    context: Context,
) -> Comparison:
    """Compare with the request for this fleet: the one that differs least, if a file names the fleet several times."""
    own = place(region=session.own_region)
    if rollout is None or not context.requests:
        given: list[FleetSpec | None] = [None]
    else:
        given = [each for each in context.requests if _is_for(each, rollout)]
    if not given:
        problem = f"rollout {'' if rollout is None else rollout.rollout_id} is not of the fleet that the request names"
        raise UnconfirmedError(problem)
    best = min((compare(found, own=own, given=each) for each in given), key=_size)
    left = tuple(each for each in best.left if not context.allowed.permits(each))
    roles = [each for each in left if each.kind is InstructionKind.ROLE]
    if request is not None and roles and has_credentials_of(request.role, context):
        left = missing_from(left, roles)
    return replace(best, left=left)


def _size(compared: Comparison) -> int:
    return len(compared.added) + len(compared.removed)


def _is_for(given: FleetSpec, rollout: Rollout) -> bool:
    """Return whether a request names the fleet of a rollout, or no fleet at all."""
    names_none = not given.request.asg and not given.request.target_group
    return names_none or names_fleet_of(given.request, rollout, region=rollout.region)


def _place_of(request: RolloutRequest | None) -> tuple[Instruction, ...]:
    if request is None:
        return ()
    return place(region=request.region, role=request.role, external_id=request.external_id)


def _contradictions(rollout_id: str, compared: Comparison) -> list[str]:
    added = [f"rollout {rollout_id} names what the given request does not have: {each}" for each in compared.added]
    return added + [
        f"rollout {rollout_id} does not name what the given request has: {each}" for each in compared.removed
    ]


def _unconfirmed(rollout_id: str, left: Sequence[Instruction]) -> list[str]:
    return [f"rollout {rollout_id} names what its caller has not given: {each}" for each in left]


def _advice(rollout_id: str, left: Sequence[Instruction]) -> str:
    regions = [each.content[0] for each in left if each.kind is InstructionKind.REGION]
    region = f"Pass --region {regions[0]}. " if regions else ""
    again = (
        "" if len(regions) == len(left) else f"Give the rollout file again (`awsroll resume {rollout_id} -f FILE`). "
    )
    accept = "Or check each of these and accept them with --yes (in Python: `request` or `confirm_instructions`)"
    return f"nothing was changed. {region}{again}{accept}"
