"""What every handler runs in: one AWS session and its clients for the life of the container, and the store.

Read from the environment: `AWSROLL_STATE` (required by the rollout driver: `dynamodb://TABLE`, `s3://BUCKET/PREFIX`).
"""

import os
from collections.abc import Mapping
from threading import RLock
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import Role, SharedSession, assume_role
from awsroll.clock import SystemClock
from awsroll.errors import SpecError
from awsroll.ports import Clock
from awsroll.stores import RecordStore, RolloutRequest
from awsroll.stores.opening import open_store

STATE = "AWSROLL_STATE"


class KeptClients:
    """A session that gives the same client each time: making one costs more than a call.

    Args:
        session: the session that makes them.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._made: dict[tuple[object, ...], Any] = {}

    @property
    def region_name(self) -> str:
        """The session's region; empty if none is configured."""
        return str(self._session.region_name or "")

    def client(
        self, service: str, *, region_name: str | None = None, endpoint_url: str | None = None, config: Any = None
    ) -> Any:
        """Return the client of a service, made the first time."""
        key = (service, region_name, endpoint_url, getattr(config, "read_timeout", None))
        if key not in self._made:
            self._made[key] = self._session.client(
                service, region_name=region_name, endpoint_url=endpoint_url, config=config
            )
        return self._made[key]


class CoreSession:
    """A session of botocore, with what awsroll uses of boto3's: importing boto3 too would take a tenth of a cold start.

    Args:
        region: of its clients; empty: the one of the environment.
    """

    profile_name = None

    def __init__(self, region: str = "") -> None:
        import botocore.session  # noqa: PLC0415 - a handler that refuses its event needs none

        self._core = botocore.session.Session()
        self.region_name = region or self._core.get_config_variable("region") or os.environ.get("AWS_REGION")

    def client(self, service: str, *, region_name: str | None = None, **more: Any) -> Any:
        """Return a client of a service."""
        return self._core.create_client(service, region_name=region_name or self.region_name, **more)

    def get_credentials(self) -> Any:
        """Return the function's own credentials; None if it has none."""
        return self._core.get_credentials()


clock: Clock | None = None
"""How every handler waits and tells the time; None: really. Tests bring a virtual one."""

_sessions: dict[tuple[str, str, str], KeptClients] = {}


def session(order: RolloutRequest | None = None) -> KeptClients:
    """Return this container's session; with an order, that of the region and the role it names."""
    key = ("", "", "") if order is None else (order.region, order.role, order.external_id)
    if key not in _sessions:
        _sessions[key] = KeptClients(_open(*key))
    return _sessions[key]


def _open(region: str, role: str, external_id: str) -> Any:
    found = CoreSession(region)
    if not role:
        return found
    wanted = Role(arn=role, session_name="awsroll", external_id=external_id)
    return assume_role(SharedSession(found, region=region, lock=RLock()), wanted)


def store(environment: Mapping[str, str] = os.environ) -> RecordStore:
    """Return the store that the environment names.

    Raises:
        SpecError: if it names none, or what is no address.
    """
    address = environment.get(STATE, "")
    if not address:
        problem = f"{STATE} is not set: give it the address of the store, such as dynamodb://awsroll"
        raise SpecError(problem)
    return open_store(address, session=session)


def connection(order: RolloutRequest | None = None) -> Connection:
    """Return AWS as this container's session sees it, or as an order says: for what needs no store."""
    return Connection(session(order), clock=clock or SystemClock())
