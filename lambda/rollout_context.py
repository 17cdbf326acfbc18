"""What the handlers of the rollout driver share: the context of a rollout, and the bounds of one call.

A record cannot make a function run or use anything else than the request in the event names, or than the environment of
the function allows: `AWSROLL_ALLOWED_ROLES`, `AWSROLL_ALLOWED_FUNCTIONS`, `AWSROLL_ALLOWED_COMMANDS` and
`AWSROLL_ALLOWED_REGIONS`, each a list separated by spaces. docs/records.md describes them.
"""

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any

from msgspec import Meta

import container
from awsroll.core.model.amount import MOST
from awsroll.core.request.instructions import AllowList, as_given, place
from awsroll.core.request.spec import spec_of
from awsroll.core.request.waves import FleetSpec
from awsroll.driver.context import Context
from awsroll.driver.steps import Bounds
from awsroll.stores import RecordStore, RolloutRequest
from event_request import RequestEvent, to_rollout_request
from handling import LogSink, seconds_left

ROLLOUT_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
Count = Annotated[int, Meta(ge=0, le=MOST)]
_ALLOWED = tuple(field.name for field in fields(AllowList))


def rollout_context(request: RolloutRequest | None, store: RecordStore) -> Context:
    """Return the context of a rollout in the account and region of its request."""
    notify = destinations()
    own = container.session() if notify else None  # the topics belong to the account of the function
    session = container.session() if request is None else container.session(request)
    return Context(
        session=session,
        store=store,
        clock=container.clock,
        sink=LogSink(),
        allowed=allow_list(),
        notify=notify,
        notify_session=own,
        approval_page=container.approval_page(),
    )


def given_rollout_context(rollout_id: str, event: RequestEvent) -> Context:
    """Return the context of a rollout that was started before: in the place that the event names, with its request.

    An event without a request leaves the decision to the environment of the function.

    Raises:
        SpecError: if the request of the event is not valid.
        StateError: if the stored request cannot be read.
    """
    if not event.request:
        return known_rollout_context(rollout_id)
    request = to_rollout_request(event)
    given = as_given(
        FleetSpec(
            name=rollout_id,
            request=request.request,
            region=request.region,
            role=request.role,
            external_id=request.external_id,
        )
    )
    return replace(rollout_context(request, container.store()), requests=(given,))


def known_rollout_context(rollout_id: str) -> Context:
    """Return the context of a rollout that was started before: in the place of its record, if that is allowed.

    Raises:
        StateError: if its request cannot be read.
    """
    store = container.store()
    request, allowed = store.note(rollout_id, RolloutRequest), allow_list()
    own_region = container.session().region_name
    named = () if request is None else place(region=request.region, role=request.role, external_id=request.external_id)
    other = [each for each in named if each not in place(region=own_region) and not allowed.permits(each)]
    return rollout_context(None if other else request, store)


def destinations(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return where the environment sends notices: `AWSROLL_NOTIFY`, a list separated by spaces.

    Raises:
        SpecError: if it is not valid; nothing was changed.
    """
    return spec_of({"notify": environment.get("AWSROLL_NOTIFY", "").split()}, where="AWSROLL_NOTIFY: ").notify


def allow_list(environment: Mapping[str, str] = os.environ) -> AllowList:
    """Return what the environment allows records to name."""
    return AllowList(
        **{name: tuple(environment.get(f"AWSROLL_ALLOWED_{name.upper()}", "").split()) for name in _ALLOWED}
    )


def bounds(context: Any) -> Bounds:
    """Return how long a step may take in this invocation."""
    return Bounds(left=lambda: seconds_left(context))
