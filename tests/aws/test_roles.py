"""Sessions with assumed roles: the identity that AWS sees, renewed credentials, one session for several threads."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.sts.models import sts_backends

from awsroll.aws.connection import Connection
from awsroll.aws.sessions import Role, SharedClients, SharedSession, assume_role
from awsroll.errors import AccessRefusedError
from awsroll.sandbox import Sandbox
from awsroll.testing.clock import VirtualClock

ROLE = Role(arn="arn:aws:iam::111122223333:role/deploy", session_name="web-20260101-000000-4f2a", external_id="shared")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock()) as entered:
        yield entered


def _shared(sandbox: Sandbox, region: str = "") -> SharedSession:
    return SharedSession(sandbox.session(), region=region, lock=threading.RLock())


def _assumed() -> list[Any]:
    return list(sts_backends["111122223333"]["aws"].assumed_roles)


def test_calls_are_made_in_the_account_of_the_role_and_in_the_requested_region(sandbox: Sandbox) -> None:
    session = assume_role(_shared(sandbox, "eu-west-1"), ROLE)

    identity = session.client("sts").get_caller_identity()

    assert identity["Account"] == "111122223333"
    assert identity["Arn"].endswith("assumed-role/deploy/web-20260101-000000-4f2a")
    assert session.region_name == "eu-west-1"
    (assumed,) = _assumed()
    assert (assumed.session_name, assumed.external_id) == (ROLE.session_name, "shared")


def test_no_credentials_are_requested_before_the_first_call(sandbox: Sandbox) -> None:
    session = assume_role(_shared(sandbox), ROLE)
    session.client("ec2")

    assert sandbox.calls["sts:AssumeRole"] == 0


def test_credentials_are_kept_until_they_are_about_to_expire_and_then_renewed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = assume_role(_shared(sandbox), ROLE)
    ec2, credentials = session.client("ec2"), session.get_credentials()
    ec2.describe_vpcs()
    ec2.describe_vpcs()
    first = credentials.get_frozen_credentials().access_key
    assert sandbox.calls["sts:AssumeRole"] == 1

    later = datetime.now(UTC) + timedelta(minutes=55)  # they last an hour
    credentials._time_fetcher = lambda: later
    monkeypatch.setattr("botocore.credentials._local_now", lambda: later)
    ec2.describe_vpcs()

    assert sandbox.calls["sts:AssumeRole"] == 2
    assert credentials.get_frozen_credentials().access_key != first


def test_without_credentials_no_role_can_be_assumed() -> None:
    class WithoutCredentials:
        region_name = "us-east-1"

        def get_credentials(self) -> None:
            return None

    with pytest.raises(AccessRefusedError, match="no AWS credentials were found to assume a role with"):
        assume_role(SharedSession(WithoutCredentials(), lock=threading.RLock()), ROLE)


def test_a_shared_session_makes_clients_one_at_a_time_in_its_own_region(sandbox: Sandbox) -> None:
    base = sandbox.session()
    at_once: list[int] = []
    inside = threading.Semaphore(1)

    class Watched:
        region_name = base.region_name

        def client(self, service: str, **more: Any) -> Any:
            at_once.append(inside.acquire(blocking=False))
            try:
                return base.client(service, **more)
            finally:
                inside.release()

    lock, watched = threading.RLock(), Watched()
    sessions = [SharedSession(watched, region=region, lock=lock) for region in ("eu-west-1", "us-west-2", "") * 3]
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda one=one: found.append(one.client("sqs").meta.region_name)) for one in sessions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert at_once == [True] * 9
    assert sorted(found) == ["eu-west-1"] * 3 + ["us-east-1"] * 3 + ["us-west-2"] * 3


def test_fleets_of_one_region_share_their_clients(sandbox: Sandbox) -> None:
    lock, clients, base = threading.RLock(), SharedClients(), sandbox.session()

    def connected(region: str = "", **more: Any) -> Connection:
        session = SharedSession(base, region=region, lock=lock, clients=clients)
        return Connection(session, clock=sandbox.clock, **more)

    def made(aws: Connection) -> tuple[Any, Any]:
        return aws._clients.client("ec2"), aws._clients.client("elbv2")

    first = made(connected())
    assert made(connected()) == first
    assert first[0].meta.config.max_pool_connections == 50
    assert not set(made(connected("eu-west-1"))) & set(first)
    assert not set(made(connected(endpoint_url="https://other.invalid"))) & set(first)
    assert connected()._clients.patient(100).client("ec2") is not first[0]
