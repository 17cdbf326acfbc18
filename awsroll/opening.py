"""What a rollout needs from outside: a boto3 session, and the store that `--state` names."""

import os
from collections.abc import Callable
from typing import Any

from awsroll.aws.connection import Connection
from awsroll.aws.retry import RetryLimits
from awsroll.clock import SystemClock
from awsroll.errors import SpecError
from awsroll.ports import Clock
from awsroll.stores import RecordStore, store_at

# A store that does not answer must be given up long before the lease runs out; the next look tries again.
_STORE_RETRIES = RetryLimits(total_seconds=10)


def open_session(*, profile: str | None = None, region: str | None = None) -> Any:
    """Return a boto3 session.

    Raises:
        SpecError: if there is no such profile, or boto3 knows no such region.
    """
    import boto3  # noqa: PLC0415 - takes longer to import than all the rest
    from botocore.exceptions import BotoCoreError, ProfileNotFound  # noqa: PLC0415 - see above

    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        other = os.environ.get("AWS_REGION")  # the AWS CLI and other SDKs know it, boto3 does not
        if session.region_name or not other:
            return session
        return boto3.Session(profile_name=profile, region_name=other)
    except ProfileNotFound as error:
        known = ", ".join(boto3.Session().available_profiles) or "none"
        problem = (
            f"there is no AWS profile {profile!r} (known: {known}): give one of them, or set it up with the AWS CLI"
        )
        raise SpecError(problem) from error
    except BotoCoreError as error:
        problem = f"the AWS configuration cannot be used: {error}"
        raise SpecError(problem) from error


def open_store(
    address: str | None,
    *,
    session: Callable[[], Any] = open_session,
    endpoint_url: str | None = None,
    clock: Clock | None = None,
) -> RecordStore:
    """Return the store that an address names: a directory, `s3://BUCKET/PREFIX` or `dynamodb://TABLE`.

    Nothing is read or written yet.

    Args:
        address: None: a directory under the user's state home.
        session: makes the boto3 session; not called for a directory.
        endpoint_url: where the calls of a store that AWS keeps go instead of to AWS.
        clock: what their retries wait on.

    Raises:
        SpecError: if it is no address.
    """

    def connect() -> Connection:
        return Connection(session(), clock=clock or SystemClock(), endpoint_url=endpoint_url, retry=_STORE_RETRIES)

    return store_at(address, connect)
