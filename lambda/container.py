"""What a Lambda container keeps for its handlers: AWS sessions, their clients, and the store.

The environment variable `AWSROLL_STATE` is the address of the store (`dynamodb://TABLE` or `s3://BUCKET/PREFIX`). Only
the rollout driver needs it. `AWSROLL_SIGN_KEY` names the key that signs what is stored, as for `--sign-key`.
`AWSROLL_APPROVAL_KEY` names the key that signs links to approve, and `AWSROLL_APPROVAL_PAGE` is the address of their
page.
"""

import os
from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import Role, SharedSession, assume_role
from awsroll.clock import SystemClock
from awsroll.core.approval_link import ApprovalLink
from awsroll.errors import SpecError
from awsroll.ports import Clock
from awsroll.stores import RecordStore, RolloutRequest
from awsroll.stores.opening import open_store
from awsroll.stores.signing import Signer, open_signer

STATE = "AWSROLL_STATE"
SIGN_KEY = "AWSROLL_SIGN_KEY"
APPROVAL_KEY = "AWSROLL_APPROVAL_KEY"
APPROVAL_PAGE = "AWSROLL_APPROVAL_PAGE"


class KeptClients:
    """A session that returns the same client each time, because creating a client takes longer than a call.

    Args:
        session: the session that creates the clients.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._made: dict[tuple[object, ...], Any] = {}

    @property
    def region_name(self) -> str:
        """The region of the session; empty if none is configured."""
        return str(self._session.region_name or "")

    def client(
        self, service: str, *, region_name: str | None = None, endpoint_url: str | None = None, config: Any = None
    ) -> Any:
        """Return the client of a service. The first call creates it."""
        key = (service, region_name, endpoint_url, getattr(config, "read_timeout", None))
        if key not in self._made:
            self._made[key] = self._session.client(
                service, region_name=region_name, endpoint_url=endpoint_url, config=config
            )
        return self._made[key]


class CoreSession:
    """A botocore session with the part of boto3's interface that awsroll uses.

    Importing boto3, too, would take a tenth of a cold start.

    Args:
        region: the region of its clients; empty: the region of the environment.
    """

    profile_name = None

    def __init__(self, region: str = "") -> None:
        import botocore.session  # noqa: PLC0415 - a refused event needs no session

        self._core = botocore.session.Session()
        self.region_name = region or self._core.get_config_variable("region") or os.environ.get("AWS_REGION")

    def client(self, service: str, *, region_name: str | None = None, **more: Any) -> Any:
        """Return a client for a service."""
        return self._core.create_client(service, region_name=region_name or self.region_name, **more)

    def get_credentials(self) -> Any:
        """Return the credentials of the function; None if it has none."""
        return self._core.get_credentials()


clock: Clock | None = None
"""The clock of all handlers; None: the system clock. Tests set a virtual clock."""

_sessions: dict[tuple[str, str, str], KeptClients] = {}


def session(request: RolloutRequest | None = None) -> KeptClients:
    """Return the session of this container, or a session for the region and the role of a request."""
    key = ("", "", "") if request is None else (request.region, request.role, request.external_id)
    if key not in _sessions:
        _sessions[key] = KeptClients(_open(*key))
    return _sessions[key]


def _open(region: str, role: str, external_id: str) -> Any:
    own = CoreSession(region)
    if not role:
        return own
    assumed = Role(arn=role, session_name="awsroll", external_id=external_id)
    return assume_role(SharedSession(own, region=region, lock=RLock()), assumed)


def store(environment: Mapping[str, str] = os.environ) -> RecordStore:
    """Return the store that the environment names.

    Raises:
        SpecError: if `AWSROLL_STATE` is not set, or is not an address, or `AWSROLL_SIGN_KEY` names no key.
    """
    address = environment.get(STATE, "")
    if not address:
        problem = f"{STATE} is not set: set it to the address of the store, such as dynamodb://awsroll"
        raise SpecError(problem)
    return open_store(address, session=session, sign_key=environment.get(SIGN_KEY))


def approval_signer(environment: Mapping[str, str] = os.environ) -> Signer | None:
    """Return the key that signs links to approve; None if the environment names none.

    Raises:
        SpecError: if `AWSROLL_APPROVAL_KEY` names no key.
    """
    return open_signer(environment.get(APPROVAL_KEY), lambda _region: connection().kms)


def approval_page(environment: Mapping[str, str] = os.environ) -> Callable[[ApprovalLink], str] | None:
    """Return what makes the address of a link to approve; None if no page is deployed.

    Raises:
        SpecError: if `AWSROLL_APPROVAL_KEY` names no key.
    """
    page, signer = environment.get(APPROVAL_PAGE, ""), approval_signer(environment)
    if not page or signer is None:
        return None
    return lambda link: f"{page.rstrip('/')}/{link.signed(signer.sign)}"


def connection(request: RolloutRequest | None = None) -> Connection:
    """Return a connection to AWS for the session of this container, or of a request."""
    return Connection(session(request), clock=clock or SystemClock())
