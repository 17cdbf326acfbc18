"""Opens the store at an address: `DIR`, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from awsroll.aws.sessions import open_session
from awsroll.clock import default_clock
from awsroll.core.request.store_address import StoreAddress, StoreKind
from awsroll.ports import Clock
from awsroll.stores.record_store import RecordStore
from awsroll.stores.signing import Signer, open_signer

if TYPE_CHECKING:
    from awsroll.aws.connection import Connection

# Stop waiting for a store long before the lease expires: the next observation tries again.
_RETRY_SECONDS = 10


def open_store(
    address: str | None,
    *,
    session: Callable[[], Any] = open_session,
    endpoint_url: str | None = None,
    clock: Clock | None = None,
    sign_key: str | None = None,
) -> RecordStore:
    """Return the store at an address: a directory, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`.

    Nothing is read or written yet.

    Args:
        address: None: a directory under the user's state home.
        session: returns the boto3 session; not called for a directory.
        endpoint_url: the endpoint of the AWS calls of the store; None: boto3 decides.
        clock: the clock that retries wait on; None: the system clock.
        sign_key: the key that signs and verifies what is stored, as for `--sign-key`; None: nothing is signed.

    Raises:
        SpecError: if the address or the key is not valid.
    """

    def connect(region: str | None = None) -> "Connection":
        from awsroll.aws.connection import Connection  # noqa: PLC0415 - a directory needs no AWS
        from awsroll.aws.retry import RetryLimits  # noqa: PLC0415 - see above

        own, retry = clock or default_clock(), RetryLimits(total_seconds=_RETRY_SECONDS)
        return Connection(session(), clock=own, endpoint_url=endpoint_url, region=region, retry=retry)

    return store_at(address, connect, signer=open_signer(sign_key, lambda region: connect(region).kms))


def store_at(address: str | None, connect: "Callable[[], Connection]", *, signer: Signer | None = None) -> RecordStore:
    """Return the store at an address. Nothing is read or written yet.

    Args:
        address: None: the default directory.
        connect: returns the connection to AWS; not called for a directory.
        signer: signs and verifies what is stored.

    Raises:
        SpecError: if the address is not valid.
    """
    if address is None:
        return _directory(None, signer)
    parsed = StoreAddress.parse(address)
    match parsed.kind:
        case StoreKind.DIRECTORY:
            return _directory(Path(parsed.name).expanduser(), signer)
        case StoreKind.S3 | StoreKind.DYNAMODB:
            from awsroll.stores.remote_opening import remote_backend  # noqa: PLC0415 - a directory needs no AWS

            return RecordStore(remote_backend(parsed, connect), signer=signer)
        case _:
            assert_never(parsed.kind)


def _directory(path: Path | None, signer: Signer | None) -> RecordStore:
    from awsroll.stores.local_store import LocalStore  # noqa: PLC0415 - a function has no directory

    return LocalStore(path, signer=signer)
