"""A fleet that a caller passes in place of a boto3 session, as a test does: no call of the rollout reaches AWS."""

from typing import TYPE_CHECKING, Any, Protocol, cast

from awsroll import stores
from awsroll.clock import default_clock
from awsroll.core.request.spec import RolloutSpec
from awsroll.driver.context import Context
from awsroll.errors import SpecError
from awsroll.fleets.label import Label
from awsroll.ports import Clock, Fleet, Store

if TYPE_CHECKING:
    from awsroll.preflight import Prepared
    from awsroll.preflight.findings import Findings


class GivenFleet(Fleet, Protocol):
    """A fleet with its own clock, records and checks. `awsroll.testing.FakeFleet` is one."""

    @property
    def clock(self) -> Clock:
        """The clock of calls that name none."""

    @property
    def store(self) -> Store:
        """The store of calls that name none."""

    def keep_records_in(self, store: Store) -> None:
        """Use this store, which a call names."""

    def prepare_rollout(self, spec: RolloutSpec, *, rollout_id: str, findings: "Findings | None") -> "Prepared":
        """Check a request against the fleet; return the rollout to start.

        Raises:
            SpecError, FleetError: if the request or the fleet does not allow the rollout.
        """


def given_fleet(session: Any) -> GivenFleet | None:
    """Return the fleet that was passed in place of a session; None if a session or nothing was passed."""
    return cast("GivenFleet", session) if hasattr(type(session), GivenFleet.prepare_rollout.__name__) else None


def refuse_given_fleet(session: Any) -> None:
    """Refuse a fleet in place of a session, for a call that reads more of AWS than one fleet.

    Raises:
        SpecError: if a fleet was passed.
    """
    if given_fleet(session) is not None:
        problem = "this call needs the API of AWS, which a fake fleet does not have: test it with `awsroll.sandbox`"
        raise SpecError(problem)


def clock_for(context: Context) -> Clock:
    """Return the clock of a call: the one it names, that of a given fleet, or the default."""
    given = given_fleet(context.session)
    return context.clock or (default_clock() if given is None else given.clock)


def store_for(context: Context) -> Store:
    """Return the store of a call: the one it names, that of a given fleet, or the default directory."""
    given = given_fleet(context.session)
    if given is None:
        return context.store or stores.LocalStore()
    if context.store is not None:
        given.keep_records_in(context.store)
    return given.store


class NoLabel(Label):
    """The label of a fleet without tags: no other store can hold the fleet, so nothing is read or written."""

    def put(self) -> None:
        """Do nothing."""

    def put_if_older(self, seconds: float) -> None:
        """Do nothing."""

    def _labels(self) -> dict[str, str]:
        return {}


def label_class(given: GivenFleet | None) -> type[Label]:
    """Return the class of the labels of a fleet."""
    return Label if given is None else NoLabel
