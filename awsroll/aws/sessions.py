"""boto3 sessions: from a profile and a region, shared by threads, or with the credentials of an assumed role."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from awsroll.aws.answer_times import parsing_times
from awsroll.aws.sdk_errors import one_line, while_configuring
from awsroll.errors import AccessRefusedError, SpecError

_STS_CONNECT_SECONDS = 5
_STS_READ_SECONDS = 20
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")  # in the order of botocore
_SHARED_CONNECTIONS = 50  # of one client, to one service
_SHARED_SETTINGS = {"endpoint_url", "config"}  # a client with others, such as credentials, is not shared
_NO_PROFILE = "default"  # boto3's name of the profile if none was named


def open_session(*, profile: str | None = None, region: str | None = None) -> Any:
    """Return a boto3 session.

    Raises:
        SpecError: if the profile does not exist, or the AWS configuration cannot be read.
    """
    import boto3  # noqa: PLC0415 - slow to import
    from botocore.exceptions import ProfileNotFound  # noqa: PLC0415 - see above

    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        other = os.environ.get("AWS_REGION")  # the AWS CLI and other SDKs read it, boto3 does not
        if session.region_name or not other:
            return session
        return boto3.Session(profile_name=profile, region_name=other)
    except ProfileNotFound as error:
        problem = _no_profile(profile)
        raise SpecError(problem) from error
    except Exception as error:
        problem = f"the AWS configuration cannot be used: {one_line(error)}. Nothing was changed"
        raise SpecError(problem) from error


def _no_profile(named: str | None) -> str:
    """Return the message for a profile that does not exist, with its source and the profiles that do."""
    import botocore.session  # noqa: PLC0415 - see open_session

    variable = next((name for name in _PROFILE_VARIABLES if os.environ.get(name) is not None), "")
    profile, remedy = named, "name one of these with --profile"
    if named is None:
        profile, remedy = os.environ.get(variable, ""), f"{variable} names it: change or unset {variable}"
    profiles = ", ".join(botocore.session.Session().available_profiles) or "none"
    return f"there is no AWS profile {profile!r} (known: {profiles}): {remedy}, or set it up with the AWS CLI"


class SharedClients:
    """The clients of one boto3 session, shared by the fleets of one region: each takes a megabyte or more.

    The sessions that share them hold their common lock for each call.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Any] = {}

    def get(self, make: Callable[..., Any], service: str, config: Any, **more: Any) -> Any:
        """Return the client with these settings; the first call makes it, with connections for several fleets."""
        from botocore.config import Config  # noqa: PLC0415 - see open_session

        times = (config.connect_timeout, config.read_timeout)
        key = (service, *sorted(more.items()), times)
        if key not in self._made:
            pooled = config.merge(Config(max_pool_connections=_SHARED_CONNECTIONS))
            self._made[key] = make(service, config=pooled, **more)
        return self._made[key]


class SharedSession:
    """One boto3 session for several threads. Threads may share clients, but clients are made one at a time.

    Args:
        session: a boto3 session that nothing else uses.
        region: the region of the clients; empty: the session's region.
        lock: one lock for all users of the session.
        clients: shares the clients with other users of the session; None: each client is new.
    """

    def __init__(
        self, session: Any, *, region: str = "", lock: threading.RLock, clients: SharedClients | None = None
    ) -> None:
        self._session = session
        self._lock = lock
        self._clients = clients
        self.region_name: str | None = region or session.region_name
        named = getattr(session, "profile_name", None)
        self.profile: str | None = None if named == _NO_PROFILE else named

    def client(self, service: str, *, region_name: str | None = None, **more: Any) -> Any:
        """Return a client of a service."""
        region = region_name or self.region_name
        with self._lock, parsing_times(self._session):
            if self._clients is None or more.keys() != _SHARED_SETTINGS:
                return self._session.client(service, region_name=region, **more)
            return self._clients.get(self._session.client, service, region_name=region, **more)

    def get_credentials(self) -> Any:
        """Return the session's credentials; None if it has none."""
        with self._lock:
            return self._session.get_credentials()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An IAM role to assume.

    Attributes:
        arn: the role's ARN.
        session_name: the name that CloudTrail shows: the rollout's id.
        external_id: the external id that the role's trust policy may require.
    """

    arn: str
    session_name: str
    external_id: str = ""


def assume_role(session: SharedSession, role: Role, *, endpoint_url: str | None = None) -> Any:
    """Return a boto3 session with the credentials of a role. The session renews them while it is used.

    The session calls STS with its first call, not here.

    Args:
        session: the session that assumes the role; the new session has the same region.
        role: the role to assume.
        endpoint_url: overrides the endpoint of STS.
    """
    import boto3  # noqa: PLC0415 - see open_session
    import botocore.session  # noqa: PLC0415 - see open_session
    from botocore.config import Config  # noqa: PLC0415 - see open_session
    from botocore.credentials import (  # noqa: PLC0415 - see open_session
        AssumeRoleCredentialFetcher,
        DeferredRefreshableCredentials,
    )

    def client(service: str, **credentials: Any) -> Any:
        # A single attempt with short timeouts: the call that needs the credentials is retried as a whole.
        once = Config(
            retries={"total_max_attempts": 1}, connect_timeout=_STS_CONNECT_SECONDS, read_timeout=_STS_READ_SECONDS
        )
        return session.client(service, endpoint_url=endpoint_url, config=once, **credentials)

    extra = {"RoleSessionName": role.session_name} | ({"ExternalId": role.external_id} if role.external_id else {})
    fetcher = AssumeRoleCredentialFetcher(client, _credentials(session), role.arn, extra_args=extra)
    credentials = DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")
    core = botocore.session.Session(profile=session.profile)
    core.register_component("data_loader", _service_models())
    core.register_component("credential_provider", _Assumed(credentials))
    return boto3.Session(botocore_session=core, region_name=session.region_name)


class _Assumed:
    """The credential provider of a session with an assumed role."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        """Return the credentials of the role."""
        return self._credentials


def _credentials(session: SharedSession) -> Any:
    try:
        credentials = session.get_credentials()
    except Exception as error:
        raise while_configuring(error, "sts:AssumeRole") from error
    if credentials is None:
        problem = "no AWS credentials were found to assume a role with: pass --profile, or set them up with the AWS CLI"
        raise AccessRefusedError(problem, code="NoCredentials", operation="sts:AssumeRole")
    return credentials


@cache
def _service_models() -> Any:
    """Return botocore's loader of service models. Reading models is slow, so all sessions share one loader."""
    from botocore.loaders import create_loader  # noqa: PLC0415 - see open_session

    return create_loader()
