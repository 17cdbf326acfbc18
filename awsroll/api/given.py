"""What the public functions accept, and what they make of it: a request, a store, a sink, instructions to confirm."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from awsroll.aws import sessions
from awsroll.core.model.value_errors import shown
from awsroll.core.request.instructions import Instruction, as_given
from awsroll.core.request.spec import RolloutSpec
from awsroll.core.request.waves import FleetSpec
from awsroll.driver.context import Context
from awsroll.driver.given_fleet import given_fleet
from awsroll.errors import SpecError
from awsroll.events import LogLines
from awsroll.ports import Sink, Store
from awsroll.stores import RecordStore, opening

if TYPE_CHECKING:
    import boto3

Given = TypeVar("Given")

ConfirmInstructions: TypeAlias = Callable[[Sequence[Instruction]], bool]
"""Called with what a record makes this process run or use; returns whether the caller accepts all of it."""


def open_store(
    address: str | None = None, *, session: "boto3.Session | Any" = None, sign_key: str | None = None
) -> RecordStore:
    """Return a store: a directory, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`. Nothing is read or written yet.

    Args:
        address: as for `--state`; None: a directory under the user's state home.
        session: the boto3 session; None: boto3's default session.
        sign_key: the key that signs and verifies records, as for `--sign-key`: a KMS key, or `file:PATH`.

    Raises:
        SpecError: if the address or the key is not valid.
    """
    opened = sessions.open_session if session is None else lambda: session
    return opening.open_store(address, session=opened, sign_key=sign_key)


def record_store(store: RecordStore | str | None) -> RecordStore:
    """Return one of awsroll's own stores: the given one, or the one at an address."""
    return store if isinstance(store, RecordStore) else open_store(store)


def with_instructions(
    context: Context, request: RolloutSpec | FleetSpec | None, confirm: ConfirmInstructions | None
) -> Context:
    """Return the context with what the caller gave or will confirm of what a record makes this process run."""
    requests = () if request is None else (as_given(request),)
    return replace(context, requests=requests, confirm_instructions=confirm)


def opened_store(store: Store | str | None, session: Any = None) -> Store:
    """Return a store: the given one, the one at the given address, or that of a fleet in place of a session."""
    given = given_fleet(session)
    if store is None and given is not None:
        return given.store
    return open_store(store, session=session) if store is None or isinstance(store, str) else store


def sink_or_log(sink: Sink | None) -> Sink:
    """Return the sink, or the logger `awsroll` of the standard library."""
    return LogLines() if sink is None else sink


def checked(value: Given, *kinds: type) -> Given:
    """Return a request if it has one of the classes.

    Raises:
        SpecError: if it has another class.
    """
    if not isinstance(value, kinds):
        problem = f"pass a {' or a '.join(kind.__name__ for kind in kinds)}, not {shown(value)}"
        raise SpecError(problem)
    return value
